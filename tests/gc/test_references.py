"""Every reference in a message is found, and one that cannot be read ends the pass."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.failure.v1 import Failure
from temporalio.api.history.v1 import History, HistoryEvent
from temporalio.api.sdk.v1.external_storage_pb2 import ExternalStorageReference
from temporalio.api.workflowservice.v1 import (
    DescribeScheduleResponse,
    DescribeWorkflowExecutionResponse,
)
from temporalio.converter import DataConverter

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.claim import Claim
from temporal_claimcheck.errors import CollectionIncomplete
from temporal_claimcheck.gc.roots.payloads_in import payloads_in
from temporal_claimcheck.gc.roots.references import ReferenceReader, keys_in_text
from temporal_claimcheck.payloads import claim_payload
from temporal_claimcheck.stores.memory import MemoryStore
from tests.core.rings import ring
from tests.temporal import counting

KEY = f"v1/=4fne.two-3/2026-11-22/{'0123456789abcdef' * 4}"
CLAIM = Claim(key=KEY, payload_bytes=2_000)


async def never(payload: Payload) -> Payload:
    raise AssertionError(f"{payload.metadata['encoding']} is not encrypted")


async def keys_in(message: Message) -> frozenset[str]:
    return await ReferenceReader(never).keys_in(message, place="here")


def reference(driver: str = "claimcheck", **changes: str) -> Payload:
    data = {"driverName": driver, "claimData": CLAIM.dump() | changes}
    return Payload(
        metadata={
            "encoding": b"json/protobuf",
            "messageType": ExternalStorageReference.DESCRIPTOR.full_name.encode(),
        },
        data=json.dumps(data).encode(),
    )


def legacy(driver: str = "claimcheck", **changes: str) -> Payload:
    data = {"driver_name": driver, "driver_claim": {"claim_data": CLAIM.dump() | changes}}
    return Payload(
        metadata={"encoding": b"json/external-storage-reference"}, data=json.dumps(data).encode()
    )


def marked(driver: str = "claimcheck", **changes: str) -> Payload:
    payload = Payload(data=reference(driver, **changes).data)
    payload.metadata["__temporal_external_storage_reference"] = b"true"
    return payload


def ours(**changes: str) -> Payload:
    payload = claim_payload(CLAIM)
    payload.data = json.dumps(CLAIM.dump() | changes).encode()
    return payload


FORMS: dict[str, Callable[..., Payload]] = {
    "reference": reference,
    "legacy reference": legacy,
    "marked reference": marked,
    "claim": ours,
}


@pytest.mark.parametrize("form", FORMS)
async def test_a_claim_is_found_in_every_form(form: str) -> None:
    assert await keys_in(FORMS[form]()) == {KEY}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "changes",
    [{"v": "2"}, {"v": "two"}, {"key": "v2/anything"}, {"digest": "of another kind"}, {"more": ""}],
    ids=str,
)
async def test_a_claim_that_cannot_be_read_ends_the_pass(
    form: str, changes: dict[str, str]
) -> None:
    with pytest.raises(CollectionIncomplete, match="here"):
        await keys_in(Payloads(payloads=[FORMS[form](**changes)]))


@pytest.mark.parametrize("form", FORMS)
async def test_a_claim_that_is_cut_ends_the_pass(form: str) -> None:
    payload = FORMS[form]()
    payload.data = payload.data[: len(payload.data) // 2]
    with pytest.raises(CollectionIncomplete, match="forged or damaged"):
        await keys_in(payload)


@pytest.mark.parametrize("form", [reference, legacy, marked])
async def test_a_reference_of_another_driver_is_none_of_ours(form: Callable[..., Payload]) -> None:
    assert not await keys_in(form("s3", key="bucket/key", v="17"))


async def test_the_error_shows_nothing_of_the_content() -> None:
    payload = ours(v="2", secret="between you and me")
    with pytest.raises(CollectionIncomplete) as caught:
        await keys_in(payload)
    assert "between" not in str(caught.value)


def plain(value: Any) -> bytes:
    return json.dumps(value).encode()


def as_proto_json(message: Message) -> bytes:
    return json.dumps(MessageToDict(message)).encode()


TEXTS = {
    "alone": KEY.encode(),
    "in a sentence": f"It is under {KEY}.".encode(),
    "behind a bucket": f"s3://bucket/prefix/{KEY}?versionId=1".encode(),
    "claim as JSON": plain(CLAIM.dump()),
    "claims in a list": plain({"parts": [{"claim": CLAIM.dump()}]}),
    "slashes escaped": plain(CLAIM.dump()).replace(b"/", rb"\/"),
    "slashes as numbers": plain(CLAIM.dump()).replace(b"/", rb"\u002F"),
    "equals signs as numbers": plain(CLAIM.dump()).replace(b"=", rb"\u003d"),
    "JSON in JSON in JSON": plain(plain(plain(CLAIM.dump()).decode()).decode()),
    "escaped in JSON in JSON": plain(plain(CLAIM.dump()).replace(b"/", rb"\/").decode()),
    "base64": plain({"blob": base64.b64encode(plain(CLAIM.dump())).decode()}),
    "base64 for URLs": plain({"blob": base64.urlsafe_b64encode(plain(CLAIM.dump())).decode()}),
    "base64 behind letters": b"abc" + base64.b64encode(plain(CLAIM.dump())),
    "payload as protobuf's JSON": as_proto_json(ours()),
    "payload of a payload as JSON": as_proto_json(Payload(data=as_proto_json(reference()))),
    "among bytes": bytes(range(256)) + KEY.encode() + bytes(range(256)),
}


@pytest.mark.parametrize("where", TEXTS)
async def test_a_key_in_data_counts_as_a_reference(where: str) -> None:
    assert set(keys_in_text(TEXTS[where])) == {KEY}
    message = Payloads(payloads=[Payload(metadata={"encoding": b"json/plain"}, data=TEXTS[where])])
    assert await keys_in(message) == {KEY}


async def test_a_key_in_metadata_counts_as_a_reference() -> None:
    assert await keys_in(Payload(metadata={"where": KEY.encode()})) == {KEY}


@pytest.mark.parametrize(
    "text",
    [
        KEY[:-1],
        KEY.upper(),
        KEY.replace("v1", "v2"),
        KEY.replace("-11-", "-13-"),
        KEY.replace("=4f", "=61"),
        KEY.replace("/2026", "/./2026"),
        f"claims/{KEY.split('/', 1)[1]}",
    ],
)
def test_what_no_keyspace_made_is_no_key(text: str) -> None:
    assert not set(keys_in_text(text.encode()))


def fill(message: Message, rest: int = 6) -> None:
    """Put something into every field, at any depth, so that every path to a payload exists."""
    if isinstance(message, Payload) or not rest:
        return
    for descriptor in message.DESCRIPTOR.fields:
        target = descriptor.message_type
        if target is None:
            continue
        value: Any = getattr(message, descriptor.name)
        if target.GetOptions().map_entry:
            inner = target.fields_by_name["value"].message_type
            kind = target.fields_by_name["key"].type
            if inner is not None:
                fill(value["a" if kind == descriptor.TYPE_STRING else 1], rest - 1)
        elif descriptor.is_repeated:
            fill(value.add(), rest - 1)
        else:
            value.SetInParent()
            fill(value, rest - 1)


def each_alone(kind: type[Message]) -> list[Message]:
    """Return a message for each field of its own, so that every choice of a oneof is taken."""
    messages: list[Message] = []
    for descriptor in kind.DESCRIPTOR.fields:
        if descriptor.message_type is None or descriptor.is_repeated:
            continue
        message = kind()
        getattr(message, descriptor.name).SetInParent()
        fill(getattr(message, descriptor.name))
        messages.append(message)
    return messages


@pytest.mark.parametrize(
    "kind",
    [HistoryEvent, Failure, DescribeWorkflowExecutionResponse, DescribeScheduleResponse],
    ids=lambda kind: kind.__name__,
)
def test_the_walk_finds_every_payload_that_there_can_be(kind: type[Message]) -> None:
    found = 0
    for message in each_alone(kind):
        for number, payload in enumerate(counting.payloads_in(message)):
            payload.data = str(number).encode()
        expected = sorted(payload.data for payload in counting.payloads_in(message))
        assert sorted(payload.data for payload in payloads_in(message)) == expected
        found += len(expected)
    assert found


def test_the_walk_follows_causes_and_encoded_attributes() -> None:
    failure = Failure()
    deepest = failure
    for _ in range(50):
        deepest = deepest.cause
    deepest.encoded_attributes.CopyFrom(ours())
    deepest.application_failure_info.details.payloads.append(reference())
    assert len(list(payloads_in(failure))) == 2


NEWER = 15_000
"""The number of a field that no descriptor here knows."""


def in_unknown_field(payload: Payload) -> History:
    """Return a history with the payload where a newer server may put one."""
    data = Payloads(payloads=[payload]).SerializeToString()
    tag = NEWER << 3 | 2
    unknown = varint(tag) + varint(len(data)) + data
    event = HistoryEvent(event_id=1).SerializeToString() + unknown
    return History(events=[HistoryEvent.FromString(event)])


def varint(value: int) -> bytes:
    written = bytearray()
    while value > 0x7F:
        written.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*written, value])


@pytest.mark.parametrize("form", FORMS)
async def test_a_claim_in_a_field_of_a_newer_server_is_found(form: str) -> None:
    message = in_unknown_field(FORMS[form]())
    assert not list(payloads_in(message))
    assert await keys_in(message) == {KEY}


@pytest.mark.parametrize("form", FORMS)
async def test_a_later_claim_in_a_field_of_a_newer_server_ends_the_pass(form: str) -> None:
    with pytest.raises(CollectionIncomplete):
        await keys_in(in_unknown_field(FORMS[form](v="2")))


async def encrypted(manager: ClaimCheckManager, value: Any) -> Payload:
    [payload] = await DataConverter.default.encode([value])
    return await manager.encrypt(payload)


def in_data(payload: Payload) -> Payload:
    inner = Payloads(payloads=[payload]).SerializeToString()
    return Payload(metadata={"encoding": b"binary/protobuf"}, data=inner)


@pytest.mark.parametrize("where", [None, in_unknown_field, in_data], ids=["", "field", "data"])
async def test_what_is_encrypted_in_place_is_decrypted_and_searched(
    where: Callable[[Payload], Message] | None,
) -> None:
    manager = ClaimCheckManager(MemoryStore(), namespace="any", keys=ring("a"))
    payload = await encrypted(manager, {"claim": CLAIM.dump()})
    assert KEY.encode() not in payload.data
    message = payload if where is None else where(payload)
    reader = ReferenceReader(ClaimCheckManager(MemoryStore(), keys=ring("a")).for_replay().decrypt)
    assert await reader.keys_in(message, place="here") == {KEY}


@pytest.mark.parametrize("keys", [None, ring("b")], ids=["no keys", "another key"])
async def test_a_missing_key_ends_the_pass(keys: Any) -> None:
    payload = await encrypted(ClaimCheckManager(MemoryStore(), keys=ring("a")), "anything")
    reader = ReferenceReader(ClaimCheckManager(MemoryStore(), keys=keys).for_replay().decrypt)
    with pytest.raises(CollectionIncomplete, match=r"here .* encrypted .*ENCRYPTION_KEYS"):
        await reader.keys_in(payload, place="here")


async def test_words_about_claims_are_no_claims() -> None:
    words = (
        b"json/claim-check binary/claim-check-encrypted ExternalStorageReference "
        b"__temporal_external_storage_reference json/external-storage-reference"
    )
    message = Failure(message=words.decode())
    message.application_failure_info.details.payloads.add(data=words)
    assert not await keys_in(message)
