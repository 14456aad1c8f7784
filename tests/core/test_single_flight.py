"""Callers who want the same thing at the same time share one piece of work."""

import asyncio
import gc

import pytest

from temporal_claimcheck.flow import SingleFlight


class Work:
    """Counts how often it is begun; goes on until it is told its result."""

    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = 0
        self.result: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def run(self) -> str:
        self.begun += 1
        try:
            return await asyncio.shield(self.result)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise


@pytest.fixture
async def work() -> Work:
    return Work()


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_many_callers_start_one_flight_and_all_get_its_result(work: Work) -> None:
    flights: SingleFlight[str] = SingleFlight()
    callers = [asyncio.create_task(flights.run("key", work.run)) for _ in range(30)]
    await settle()
    work.result.set_result("done")
    results = await asyncio.gather(*callers)
    assert work.begun == 1
    assert {result for result, _ in results} == {"done"}
    assert [began for _, began in results] == [True] + [False] * 29


async def test_different_keys_do_not_wait_for_each_other(work: Work) -> None:
    flights: SingleFlight[str] = SingleFlight()
    other = Work()
    waiting = asyncio.create_task(flights.run("one", work.run))
    other.result.set_result("other")
    assert await flights.run("two", other.run) == ("other", True)
    work.result.set_result("done")
    assert await waiting == ("done", True)


async def test_an_error_reaches_every_caller(work: Work) -> None:
    flights: SingleFlight[str] = SingleFlight()
    callers = [asyncio.create_task(flights.run("key", work.run)) for _ in range(5)]
    await settle()
    work.result.set_exception(OSError("broken"))
    results = await asyncio.gather(*callers, return_exceptions=True)
    assert [type(result) for result in results] == [OSError] * 5


async def test_what_has_landed_is_not_joined_again(work: Work) -> None:
    flights: SingleFlight[str] = SingleFlight()
    work.result.set_result("first")
    assert await flights.run("key", work.run) == ("first", True)
    again = Work()
    again.result.set_result("second")
    assert await flights.run("key", again.run) == ("second", True)


async def test_a_caller_that_tries_again_at_once_does_not_get_the_old_error(work: Work) -> None:
    flights: SingleFlight[str] = SingleFlight()
    retried = Work()
    retried.result.set_result("healed")

    async def call_twice() -> str:
        try:
            return (await flights.run("key", work.run))[0]
        except OSError:
            return (await flights.run("key", retried.run))[0]

    callers = [asyncio.create_task(call_twice()) for _ in range(3)]
    await settle()
    work.result.set_exception(OSError("broken"))
    assert await asyncio.gather(*callers) == ["healed"] * 3
    assert retried.begun == 1


@pytest.mark.parametrize("cancelled", [0, 1, 2], ids=["first", "second", "last"])
async def test_a_cancelled_caller_leaves_the_others_alone(work: Work, cancelled: int) -> None:
    flights: SingleFlight[str] = SingleFlight()
    callers = [asyncio.create_task(flights.run("key", work.run)) for _ in range(3)]
    await settle()
    callers[cancelled].cancel()
    await settle()
    assert callers[cancelled].cancelled()
    work.result.set_result("done")
    others = [caller for caller in callers if caller is not callers[cancelled]]
    assert [result for result, _ in await asyncio.gather(*others)] == ["done", "done"]
    assert (work.begun, work.cancelled) == (1, 0)


async def test_the_work_is_cancelled_when_nobody_waits_any_more(work: Work) -> None:
    flights: SingleFlight[str] = SingleFlight()
    callers = [asyncio.create_task(flights.run("key", work.run)) for _ in range(3)]
    await settle()
    for caller in callers:
        caller.cancel()
    await settle()
    assert (work.begun, work.cancelled) == (1, 1)


async def test_a_flight_that_is_being_cancelled_is_not_joined(work: Work) -> None:
    flights: SingleFlight[str] = SingleFlight()
    caller = asyncio.create_task(flights.run("key", work.run))
    await settle()
    caller.cancel()
    await asyncio.wait([caller])
    again = Work()
    again.result.set_result("done")
    assert await flights.run("key", again.run) == ("done", True)


async def test_an_error_that_nobody_waits_for_is_not_reported_as_lost(work: Work) -> None:
    reported: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
    flights: SingleFlight[str] = SingleFlight()

    async def fail_when_cancelled() -> str:
        try:
            return await work.run()
        except asyncio.CancelledError:
            raise OSError("broken while closing") from None

    caller = asyncio.create_task(flights.run("key", fail_when_cancelled))
    await settle()
    caller.cancel()
    await settle()
    gc.collect()
    assert reported == []
