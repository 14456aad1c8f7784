"""Temporal's Payload: its bytes, and the two forms in which it carries a claim.

A claim travels as Temporal's own storage reference, written by the SDK for the driver, or in a
payload of our own encoding, written by the codec. User data that merely looks like one of them
is recognised here, so that the doors can store it like any large payload: what comes back is
then exactly what went in, and never mistaken for a claim.
"""

import json
from typing import Final

from google.protobuf.json_format import Parse, ParseError
from google.protobuf.message import DecodeError
from temporalio.api.common.v1 import Payload
from temporalio.api.sdk.v1.external_storage_pb2 import ExternalStorageReference

from temporal_claimcheck.claim import Claim
from temporal_claimcheck.errors import BlobCorrupt, InvalidClaim

__all__ = [
    "CLAIM_ENCODING",
    "DRIVER_NAME",
    "ENCRYPTED_ENCODING",
    "claim_from_claim_payload",
    "claim_from_reference",
    "claim_payload",
    "is_claim_payload",
    "is_encrypted_payload",
    "is_storage_reference",
    "looks_like_ours",
    "parse_payload",
    "reference_in",
    "serialize_payload",
    "stored_payload",
]

CLAIM_ENCODING: Final = b"json/claim-check"
"""Metadata `encoding` of a payload that carries a claim through the codec."""
ENCRYPTED_ENCODING: Final = b"binary/claim-check-encrypted"
"""Metadata `encoding` of a payload that was too small for the store and is encrypted in place."""
DRIVER_NAME: Final = "claimcheck"
"""Name under which Temporal's storage references point to our driver."""

_OURS: Final = frozenset({CLAIM_ENCODING, ENCRYPTED_ENCODING})

# As the SDK writes and reads them (temporalio.converter, releases 1.32 to 1.35).
_REFERENCE_ENCODING: Final = b"json/protobuf"
_REFERENCE_MESSAGE_TYPE: Final = ExternalStorageReference.DESCRIPTOR.full_name.encode()
_LEGACY_REFERENCE_ENCODING: Final = b"json/external-storage-reference"
_REFERENCE_MARKER: Final = "__temporal_external_storage_reference"

# What parsing text of another form raises, in the one form or the other.
_UNREADABLE: Final = (
    *(ParseError, ValueError, RecursionError),
    *(LookupError, TypeError, AttributeError),
)
_REMEDY: Final = "Nothing was read. Look for what altered the payload on its way."


def serialize_payload(payload: Payload) -> bytes:
    """Return the payload's bytes; equal payloads give equal bytes."""
    return payload.SerializeToString(deterministic=True)


def parse_payload(data: bytes) -> Payload:
    """Return the payload of these bytes. Raises ValueError for anything else."""
    try:
        return Payload.FromString(data)
    except DecodeError as error:
        raise ValueError("not a serialized Payload") from error


def stored_payload(data: bytes, place: str) -> Payload:
    """Return the payload that a store had. Raises BlobCorrupt for bytes that are none."""
    try:
        return parse_payload(data)
    except ValueError as error:
        raise BlobCorrupt(
            f"The object under {place} is whole, but it holds no payload of Temporal's.",
            remedy="Something else was written there; put the right one back.",
        ) from error


def claim_payload(claim: Claim) -> Payload:
    """Return the payload that carries a claim in our own encoding.

    `external_payloads` is filled in, so that the server counts what is stored outside and a
    search for `TemporalExternalPayloadCount > 0` finds the workflow.
    """
    payload = Payload(
        metadata={"encoding": CLAIM_ENCODING},
        data=json.dumps(claim.dump(), separators=(",", ":")).encode(),
    )
    payload.external_payloads.add().size_bytes = claim.payload_bytes
    return payload


def is_claim_payload(payload: Payload) -> bool:
    """Return whether the payload is of our own encoding."""
    return payload.metadata.get("encoding") == CLAIM_ENCODING


def is_encrypted_payload(payload: Payload) -> bool:
    """Return whether the payload is of our own encoding for payloads encrypted in place."""
    return payload.metadata.get("encoding") == ENCRYPTED_ENCODING


def looks_like_ours(payload: Payload) -> bool:
    """Return whether a reader would take the payload for one that the claim check wrote."""
    return payload.metadata.get("encoding") in _OURS


def is_storage_reference(payload: Payload) -> bool:
    """Return whether Temporal's SDK would take the payload for a storage reference."""
    encoding = payload.metadata.get("encoding")
    return (
        encoding == _LEGACY_REFERENCE_ENCODING
        or (
            encoding == _REFERENCE_ENCODING
            and payload.metadata.get("messageType") == _REFERENCE_MESSAGE_TYPE
        )
        or _REFERENCE_MARKER in payload.metadata
    )


def claim_from_claim_payload(payload: Payload) -> Claim:
    """Return the claim in a payload of our own encoding. Raises ClaimError."""
    try:
        data: object = json.loads(payload.data)
    except (ValueError, RecursionError) as error:
        raise InvalidClaim("The claim payload holds no JSON.", remedy=_REMEDY) from error
    if not isinstance(data, dict):
        raise InvalidClaim("The claim payload holds no JSON object.", remedy=_REMEDY)
    return Claim.parse(data)  # pyright: ignore[reportUnknownArgumentType]  # JSON keys are strings


def reference_in(payload: Payload) -> ExternalStorageReference:
    """Return Temporal's storage reference, in either form. Raises InvalidClaim."""
    try:
        if payload.metadata.get("encoding") != _LEGACY_REFERENCE_ENCODING:
            return Parse(payload.data, ExternalStorageReference())
        legacy = json.loads(payload.data)
        return ExternalStorageReference(
            driver_name=legacy["driver_name"], claim_data=legacy["driver_claim"]["claim_data"]
        )
    except _UNREADABLE as error:
        raise InvalidClaim("The storage reference cannot be read.", remedy=_REMEDY) from error


def claim_from_reference(payload: Payload) -> Claim | None:
    """Return the claim in Temporal's storage reference, or None when another driver owns it.

    Raises ClaimError for a reference to our driver that holds no valid claim, or for one that
    cannot be read at all.
    """
    reference = reference_in(payload)
    if reference.driver_name != DRIVER_NAME:
        return None
    return Claim.parse(dict(reference.claim_data))
