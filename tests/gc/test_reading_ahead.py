"""Closed runs are read by any number of processes before a pass marks, each of other days."""

from temporal_claimcheck.gc.plan import Verdict
from temporal_claimcheck.gc.report import PassReport
from temporal_claimcheck.gc.steps import Steps
from temporal_claimcheck.gc.work import SourceName, Work
from temporal_claimcheck.manager import ClaimCheckManager
from tests.gc.ports import ClusterPort, Port
from tests.gc.scenes import DAY, HOUR, Scene
from tests.gc.simulated import SimulatedCluster, SimulatedTemporal

NONE = 0 * HOUR


def steps_of(scene: Scene, *temporals: SimulatedTemporal) -> Steps:
    world = scene.world
    return Steps(
        ClaimCheckManager(world.store, clock=world.clock),
        [SimulatedCluster(each) for each in temporals or world.temporals],
        clock=world.clock,
    )


def begin(scene: Scene, steps: Steps) -> tuple[Work, SourceName]:
    work = scene.world.loop.complete(steps.begin())
    [source] = [each for each in work.sources if each.namespace_id == "h-default"]
    return work, source


def finish(scene: Scene, steps: Steps, work: Work) -> PassReport:
    run = scene.world.loop.complete
    marked = [run(steps.mark(work, source)) for source in work.sources]
    for shelf in work.shelves:
        run(steps.judge(work, marked, shelf))
    report = run(steps.complete(work, marked))
    run(steps.end(work, completed=True))
    return report


def closed_runs(scene: Scene) -> None:
    """Runs that closed on six days in a row."""
    for _ in range(6):
        for _ in range(3):
            run = scene.run(scene.store())
            scene.later(HOUR)
            scene.here.close(run, lag=NONE)
        scene.later(DAY - 3 * HOUR)


def test_what_was_read_ahead_is_not_read_again() -> None:
    scene = Scene()
    closed_runs(scene)
    steps = steps_of(scene)
    work, source = begin(scene, steps)
    run = scene.world.loop.complete
    windows = run(steps.unread(work, source))
    assert len(windows) == 5
    assert sum(run(steps.read_ahead(work, source, [each])) for each in windows) == 18
    before = scene.here.reads
    report = finish(scene, steps, work)
    assert scene.here.reads == before
    assert report.runs == 18
    assert report.count(Verdict.LIVE) == 5


def test_the_second_time_only_what_is_new_is_read_ahead() -> None:
    scene = Scene()
    closed_runs(scene)
    steps = steps_of(scene)
    finish(scene, steps, begin(scene, steps)[0])
    scene.later(25 * HOUR)
    work, source = begin(scene, steps)
    windows = scene.world.loop.complete(steps.unread(work, source))
    assert "before" not in windows
    # Runs that closed then are kept, and listings have long shown the last of them.
    assert "2026-11-06" not in windows
    assert scene.world.clock().date().isoformat() in windows


def test_the_marks_of_a_pass_are_those_of_one_that_did_not_read_ahead() -> None:
    scene = Scene()
    closed_runs(scene)
    plain = scene.fleet.start("dry")
    expected = scene.end(plain)
    steps = steps_of(scene)
    scene.later(HOUR)
    work, source = begin(scene, steps)
    scene.world.loop.complete(
        steps.read_ahead(work, source, scene.world.loop.complete(steps.unread(work, source)))
    )
    found = finish(scene, steps, work)
    assert found.references == expected.references
    assert found.count(Verdict.LIVE) == expected.count(Verdict.LIVE)


def test_two_processes_that_read_the_same_days_lose_nothing() -> None:
    scene = Scene()
    closed_runs(scene)
    one, other = steps_of(scene), steps_of(scene)
    work, source = begin(scene, one)
    run, loop = scene.world.loop.complete, scene.world.loop
    windows = run(one.unread(work, source))
    tasks = [loop.create_task(each.read_ahead(work, source, windows)) for each in (one, other)]
    loop.settle()
    assert [task.result() for task in tasks] == [18, 18]
    assert finish(scene, one, work).count(Verdict.LIVE) == 5


def test_what_a_closed_run_leads_to_is_found_after_reading_ahead_was_killed_anywhere() -> None:
    call, was_killed = 0, True
    while was_killed:
        scene = Scene()
        key = scene.store()
        first = scene.here.start("default", [], lag=NONE)
        scene.later(5 * DAY)
        second = scene.here.close_into_next(first, lag=NONE)
        scene.here.give(second, key)
        second.lost_until = scene.world.now + 5 * DAY
        port = Port()
        ahead = Steps(
            ClaimCheckManager(scene.world.store, clock=scene.world.clock),
            [ClusterPort(SimulatedCluster(each), port) for each in scene.world.temporals],
            clock=scene.world.clock,
        )
        steps = steps_of(scene)
        work, source = begin(scene, steps)
        windows = scene.world.loop.complete(steps.unread(work, source))
        task = scene.world.loop.create_task(ahead.read_ahead(work, source, windows))
        scene.world.loop.settle()
        for _ in range(call):
            port.let_in(0)
            scene.world.loop.settle()
        was_killed = not task.done()
        port.kill()
        scene.world.loop.settle()
        assert finish(scene, steps, work).count(Verdict.LIVE) == 2, f"missed, killed at {call}"
        call += 1
    assert call > 5
