"""What belongs to one event loop, and what runs off it."""

import asyncio
import gc
import threading
import time
import weakref

import pytest

from temporal_claimcheck.loops import LoopLocal
from temporal_claimcheck.threads import Threads


class Value:
    pass


async def get(values: LoopLocal[Value]) -> Value:
    return values.get()


def test_each_event_loop_has_a_value_of_its_own() -> None:
    values = LoopLocal(Value)

    async def get_twice() -> tuple[Value, Value]:
        return values.get(), values.get()

    first, again = asyncio.run(get_twice())
    second, _ = asyncio.run(get_twice())
    assert first is again
    assert first is not second


def test_a_value_goes_with_its_loop() -> None:
    values = LoopLocal(Value)
    seen = weakref.ref(asyncio.run(get(values)))
    gc.collect()
    assert seen() is None


def test_outside_a_loop_there_is_no_value() -> None:
    with pytest.raises(RuntimeError, match="no running event loop"):
        LoopLocal(Value).get()


def test_many_threads_with_loops_get_a_value_each() -> None:
    values = LoopLocal(Value)
    together = threading.Barrier(8)
    got: list[Value] = []

    def use() -> None:
        async def wait_and_get() -> None:
            await asyncio.to_thread(together.wait, 20)
            got.extend((values.get(), values.get()))

        asyncio.run(wait_and_get())

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 16
    assert len(set(map(id, got))) == 8


@pytest.fixture
def threads() -> Threads:
    return Threads(2, name="test-threads")


async def test_a_function_runs_off_the_loop_and_returns(threads: Threads) -> None:
    assert await threads.run(threading.get_ident) != threading.get_ident()
    assert await threads.run(divmod, 7, 3) == (2, 1)


async def test_a_functions_error_is_raised(threads: Threads) -> None:
    with pytest.raises(ZeroDivisionError):
        await threads.run(divmod, 1, 0)


async def test_no_more_threads_run_than_were_asked_for(threads: Threads) -> None:
    running: list[int] = []
    most: list[int] = []

    def work() -> None:
        running.append(1)
        most.append(len(running))
        time.sleep(0.001)  # long enough for another thread to start beside it
        running.pop()

    await asyncio.gather(*(threads.run(work) for _ in range(20)))
    assert max(most) <= 2


async def test_released_threads_finish_their_work_and_start_again(threads: Threads) -> None:
    let_go = threading.Event()
    running = asyncio.create_task(threads.run(let_go.wait, 20))
    await asyncio.sleep(0)
    threads.release()
    threads.release()
    assert await threads.run(divmod, 7, 3) == (2, 1)
    let_go.set()
    assert await running
    threads.release()


async def test_released_threads_end(threads: Threads) -> None:
    thread = await threads.run(threading.current_thread)
    threads.release()
    await asyncio.to_thread(thread.join, 20)
    assert not thread.is_alive()


def test_serves_several_event_loops(threads: Threads) -> None:
    assert asyncio.run(threads.run(divmod, 7, 3)) == (2, 1)
    assert asyncio.run(threads.run(divmod, 8, 3)) == (2, 2)
