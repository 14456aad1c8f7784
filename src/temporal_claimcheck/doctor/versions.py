"""Whether this release supports the versions that it runs with."""

import re
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Final

from temporal_claimcheck.doctor import catalogue
from temporal_claimcheck.doctor.findings import Finding
from temporal_claimcheck.doctor.running import Outcome

__all__ = ["check_versions"]

_PACKAGE: Final = "temporal-claimcheck"
_NEWEST_PYTHON: Final = (3, 13)
"""The newest that the pinned versions are tried on."""
_NEWEST_SDK: Final = (1, 35)
_BOUND: Final = re.compile(r"(>=|<)\s*([0-9.]+)")


async def check_versions(version_of: Callable[[str], str | None]) -> Outcome[None]:
    """Compare what is installed with what the package asks for."""
    findings: list[Finding] = []
    python = sys.version_info[:2]
    if python > _NEWEST_PYTHON:
        findings.append(
            catalogue.VERSION_UNTRIED.found(
                f"Python {_dotted(python)} is newer than {_dotted(_NEWEST_PYTHON)}, the newest "
                "that this release was tried with."
            )
        )
    found = version_of("temporalio") or "0"
    version = _numbers(found)
    bounds = _bounds("temporalio")
    if not all(
        version >= _numbers(limit) if sign == ">=" else version < _numbers(limit)
        for sign, limit in bounds
    ):
        wanted = ",".join(f"{sign}{limit}" for sign, limit in bounds)
        findings.append(
            catalogue.VERSION_UNSUPPORTED.found(
                f"temporalio {found} is installed; this release works with {wanted}.",
                f"Run: pip install 'temporalio{wanted}'",
            )
        )
    elif version[:2] > _NEWEST_SDK:
        findings.append(
            catalogue.VERSION_UNTRIED.found(
                f"temporalio {found} is newer than {_dotted(_NEWEST_SDK)}, the newest that this "
                "release was tried with; its external storage is still experimental."
            )
        )
    if not findings:
        own = version_of(_PACKAGE) or "not installed as a package"
        findings.append(
            catalogue.VERSIONS_SUPPORTED.found(
                f"temporal-claimcheck {own}, temporalio {found}, Python {_dotted(python)}."
            )
        )
    return Outcome(findings=findings)


def _bounds(package: str) -> list[tuple[str, str]]:
    """Return what this package's own metadata asks of another."""
    try:
        wanted = metadata.requires(_PACKAGE) or []
    except metadata.PackageNotFoundError:
        return []  # Run from its sources: nobody asks for anything.
    plain = [each for each in wanted if re.match(rf"{package}[^a-z-]", each) and ";" not in each]
    bounds: list[tuple[str, str]] = [pair for each in plain for pair in _BOUND.findall(each)]
    return sorted(bounds, reverse=True)


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"[0-9]+", version)[:3])


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
