"""A Redis that may lose payloads is refused; one that does not tell is spoken of."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from temporal_claimcheck.errors import ClaimCheckError, PayloadTooLarge, StoreError, StoreUnsafe
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.stores.redis import RedisStore
from temporal_claimcheck.stores.redis_safety import ServerFacts, dangers, doubts
from temporal_claimcheck.testing import key_of
from temporal_claimcheck.testing.redis_servers import redis_cluster, to_redis
from temporal_claimcheck.testing.servers import redis_server
from temporal_claimcheck.wiring import build_store
from tests.stores.raw_redis import blob_name

SAFE = ("--appendonly", "yes")
NOTHING_ON_DISK = ("--appendonly", "no", "--save", "")
LIMIT = ("--maxmemory", "100mb")


@pytest.mark.parametrize(
    ("arguments", "ttl_days", "why"),
    [
        (NOTHING_ON_DISK, None, "writes nothing to disk"),
        ((*SAFE, *LIMIT, "--maxmemory-policy", "allkeys-lru"), None, "allkeys-lru"),
        ((*SAFE, *LIMIT, "--maxmemory-policy", "allkeys-random"), 7, "allkeys-random"),
        ((*SAFE, *LIMIT, "--maxmemory-policy", "volatile-ttl"), 7, "volatile-ttl"),
    ],
)
async def test_a_server_that_may_lose_payloads_is_not_written_to(
    tmp_path: Path, arguments: Sequence[str], ttl_days: int | None, why: str
) -> None:
    async with redis_server(tmp_path, arguments=arguments) as server:
        store = RedisStore(f"redis://127.0.0.1:{server.port}", ttl_days=ttl_days)
        for expected in (why, "CLAIMCHECK_REDIS_MAY_LOSE_PAYLOADS"):
            with pytest.raises(StoreUnsafe, match=expected):
                await store.put(key_of(1), b"blob")
        with pytest.raises(StoreUnsafe, match=why):
            await store.check()
        async with to_redis(server) as client:
            assert await client.dbsize() == 0
        await store.aclose()


@pytest.mark.parametrize(
    ("arguments", "ttl_days"),
    [
        (SAFE, 7),
        ((*SAFE, *LIMIT, "--maxmemory-policy", "noeviction"), 7),
        # Without a limit nothing is evicted, whatever the policy.
        ((*SAFE, "--maxmemory", "0", "--maxmemory-policy", "allkeys-lru"), 7),
        # Without an expiry of ours, what expires is not ours.
        ((*SAFE, *LIMIT, "--maxmemory-policy", "volatile-lru"), None),
    ],
)
async def test_a_server_that_keeps_payloads_is_used_without_a_word(
    tmp_path: Path,
    arguments: Sequence[str],
    ttl_days: int | None,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with redis_server(tmp_path, arguments=arguments) as server:
        store = RedisStore(f"redis://127.0.0.1:{server.port}", ttl_days=ttl_days)
        await store.check()
        assert await store.put(key_of(1), b"blob")
        assert not caplog.records
        await store.aclose()


async def test_snapshots_alone_are_spoken_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    arguments = ("--appendonly", "no", "--save", "60", "1000")
    async with redis_server(tmp_path, arguments=arguments) as server:
        store = RedisStore(f"redis://127.0.0.1:{server.port}")
        await store.check()
        await store.put(key_of(1), b"blob")
        await store.check()
        [record] = caplog.records
        assert record.levelno == logging.WARNING
        assert "snapshots only" in record.getMessage()
        await store.aclose()


async def test_whoever_accepts_the_loss_may_use_any_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with redis_server(tmp_path, arguments=NOTHING_ON_DISK) as server:
        url = f"redis://127.0.0.1:{server.port}"
        store = build_store(Settings.load(store=url, redis_may_lose_payloads=True))
        assert "CLAIMCHECK_REDIS_MAY_LOSE_PAYLOADS is set" in caplog.text
        await store.check()
        assert await store.put(key_of(1), b"blob")
        await store.aclose()


async def test_a_cache_may_lose_what_it_has(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    arguments = (*NOTHING_ON_DISK, *LIMIT, "--maxmemory-policy", "allkeys-lru")
    async with redis_server(tmp_path, arguments=arguments) as server:
        cache = f"redis://127.0.0.1:{server.port}/0"
        store = build_store(Settings.load(store="memory://", store_cache=cache))
        await store.check()
        await store.put(key_of(1), b"blob")
        assert not caplog.records
        async with to_redis(server) as client:
            assert await client.exists(blob_name(key_of(1)))
        await store.aclose()
        mirrored = build_store(Settings.load(store="memory://", store_mirrors=[cache]))
        with pytest.raises(StoreUnsafe):
            await mirrored.check()
        await mirrored.aclose()


async def test_who_only_reads_gives_nothing_to_lose(tmp_path: Path) -> None:
    async with redis_server(tmp_path, arguments=NOTHING_ON_DISK) as server:
        url = f"redis://127.0.0.1:{server.port}"
        store = build_store(Settings.load(store=url, store_read_only=True))
        await store.check()
        await store.aclose()


async def test_reading_and_deleting_go_on_where_writing_is_refused(tmp_path: Path) -> None:
    async with redis_server(tmp_path, arguments=SAFE) as server:
        url = f"redis://127.0.0.1:{server.port}"
        writer = RedisStore(url)
        await writer.put(key_of(1), b"blob")
        async with to_redis(server) as client:
            await client.config_set("maxmemory-policy", "allkeys-lru")
            await client.config_set("maxmemory", "100mb")
        store = RedisStore(url)
        with pytest.raises(StoreUnsafe):
            await store.put(key_of(2), b"blob")
        assert await store.get(key_of(1), max_bytes=9) == b"blob"
        assert [blob.key async for blob in store.scan()] == [key_of(1)]
        await store.delete([key_of(1)])
        # An operator who sets it right need not start anything anew.
        async with to_redis(server) as client:
            await client.config_set("maxmemory-policy", "noeviction")
        assert await store.put(key_of(2), b"blob")
        await store.aclose()
        await writer.aclose()


async def test_one_unsafe_server_of_a_cluster_is_enough(tmp_path: Path) -> None:
    async with redis_cluster(tmp_path) as cluster:
        store = RedisStore(cluster.url)
        await store.check()
        async with to_redis(cluster.servers[2]) as client:
            await client.config_set("maxmemory", "100mb")
            await client.config_set("maxmemory-policy", "allkeys-lfu")
        with pytest.raises(StoreUnsafe, match="allkeys-lfu"):
            await store.check()
        await store.aclose()


async def test_a_server_whose_configuration_is_hidden_is_used_and_spoken_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # As managed services do.
    hidden = ("--rename-command", "CONFIG", "")
    async with redis_server(tmp_path, arguments=("--appendonly", "no", *hidden)) as server:
        store = RedisStore(f"redis://127.0.0.1:{server.port}")
        assert await store.put(key_of(1), b"blob")
        [record] = caplog.records
        assert "does not tell whether it writes to disk" in record.getMessage()
        await store.aclose()


async def test_what_info_alone_tells_is_enough_to_refuse(tmp_path: Path) -> None:
    arguments = (
        *SAFE,
        *LIMIT,
        "--maxmemory-policy",
        "allkeys-lru",
        "--rename-command",
        "CONFIG",
        "",
    )
    async with redis_server(tmp_path, arguments=arguments) as server:
        store = RedisStore(f"redis://127.0.0.1:{server.port}")
        with pytest.raises(StoreUnsafe, match="allkeys-lru"):
            await store.check()
        await store.aclose()


async def test_a_server_that_tells_nothing_is_used_and_spoken_of(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    silent = ("--rename-command", "CONFIG", "", "--rename-command", "INFO", "")
    async with redis_server(tmp_path, arguments=silent) as server:
        store = RedisStore(f"redis://127.0.0.1:{server.port}")
        assert await store.put(key_of(1), b"blob")
        assert caplog.text.count("does not tell") == 2
        await store.aclose()


def test_an_unsafe_store_fails_tasks_and_no_workflow() -> None:
    # An operator can set the server right; a workflow that failed would stay failed.
    assert StoreUnsafe.retryable
    assert issubclass(StoreUnsafe, StoreError)
    assert issubclass(StoreUnsafe, ClaimCheckError)


async def test_a_blob_over_the_servers_limit_is_refused_before_it_is_sent(tmp_path: Path) -> None:
    arguments = (*SAFE, "--proto-max-bulk-len", "2mb")
    async with redis_server(tmp_path, arguments=arguments) as server:
        store = RedisStore(f"redis://127.0.0.1:{server.port}")
        assert await store.put(key_of(1), bytes(2 * 1024**2))
        with pytest.raises(PayloadTooLarge, match="object store"):
            await store.put(key_of(2), bytes(2 * 1024**2 + 1))
        assert await store.contains(key_of(1))
        assert not await store.contains(key_of(2))
        await store.aclose()


def test_the_limit_is_that_of_redis_where_the_server_does_not_tell() -> None:
    refusal: Any = Exception("NOPERM")
    assert ServerFacts.read([refusal] * 3).max_blob_bytes == 512 * 1024**2
    assert ServerFacts.read([refusal] * 3) == ServerFacts()


@pytest.mark.parametrize("policy", ["volatile-lru", "volatile-lfu", "volatile-random"])
def test_what_expires_is_evicted_by_a_volatile_policy_alone(policy: str) -> None:
    facts = ServerFacts(maxmemory=1, policy=policy, appends=True)
    assert not dangers(facts, expiring=False)
    assert dangers(facts, expiring=True)
    assert not doubts(facts)
