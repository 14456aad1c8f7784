"""The model, driven by a seeded generator: millions of steps, each example printed by its seed.

    python -m tests.gc.model --steps 10000000 --processes 2

An example is a world of its own. It goes for a while, then everything that holds a reference goes
away, and passes a day apart must leave nothing behind.
"""

import argparse
import datetime as dt
import multiprocessing
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from temporal_claimcheck.gc.plan import Rules
from tests.gc.fleet import Fleet
from tests.gc.world import World

__all__ = ["ACTIONS", "PASSES_UNTIL_GONE", "Example", "run_example", "run_steps"]

PASSES_UNTIL_GONE = 2
"""So many completed passes, a day apart, and what is dead in a closed day is gone."""

STEPS = 400
"""Of one example."""

_CAREFUL = Rules()
# Small enough that the brake on the share bites in a small world.
_BRAKED = Rules(small=3)
_DAY = dt.timedelta(days=1)


@dataclass(slots=True)
class Example:
    """One world, and what was done in it."""

    choice: int
    world: World = field(init=False)
    fleet: Fleet = field(init=False)
    steps: int = 0
    trace: list[str] = field(default_factory=list[str])

    def __post_init__(self) -> None:
        self.world = World(self.choice)
        self.fleet = Fleet(self.world, _BRAKED if self.choice >> 13 == 0 else _CAREFUL)

    def do(self, name: str, one: int, two: int) -> bool:
        """Carry out one step and look whether everything that is in use is there."""
        done = ACTIONS[name](self)(one, two)
        if done:
            self.steps += 1
            self.trace.append(f"{self.world.now:%m-%d %H:%M} {name}({one}, {two})")
        self.world.check()
        return done

    def end(self) -> None:
        """Let go of everything, and see that what is dead goes."""
        for process in list(self.fleet.at_work):
            self.fleet.kill(self.fleet.at_work.index(process), 0)
        while self.fleet.remove_hold(0, 0):
            pass
        self.world.forget_everything()
        self.world.advance(5 * _DAY)
        rules = Rules(max_share=1, may_be_unreferenced=True)
        for _ in range(PASSES_UNTIL_GONE):
            self.world.advance(_DAY + dt.timedelta(minutes=1))
            before = self.fleet.outcomes["complete"]
            self.fleet.run_to_end(self.fleet.start("right", rules))
            assert self.fleet.outcomes["complete"] == before + 1, self.fleet.outcomes
        assert not self.world.objects(), "dead objects are left"
        self.world.close()


ACTIONS: dict[str, Callable[[Example], Callable[[int, int], bool]]] = {
    "offload": lambda model: model.world.offload,
    "replay": lambda model: model.world.replay,
    "restart": lambda model: model.world.restart,
    "deliver": lambda model: model.world.deliver,
    "close_run": lambda model: model.world.close_run,
    "reset": lambda model: model.world.reset,
    "start_child": lambda model: model.world.start_child,
    "finish_activity": lambda model: model.world.finish_activity,
    "pass_on": lambda model: model.world.pass_on,
    "fire": lambda model: model.world.fire,
    "remove_other": lambda model: model.world.remove_other,
    "remove_run": lambda model: model.world.remove_run,
    "retire": lambda model: model.world.retire,
    "lose": lambda model: model.world.lose,
    "begin": lambda model: model.fleet.begin,
    "go_on": lambda model: model.fleet.go_on,
    "finish": lambda model: model.fleet.finish,
    "kill": lambda model: model.fleet.kill,
    "cut_off": lambda model: model.fleet.cut_off,
    "live_on": lambda model: model.fleet.live_on,
    "leap": lambda model: model.fleet.leap,
    "place_hold": lambda model: model.fleet.place_hold,
    "remove_hold": lambda model: model.fleet.remove_hold,
}

_WEIGHTS = {
    "offload": 14,
    "replay": 2,
    "restart": 1,
    "deliver": 14,
    "close_run": 5,
    "reset": 3,
    "start_child": 2,
    "finish_activity": 1,
    "pass_on": 1,
    "fire": 4,
    "remove_other": 3,
    "remove_run": 2,
    "retire": 4,
    "lose": 2,
    "begin": 5,
    "go_on": 9,
    "finish": 4,
    "kill": 1,
    "cut_off": 1,
    "live_on": 6,
    "leap": 5,
    "place_hold": 3,
    "remove_hold": 1,
}


def run_example(seed: int, steps: int = STEPS) -> Example:
    """Run one example to its end."""
    rng = random.Random(seed)  # noqa: S311
    example = Example(rng.getrandbits(16))
    names, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    try:
        while example.steps < steps:
            for name in rng.choices(names, weights, k=steps):
                bits = rng.getrandbits(32)
                example.do(name, bits >> 16, bits & 0xFFFF)
                if example.steps >= steps:
                    break
        example.end()
    except BaseException:
        for line in example.trace:
            sys.stderr.write(f"{line}\n")
        sys.stderr.write(f"python -m tests.gc.model --seed {seed} fails so\n")
        raise
    return example


def run_steps(steps: int, seed: int) -> Counter[str]:
    """Run examples until so many steps were taken; return what happened in them."""
    happened: Counter[str] = Counter()
    while happened["steps"] < steps:
        example = run_example(seed)
        happened["steps"] += example.steps
        happened["examples"] += 1
        happened["objects deleted"] += example.fleet.deleted
        happened.update({f"pass: {name}": count for name, count in example.fleet.outcomes.items()})
        seed += 1
    return happened


def _share(arguments: tuple[int, int]) -> Counter[str]:
    return run_steps(*arguments)


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=100_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--seed", type=int, help="run this one example")
    arguments = parser.parse_args()
    if arguments.seed is not None:
        print(run_example(arguments.seed).fleet.outcomes)  # noqa: T201
        return
    began = time.perf_counter()
    # Each share has seeds of its own; small shares show how far it is.
    shares = max(arguments.processes, arguments.steps // 100_000)
    work = [
        (arguments.steps // shares + 1, arguments.first_seed + number * 1_000_000)
        for number in range(shares)
    ]
    happened: Counter[str] = Counter()
    with multiprocessing.Pool(arguments.processes) as pool:
        for each in pool.imap_unordered(_share, work):
            happened.update(each)
            seconds = time.perf_counter() - began
            print(  # noqa: T201
                f"{happened['steps']:,} steps, {happened['steps'] / seconds:,.0f} a second",
                flush=True,
            )
    for name, count in sorted(happened.items()):
        print(f"{name:30} {count:12,}")  # noqa: T201


if __name__ == "__main__":
    _main()
