"""What expires in Redis, and what must not."""

import datetime as dt
import itertools
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio
from temporalio.api.common.v1 import Payload

from temporal_claimcheck import ClaimCheckManager, Settings
from temporal_claimcheck.gc.lifecycle.comparing import redis_configured
from temporal_claimcheck.gc.lifecycle.expiry import Forecast, SafeExpiry
from temporal_claimcheck.ledger import LEDGER_PREFIX
from temporal_claimcheck.stores.prefixed import PrefixedStore
from temporal_claimcheck.stores.redis import RedisStore
from temporal_claimcheck.stores.redis_layout import payload_day
from temporal_claimcheck.testing.servers import ServerProcess, redis_server

DIGEST = "ab" * 32
TODAY = dt.datetime.now(dt.UTC).date()
KEY = f"v1/default/{TODAY}/{DIGEST}"
PAYLOAD = Payload(metadata={"encoding": b"json/plain"}, data=b'"x"' * 1000)
DATABASES = itertools.count(1)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def server(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[ServerProcess]:
    arguments = ("--appendonly", "yes", "--databases", "200")
    async with redis_server(tmp_path_factory.mktemp("redis"), arguments=arguments) as running:
        yield running


@pytest.fixture
def url(server: ServerProcess) -> str:
    return f"redis://127.0.0.1:{server.port}/{next(DATABASES)}"


async def lifetimes(url: str) -> dict[str, dt.timedelta | None]:
    store = RedisStore(url)
    found = {blob.key: left async for blob, left in store.expiries()}
    await store.aclose()
    return found


def safe(days: int | None) -> SafeExpiry:
    return SafeExpiry(days=days, today_days=days, namespace="default")


async def configured(url: str, needs: SafeExpiry, ttl_days: int | None = None) -> tuple[str, ...]:
    settings = Settings.load(store=url) if ttl_days is None else Settings.load(ttl_days=ttl_days)
    return (await redis_configured(settings, url, needs)).dangers


async def store_one(url: str, ttl_days: int | None) -> None:
    store = RedisStore(url, ttl_days=ttl_days)
    await ClaimCheckManager(store).offload(PAYLOAD)
    await store.aclose()


async def test_with_an_expiry_payloads_go_and_records_stay(url: str) -> None:
    await store_one(url, ttl_days=7)
    found = await lifetimes(url)
    records = [left for key, left in found.items() if key.startswith(LEDGER_PREFIX)]
    payloads = [left for key, left in found.items() if key.startswith("v1/")]
    assert records == [None]
    assert [left is not None for left in payloads] == [True]


@pytest.mark.parametrize(
    "key",
    [
        f"{LEDGER_PREFIX}namespaces/default/unknown",
        # A record that is named as a payload is, is a record all the same.
        f"{LEDGER_PREFIX}default/{TODAY}/{DIGEST}",
        f"team-a/{LEDGER_PREFIX}default/{TODAY}/{DIGEST}",
        "v1-check",
        f"v1/default/{TODAY}",
    ],
)
async def test_what_is_no_payload_never_expires(url: str, key: str) -> None:
    store = RedisStore(url, ttl_days=7)
    await store.put(key, b"record")
    await store.aclose()
    assert payload_day(key) is None
    assert await lifetimes(url) == {key: None}


async def test_a_payload_below_a_prefix_expires_by_its_own_day(url: str) -> None:
    store = RedisStore(url, ttl_days=7)
    old = f"v1/default/{TODAY - dt.timedelta(days=3)}/{DIGEST}"
    await PrefixedStore.over(store, "team-a/prod").put(old, b"blob")
    await store.aclose()
    [left] = (await lifetimes(url)).values()
    assert left is not None
    assert dt.timedelta(days=3) < left < dt.timedelta(days=5)


async def test_without_an_expiry_all_is_safe(url: str) -> None:
    await store_one(url, ttl_days=None)
    assert await configured(url, safe(None)) == ()


async def test_a_long_enough_expiry_is_safe(url: str) -> None:
    await store_one(url, ttl_days=64)
    assert await configured(url, safe(64), ttl_days=64) == ()


async def test_a_setting_below_the_safe_value_is_a_danger(url: str) -> None:
    [danger] = await configured(url, safe(64), ttl_days=63)
    assert "CLAIMCHECK_TTL_DAYS is 63" in danger
    assert "64 days" in danger


async def test_objects_that_were_stored_with_less_are_a_danger(url: str) -> None:
    await store_one(url, ttl_days=7)
    [danger] = await configured(url, safe(64), ttl_days=64)
    assert "1 of the stored objects" in danger
    assert f"v1/default/{TODAY}/" in danger


async def test_with_no_safe_value_every_object_that_expires_is_a_danger(url: str) -> None:
    await store_one(url, ttl_days=3650)
    assert len(await configured(url, safe(None), ttl_days=None)) == 1


async def test_records_that_an_earlier_release_let_expire_are_a_danger(url: str) -> None:
    await store_one(url, ttl_days=None)
    store = RedisStore(url)
    [record] = [key for key in await lifetimes(url) if key.startswith(LEDGER_PREFIX)]
    await store.aclose()
    await expire(url, record)
    [danger] = await configured(url, safe(64))
    assert "records expire" in danger


async def expire(url: str, key: str) -> None:
    from redis.asyncio import Redis  # noqa: PLC0415

    from tests.stores.raw_redis import blob_name  # noqa: PLC0415

    client: Redis = Redis.from_url(url)  # pyright: ignore[reportUnknownMemberType]
    await client.expire(blob_name(key), 10**6)
    await client.aclose()


def test_the_forecast_has_a_reset_by_default() -> None:
    assert Forecast().resets == 1
