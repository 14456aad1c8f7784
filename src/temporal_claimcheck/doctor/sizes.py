"""Whether threshold and cap fit to what Temporal takes. Pure."""

from typing import Final

from temporal_claimcheck.doctor import catalogue
from temporal_claimcheck.doctor.findings import Finding
from temporal_claimcheck.settings import Settings

__all__ = ["BLOB_LIMIT_BYTES", "judge_sizes"]

BLOB_LIMIT_BYTES: Final = 2 * 1024**2
"""What a Temporal server takes as one payload, if it is not set up otherwise."""

_WARNING_SHARE: Final = 4
"""Temporal warns of payloads of a fourth of its limit: 512 KiB of 2 MiB."""
_CLAIM_BYTES: Final = 1024
"""A claim with all around it is smaller, and a smaller payload is not worth one."""


def judge_sizes(settings: Settings, limit_bytes: int | None) -> list[Finding]:
    """Compare with the limit that a namespace names, or with the one that servers come with."""
    limit = limit_bytes or BLOB_LIMIT_BYTES
    threshold, cap = settings.threshold_bytes, settings.max_payload_bytes
    findings: list[Finding] = []
    if cap <= threshold:
        findings.append(
            catalogue.CAP_BELOW_THRESHOLD.found(
                f"CLAIMCHECK_MAX_PAYLOAD_BYTES is {cap:,}, not above the threshold of "
                f"{threshold:,}: all that would be offloaded is refused.",
                "Raise CLAIMCHECK_MAX_PAYLOAD_BYTES; its default is 1 GiB.",
            )
        )
    if threshold > limit:
        findings.append(
            catalogue.THRESHOLD_OVER_LIMIT.found(
                f"CLAIMCHECK_THRESHOLD_BYTES is {threshold:,}; Temporal refuses payloads over "
                f"{limit:,}, so what is between them gets nowhere.",
                "Lower CLAIMCHECK_THRESHOLD_BYTES; its default is 51200.",
            )
        )
    elif threshold * _WARNING_SHARE > limit:
        findings.append(
            catalogue.THRESHOLD_HIGH.found(
                f"CLAIMCHECK_THRESHOLD_BYTES is {threshold:,}: Temporal's own warning comes at "
                f"{limit // _WARNING_SHARE:,}, and one message holds 4 MiB of all payloads "
                "together.",
                "Lower CLAIMCHECK_THRESHOLD_BYTES; its default is 51200.",
            )
        )
    elif threshold < _CLAIM_BYTES:
        findings.append(
            catalogue.THRESHOLD_LOW.found(
                f"CLAIMCHECK_THRESHOLD_BYTES is {threshold:,}: a claim is about as large as what "
                "it stands for, and each costs a request.",
                "Raise CLAIMCHECK_THRESHOLD_BYTES; its default is 51200.",
            )
        )
    return findings or [
        catalogue.SIZES_FIT.found(
            f"Payloads of {threshold:,} bytes or more are offloaded; Temporal takes {limit:,}."
        )
    ]
