"""A claim is untrusted, and so is its object: the very payload comes back, or an error."""

import datetime as dt
import json
import struct
import traceback

import pytest
from blake3 import blake3
from temporalio.api.common.v1 import Payload
from temporalio.api.sdk.v1.external_storage_pb2 import ExternalStorageReference
from temporalio.converter import JSONProtoPayloadConverter

from temporal_claimcheck.claim import Claim
from temporal_claimcheck.envelope import ENVELOPE_OVERHEAD_BYTES, digest_of, seal_envelope
from temporal_claimcheck.errors import (
    BlobCorrupt,
    BlobNotFound,
    BlobTooLarge,
    ClaimCheckError,
    ClaimError,
    DigestMismatch,
    ForeignNamespace,
    InvalidClaim,
    InvalidKey,
    PayloadTooLarge,
    UnsupportedClaim,
)
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.payloads import claim_payload, serialize_payload
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.transforms.compression import NoCompression, ZstdCompression
from tests.core.witnesses import AskedStore, Diary, PlainStore, payload

DIGEST = "3f" * 32
VALID = f"v1/default/2026-11-22/{DIGEST}"


def with_claim(claim_data: dict[str, str]) -> list[Payload]:
    """Return payloads that carry the claim, in both wire forms."""
    reference = ExternalStorageReference(driver_name="claimcheck", claim_data=claim_data)
    carried = JSONProtoPayloadConverter().to_payload(reference)
    assert carried is not None
    ours = Payload(metadata={"encoding": b"json/claim-check"}, data=json.dumps(claim_data).encode())
    return [ours, carried]


def wire(**changes: str) -> dict[str, str]:
    return {"v": "1", "key": VALID, "size": "1000", "digest": "blake3", **changes}


# Claims that are refused before the store is asked.


@pytest.mark.parametrize(
    ("claim_data", "error"),
    [
        (wire(key="../../etc/passwd"), InvalidKey),
        (wire(key="/etc/passwd"), InvalidKey),
        (wire(key=f"v1/../2026-11-22/{DIGEST}"), InvalidKey),
        (wire(key=f"v1/default/../2026-11-22/{DIGEST}"), InvalidKey),
        (wire(key=f"v1/default/2026-11-22/{DIGEST}\n"), InvalidKey),
        (wire(key=f"s3://bucket/{VALID}"), InvalidKey),
        (wire(key="x" * 281), InvalidClaim),
        (wire(key=""), InvalidClaim),
        (wire(size="-1"), InvalidClaim),
        (wire(size="many"), InvalidClaim),
        (wire(bucket="elsewhere"), InvalidClaim),
        (wire(v="0"), InvalidClaim),
        ({"bucket": "elsewhere", "key": VALID}, InvalidClaim),
        ({}, InvalidClaim),
        (wire(v="2"), UnsupportedClaim),
        (wire(digest="sha256"), UnsupportedClaim),
        (wire(key=f"v1/payroll/2026-11-22/{DIGEST}"), ForeignNamespace),
        (wire(key=f"v1/=44efault/2026-11-22/{DIGEST}"), ForeignNamespace),
        (wire(size=str(1024**3 + 1)), PayloadTooLarge),
        (wire(size="9" * 19), PayloadTooLarge),
    ],
    ids=lambda value: json.dumps(value)[:70] if isinstance(value, dict) else "",
)
async def test_a_bad_claim_is_refused_before_the_store_is_asked(
    claim_data: dict[str, str], error: type[ClaimCheckError]
) -> None:
    store = AskedStore()
    manager = ClaimCheckManager(store)
    for carried in with_claim(claim_data):
        with pytest.raises(error) as caught:
            await manager.maybe_retrieve(carried)
        assert not caught.value.retryable
    assert store.calls == []


async def test_a_reference_of_another_driver_is_not_resolved() -> None:
    store = AskedStore()
    reference = ExternalStorageReference(driver_name="aws.s3driver", claim_data={"key": VALID})
    carried = JSONProtoPayloadConverter().to_payload(reference)
    assert carried is not None
    with pytest.raises(InvalidClaim, match="another driver"):
        await ClaimCheckManager(store).maybe_retrieve(carried)
    assert store.calls == []


# Namespaces.


async def test_only_the_namespaces_that_were_named_are_read() -> None:
    store = PlainStore()
    claims = {
        name: await ClaimCheckManager(store, namespace=name).offload(payload())
        for name in ("orders", "billing", "payroll")
    }
    store.calls.clear()
    reader = ClaimCheckManager(store, namespace="orders", read_namespaces=["billing"])
    assert await reader.retrieve(claims["orders"]) == payload()
    assert await reader.retrieve(claims["billing"]) == payload()
    with pytest.raises(ForeignNamespace, match="payroll"):
        await reader.retrieve(claims["payroll"])
    assert {Key.parse(key).namespace for _, key in store.calls} == {"orders", "billing"}


async def test_a_manager_for_another_namespace_does_not_read_its_makers() -> None:
    store = PlainStore()
    maker = ClaimCheckManager(store, namespace="orders", read_namespaces=["shared"])
    claim = await maker.offload(payload())
    other = maker.for_namespace("billing")
    with pytest.raises(ForeignNamespace):
        await other.retrieve(claim)
    shared = await ClaimCheckManager(store, namespace="shared").offload(payload())
    assert await other.retrieve(shared) == payload()
    assert await other.retrieve(await other.offload(payload())) == payload()
    # The maker is as it was.
    assert maker.namespace == "orders"
    assert await maker.retrieve(claim) == payload()


async def test_a_cached_payload_is_not_handed_to_another_namespace() -> None:
    # Whoever knows a digest of another namespace's payload, from a key in a log, must not get
    # the payload by spelling the digest under a namespace of his own.
    maker = ClaimCheckManager(PlainStore(), namespace="payroll")
    claim = await maker.offload(payload())
    forged = Claim(
        key=claim.key.replace("/payroll/", "/intern/"), payload_bytes=claim.payload_bytes
    )
    with pytest.raises(BlobNotFound):
        await maker.for_namespace("intern").retrieve(forged)


async def test_a_manager_for_replays_reads_every_namespace() -> None:
    store = PlainStore()
    claim = await ClaimCheckManager(store, namespace="payroll").offload(payload())
    assert await ClaimCheckManager(store).for_replay().retrieve(claim) == payload()


# Objects that are not what the claim promises.


@pytest.fixture
def store() -> PlainStore:
    return PlainStore()


@pytest.fixture
async def claim(store: PlainStore) -> Claim:
    return await ClaimCheckManager(store).offload(payload())


async def replace(store: PlainStore, key: str, blob: bytes | None) -> None:
    await store.blobs.delete([key])
    if blob is not None:
        await store.blobs.put(key, blob)


def other_payload() -> bytes:
    return serialize_payload(payload(letter="b"))


@pytest.mark.parametrize(
    ("blob", "error"),
    [
        (None, BlobNotFound),
        (b"", BlobCorrupt),
        (b"something else", BlobCorrupt),
        (serialize_payload(payload()), BlobCorrupt),
        (seal_envelope(serialize_payload(payload()), ZstdCompression())[:-1], BlobCorrupt),
        (seal_envelope(serialize_payload(payload()), ZstdCompression()) + b"\0", BlobCorrupt),
        (seal_envelope(other_payload(), ZstdCompression()), DigestMismatch),
        (seal_envelope(other_payload(), NoCompression()), DigestMismatch),
        (seal_envelope(other_payload() + b"!", ZstdCompression()), BlobTooLarge),
        (bytes(1_000_000), BlobTooLarge),
    ],
    ids=[
        "gone",
        "empty",
        "no-envelope",
        "bare-payload",
        "cut",
        "longer",
        "swapped",
        "swapped-uncompressed",
        "swapped-for-a-larger-one",
        "much-larger",
    ],
)
async def test_a_bad_object_is_refused_with_its_key_and_without_its_content(
    store: PlainStore, claim: Claim, blob: bytes | None, error: type[ClaimCheckError]
) -> None:
    await replace(store, claim.key, blob)
    diary = Diary()
    reader = ClaimCheckManager(store, observers=[diary])
    with pytest.raises(error) as caught:
        await reader.retrieve(claim)
    message = "".join(traceback.format_exception(caught.value))
    assert claim.key in str(caught.value)
    assert caught.value.retryable
    assert digest_of(other_payload()) not in message
    assert "bbbb" not in message
    assert "aaaa" not in message
    assert [(event.key, event.operation) for event in diary.failed] == [(claim.key, "retrieve")]
    # And nothing bad was kept.
    await replace(store, claim.key, seal_envelope(serialize_payload(payload()), NoCompression()))
    assert await reader.retrieve(claim) == payload()


@pytest.mark.parametrize("difference", [-(10**5), -1000, -1, 1, 1000])
async def test_a_claim_of_another_size_is_refused(
    store: PlainStore, claim: Claim, difference: int
) -> None:
    forged = Claim(key=claim.key, payload_bytes=claim.payload_bytes + difference)
    reader = ClaimCheckManager(store)
    for _ in range(2):
        with pytest.raises((InvalidClaim, BlobTooLarge)):
            await reader.retrieve(forged)
    assert await reader.retrieve(claim) == payload()
    with pytest.raises(InvalidClaim):
        await reader.retrieve(forged)


async def test_the_store_is_asked_for_no_more_than_the_claim_allows(claim: Claim) -> None:
    limits: list[int] = []

    class LimitedStore(PlainStore):
        async def get(self, key: str, *, max_bytes: int) -> bytes:
            limits.append(max_bytes)
            return await super().get(key, max_bytes=max_bytes)

    with pytest.raises(BlobNotFound):
        await ClaimCheckManager(LimitedStore()).retrieve(claim)
    assert limits == [claim.payload_bytes + ENVELOPE_OVERHEAD_BYTES]


async def test_a_whole_object_that_holds_no_payload_is_refused(store: PlainStore) -> None:
    data = b"\xff no payload of Temporal's"
    key = Key(namespace="default", day=dt.date(2026, 11, 22), digest=digest_of(data))
    await store.blobs.put(str(key), seal_envelope(data, NoCompression()))
    with pytest.raises(BlobCorrupt, match=str(key)) as caught:
        await ClaimCheckManager(store).retrieve(Claim(key=str(key), payload_bytes=len(data)))
    assert "no payload of Temporal" in str(caught.value)


async def test_an_object_of_a_later_release_says_to_upgrade(
    store: PlainStore, claim: Claim
) -> None:
    prefix = struct.pack(">8sBI", b"\x89TCC\r\n\x1a\n", 2, 0)
    await replace(store, claim.key, prefix + blake3(prefix).digest())
    with pytest.raises(ClaimCheckError, match="Upgrade") as caught:
        await ClaimCheckManager(store).retrieve(claim)
    assert caught.value.code == "unsupported-envelope"


async def test_a_lower_cap_refuses_what_was_stored_under_a_higher_one(
    store: PlainStore, claim: Claim
) -> None:
    store.calls.clear()
    reader = ClaimCheckManager(store, policy=OffloadPolicy(max_payload_bytes=1000))
    with pytest.raises(PayloadTooLarge):
        await reader.retrieve(claim)
    assert store.calls == []


async def test_the_first_error_of_many_is_raised_and_it_is_one_of_ours(
    store: PlainStore, claim: Claim
) -> None:
    bad = claim_payload(Claim(key=VALID.replace("default", "payroll"), payload_bytes=5))
    with pytest.raises(ForeignNamespace):
        await ClaimCheckManager(store).maybe_retrieve_many([claim_payload(claim), bad] * 3)


async def test_a_claim_error_is_told_with_its_key(store: PlainStore, claim: Claim) -> None:
    diary = Diary()
    manager = ClaimCheckManager(store, namespace="other", observers=[diary])
    with pytest.raises(ClaimError):
        await manager.retrieve(claim)
    with pytest.raises(ClaimError):
        await manager.retrieve(Claim(key="v1/forged", payload_bytes=1))
    # What is not even a key does not get into logs and metrics.
    assert [event.key for event in diary.failed] == [None, None]


class ViewedStore(PlainStore):
    """A store that can show a blob without copying it."""

    async def view(self, key: str, *, max_bytes: int) -> memoryview:
        self.calls.append(("view", key))
        return memoryview(await self.blobs.get(key, max_bytes=max_bytes))


@pytest.mark.parametrize("size", [100, 1_000_000])
async def test_an_object_is_unpacked_from_a_view_where_the_store_has_one(size: int) -> None:
    store = ViewedStore()
    stored = await ClaimCheckManager(store).offload(payload(size))
    assert await ClaimCheckManager(store).retrieve(stored) == payload(size)
    assert [verb for verb, _ in store.calls] == ["put", "view"]
