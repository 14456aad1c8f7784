"""Work for each of many items, so many at once."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from temporal_claimcheck.flow import for_each


class Items:
    """Counts what was asked for."""

    def __init__(self, count: int) -> None:
        self.asked = 0
        self._count = count

    async def __aiter__(self) -> AsyncIterator[int]:
        for number in range(self._count):
            self.asked += 1
            yield number


async def test_every_item_is_worked_on_and_no_more_are_asked_for_than_there_is_room() -> None:
    items, done = Items(20), list[int]()
    ahead = 0

    async def work(item: int) -> None:
        nonlocal ahead
        await asyncio.sleep(0)
        ahead = max(ahead, items.asked - len(done))
        done.append(item)

    await for_each(aiter(items), work, at_once=3)
    assert sorted(done) == list(range(20))
    assert ahead <= 4


async def test_the_first_error_is_raised_and_the_rest_is_cancelled() -> None:
    ended = list[int]()

    async def work(item: int) -> None:
        if item == 1:
            raise LookupError(item)
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(item)

    items = Items(10)
    with pytest.raises(LookupError):
        await for_each(aiter(items), work, at_once=3)
    assert items.asked < 10
    assert 0 in ended


async def test_an_error_of_the_items_is_raised_too() -> None:
    async def broken() -> AsyncIterator[int]:
        yield 1
        raise LookupError

    async def work(_: int) -> None:
        await asyncio.Event().wait()

    with pytest.raises(LookupError):
        await for_each(broken(), work, at_once=3)
