"""RedisStore against a real server."""

import asyncio
import datetime as dt
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.errors import BlobNotFound, StoreDenied, StoreFull
from temporal_claimcheck.stores.redis import RedisOptions, RedisStore
from temporal_claimcheck.testing import (
    CollectableStoreContract,
    MakeStore,
    PeekingStoreContract,
    ProbingStoreContract,
    RawAccess,
    UnreachableStoreContract,
    key_of,
)
from temporal_claimcheck.testing.servers import ServerProcess, free_ports, redis_server
from tests.stores.conftest import DATABASES, PASSWORD
from tests.stores.raw_redis import RawRedis, blob_name

IMPATIENT = RedisOptions(retry_seconds=0)
KEY = f"v1/default/2026-03-04/{'ab' * 32}"


class TestRedisStore(ProbingStoreContract, CollectableStoreContract, PeekingStoreContract):
    secrets = (PASSWORD,)

    @pytest.fixture
    def raw(self, url: str) -> RawAccess:
        return RawRedis(url)

    @pytest.fixture
    def make_store(self, url: str) -> MakeStore:
        return lambda: RedisStore(url)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def valkey(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[ServerProcess]:
    arguments = ("--appendonly", "yes", "--databases", "4000")
    folder = tmp_path_factory.mktemp("valkey")
    async with redis_server(folder, arguments=arguments, programs=["valkey-server"]) as server:
        yield server


class TestRedisStoreOnValkey(ProbingStoreContract, CollectableStoreContract, PeekingStoreContract):
    @pytest.fixture
    def url(self, valkey: ServerProcess) -> str:
        return f"redis://127.0.0.1:{valkey.port}/{next(DATABASES)}"

    @pytest.fixture
    def raw(self, url: str) -> RawAccess:
        return RawRedis(url)

    @pytest.fixture
    def make_store(self, url: str) -> MakeStore:
        return lambda: RedisStore(url)


class TestUnreachableRedis(UnreachableStoreContract):
    secrets = (PASSWORD,)

    @pytest.fixture
    def make_store(self) -> MakeStore:
        (nobody,) = free_ports(1)
        return lambda: RedisStore(f"redis://:{PASSWORD}@127.0.0.1:{nobody}/0", options=IMPATIENT)


async def test_expiry_counts_from_the_end_of_the_day_in_the_key(url: str) -> None:
    today = dt.datetime.now(dt.UTC).date()
    store = RedisStore(url, ttl_days=7)
    key = f"v1/default/{today}/{'ab' * 32}"
    await store.put(key, b"blob")
    client: Redis = Redis.from_url(url)  # pyright: ignore[reportUnknownMemberType]
    left = await client.pttl(blob_name(key))
    await client.aclose()
    await store.aclose()
    expires = dt.datetime.now(dt.UTC) + dt.timedelta(milliseconds=left)
    end_of_day = dt.datetime.combine(today, dt.time(), dt.UTC) + dt.timedelta(days=1)
    assert abs(expires - end_of_day - dt.timedelta(days=7)) < dt.timedelta(minutes=5)


async def test_without_a_ttl_nothing_expires(url: str) -> None:
    store = RedisStore(url)
    await store.put(KEY, b"blob")
    client: Redis = Redis.from_url(url)  # pyright: ignore[reportUnknownMemberType]
    assert await client.ttl(blob_name(KEY)) == -1
    await client.aclose()
    await store.aclose()


@pytest.mark.parametrize("credentials", ["", ":wrong@", "nobody:wrong@"])
async def test_wrong_credentials_are_named_as_such(redis: ServerProcess, credentials: str) -> None:
    store = RedisStore(f"redis://{credentials}127.0.0.1:{redis.port}/0")
    with pytest.raises(StoreDenied):
        await store.put(KEY, b"blob")
    with pytest.raises(StoreDenied):
        await store.get(KEY, max_bytes=9)
    with pytest.raises(StoreDenied):
        await store.check()
    await store.aclose()


async def test_server_without_memory_is_full(tmp_path: Path) -> None:
    arguments = ("--maxmemory", "16mb", "--maxmemory-policy", "noeviction")
    async with redis_server(tmp_path, arguments=arguments) as small:
        store = RedisStore(f"redis://127.0.0.1:{small.port}/0")
        blobs = {key_of(number): bytes(4_000_000) for number in range(10)}
        with pytest.raises(StoreFull):
            await asyncio.gather(*(store.put(key, blob) for key, blob in blobs.items()))
        await store.aclose()


async def test_server_without_memory_still_gives_what_it_has(tmp_path: Path) -> None:
    async with redis_server(tmp_path, arguments=("--maxmemory-policy", "noeviction")) as server:
        store = RedisStore(f"redis://127.0.0.1:{server.port}/0")
        await store.put(key_of(1), b"blob")
        await store.put(key_of(2), b"")
        client: Redis = Redis.from_url(f"redis://127.0.0.1:{server.port}")
        await client.config_set("maxmemory", 1)
        await client.aclose()
        with pytest.raises(StoreFull):
            await store.put(key_of(3), b"blob")
        assert await store.get(key_of(1), max_bytes=9) == b"blob"
        assert await store.get(key_of(2), max_bytes=9) == b""
        with pytest.raises(BlobNotFound):
            await store.get(key_of(3), max_bytes=9)
        await store.aclose()


async def test_settings_of_the_recipe_name_the_server(
    redis: ServerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDIS_HOST", "localhost")
    monkeypatch.setenv("REDIS_PORT", str(redis.port))
    async with ClaimCheckManager.open() as manager:
        assert manager.store.name == f"redis://localhost:{redis.port}/0"
