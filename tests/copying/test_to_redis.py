"""Copies to a Redis that drops payloads by the day in their keys."""

import datetime as dt
import itertools
from pathlib import Path

import pytest

from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.copying.copier import Copier
from temporal_claimcheck.copying.places import Places, open_places
from temporal_claimcheck.copying.plan import Selection
from temporal_claimcheck.copying.report import CopyReport
from temporal_claimcheck.errors import StoreUnsafe
from temporal_claimcheck.ledger import LEDGER_PREFIX
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.stores.redis import RedisStore
from temporal_claimcheck.testing.servers import ServerProcess, redis_server
from tests.copying.stocked import everything, stock

DATABASES = itertools.count(2)
ONE_DAY = dt.timedelta(days=1)


@pytest.fixture
def url(redis: ServerProcess) -> str:
    return f"redis://127.0.0.1:{redis.port}/{next(DATABASES)}"


async def filled(folder: Path) -> FileSystemStore:
    """Return a store with two objects each of 30 days ago, of yesterday and of today."""
    store = FileSystemStore(folder)
    for days in (30, 1, 0):
        await stock(store, 2, day=utc_now() - days * ONE_DAY)
    return store


async def copied(places: Places, selection: Selection | None = None) -> CopyReport:
    try:
        return await Copier(places.source, places.destination, selection or Selection()).run()
    finally:
        await places.aclose()


async def test_payloads_expire_as_if_they_had_been_stored_there_and_records_never(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await filled(tmp_path)
    monkeypatch.setenv("CLAIMCHECK_TTL_DAYS", "90")
    assert (await copied(open_places(f"file://{tmp_path}", url))).is_complete
    store = RedisStore(url)
    async for blob, left in store.expiries():
        if blob.key.startswith(LEDGER_PREFIX):
            assert left is None
        else:
            assert left is not None
            expected = blob.modified + 91 * ONE_DAY
            assert abs(utc_now() + left - expected) < dt.timedelta(minutes=5)
    await store.aclose()


async def test_what_would_be_dropped_at_once_is_not_copied_and_not_passed_over_in_silence(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = await filled(tmp_path)
    monkeypatch.setenv("CLAIMCHECK_TTL_DAYS", "7")
    report = await copied(open_places(f"file://{tmp_path}", url))
    assert (report.total("copied"), report.total("expired")) == (4, 2)
    assert not report.is_complete
    recent = Selection(since=(utc_now() - 2 * ONE_DAY).date())
    assert (await copied(open_places(f"file://{tmp_path}", url), recent)).is_complete
    monkeypatch.delenv("CLAIMCHECK_TTL_DAYS")
    assert (await copied(open_places(f"file://{tmp_path}", url))).is_complete
    store = RedisStore(url)
    assert await everything(store) == await everything(source)
    await store.aclose()


async def test_a_redis_that_may_lose_them_gets_none(tmp_path: Path) -> None:
    await filled(tmp_path / "source")
    async with redis_server(tmp_path, arguments=("--save", "")) as unsafe:
        url = f"redis://127.0.0.1:{unsafe.port}/0"
        with pytest.raises(StoreUnsafe):
            await copied(open_places(f"file://{tmp_path}/source", url))
        store = RedisStore(url)
        assert not await everything(store)
        await store.aclose()
