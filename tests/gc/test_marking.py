"""While a pass reads, Temporal goes on: at whatever call something moves, it is seen."""

from collections.abc import Callable

import pytest

from temporal_claimcheck.errors import CollectionIncomplete
from temporal_claimcheck.gc.plan import Verdict
from tests.gc.families import SimulatedRun
from tests.gc.scenes import DAY, HOUR, Scene

NONE = 0 * HOUR


def is_seen_whenever(prepare: Callable[[Scene, str], Callable[[], object]]) -> None:
    """Check that one object is live for a pass during which something happens, at any call.

    `prepare` makes what refers to the object, and returns what is to happen.
    """
    call, ended = 0, False
    while not ended:
        scene = Scene()
        happen = prepare(scene, scene.store())
        scene.later(5 * DAY)
        # What is seen by a second look, before a deletion, shall not count.
        process = scene.fleet.start("dry")
        for _ in range(call):
            scene.step(process)
        ended = process.task.done()
        happen()
        report = scene.end(process)
        assert report.count(Verdict.LIVE) == 2, f"missed at call {call}"
        call += 1
    assert call > 50


def test_a_schedule_that_starts_a_run_and_is_removed() -> None:
    def prepare(scene: Scene, key: str) -> Callable[[], object]:
        schedule = scene.schedule(key)

        def happen() -> None:
            scene.here.fire(schedule, lag=NONE)
            assert scene.here.remove(schedule)

        return happen

    is_seen_whenever(prepare)


def test_an_open_run_that_goes_on_in_the_next_and_is_deleted() -> None:
    def prepare(scene: Scene, key: str) -> Callable[[], object]:
        run = scene.run(key)

        def happen() -> None:
            scene.here.close_into_next(run, lag=NONE)
            assert scene.here.remove(run)

        return happen

    is_seen_whenever(prepare)


def test_a_closed_run_that_is_reset_and_deleted() -> None:
    def prepare(scene: Scene, key: str) -> Callable[[], object]:
        run = scene.run(key)
        scene.here.close(run, lag=NONE)

        def happen() -> None:
            scene.here.reset(run, lag=NONE)
            assert scene.here.remove(run)

        return happen

    is_seen_whenever(prepare)


def test_an_open_run_that_closes() -> None:
    def prepare(scene: Scene, key: str) -> Callable[[], object]:
        run = scene.run(key)
        return lambda: scene.here.close(run, lag=NONE)

    is_seen_whenever(prepare)


def test_an_open_run_that_closes_while_the_listing_lags() -> None:
    def prepare(scene: Scene, key: str) -> Callable[[], object]:
        run = scene.run(key)
        return lambda: scene.here.close(run, lag=20 * HOUR)

    is_seen_whenever(prepare)


def test_a_run_that_only_the_one_before_it_leads_to() -> None:
    scene = Scene()
    key = scene.store()
    first = scene.here.start("default", [], lag=NONE)
    scene.later(5 * DAY)
    second = scene.here.close_into_next(first, lag=20 * HOUR)
    scene.here.give(second, key)
    assert scene.collect().count(Verdict.LIVE) == 2


def test_a_run_that_goes_on_and_is_deleted_again_and_again_while_it_is_looked_for() -> None:
    for every in range(1, 12):
        scene = Scene()
        run = scene.run(scene.store())
        scene.later(5 * DAY)
        process, calls = scene.fleet.start("dry"), 0
        while scene.step(process):
            calls += 1
            if calls % every == 0:
                following = scene.here.close_into_next(run, lag=NONE)
                run.family.was_hidden = False
                scene.here.remove(run)
                run = following
        # Seen, or the pass gives up: anything but a verdict on what it did not see.
        try:
            assert process.task.result().count(Verdict.LIVE) == 2, f"missed, every {every}"
        except CollectionIncomplete:
            assert every < 6


def ages(scene: Scene, key: str) -> list[SimulatedRun]:
    """Runs that closed at every hour of the last days."""
    runs: list[SimulatedRun] = []
    for _ in range(5 * 24):
        run = scene.run(key)
        scene.later(HOUR / 2)
        scene.here.close(run, lag=NONE)
        runs.append(run)
        scene.later(HOUR / 2)
    return runs


def test_closed_runs_are_read_whenever_they_closed() -> None:
    scene = Scene()
    ages(scene, scene.store())
    opened = scene.run(scene.store())
    report = scene.collect()
    assert report.runs == 5 * 24 + 1
    scene.here.remove(opened)


def test_a_closed_run_is_read_once() -> None:
    scene = Scene()
    ages(scene, scene.store())
    first = scene.fleet.start("right")
    scene.end(first)
    second = scene.fleet.start("right")
    report = scene.end(second)
    assert report.runs == 5 * 24
    assert report.count(Verdict.LIVE) >= 1
    assert first.port.calls - second.port.calls > 100


def test_a_chain_of_runs_is_not_read_again_from_its_open_end() -> None:
    scene = Scene()
    run = scene.run(scene.store())
    for _ in range(50):
        scene.later(HOUR)
        run = scene.here.close_into_next(run, lag=NONE)
    scene.store(what=1)
    scene.later(5 * DAY)
    for _ in range(2):
        scene.collect()
        scene.later(25 * HOUR)
    process = scene.fleet.start("right")
    asked = scene.here.reads
    assert scene.end(process).runs == 51
    assert scene.here.reads - asked < 5


@pytest.mark.parametrize("is_open", [True, False])
def test_a_run_that_was_seen_once_and_is_not_listed_any_more_is_asked_for(is_open: bool) -> None:
    scene = Scene()
    run = scene.run(scene.store())
    scene.later(5 * DAY)
    if not is_open:
        scene.here.close(run, lag=NONE)
    assert scene.collect().count(Verdict.LIVE) == 2
    for _ in range(3):
        run.lost_until = scene.world.now + HOUR
        assert scene.collect().count(Verdict.LIVE) == 2
        scene.later(2 * HOUR)
    assert scene.here.remove(run)
    assert scene.collect().count(Verdict.LIVE) == 1


def test_what_a_closed_run_leads_to_is_found_after_a_pass_was_killed_anywhere() -> None:
    call, was_killed = 0, True
    while was_killed:
        scene = Scene()
        key = scene.store()
        first = scene.here.start("default", [], lag=NONE)
        scene.later(5 * DAY)
        second = scene.here.close_into_next(first, lag=NONE)
        scene.here.give(second, key)
        second.lost_until = scene.world.now + 5 * DAY
        process = scene.fleet.start("dry")
        for _ in range(call):
            scene.step(process)
        was_killed = not process.task.done()
        process.port.kill()
        scene.later(HOUR)
        assert scene.collect().count(Verdict.LIVE) == 2, f"missed, killed at call {call}"
        call += 1
    assert call > 50
