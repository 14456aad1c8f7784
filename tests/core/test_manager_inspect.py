"""What lies under a key, for who has no claim to it."""

from dataclasses import dataclass

import pytest
from temporalio.api.common.v1 import Payload

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.envelope import seal_envelope
from temporal_claimcheck.errors import (
    BlobCorrupt,
    BlobNotFound,
    ClaimCheckError,
    DigestMismatch,
    EncryptionKeyMissing,
    ForeignNamespace,
    InvalidKey,
    PayloadTooLarge,
)
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.transforms.compression import NoCompression
from tests.core.rings import ring
from tests.core.witnesses import Diary, PlainStore

PAYLOAD = Payload(metadata={"encoding": b"json/plain"}, data=b'"word"' * 1000)


@dataclass(frozen=True)
class Stored:
    store: PlainStore
    key: str


@pytest.fixture
async def stored() -> Stored:
    store = PlainStore()
    claim = await ClaimCheckManager(store).offload(PAYLOAD)
    return Stored(store, claim.key)


async def test_it_returns_the_payload_and_what_the_object_says(stored: Stored) -> None:
    found, payload = await ClaimCheckManager(stored.store).inspect(stored.key)
    assert payload == PAYLOAD
    assert str(found.key) == stored.key
    assert found.header.plain_bytes == PAYLOAD.ByteSize()
    assert found.header.compression == "zstd"
    assert found.header.encryption is None
    assert found.stored_bytes == len(await stored.store.blobs.get(stored.key, max_bytes=2**20))


async def test_it_opens_an_encrypted_object() -> None:
    store = PlainStore()
    claim = await ClaimCheckManager(store, keys=ring("a")).offload(PAYLOAD)
    found, payload = await ClaimCheckManager(store, keys=ring("b", "a")).inspect(claim.key)
    assert payload == PAYLOAD
    assert found.header.encryption is not None
    assert found.header.encryption.key_id == ring("a").newest.id
    with pytest.raises(EncryptionKeyMissing):
        await ClaimCheckManager(store, keys=ring("b")).inspect(claim.key)


async def test_a_retrieve_after_it_reads_nothing(stored: Stored) -> None:
    diary = Diary()
    manager = ClaimCheckManager(stored.store, observers=[diary])
    await manager.inspect(stored.key)
    claim = await manager.mint(PAYLOAD)
    await manager.retrieve(claim)
    assert stored.store.count("get") == 1
    assert [event.from_cache for event in diary.retrieved] == [False, True]


async def test_an_object_in_the_clear_under_an_encrypted_ones_key_is_refused() -> None:
    store = PlainStore()
    claim = await ClaimCheckManager(store, keys=ring("a")).offload(PAYLOAD)
    await store.blobs.delete([claim.key])
    await store.put(claim.key, seal_envelope(PAYLOAD.SerializeToString(), NoCompression()))
    with pytest.raises(DigestMismatch):
        await ClaimCheckManager(store, keys=ring("a")).inspect(claim.key)


async def test_it_reads_its_own_namespaces_only(stored: Stored) -> None:
    manager = ClaimCheckManager(stored.store, namespace="billing")
    with pytest.raises(ForeignNamespace):
        await manager.inspect(stored.key)
    assert stored.store.count("get") == 0


@pytest.mark.parametrize("key", ["", "v1/default", "../outside", "v1/default/2026-11-22/3f"])
async def test_it_reads_nothing_for_what_is_no_key(key: str) -> None:
    store = PlainStore()
    with pytest.raises(InvalidKey):
        await ClaimCheckManager(store).inspect(key)
    assert store.calls == []


async def test_a_payload_over_the_cap_is_not_unpacked(stored: Stored) -> None:
    policy = OffloadPolicy(max_payload_bytes=PAYLOAD.ByteSize() - 1)
    with pytest.raises(PayloadTooLarge):
        await ClaimCheckManager(stored.store, policy=policy).inspect(stored.key)


@pytest.mark.parametrize(
    ("key", "error"),
    [("v1/default/2026-11-22/" + "0" * 64, BlobNotFound), (None, BlobCorrupt)],
    ids=["missing", "damaged"],
)
async def test_what_failed_is_told_to_observers(
    stored: Stored, key: str | None, error: type[ClaimCheckError]
) -> None:
    blob = await stored.store.blobs.get(stored.key, max_bytes=2**20)
    await stored.store.blobs.delete([stored.key])
    await stored.store.put(stored.key, blob[:-1])
    diary = Diary()
    with pytest.raises(error):
        await ClaimCheckManager(stored.store, observers=[diary]).inspect(key or stored.key)
    [failed] = diary.failed
    assert failed.key == (key or stored.key)
    assert failed.operation == "retrieve"
