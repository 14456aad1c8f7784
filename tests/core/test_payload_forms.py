"""The two forms in which a payload carries a claim, and what merely looks like them."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload
from temporalio.api.sdk.v1.external_storage_pb2 import ExternalStorageReference
from temporalio.converter import JSONProtoPayloadConverter

from temporal_claimcheck.claim import Claim
from temporal_claimcheck.errors import ClaimError, InvalidClaim
from temporal_claimcheck.payloads import (
    claim_from_claim_payload,
    claim_from_reference,
    claim_payload,
    is_claim_payload,
    is_storage_reference,
    parse_payload,
    serialize_payload,
)

CLAIM = Claim(key=f"v1/default/2026-11-22/{'3f' * 32}", payload_bytes=5029)


def reference(claim_data: dict[str, str], driver_name: str = "claimcheck") -> Payload:
    """Return a reference as the SDK writes it."""
    message = ExternalStorageReference(driver_name=driver_name, claim_data=claim_data)
    payload = JSONProtoPayloadConverter().to_payload(message)
    assert payload is not None
    return payload


def test_the_claim_payload_is_json_and_counted_by_the_server() -> None:
    payload = claim_payload(CLAIM)
    assert dict(payload.metadata) == {"encoding": b"json/claim-check"}
    assert json.loads(payload.data) == CLAIM.dump()
    assert [external.size_bytes for external in payload.external_payloads] == [5029]


def test_both_forms_give_the_claim_back() -> None:
    assert is_claim_payload(claim_payload(CLAIM))
    assert claim_from_claim_payload(claim_payload(CLAIM)) == CLAIM
    assert is_storage_reference(reference(CLAIM.dump()))
    assert claim_from_reference(reference(CLAIM.dump())) == CLAIM


def test_neither_form_is_taken_for_the_other() -> None:
    assert not is_storage_reference(claim_payload(CLAIM))
    assert not is_claim_payload(reference(CLAIM.dump()))


def test_a_reference_to_another_driver_is_not_ours() -> None:
    assert claim_from_reference(reference({"bucket": "b", "key": "k"}, "aws.s3driver")) is None


@pytest.mark.parametrize(
    "metadata",
    [
        {"encoding": b"json/external-storage-reference"},
        {
            "encoding": b"json/protobuf",
            "messageType": b"temporal.api.sdk.v1.ExternalStorageReference",
        },
        {"encoding": b"json/plain", "__temporal_external_storage_reference": b"true"},
        {"__temporal_external_storage_reference": b""},
    ],
)
def test_all_that_the_sdk_could_take_for_a_reference_is_recognised(
    metadata: dict[str, bytes],
) -> None:
    assert is_storage_reference(Payload(metadata=metadata))


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"encoding": b"json/plain"},
        {"encoding": b"json/protobuf"},
        {"encoding": b"json/protobuf", "messageType": b"temporal.api.common.v1.Payload"},
        {"encoding": b"JSON/CLAIM-CHECK"},
        {"encoding": b"claim-checked"},
        {"messageType": b"temporal.api.sdk.v1.ExternalStorageReference"},
    ],
)
def test_ordinary_payloads_are_neither(metadata: dict[str, bytes]) -> None:
    payload = Payload(metadata=metadata, data=json.dumps(CLAIM.dump()).encode())
    assert not is_claim_payload(payload)
    assert not is_storage_reference(payload)


@pytest.mark.parametrize(
    "data",
    [b"", b"null", b"[]", b"1", b'"claim"', b"{", b"\xff", b"NaN", b"9" * 5000, b"[" * 100_000],
    ids=lambda data: repr(data[:12]),
)
def test_a_claim_payload_without_a_claim_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidClaim):
        claim_from_claim_payload(Payload(data=data))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"null",
        b"1",
        b"\xff",
        b"{",
        b"[" * 100_000,
        b'{"driverName":5}',
        b'{"claimData":{"v":1},"driverName":"claimcheck"}',
        b'{"claimData":{},"driverName":"claimcheck"}',
        b'{"driverName":"claimcheck"}',
        b'{"driverName":"\\ud800"}',
        b'{"driverName":"claimcheck","other":1}',
        b'{"driver_name":"claimcheck","driver_claim":{"claim_data":{}}}',
    ],
    ids=lambda data: repr(data[:60]),
)
def test_a_reference_without_a_claim_is_refused(data: bytes) -> None:
    with pytest.raises(ClaimError):
        claim_from_reference(Payload(data=data))


@given(st.binary())
def test_no_bytes_raise_anything_but_a_claim_error(data: bytes) -> None:
    for read in (claim_from_claim_payload, claim_from_reference):
        with contextlib.suppress(ClaimError):
            assert read(Payload(data=data)) is None


@given(st.dictionaries(st.text(), st.binary(), max_size=8), st.binary())
def test_a_payload_has_one_serialized_form_whatever_the_order_of_its_metadata(
    metadata: dict[str, bytes], data: bytes
) -> None:
    forwards, backwards = Payload(data=data), Payload(data=data)
    for name, value in metadata.items():
        forwards.metadata[name] = value
    for name, value in reversed(metadata.items()):
        backwards.metadata[name] = value
    assert serialize_payload(forwards) == serialize_payload(backwards)
    assert parse_payload(serialize_payload(forwards)) == forwards


@pytest.mark.parametrize("data", [b"\xff", b"\x0a\xff", b"\x12\x05ab", b"\x0a\x02\x0a\xff"])
def test_bytes_that_are_no_payload_raise_value_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="not a serialized Payload"):
        parse_payload(data)
