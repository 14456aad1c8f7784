"""The bound on bytes in flight: never exceeded, never leaked, first come first served."""

import asyncio
import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.flow import ByteBudget


class Holder:
    """Holds bytes in a task of its own until it is told to let go."""

    def __init__(self, budget: ByteBudget, count: int) -> None:
        self.count = count
        self.holds = False
        self._let_go = asyncio.Event()
        self._budget = budget
        self.task = asyncio.create_task(self._hold())

    def let_go(self) -> None:
        self._let_go.set()

    async def _hold(self) -> None:
        async with self._budget.hold(self.count):
            self.holds = True
            try:
                await self._let_go.wait()
            finally:
                self.holds = False


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_bytes_are_in_flight_for_the_block_alone() -> None:
    budget = ByteBudget(100)
    async with budget.hold(30), budget.hold(70):
        assert budget.in_flight_bytes == 100
    assert budget.in_flight_bytes == 0


async def test_an_error_in_the_block_gives_the_bytes_back() -> None:
    budget = ByteBudget(100)
    with pytest.raises(RuntimeError):
        async with budget.hold(30):
            raise RuntimeError
    assert budget.in_flight_bytes == 0


async def test_what_does_not_fit_waits_its_turn() -> None:
    budget = ByteBudget(100)
    first, second = Holder(budget, 60), Holder(budget, 60)
    await settle()
    assert (first.holds, second.holds) == (True, False)
    first.let_go()
    await settle()
    assert (first.holds, second.holds) == (False, True)
    second.let_go()
    await second.task


async def test_a_small_one_does_not_overtake_a_large_one_that_waits() -> None:
    budget = ByteBudget(100)
    holders = [Holder(budget, count) for count in (60, 90, 10)]
    await settle()
    assert [holder.holds for holder in holders] == [True, False, False]
    holders[0].let_go()
    await settle()
    assert [holder.holds for holder in holders] == [False, True, True]
    for holder in holders:
        holder.let_go()
        await holder.task


async def test_one_larger_than_the_budget_is_let_through_alone() -> None:
    budget = ByteBudget(100)
    small, huge, after = Holder(budget, 1), Holder(budget, 10**12), Holder(budget, 1)
    await settle()
    assert (small.holds, huge.holds, after.holds) == (True, False, False)
    small.let_go()
    await settle()
    assert (small.holds, huge.holds, after.holds) == (False, True, False)
    huge.let_go()
    await settle()
    assert after.holds
    after.let_go()
    await after.task


async def test_the_next_in_line_goes_on_when_the_one_before_it_is_cancelled() -> None:
    budget = ByteBudget(100)
    first, large, small = Holder(budget, 60), Holder(budget, 90), Holder(budget, 40)
    await settle()
    large.task.cancel()
    await settle()
    assert small.holds
    for holder in (first, small):
        holder.let_go()
        await holder.task
    assert budget.in_flight_bytes == 0


async def test_one_that_is_cancelled_just_before_its_turn_leaks_nothing() -> None:
    budget = ByteBudget(100)
    async with budget.hold(100):
        waiting, behind = Holder(budget, 100), Holder(budget, 100)
        await settle()
        waiting.task.cancel()
        # Its turn comes before it has learnt that it was cancelled.
    await settle()
    assert waiting.task.cancelled()
    assert behind.holds
    behind.let_go()
    await behind.task
    assert budget.in_flight_bytes == 0


async def test_one_that_is_cancelled_just_after_its_turn_leaks_nothing() -> None:
    budget = ByteBudget(100)
    async with budget.hold(100):
        waiting, behind = Holder(budget, 100), Holder(budget, 100)
        await settle()
    waiting.task.cancel()
    await settle()
    assert waiting.task.cancelled()
    assert behind.holds
    behind.let_go()
    await behind.task
    assert budget.in_flight_bytes == 0


@settings(max_examples=200)
@given(
    st.integers(min_value=1, max_value=20),
    st.lists(
        st.one_of(
            st.tuples(st.just("hold"), st.integers(min_value=0, max_value=30)),
            st.tuples(st.just("let_go"), st.integers(min_value=0, max_value=9)),
            st.tuples(st.just("cancel"), st.integers(min_value=0, max_value=9)),
            st.tuples(st.just("run"), st.integers(min_value=1, max_value=3)),
        ),
        max_size=60,
    ),
)
def test_no_order_of_events_exceeds_or_leaks_the_budget(
    max_bytes: int, events: list[tuple[str, int]]
) -> None:
    async def play() -> None:
        budget = ByteBudget(max_bytes)
        holders: list[Holder] = []
        verbs: dict[str, Callable[[Holder], object]] = {
            "let_go": Holder.let_go,
            "cancel": lambda holder: holder.task.cancel(),
        }
        for event, number in events:
            if event == "hold":
                holders.append(Holder(budget, number))
            elif event == "run":
                for _ in range(number):
                    await asyncio.sleep(0)
            elif holders:
                verbs[event](holders[number % len(holders)])
            held = sum(min(holder.count, max_bytes) for holder in holders if holder.holds)
            assert held <= budget.in_flight_bytes <= max_bytes
        for holder in holders:
            holder.let_go()
        await asyncio.wait_for(
            asyncio.gather(*(holder.task for holder in holders), return_exceptions=True), 5
        )
        for holder in holders:
            assert holder.task.cancelled() or holder.task.exception() is None
        assert budget.in_flight_bytes == 0

    asyncio.run(play())


async def test_many_workers_share_the_budget_without_losing_any() -> None:
    budget = ByteBudget(1_000)
    dice = random.Random(20261122)  # noqa: S311  # not a secret
    busy = 0

    async def work() -> None:
        nonlocal busy
        for _ in range(50):
            count = dice.randrange(1_200)
            async with budget.hold(count):
                busy += min(count, 1_000)
                assert busy <= 1_000
                await asyncio.sleep(0)
                busy -= min(count, 1_000)

    tasks = [asyncio.create_task(work()) for _ in range(40)]
    for task in tasks[::4]:
        task.cancel()
        await asyncio.sleep(0)
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [result for result in results if isinstance(result, AssertionError)] == []
    assert budget.in_flight_bytes == 0


@pytest.mark.parametrize("max_bytes", [0, -1])
def test_a_budget_of_nothing_is_refused(max_bytes: int) -> None:
    with pytest.raises(InvalidSettings, match="max_bytes_in_flight"):
        ByteBudget(max_bytes)
