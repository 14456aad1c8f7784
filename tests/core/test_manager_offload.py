"""A payload goes to the store, and its claim comes back."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload

from temporal_claimcheck.claim import Claim
from temporal_claimcheck.envelope import digest_of, open_envelope, read_header
from temporal_claimcheck.errors import InvalidSettings, PayloadTooLarge
from temporal_claimcheck.events import Offloaded, OffloadOutcome, Retrieved
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.payloads import is_claim_payload, serialize_payload
from temporal_claimcheck.policy import DEFAULT_THRESHOLD_BYTES, OffloadPolicy
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.transforms.compression import GzipCompression, NoCompression
from tests.core.witnesses import AskedStore, Clock, Diary, PlainStore, payload

STORED, ALREADY, MINTED = (
    OffloadOutcome.STORED,
    OffloadOutcome.ALREADY_STORED,
    OffloadOutcome.MINTED,
)
stores = pytest.mark.parametrize("kind", [PlainStore, AskedStore])


def payload_of_bytes(count: int) -> Payload:
    """Return a payload that takes `count` bytes when it is serialized."""
    made = Payload(data=bytes(count))
    while made.ByteSize() > count:
        made = Payload(data=made.data[1:])
    assert made.ByteSize() == count
    return made


@pytest.mark.parametrize("size", [2, 1000, 100_000, 200_000, 3_000_000])
async def test_what_was_offloaded_is_retrieved(size: int) -> None:
    store = MemoryStore()
    claim = await ClaimCheckManager(store).offload(payload(size))
    # Another process, which has no cache.
    assert await ClaimCheckManager(store).retrieve(claim) == payload(size)


@given(st.dictionaries(st.text(), st.binary()), st.binary())
def test_any_payload_is_given_back(metadata: dict[str, bytes], data: bytes) -> None:
    async def there_and_back() -> None:
        store, original = MemoryStore(), Payload(metadata=metadata, data=data)
        writer = ClaimCheckManager(store, policy=OffloadPolicy(threshold_bytes=0))
        stored = await writer.maybe_offload(original)
        assert is_claim_payload(stored)
        assert await ClaimCheckManager(store).maybe_retrieve(stored) == original

    asyncio.run(there_and_back())


async def test_external_payloads_of_a_payload_are_given_back_too() -> None:
    original = payload()
    original.external_payloads.add().size_bytes = 7
    store = MemoryStore()
    claim = await ClaimCheckManager(store).offload(original)
    assert await ClaimCheckManager(store).retrieve(claim) == original


async def test_the_claim_names_namespace_day_and_digest() -> None:
    manager = ClaimCheckManager(MemoryStore(), namespace="orders", clock=Clock())
    claim = await manager.offload(payload())
    data = serialize_payload(payload())
    assert claim == Claim(key=f"v1/orders/2026-11-22/{digest_of(data)}", payload_bytes=len(data))


@pytest.mark.parametrize(
    ("compression", "name"),
    [(None, "zstd"), (GzipCompression(), "gzip"), (NoCompression(), "none")],
)
async def test_the_object_is_an_envelope_with_the_serialized_payload(
    compression: GzipCompression | NoCompression | None, name: str
) -> None:
    store = MemoryStore()
    claim = await ClaimCheckManager(store, compression=compression).offload(payload())
    blob = await store.get(claim.key, max_bytes=claim.payload_bytes * 2)
    assert read_header(blob, key=claim.key)[0].compression == name
    data = open_envelope(
        blob,
        key=claim.key,
        digest=Key.parse(claim.key).digest,
        max_plain_bytes=claim.payload_bytes,
    )
    assert data == serialize_payload(payload())


# Which payloads.


@pytest.mark.parametrize(("over", "offloaded"), [(-1, False), (0, True), (1, True)])
async def test_the_threshold_is_the_first_size_that_is_offloaded(
    over: int, *, offloaded: bool
) -> None:
    manager = ClaimCheckManager(MemoryStore(), policy=OffloadPolicy(threshold_bytes=5_000))
    stored = await manager.maybe_offload(payload_of_bytes(5_000 + over))
    assert is_claim_payload(stored) == offloaded


@pytest.mark.parametrize(("over", "offloaded"), [(-1, False), (0, True)])
async def test_the_default_threshold_is_51200_bytes(over: int, *, offloaded: bool) -> None:
    assert DEFAULT_THRESHOLD_BYTES == 51_200
    stored = await ClaimCheckManager(MemoryStore()).maybe_offload(payload_of_bytes(51_200 + over))
    assert is_claim_payload(stored) == offloaded


async def test_a_small_payload_stays_the_very_object_and_costs_nothing() -> None:
    store, small = AskedStore(), payload(100)
    manager = ClaimCheckManager(store)
    assert await manager.maybe_offload(small) is small
    assert await manager.maybe_retrieve(small) is small
    assert store.calls == []


async def test_threshold_0_offloads_everything_also_an_empty_payload() -> None:
    store = MemoryStore()
    manager = ClaimCheckManager(store, policy=OffloadPolicy(threshold_bytes=0))
    for original in (Payload(), Payload(metadata={"encoding": b"binary/null"}), payload(2)):
        stored = await manager.maybe_offload(original)
        assert is_claim_payload(stored)
        assert await ClaimCheckManager(store).maybe_retrieve(stored) == original


def test_a_negative_threshold_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="threshold_bytes"):
        OffloadPolicy(threshold_bytes=-1)


@pytest.mark.parametrize("cap", [0, -1, 2**31])
def test_a_cap_that_protobuf_cannot_keep_is_refused(cap: int) -> None:
    with pytest.raises(InvalidSettings, match="max_payload_bytes"):
        OffloadPolicy(max_payload_bytes=cap)


async def test_disabled_offloads_nothing_but_resolves_claims() -> None:
    store = AskedStore()
    stored = await ClaimCheckManager(store).maybe_offload(payload())
    store.calls.clear()
    disabled = ClaimCheckManager(store, policy=OffloadPolicy(enabled=False))
    large = payload(10_000_000)
    assert await disabled.maybe_offload(large) is large
    assert store.calls == []
    assert await disabled.maybe_retrieve(stored) == payload()


async def test_a_payload_over_the_cap_is_refused_before_any_store_call() -> None:
    store, diary = AskedStore(), Diary()
    policy = OffloadPolicy(threshold_bytes=0, max_payload_bytes=1000)
    manager = ClaimCheckManager(store, policy=policy, observers=[diary])
    with pytest.raises(PayloadTooLarge, match="1001"):
        await manager.offload(payload_of_bytes(1001))
    with pytest.raises(PayloadTooLarge):
        await manager.maybe_offload(payload_of_bytes(1001))
    with pytest.raises(PayloadTooLarge):
        await manager.mint(payload_of_bytes(1001))
    assert store.calls == []
    assert [event.key for event in diary.failed] == [None] * 3
    await manager.offload(payload_of_bytes(1000))


# Many.


async def test_many_come_back_in_order() -> None:
    manager = ClaimCheckManager(MemoryStore(), policy=OffloadPolicy(threshold_bytes=5_000))
    originals = [
        payload(100 + 1000 * (number % 10), letter=chr(97 + number)) for number in range(20)
    ]
    stored = await manager.maybe_offload_many(originals)
    assert [is_claim_payload(item) for item in stored] == [
        original.ByteSize() >= 5_000 for original in originals
    ]
    assert await manager.maybe_retrieve_many(stored) == originals


async def test_many_claims_come_back_in_order() -> None:
    store = MemoryStore()
    originals = [payload(1000, letter=letter) for letter in "abcabc"]
    claims = await ClaimCheckManager(store).offload_many(originals)
    assert claims[:3] == claims[3:]
    assert await ClaimCheckManager(store).retrieve_many(claims) == originals
    assert await ClaimCheckManager(store).mint_many(originals) == claims


async def test_many_of_none_is_none() -> None:
    manager = ClaimCheckManager(MemoryStore())
    assert await manager.offload_many([]) == []
    assert await manager.retrieve_many([]) == []
    assert await manager.maybe_offload_many([]) == []
    assert await manager.maybe_retrieve_many([]) == []


# The same again.


@stores
async def test_the_same_payload_again_is_not_written_again(kind: type[PlainStore]) -> None:
    store, diary = kind(), Diary()
    manager = ClaimCheckManager(store, observers=[diary])
    claims = [await manager.offload(payload()) for _ in range(5)]
    assert len(set(claims)) == 1
    assert store.count("put") == 1
    assert diary.outcomes == [STORED, *[ALREADY] * 4]


@stores
async def test_the_same_payload_many_times_at_once_is_written_once(
    kind: type[PlainStore],
) -> None:
    store, diary = kind(), Diary()
    manager = ClaimCheckManager(store, observers=[diary])
    claims = await manager.offload_many([payload(1_000_000)] * 20)
    assert len(set(claims)) == 1
    assert store.count("put") == 1
    assert sorted(diary.outcomes) == sorted([STORED, *[ALREADY] * 19])


async def test_what_another_process_has_stored_is_not_written_again() -> None:
    store, diary = AskedStore(), Diary()
    await ClaimCheckManager(store).offload(payload())
    await ClaimCheckManager(store, observers=[diary]).offload(payload())
    assert diary.outcomes == [ALREADY]
    assert store.count("put") == 1


async def test_what_was_read_today_is_known_to_be_stored() -> None:
    store = PlainStore()
    claim = await ClaimCheckManager(store).offload(payload())
    other = ClaimCheckManager(store)
    await other.retrieve(claim)
    assert await other.offload(payload()) == claim
    assert store.count("put") == 1


async def test_metadata_in_another_order_is_the_same_payload() -> None:
    store = PlainStore()
    manager = ClaimCheckManager(store)
    names = [f"name-{number}" for number in range(50)]
    one, two = payload(), payload()
    for name in names:
        one.metadata[name] = b"value"
    for name in reversed(names):
        two.metadata[name] = b"value"
    assert await manager.offload(one) == await manager.offload(two)
    assert store.count("put") == 1


async def test_what_happened_is_told_with_sizes() -> None:
    store, diary = MemoryStore(), Diary()
    manager = ClaimCheckManager(store, namespace="orders", observers=[diary])
    claim = await manager.offload(payload())
    await manager.retrieve(claim)
    await ClaimCheckManager(store, namespace="orders", observers=[diary]).retrieve(claim)
    offloaded, cached, fetched = [
        event for event in diary.events if isinstance(event, Offloaded | Retrieved)
    ]
    blob = await store.get(claim.key, max_bytes=claim.payload_bytes)
    assert (offloaded.namespace, offloaded.key) == ("orders", claim.key)
    assert getattr(offloaded, "stored_bytes", None) == len(blob)
    assert [event.from_cache for event in diary.retrieved] == [True, False]
    for event in (offloaded, cached, fetched):
        assert getattr(event, "payload_bytes", None) == claim.payload_bytes
        assert event.seconds >= 0


# Minting.


async def test_minting_gives_the_same_claim_and_never_writes() -> None:
    store, diary = AskedStore(), Diary()
    manager = ClaimCheckManager(store, observers=[diary], clock=Clock())
    minted = await manager.mint(payload())
    assert store.calls == []
    assert diary.outcomes == [MINTED]
    assert await manager.offload(payload()) == minted
    # What was minted was not taken for stored.
    assert store.count("put") == 1


async def test_a_manager_for_replays_never_writes() -> None:
    store = AskedStore()
    replayer = ClaimCheckManager(store).for_replay()
    stored = await replayer.maybe_offload(payload())
    await replayer.offload_many([payload(letter="b")])
    assert is_claim_payload(stored)
    assert json.loads(stored.data)["v"] == "1"
    assert store.calls == []
