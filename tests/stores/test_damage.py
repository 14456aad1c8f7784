"""Objects that are damaged in the store: found, 1,000 of 1,000, whatever the store is."""

import asyncio
import random
import uuid
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Final

import obstore
import pytest
from obstore.store import AzureStore
from temporalio.api.common.v1 import Payload

from temporal_claimcheck import BlobStore, Claim, ClaimCheckManager
from temporal_claimcheck.errors import IntegrityError
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.stores.mirrored import MirroredStore
from temporal_claimcheck.stores.object_store import Patience
from temporal_claimcheck.stores.prefixed import PrefixedStore
from temporal_claimcheck.stores.redis import RedisStore
from temporal_claimcheck.testing import RawAccess
from temporal_claimcheck.testing.servers import AzureServer, S3Server
from temporal_claimcheck.wiring import build_store
from tests.core.test_stores import RawFolder, RawMemory
from tests.stores.s3_clients import open_store
from tests.stores.test_redis import RawRedis
from tests.stores.test_wrappers import RawBucket, RawParts

DAMAGES: Final = 1_000
# Mostly small, where every part of an object is hit often; some that are compressed off the loop.
SIZES: Final = (*(0, 1, 50, 200, 400, 1_000, 2_000, 5_000) * 4, *(60_000,) * 6, 200_000, 400_000)

Damage = Callable[[random.Random, bytes, list[bytes]], bytes]


def flipped(dice: random.Random, blob: bytes, _: list[bytes]) -> bytes:
    damaged = bytearray(blob)
    damaged[dice.randrange(len(blob))] ^= 1 << dice.randrange(8)
    return bytes(damaged)


def cut(dice: random.Random, blob: bytes, _: list[bytes]) -> bytes:
    return blob[: dice.randrange(len(blob))]


def moved(dice: random.Random, _: bytes, others: list[bytes]) -> bytes:
    return dice.choice(others)


class DamageContract:
    """Needs a store, and a way to overwrite its objects behind its back."""

    @pytest.fixture
    def store(self) -> BlobStore:
        raise NotImplementedError("override the fixture store")

    @pytest.fixture
    def raw(self) -> RawAccess:
        raise NotImplementedError("override the fixture raw")

    @pytest.mark.parametrize("damage", [flipped, cut, moved])
    async def test_damage_is_found_every_time_and_what_is_put_back_is_read(
        self, store: BlobStore, raw: RawAccess, damage: Damage
    ) -> None:
        made = random.Random(20261122)  # noqa: S311  # not a secret
        payloads = [payload_of(made, size) for size in SIZES]
        manager = ClaimCheckManager(store, cache_bytes=0)
        claims = await manager.offload_many(payloads)
        blobs = [await raw.read(claim.key) or b"" for claim in claims]
        turns = [DAMAGES // len(SIZES)] * len(SIZES)
        turns[0] += DAMAGES - sum(turns)

        async def damage_one(place: int) -> None:
            dice = random.Random(place)  # noqa: S311  # the same damages in every run
            key, blob = claims[place].key, blobs[place]
            others = blobs[:place] + blobs[place + 1 :]
            for _ in range(turns[place]):
                damaged = damage(dice, blob, others)
                assert damaged != blob
                await raw.write(key, damaged)
                await expect_error(manager, claims[place])
            await raw.write(key, blob)

        await asyncio.gather(*map(damage_one, range(len(SIZES))))
        assert await manager.retrieve_many(claims) == payloads
        await manager.aclose()


def payload_of(dice: random.Random, size: int) -> Payload:
    data = dice.randbytes(size) if dice.random() < 0.5 else b"%x" % dice.getrandbits(64) * size
    return Payload(metadata={"encoding": b"binary/plain"}, data=data[:size] + dice.randbytes(8))


async def expect_error(manager: ClaimCheckManager, claim: Claim) -> None:
    with pytest.raises(IntegrityError) as caught:
        await manager.retrieve(claim)
    assert claim.key in str(caught.value)


class TestMemory(DamageContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def raw(self, store: MemoryStore) -> RawAccess:
        return RawMemory(store)


class TestFolder(DamageContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncGenerator[BlobStore]:
        store = FileSystemStore(tmp_path / "claims")
        yield store
        await store.aclose()

    @pytest.fixture
    def raw(self, tmp_path: Path) -> RawAccess:
        return RawFolder(tmp_path / "claims")


class TestRedis(DamageContract):
    @pytest.fixture
    async def store(self, url: str) -> AsyncGenerator[BlobStore]:
        store = RedisStore(url)
        yield store
        await store.aclose()

    @pytest.fixture
    def raw(self, url: str) -> RawAccess:
        return RawRedis(url)


class TestS3(DamageContract):
    @pytest.fixture
    def server(self, s3: S3Server) -> S3Server:
        return s3

    @pytest.fixture
    def prefix(self) -> str:
        return f"damage/{uuid.uuid4()}"

    @pytest.fixture
    def store(self, server: S3Server, prefix: str) -> BlobStore:
        return open_store(server, prefix, patience=Patience())

    @pytest.fixture
    def raw(self, server: S3Server, prefix: str) -> RawAccess:
        client = obstore.store.S3Store(
            server.bucket,
            prefix=prefix,
            endpoint=server.endpoint,
            region="us-east-1",
            access_key_id=server.access_key_id,
            secret_access_key=server.secret_access_key,
            client_options={"allow_http": True},
        )
        return RawBucket(client)


class TestS3WithoutConditionalWrites(TestS3):
    @pytest.fixture
    def server(self, rclone: S3Server) -> S3Server:
        return rclone


class TestAzure(DamageContract):
    @pytest.fixture
    def prefix(self, azure: AzureServer, monkeypatch: pytest.MonkeyPatch) -> str:
        for name, value in azure.environment.items():
            monkeypatch.setenv(name, value)
        return f"damage/{uuid.uuid4()}"

    @pytest.fixture
    def store(self, prefix: str) -> BlobStore:
        return build_store(Settings.load(store=f"az://claims/{prefix}"))

    @pytest.fixture
    def raw(self, prefix: str) -> RawAccess:
        return RawBucket(AzureStore("claims", prefix=prefix, client_options={"allow_http": True}))


class TestMirrored(DamageContract):
    """Both copies are damaged alike: what one mirror can heal is another matter."""

    @pytest.fixture
    def memories(self) -> list[MemoryStore]:
        return [MemoryStore(), MemoryStore()]

    @pytest.fixture
    def store(self, memories: list[MemoryStore]) -> BlobStore:
        return MirroredStore.over(memories)

    @pytest.fixture
    def raw(self, memories: list[MemoryStore]) -> RawAccess:
        return RawParts([RawMemory(memory) for memory in memories], written=2)


class TestPrefixed(DamageContract):
    @pytest.fixture
    def memory(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def store(self, memory: MemoryStore) -> BlobStore:
        return PrefixedStore.over(memory, "team")

    @pytest.fixture
    def raw(self, memory: MemoryStore) -> RawAccess:
        return RawPrefixed(memory)


class RawPrefixed(RawMemory):
    async def write(self, key: str, blob: bytes) -> None:
        await super().write(f"team/{key}", blob)

    async def read(self, key: str) -> bytes | None:
        return await super().read(f"team/{key}")
