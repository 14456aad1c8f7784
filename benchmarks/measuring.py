"""How to measure on a machine that is not ours alone: in turns, as ratios, by medians."""

import asyncio
import gc
import random
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Final, TypeVar

__all__ = ["Clock", "Ratio", "in_turns", "measured", "paired_ratio"]

C = TypeVar("C")
T = TypeVar("T")

_TICK_SECONDS: Final = 0.002


@dataclass(slots=True)
class Clock:
    """What one turn took."""

    wall_seconds: float = 0.0
    cpu_seconds: float = 0.0
    """Of this process, all its threads: client and worker, not the servers."""
    stall_seconds: float = 0.0
    """The longest time for which the event loop did nothing else."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ratio:
    """How two candidates compare: the median over the rounds, and the middle half of them."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f}-{self.high:.2f})"


@asynccontextmanager
async def measured(
    *, settle_seconds: float = 0.0, watch_stalls: bool = False
) -> AsyncGenerator[Clock]:
    """Measure a block. CPU time includes `settle_seconds` after it, in which a worker tidies up.

    Watching for stalls takes CPU time too, some 40 microseconds in a millisecond. That is a tenth
    of a client's that needs half a millisecond for a call.
    """
    clock = Clock()
    gc.collect()
    cpu = time.process_time()
    ticking = asyncio.create_task(_tick(clock)) if watch_stalls else None
    started = time.perf_counter()
    try:
        yield clock
        clock.wall_seconds = time.perf_counter() - started
        await asyncio.sleep(settle_seconds)
        clock.cpu_seconds = time.process_time() - cpu
    finally:
        if ticking is not None:
            ticking.cancel()


async def _tick(clock: Clock) -> None:
    last = time.perf_counter()
    while True:
        await asyncio.sleep(_TICK_SECONDS)
        now = time.perf_counter()
        clock.stall_seconds = max(clock.stall_seconds, now - last - _TICK_SECONDS)
        last = now


async def in_turns(
    candidates: Sequence[C], rounds: int, turn: Callable[[C, int], Awaitable[T]]
) -> list[list[T]]:
    """Give every candidate its turn in each round; return the turns by candidate.

    A round before the first is for warming up and not counted. The order changes from round to
    round, so that nobody always comes after the same other one.
    """
    shuffled = random.Random(0)
    places = list(range(len(candidates)))
    turns: list[list[T]] = [[] for _ in candidates]
    for number in range(rounds + 1):
        shuffled.shuffle(places)
        for place in places:
            result = await turn(candidates[place], number)
            if number:
                turns[place].append(result)
    return turns


def paired_ratio(values: Sequence[float], reference: Sequence[float]) -> Ratio:
    """Compare two candidates round by round: what slowed a whole round down cancels out."""
    ratios = [value / other for value, other in zip(values, reference, strict=True)]
    low, _, high = quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return Ratio(median=median(ratios), low=low, high=high)
