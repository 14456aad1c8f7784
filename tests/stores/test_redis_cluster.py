"""RedisStore on a cluster of three servers."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.crc import key_slot

from temporal_claimcheck.errors import StoreUnavailable
from temporal_claimcheck.settings import Settings
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
from temporal_claimcheck.testing.redis_servers import RedisCluster, redis_cluster, to_redis
from temporal_claimcheck.testing.servers import free_ports
from temporal_claimcheck.wiring import build_store
from tests.stores.raw_redis import RawRedisCluster, blob_name

IMPATIENT = RedisOptions(retry_seconds=0)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def shared_cluster(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[RedisCluster]:
    async with redis_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest_asyncio.fixture
async def cluster(shared_cluster: RedisCluster) -> RedisCluster:
    for server in shared_cluster.servers:
        async with to_redis(server) as client:
            await client.flushall()
    return shared_cluster


class TestRedisStoreOnACluster(
    ProbingStoreContract, CollectableStoreContract, PeekingStoreContract
):
    @pytest.fixture
    def raw(self, cluster: RedisCluster) -> RawAccess:
        return RawRedisCluster(cluster.url.replace("+cluster", "").split(",")[0])

    @pytest.fixture
    def make_store(self, cluster: RedisCluster) -> MakeStore:
        return lambda: RedisStore(cluster.url)


class TestUnreachableCluster(UnreachableStoreContract):
    secrets = ("hunter2",)

    @pytest.fixture
    def make_store(self) -> MakeStore:
        one, other = free_ports(2)
        url = f"redis+cluster://:hunter2@127.0.0.1:{one},127.0.0.1:{other}"
        return lambda: RedisStore(url, options=IMPATIENT)


async def test_a_days_blobs_are_on_all_servers(cluster: RedisCluster) -> None:
    store = build_store(Settings.load(store=cluster.url))
    await asyncio.gather(*(store.put(key_of(number), b"blob") for number in range(300)))
    await store.aclose()
    for server in cluster.servers:
        async with to_redis(server) as client:
            names = [name async for name in client.scan_iter("*/blob/*")]
        assert 50 < len(names) < 150


async def test_one_known_server_is_enough(cluster: RedisCluster) -> None:
    (nobody,) = free_ports(1)
    known = f"redis+cluster://127.0.0.1:{nobody},127.0.0.1:{cluster.servers[2].port}"
    store = RedisStore(known)
    for number in range(50):
        await store.put(key_of(number), b"blob")
    assert len([blob async for blob in store.scan()]) == 50
    await store.aclose()


async def test_a_server_that_is_down_hinders_what_it_has_and_heals_by_itself(
    tmp_path: Path,
) -> None:
    # Otherwise the two that are left refuse all, which is Redis's default.
    arguments = ("--cluster-require-full-coverage", "no")
    async with redis_cluster(tmp_path, arguments=arguments) as cluster:
        store = RedisStore(cluster.url, options=IMPATIENT)
        keys = [key_of(number) for number in range(60)]
        for key in keys:
            await store.put(key, b"blob")
        cluster.servers[1].pause()
        patient = RedisStore(
            cluster.url, options=RedisOptions(retry_seconds=0, request_seconds=0.3)
        )
        found = await asyncio.gather(
            *(patient.get(key, max_bytes=9) for key in keys), return_exceptions=True
        )
        kinds = {type(each) for each in found}
        assert kinds == {bytes, StoreUnavailable}
        wrote = await asyncio.gather(
            *(patient.put(key_of(100 + number), b"blob") for number in range(20)),
            return_exceptions=True,
        )
        assert {type(each) for each in wrote} == {bool, StoreUnavailable}
        with pytest.raises(StoreUnavailable):
            _ = [blob async for blob in patient.scan()]
        with pytest.raises(StoreUnavailable):
            await patient.check()
        cluster.servers[1].resume()
        waiting = RedisStore(cluster.url)
        for key in keys:
            assert await waiting.get(key, max_bytes=9) == b"blob"
        for each in (store, patient, waiting):
            await each.aclose()


async def test_a_bucket_that_moved_is_found_again(tmp_path: Path) -> None:
    async with redis_cluster(tmp_path) as cluster:
        store, second = RedisStore(cluster.url), RedisStore(cluster.url)
        await store.put(key_of(1), b"blob")
        await second.get(key_of(1), max_bytes=9)
        await move(cluster, blob_name(key_of(1)), to_the_end=True)
        assert await store.get(key_of(1), max_bytes=9) == b"blob"
        assert await second.put(key_of(1), b"again") is False
        assert [blob.key async for blob in second.scan("v1/contract/")] == [key_of(1)]
        await store.aclose()
        await second.aclose()


async def test_while_a_bucket_moves_it_is_read_and_not_written_to(tmp_path: Path) -> None:
    async with redis_cluster(tmp_path) as cluster:
        store = RedisStore(cluster.url, options=IMPATIENT)
        await store.put(key_of(1), b"blob")
        await move(cluster, blob_name(key_of(1)), to_the_end=False)
        assert await store.get(key_of(1), max_bytes=9) == b"blob"
        assert await store.contains(key_of(1))
        with pytest.raises(StoreUnavailable):
            await store.put(key_of(1), b"again")
        with pytest.raises(StoreUnavailable):
            await store.delete([key_of(1)])
        assert await store.get(key_of(1), max_bytes=9) == b"blob"
        await store.aclose()


async def move(cluster: RedisCluster, name: str, *, to_the_end: bool) -> None:
    """Move a name's slot to another server, or all that is in it and not yet the slot."""
    slot = key_slot(name.encode())
    clients: list[Any] = [to_redis(server) for server in cluster.servers]
    ids = [(await each.execute_command("CLUSTER", "MYID")).decode() for each in clients]
    slots = await clients[0].execute_command("CLUSTER", "SLOTS")
    owner = next(node[1] for start, end, node, *_ in slots if start <= slot <= end)
    source = next(n for n, server in enumerate(cluster.servers) if server.port == owner)
    target = (source + 1) % len(clients)
    await clients[target].execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", ids[source])
    await clients[source].execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", ids[target])
    names = await clients[source].execute_command("CLUSTER", "GETKEYSINSLOT", slot, 100)
    port = cluster.servers[target].port
    await clients[source].execute_command("MIGRATE", "127.0.0.1", port, "", 0, 5000, "KEYS", *names)
    if to_the_end:
        for each in (clients[target], clients[source]):
            await each.execute_command("CLUSTER", "SETSLOT", slot, "NODE", ids[target])
    for each in clients:
        await each.aclose()
