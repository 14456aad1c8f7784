"""The lease: who has it, who lets go of it, and whose clock is not to be trusted."""

import pytest

from temporal_claimcheck.errors import (
    CollectionIncomplete,
    CollectionRefused,
    CollectorBusy,
    StoreUnavailable,
)
from tests.gc.scenes import HOUR, Scene


def test_a_pass_that_was_refused_can_be_tried_again_at_once() -> None:
    scene = Scene()
    scene.store(who=2)
    with pytest.raises(CollectionRefused):
        scene.collect("namespace missing")
    scene.collect()


def test_a_pass_that_failed_halfway_can_be_tried_again_at_once() -> None:
    scene = Scene()
    process = scene.fleet.start("right")
    for _ in range(20):
        scene.step(process)
    process.port.cuts_off = True
    with pytest.raises((CollectionIncomplete, StoreUnavailable)):
        scene.end(process)
    scene.collect()


@pytest.mark.parametrize("kind", ["clock ahead", "clock behind"])
def test_a_collector_with_a_wrong_clock_neither_takes_nor_blocks_the_lease(kind: str) -> None:
    scene = Scene()
    first = scene.fleet.start("right")
    for _ in range(20):
        scene.step(first)
    with pytest.raises((CollectionRefused, CollectorBusy)):
        scene.collect(kind)
    scene.end(first)
    scene.collect()


def test_the_lease_of_a_collector_that_died_ends_by_itself() -> None:
    scene = Scene()
    first = scene.fleet.start("right")
    for _ in range(20):
        scene.step(first)
    first.port.kill()
    scene.fleet._settle()
    with pytest.raises(CollectorBusy):
        scene.collect()
    scene.later(HOUR / 2)
    scene.collect()


def test_a_collector_that_works_for_hours_keeps_its_lease() -> None:
    scene = Scene()
    first = scene.fleet.start("right")
    for _ in range(20):
        scene.step(first)
    scene.fleet.live_on(200, 0)
    with pytest.raises(CollectorBusy):
        scene.collect()
    scene.end(first)


def test_a_wrong_clock_is_found_also_if_the_look_at_it_takes_as_long_as_it_is_wrong() -> None:
    scene = Scene()
    process = scene.fleet.start("clock behind")
    clocks = "ledger/v1/gc/clock/"
    scene.until(process, lambda: any(key.startswith(clocks) for key in scene.world.store._blobs))
    scene.later(20 * HOUR)
    with pytest.raises(CollectionRefused, match="clocks"):
        scene.end(process)


def test_a_wrong_clock_is_found_also_if_the_write_takes_as_long_as_it_is_wrong() -> None:
    scene = Scene()
    process = scene.fleet.start("clock ahead")
    # It has looked at its clock, and is about to write.
    scene.later(20 * HOUR)
    with pytest.raises(CollectionRefused, match="clocks"):
        scene.end(process)
