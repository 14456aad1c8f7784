"""Each rule of the collection alone between a live object and its deletion.

`python -m tests.gc.mutations` takes the rules out, one after the other, and shows which of these
tests notices.
"""

import pytest

from temporal_claimcheck.errors import (
    CollectionIncomplete,
    CollectionRefused,
    CollectorBusy,
    StoreError,
)
from temporal_claimcheck.gc.holds import Holds
from temporal_claimcheck.gc.plan import Verdict
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.ledger import Ledger
from tests.gc.fleet import Process
from tests.gc.scenes import DAY, HOUR, Scene


def test_what_nothing_refers_to_is_deleted_by_the_second_pass() -> None:
    scene = Scene()
    key = scene.store()
    scene.later(5 * DAY)
    assert scene.collect().deleted == 0
    scene.later(25 * HOUR)
    assert scene.collect().deleted == 1
    assert not scene.is_there(key)
    assert len(scene.world.objects()) == 1


def test_a_dry_run_deletes_nothing_and_its_verdict_counts() -> None:
    scene = Scene()
    key = scene.store()
    scene.later(5 * DAY)
    scene.collect("dry")
    scene.later(25 * HOUR)
    report = scene.collect("dry")
    assert report.count(Verdict.CONDEMNED) == 1
    assert scene.is_there(key)


# Closed days.


def test_a_claim_made_late_by_a_clock_that_is_behind_is_waited_for() -> None:
    scene = Scene()
    scene.world.writers[0].skew = 20 * HOUR
    key = scene.store()
    midnight = scene.world.now.replace(hour=0, minute=0) + 2 * DAY
    scene.world.writers[1].skew = -20 * HOUR
    scene.later(midnight + 19 * HOUR - scene.world.now)
    # The object is there already, so it stays as old as it is.
    assert scene.store(who=1) == key
    run = scene.run(key, lag=20 * HOUR)
    scene.later(HOUR)
    scene.collect()
    scene.later(25 * HOUR)
    run.lost_until = scene.world.now + HOUR
    scene.collect()
    assert scene.is_there(key)


def test_what_was_stored_just_now_under_a_day_long_over_is_waited_for() -> None:
    scene = Scene()
    scene.later(5 * DAY)
    scene.world.writers[0].skew = -5 * DAY
    key = scene.store()
    run = scene.run(key, lag=20 * HOUR)
    scene.later(HOUR)
    scene.collect()
    scene.later(25 * HOUR)
    run.lost_until = scene.world.now + HOUR
    scene.collect()
    assert scene.is_there(key)


def test_a_collector_whose_clock_is_wrong_refuses() -> None:
    for kind in ("clock ahead", "clock behind"):
        scene = Scene()
        scene.later(5 * DAY)
        with pytest.raises(CollectionRefused, match="clocks"):
            scene.collect(kind)


# Two passes.


def test_a_run_that_one_listing_loses_costs_nothing() -> None:
    scene = Scene()
    key = scene.store()
    run = scene.run(key)
    scene.later(5 * DAY)
    scene.suspect(run)
    assert scene.is_there(key)
    assert scene.collect().count(Verdict.LIVE) == 2


def test_two_passes_in_the_time_in_which_listings_lag_are_one() -> None:
    scene = Scene()
    key = scene.store()
    schedule = scene.schedule(key)
    scene.later(5 * DAY)
    scene.here.fire(schedule, lag=20 * HOUR)
    scene.here.remove(schedule)
    for _ in range(3):
        scene.collect()
        scene.later(5 * HOUR)
    assert scene.is_there(key)


def test_a_pass_that_saw_it_ends_the_suspicion() -> None:
    scene = Scene()
    key = scene.store()
    schedule = scene.schedule(key)
    scene.later(5 * DAY)
    first = scene.here.fire(schedule, lag=0 * HOUR)
    scene.here.remove(schedule)
    scene.suspect(first)
    scene.collect()
    # Another run has it now, and the listing loses that one.
    second = scene.here.reset(first, lag=0 * HOUR)
    del scene.here.runs["default", first.run]
    scene.later(25 * HOUR)
    second.lost_until = scene.world.now + HOUR
    scene.collect()
    assert scene.is_there(key)


# Errors, wherever they happen.


def test_an_error_at_any_call_of_the_cluster_or_the_store_ends_the_pass() -> None:
    calls, ended, unnoticed = 0, False, 0
    while not ended:
        scene = Scene()
        key = scene.store()
        run = scene.run(key)
        scene.store(what=1)
        scene.later(5 * DAY)
        scene.suspect(run)
        process = scene.fleet.start("right")
        for _ in range(calls):
            scene.step(process)
        ended = process.task.done()
        process.port.cuts_off = True
        try:
            scene.end(process)
            unnoticed += not ended
        except (CollectionIncomplete, StoreError):
            pass
        assert scene.is_there(key), f"lost by an error at call {calls}"
        calls += 1
    assert calls > 50
    assert unnoticed == 0


def test_a_collector_killed_at_any_call_leaves_the_rest_to_the_next() -> None:
    calls, ended = 0, False
    while not ended:
        scene = Scene()
        key = scene.store()
        run = scene.run(key)
        dead = [scene.store(what=what) for what in (1, 2)]
        scene.later(5 * DAY)
        scene.suspect(run)
        process = scene.fleet.start("right")
        for _ in range(calls):
            scene.step(process)
        ended = process.task.done()
        if not ended:
            process.store.dies_in_delete = calls % 2 == 0
            if calls % 2:
                process.port.kill()
            scene.fleet._let_in(process, 10_000, 0)
        for _ in range(2):
            assert scene.is_there(key), f"lost by a death at call {calls}"
            scene.later(25 * HOUR)
            scene.collect()
        assert not any(scene.is_there(each) for each in dead)
        calls += 7


def test_marks_that_vanish_from_the_store_end_the_pass() -> None:
    scene = Scene()
    key = scene.store()
    run = scene.run(key)
    scene.later(5 * DAY)
    scene.suspect(run)
    process = scene.fleet.start("right")
    blobs = scene.world.store._blobs
    earlier = set(blobs)

    def marks() -> list[str]:
        return [name for name in blobs.keys() - earlier if "/marks/" in name]

    scene.until(process, lambda: bool(marks()))
    for name in marks():
        del blobs[name]
    with pytest.raises(CollectionIncomplete, match="marked is gone"):
        scene.end(process)
    assert scene.is_there(key)


# One at a time.


def test_a_second_collector_waits_for_the_first() -> None:
    scene = Scene()
    first = scene.fleet.start("right")
    for _ in range(20):
        scene.step(first)
    with pytest.raises(CollectorBusy):
        scene.collect()
    assert scene.end(first).deleted == 0


def test_a_collector_that_stood_still_while_another_took_over_deletes_nothing() -> None:
    scene = Scene()
    dead = scene.store()
    scene.later(5 * DAY)
    scene.suspect()
    first = scene.fleet.start("right")
    scene.until(first, scene.has_judged)
    scene.later(HOUR)
    second = scene.fleet.start("right")
    for _ in range(20):
        scene.step(second)
    with pytest.raises(CollectorBusy, match="took over"):
        scene.end(first)
    assert first.port.deleted == []
    assert scene.end(second).deleted == 1
    assert not scene.is_there(dead)


# Right before the deletion.


def test_a_run_that_the_listing_shows_after_all_saves_what_is_condemned() -> None:
    scene = Scene()
    key = scene.store()
    run = scene.run(key)
    scene.later(5 * DAY)
    scene.suspect(run)
    run.lost_until = scene.world.now + HOUR
    process = scene.fleet.start("right")
    scene.until(process, scene.has_judged)
    run.lost_until = scene.world.now
    scene.end(process)
    assert scene.is_there(key)


def test_a_hold_that_is_placed_after_the_verdict_saves_what_is_condemned() -> None:
    scene = Scene()
    key = scene.store()
    scene.later(5 * DAY)
    scene.suspect()
    process = scene.fleet.start("right")
    scene.until(process, scene.has_judged)
    holds = Holds(Ledger(scene.world.store))
    scene.world.loop.complete(holds.place(reason="r", now=scene.world.now, key=key))
    scene.end(process)
    assert scene.is_there(key)


def test_holds_are_looked_at_in_the_last_calls_before_the_deletion() -> None:
    def condemned() -> tuple[Scene, str, Process]:
        scene = Scene()
        key = scene.store()
        scene.later(5 * DAY)
        scene.suspect()
        return scene, key, scene.fleet.start("right")

    scene, key, process = condemned()
    scene.until(process, lambda: bool(process.port.deleted))
    # Two listings of the holds, the announcement, the deletion.
    last = process.port.calls - 4
    scene, key, process = condemned()
    scene.until(process, lambda: process.port.calls == last)
    holds = Holds(Ledger(scene.world.store))
    scene.world.loop.complete(holds.place(reason="r", now=scene.world.now, key=key))
    scene.end(process)
    assert scene.is_there(key)


def test_an_object_that_was_stored_anew_after_the_verdict_is_not_the_one_condemned() -> None:
    scene = Scene()
    key = scene.store()
    scene.later(5 * DAY)
    scene.suspect()
    process = scene.fleet.start("right")
    scene.until(process, scene.has_judged)
    blob, _ = scene.world.store._blobs[key]
    scene.world.store._blobs[key] = blob, scene.world.now
    scene.end(process)
    assert scene.is_there(key)


# Holds.


@pytest.mark.parametrize("what", ["key", "day", "workflow"])
def test_what_is_held_stays_until_it_is_let_go(what: str) -> None:
    scene = Scene()
    key = scene.store()
    run = scene.run(key)
    parsed = Key.parse(key)
    holds = Holds(Ledger(scene.world.store))
    kept = {
        "key": {"key": key},
        "day": {"namespace": "default", "day": parsed.day},
        "workflow": {"namespace": "default", "workflow_id": run.run.workflow_id},
    }[what]
    hold = scene.world.loop.complete(
        holds.place(reason="audit", now=scene.world.now, **kept)  # pyright: ignore[reportArgumentType]
    )
    scene.later(5 * DAY)
    scene.collect()
    scene.here.remove(run)
    for _ in range(3):
        scene.later(25 * HOUR)
        scene.collect()
    assert scene.is_there(key)
    scene.world.loop.complete(holds.remove(hold.id))
    for _ in range(3):
        scene.later(25 * HOUR)
        scene.collect()
    assert not scene.is_there(key)


# Replays.


def test_a_replay_of_an_old_day_makes_no_object_that_nobody_will_refer_to() -> None:
    scene = Scene()
    scene.later(5 * DAY)
    assert scene.world.replay(0, 0)
