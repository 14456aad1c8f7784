"""Estimates, prices, growth and heads."""

import datetime as dt
import random

import pytest
from temporalio.api.common.v1 import Payload

from temporal_claimcheck import ClaimCheckManager, Settings
from temporal_claimcheck.errors import IntegrityError, InvalidSettings
from temporal_claimcheck.inspection.estimates import Sample
from temporal_claimcheck.inspection.heads import Heads
from temporal_claimcheck.inspection.items import Stored
from temporal_claimcheck.inspection.prices import list_price, own_price
from temporal_claimcheck.inspection.stock import Count, Stock, growth_of, take_stock
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.stores.prefixed import PrefixedStore

TODAY = dt.date(2026, 11, 22)


def test_the_margin_holds_the_truth_as_often_as_it_says() -> None:
    chance = random.Random(7)  # noqa: S311 - no secret
    sizes = [chance.lognormvariate(10, 0.8) for _ in range(2000)]
    objects = [(round(size * chance.uniform(0.1, 0.9)), round(size)) for size in sizes]
    stored, truth = (sum(column) for column in zip(*objects, strict=True))
    held = 0
    for _ in range(300):
        sample = Sample()
        for stored_bytes, payload_bytes in chance.sample(objects, 200):
            sample.add(stored_bytes=stored_bytes, payload_bytes=payload_bytes)
        estimate = sample.estimate(objects=len(objects), stored_bytes=stored)
        assert estimate is not None
        held += abs(estimate.bytes - truth) <= estimate.margin_bytes
    assert held >= 0.9 * 300


def test_all_of_them_is_exact_and_a_few_say_nothing() -> None:
    sample = Sample()
    for _ in range(10):
        sample.add(stored_bytes=10, payload_bytes=30)
    exact = sample.estimate(objects=10, stored_bytes=100)
    assert exact is not None
    assert (exact.bytes, exact.is_exact, exact.margin_bytes) == (300, True, 0)
    assert sample.estimate(objects=11, stored_bytes=110) is None


@pytest.mark.parametrize("url", ["s3://b/p", "r2://b", "gs://b", "az://c"])
def test_every_cloud_has_a_price_with_its_date(url: str) -> None:
    price = list_price(Settings.load(store=url))
    assert price is not None
    assert price.as_of is not None
    assert 0.01 < price.monthly_usd(price.bytes_per_gb) < 0.05


@pytest.mark.parametrize("url", ["redis://localhost/0", "file:///tmp/x", "memory://"])
def test_a_store_of_ones_own_has_none(url: str) -> None:
    assert list_price(Settings.load(store=url)) is None
    endpoint = Settings.load(store="s3://b", s3_endpoint="http://localhost:9000")
    assert list_price(endpoint) is None
    assert own_price(0.5).monthly_usd(2e9) == 1


def stock(objects_by_day: dict[int, int]) -> Stock:
    return Stock(
        store="memory://",
        shelves={
            ("default", TODAY - dt.timedelta(days=ago)): Count(objects=1, stored_bytes=size)
            for ago, size in objects_by_day.items()
        },
    )


@pytest.mark.parametrize(
    ("objects_by_day", "days", "bytes_per_day"),
    [
        ({0: 100, 1: 10}, 1, 10),
        ({1: 10, 3: 20}, 3, 10),
        ({1: 70, 30: 1000}, 7, 10),
    ],
)
def test_growth_is_the_mean_of_whole_days(
    objects_by_day: dict[int, int], days: int, bytes_per_day: float
) -> None:
    growth = growth_of(stock(objects_by_day), TODAY)
    assert growth is not None
    assert (growth.days, growth.stored_bytes_per_day) == (days, bytes_per_day)


def test_a_store_of_today_alone_does_not_grow_yet() -> None:
    assert growth_of(stock({0: 100}), TODAY) is None
    assert growth_of(stock({}), TODAY) is None


async def test_heads_are_the_same_from_a_store_that_cannot_peek() -> None:
    store = MemoryStore()
    behind = PrefixedStore.over(store, "team")
    async with ClaimCheckManager(behind) as manager:
        claim = await manager.offload(Payload(data=b"x" * 10_000))
    key = Key.parse(claim.key)
    whole = await Heads(behind, max_payload_bytes=10**6).read(key)
    assert isinstance(whole, Stored)
    assert whole.header.plain_bytes == claim.payload_bytes
    [(name, (blob, _))] = [each for each in store._blobs.items() if claim.key in each[0]]
    assert name == f"team/{claim.key}"
    assert whole.stored_bytes == len(blob)
    alone = MemoryStore()
    await alone.put(claim.key, blob)
    assert await Heads(alone, max_payload_bytes=10**6).read(key) == whole


async def test_what_is_no_head_is_an_error_that_is_returned() -> None:
    store = MemoryStore()
    key = Key(namespace="default", day=TODAY, digest="0" * 64)
    heads = Heads(store, max_payload_bytes=10**6)
    assert await heads.read(key) is None
    for blob in (b"", b"\x89TCC", b"x" * 10_000):
        await store.delete([str(key)])
        await store.put(str(key), blob)
        assert isinstance(await heads.read(key), IntegrityError)


class Unlisted:
    """A store that can neither be listed nor show heads."""

    name = "unlisted://"

    async def put(self, key: str, blob: bytes) -> bool:
        raise NotImplementedError

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        raise NotImplementedError

    async def check(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        raise NotImplementedError


async def test_a_store_that_cannot_be_listed_is_refused() -> None:
    store = Unlisted()
    with pytest.raises(InvalidSettings, match="cannot be listed"):
        await take_stock(
            store,
            Heads(store, max_payload_bytes=1),
            sample=1,
            progress=lambda _what, _seen: None,
        )
