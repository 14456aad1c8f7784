"""The index of RedisStore: where all lies, what a listing touches, and no blob without an entry."""

import asyncio
import datetime as dt
import itertools
import random
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from temporal_claimcheck.stores.redis import RedisStore
from temporal_claimcheck.stores.redis_layout import bucket_of
from temporal_claimcheck.testing import key_of
from temporal_claimcheck.testing.servers import ServerProcess, redis_server
from tests.stores.raw_redis import blob_name, parts_of

TODAY = dt.datetime.now(dt.UTC).date()
KEY = f"v1/default/{TODAY}/{'ab' * 32}"
INDEX = "{}index/{}".format(*parts_of(KEY)[:2])
FOLDERS = f"{parts_of(KEY)[0]}folders"
FOLDER = parts_of(KEY)[1]


@pytest_asyncio.fixture
async def client(url: str) -> AsyncGenerator[Any]:
    make: Any = Redis
    async with make.from_url(url) as client:
        yield client


def ends(days: int) -> int:
    """Return the second at which what is kept for so many days after today expires."""
    midnight = dt.datetime.combine(TODAY, dt.time(), dt.UTC)
    return int((midnight + dt.timedelta(days=1 + days)).timestamp())


async def put(url: str, key: str, *, ttl_days: int | None = None) -> None:
    store = RedisStore(url, ttl_days=ttl_days)
    await store.put(key, b"blob")
    await store.aclose()


async def keys_in(url: str, prefix: str = "") -> list[str]:
    store = RedisStore(url)
    found = sorted([blob.key async for blob in store.scan(prefix)])
    await store.aclose()
    return found


@pytest.mark.parametrize(
    ("key", "bucket", "folder"),
    [
        (f"v1/default/2026-11-22/{'3f' * 32}", "ef", "v1/default/2026-11-22/"),
        ("v1-check", "7e", ""),
        ("a/}{/b", "60", "a/}{/"),
    ],
)
async def test_what_is_written_lies_where_it_always_lay(
    url: str, client: Any, key: str, bucket: str, folder: str
) -> None:
    # Golden names: what was written under them must be found by every later release.
    blob = f"claimcheck/{{{bucket}}}/blob/{key}"
    index = f"claimcheck/{{{bucket}}}/index/{folder}"
    folders = f"claimcheck/{{{bucket}}}/folders"
    await put(url, key)
    assert {name.decode() for name in await client.keys("*")} == {blob, index, folders}
    assert await client.get(blob) == b"blob"
    assert await client.smembers(index) == {key.removeprefix(folder).encode()}
    assert await client.zscore(folders, folder) == float("inf")


def test_buckets_hold_equal_shares() -> None:
    dice = random.Random(20261122)  # noqa: S311  # the same keys each time
    shares = [0] * 256
    for _ in range(256 * 100):
        shares[bucket_of(f"v1/default/2026-11-22/{dice.randbytes(32).hex()}")] += 1
    assert min(shares) > 50
    assert max(shares) < 150


# What a listing touches.


async def test_a_listing_touches_nothing_but_the_day_it_is_for(url: str, client: Any) -> None:
    for day in ("2026-11-21", "2026-11-22"):
        for number in range(40):
            await put(url, key_of(number, day=day))
    asked = await commands_of(client, keys_in(url, "v1/contract/2026-11-22/"))
    assert len([line for line in asked if "2026-11-22/" in line]) >= 40
    assert not [line for line in asked if "2026-11-21" in line]
    assert not [line for line in asked if line.startswith(("scan ", "keys "))]


async def test_a_listing_of_all_walks_no_foreign_keys(url: str, client: Any) -> None:
    await client.mset({f"theirs:{number}": "x" for number in range(3000)})
    await put(url, KEY)
    asked = await commands_of(client, keys_in(url))
    assert not [line for line in asked if line.startswith(("scan ", "keys ")) or "theirs" in line]
    assert await keys_in(url) == [KEY]


async def commands_of(client: Any, doing: Any) -> list[str]:
    """Return the commands, in lower case, that the server was asked meanwhile in this database."""
    database = client.connection_pool.connection_kwargs["db"]
    asked: list[str] = []
    async with client.monitor() as monitor:
        await doing
        await client.echo("that was all")
        while True:
            each = await monitor.next_command()
            if each["db"] != database:
                continue
            if "that was all" in each["command"]:
                return asked
            if not each["command"].startswith("SELECT"):
                asked.append(each["command"].lower())


async def test_a_write_is_one_round_trip_and_so_is_a_read(url: str, client: Any) -> None:
    store = RedisStore(url)
    await store.check()
    asked = await commands_of(client, store.put(KEY, b"blob"))
    assert [line.split()[0] for line in asked] == [
        "multi",
        "zadd",
        "sadd",
        "set",
        "persist",
        "exec",
    ]
    asked = await commands_of(client, store.get(KEY, max_bytes=9))
    assert [line.split()[0] for line in asked] == ["getrange"]
    await store.aclose()


async def test_foreign_entries_in_an_index_are_not_listed(url: str, client: Any) -> None:
    await put(url, KEY)
    await client.sadd(INDEX, b"\xff\xfe", "..", "gone", "")
    await client.zadd(FOLDERS, {b"\xff/": 1e12, "v1/gone/": 1e12})
    assert await keys_in(url) == [KEY]


# No blob without an entry.


async def test_no_blob_is_without_an_entry_while_others_put_and_delete(
    url: str, client: Any
) -> None:
    stores = [RedisStore(url) for _ in range(4)]
    # Entries that stand beside each other, and entries that stand alone.
    keys = [*in_one_bucket(6), *(key_of(n, day=f"2026-11-0{1 + n % 3}") for n in range(6))]
    dice = random.Random(20261122)  # noqa: S311  # the same storm each time

    async def act(store: RedisStore) -> None:
        for _ in range(150):
            if dice.random() < 0.5:
                await store.put(dice.choice(keys), b"blob")
            else:
                await store.delete(dice.sample(keys, 3))

    storm = asyncio.gather(*(act(store) for store in stores for _ in range(4)))
    looks = 0
    while not storm.done():
        await entries_of_all(client, keys)
        looks += 1
    await storm
    assert looks > 10
    left = await entries_of_all(client, keys)
    assert await keys_in(url) == sorted(left)
    await stores[0].delete(keys)
    assert await client.keys("*") == []
    for store in stores:
        await store.aclose()


async def entries_of_all(client: Any, keys: list[str]) -> list[str]:
    """Return the keys that have a blob, each of which has both its entries at this moment."""
    async with client.pipeline(transaction=True) as one_moment:
        for key in keys:
            bucket, folder, name = parts_of(key)
            one_moment.exists(blob_name(key))
            one_moment.sismember(f"{bucket}index/{folder}", name)
            one_moment.zscore(f"{bucket}folders", folder)
        answers = await one_moment.execute()
    there = []
    for key, blob, entry, score in zip(
        keys, answers[::3], answers[1::3], answers[2::3], strict=True
    ):
        if blob:
            assert entry, key
            assert score is not None, key
            there.append(key)
    return there


async def test_a_write_that_is_cut_off_leaves_no_blob_without_an_entry(
    url: str, client: Any
) -> None:
    store = RedisStore(url)
    await store.check()
    keys = [key_of(number) for number in range(60)]
    for turns, key in enumerate(keys):
        putting = asyncio.create_task(store.put(key, bytes(300_000)))
        for _ in range(turns % 12):
            await asyncio.sleep(0)
        putting.cancel()
        await asyncio.gather(putting, return_exceptions=True)
    await entries_of_all(client, keys)
    assert set(await keys_in(url)) == set(await entries_of_all(client, keys))
    await store.aclose()


async def test_a_process_that_wrote_before_the_server_was_emptied_writes_entries_again(
    url: str, client: Any
) -> None:
    store = RedisStore(url)
    await store.put(KEY, b"blob")
    await client.flushdb()
    assert await store.put(KEY, b"blob")
    assert await keys_in(url) == [KEY]
    await store.aclose()


async def test_putting_again_heals_an_entry_that_was_evicted(url: str, client: Any) -> None:
    await put(url, KEY)
    await client.delete(INDEX, FOLDERS)
    await put(url, KEY)
    assert await keys_in(url) == [KEY]


async def test_deleting_one_blob_leaves_its_neighbours_entries(url: str, client: Any) -> None:
    one, other = in_one_bucket(2)
    store = RedisStore(url)
    await store.put(one, b"blob")
    await store.put(other, b"blob")
    await store.delete([one])
    assert await entries_of_all(client, [one, other]) == [other]
    assert await keys_in(url) == [other]
    await store.aclose()


def in_one_bucket(count: int, *, day: str = "2026-11-22") -> list[str]:
    """Return keys of one day whose entries stand in the same places."""
    keys = (key_of(number, namespace="default", day=day) for number in itertools.count())
    return list(itertools.islice((key for key in keys if bucket_of(key) == bucket_of(KEY)), count))


async def test_deleting_the_last_blob_leaves_nothing(url: str, client: Any) -> None:
    store = RedisStore(url)
    keys = [key_of(number, day=f"2026-11-{1 + number % 28:02}") for number in range(300)]
    for key in keys:
        await store.put(key, b"blob")
    await store.delete(keys)
    assert await client.keys("*") == []
    await store.aclose()


# Expiry.


async def test_the_index_expires_with_the_days_blobs(url: str, client: Any) -> None:
    await put(url, KEY, ttl_days=7)
    for name in (blob_name(KEY), INDEX):
        assert await expires(client, name) == pytest.approx(ends(7), abs=2)
    assert await client.zscore(FOLDERS, FOLDER) == ends(7)


@pytest.mark.parametrize(
    ("first", "second", "longest"), [(7, 30, 30), (30, 7, 30), (7, None, None), (None, 7, None)]
)
async def test_the_index_lives_as_long_as_the_longest_lived_blob_in_it(
    url: str, client: Any, first: int | None, second: int | None, longest: int | None
) -> None:
    # A process with an old setting, and one with a new one; both blobs are in one bucket.
    [other] = in_one_bucket(1, day=str(TODAY))
    await put(url, KEY, ttl_days=first)
    await put(url, other, ttl_days=second)
    if longest is None:
        assert await client.ttl(INDEX) == -1
        assert await client.zscore(FOLDERS, FOLDER) == float("inf")
    else:
        assert await expires(client, INDEX) == pytest.approx(ends(longest), abs=2)
        assert await client.zscore(FOLDERS, FOLDER) == ends(longest)


async def expires(client: Any, name: str) -> float:
    return dt.datetime.now(dt.UTC).timestamp() + await client.pttl(name) / 1000


async def test_folders_that_expired_are_forgotten_by_the_next_write(url: str, client: Any) -> None:
    await client.zadd(FOLDERS, {"v1/default/2020-01-01/": 1_577_836_800, "v1/lasting/": "+inf"})
    await put(url, KEY, ttl_days=7)
    assert set(await client.zrange(FOLDERS, 0, -1)) == {FOLDER.encode(), b"v1/lasting/"}


async def test_what_expired_is_not_listed_and_can_be_stored_again(url: str, client: Any) -> None:
    await put(url, KEY, ttl_days=7)
    await client.pexpire(blob_name(KEY), 1)
    while await client.exists(blob_name(KEY)):
        pass
    assert await keys_in(url) == []
    await put(url, KEY, ttl_days=7)
    assert await keys_in(url) == [KEY]


async def test_a_restart_keeps_blobs_and_entries(tmp_path: Path) -> None:
    arguments = ("--appendonly", "yes", "--appendfsync", "always")
    keys = [key_of(number, day=str(TODAY)) for number in range(100)]
    async with redis_server(tmp_path, arguments=arguments) as server:
        store = RedisStore(url_of(server), ttl_days=7)
        await asyncio.gather(*(store.put(key, b"blob") for key in keys))
        server.kill()
        await store.aclose()
    async with redis_server(tmp_path, arguments=arguments) as server:
        assert await keys_in(url_of(server)) == keys


def url_of(server: ServerProcess) -> str:
    return f"redis://127.0.0.1:{server.port}/0"
