"""RedisStore behind Sentinels: it follows the master."""

import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from temporal_claimcheck.errors import StoreError, StoreUnavailable
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
from temporal_claimcheck.testing.redis_servers import RedisSentinels, redis_sentinels, to_redis
from temporal_claimcheck.testing.servers import free_ports
from tests.stores.conftest import DATABASES
from tests.stores.raw_redis import RawRedis

IMPATIENT = RedisOptions(retry_seconds=0)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[RedisSentinels]:
    folder = tmp_path_factory.mktemp("sentinels")
    async with redis_sentinels(folder, count=1, arguments=("--databases", "4000")) as servers:
        yield servers


class TestRedisStoreBehindASentinel(
    ProbingStoreContract, CollectableStoreContract, PeekingStoreContract
):
    @pytest.fixture
    def database(self) -> int:
        return next(DATABASES)

    @pytest.fixture
    def raw(self, shared: RedisSentinels, database: int) -> RawAccess:
        return RawRedis(f"redis://127.0.0.1:{shared.master.port}/{database}")

    @pytest.fixture
    def make_store(self, shared: RedisSentinels, database: int) -> MakeStore:
        return lambda: RedisStore(re.sub(r"/0$", f"/{database}", shared.url))


class TestUnreachableSentinel(UnreachableStoreContract):
    secrets = ("hunter2",)

    @pytest.fixture
    def make_store(self) -> MakeStore:
        (nobody,) = free_ports(1)
        url = f"redis+sentinel://:hunter2@127.0.0.1:{nobody}/mymaster"
        return lambda: RedisStore(url, options=IMPATIENT)


async def test_a_master_of_another_name_is_not_there(shared: RedisSentinels) -> None:
    store = RedisStore(shared.url.replace("mymaster", "another"), options=IMPATIENT)
    with pytest.raises(StoreUnavailable):
        await store.check()
    await store.aclose()


async def test_the_store_goes_on_with_the_replica_when_the_master_is_killed(
    tmp_path: Path,
) -> None:
    async with redis_sentinels(tmp_path) as servers:
        store = RedisStore(servers.url)
        for number in range(50):
            await store.put(key_of(number), b"before")
        await replicated(servers)
        servers.master.kill()
        # As Temporal does with a task.
        while True:
            try:
                await store.put(key_of(100), b"after")
            except StoreUnavailable:
                continue
            break
        for number in range(50):
            assert await store.get(key_of(number), max_bytes=9) == b"before"
        assert len([blob async for blob in store.scan("v1/contract/2026-11-22/")]) == 51
        async with to_redis(servers.replica) as client:
            assert (await client.info("replication"))["role"] == "master"
        await store.aclose()


async def replicated(servers: RedisSentinels) -> None:
    """Wait until the replica has all that the master has."""
    async with to_redis(servers.master) as client:
        assert await client.execute_command("WAIT", 1, 60_000) == 1


async def test_sentinels_have_credentials_of_their_own(shared: RedisSentinels) -> None:
    [sentinel] = shared.sentinels
    admin: Any = to_redis(sentinel)
    rule = ("on", ">sentinel-password", "+sentinel", "+ping", "+auth", "+info")
    await admin.execute_command("ACL", "SETUSER", "asking", *rule)
    await admin.execute_command("ACL", "SETUSER", "default", "off")
    options = RedisOptions(
        retry_seconds=0, sentinel_username="asking", sentinel_password="sentinel-password"
    )
    store, stranger = (
        RedisStore(shared.url, options=options),
        RedisStore(shared.url, options=IMPATIENT),
    )
    try:
        await store.check()
        with pytest.raises(StoreError):
            await stranger.check()
        assert "sentinel-password" not in repr(options)
    finally:
        await store.aclose()
        await stranger.aclose()
        await admin.execute_command("ACL", "SETUSER", "default", "on")
        await admin.aclose()
