"""Who wrote to the keyspace is looked into, and what looks like a mistake deletes nothing."""

import pytest

from temporal_claimcheck.errors import CollectionIncomplete, CollectionRefused
from temporal_claimcheck.gc.plan import Rules, Verdict
from tests.gc.scenes import DAY, HOUR, Scene


def test_a_namespace_that_wrote_and_is_not_found_is_missed() -> None:
    scene = Scene()
    key = scene.store(who=2)
    scene.run(key, namespace="other")
    scene.later(5 * DAY)
    for _ in range(2):
        with pytest.raises(CollectionRefused, match="'other' has written"):
            scene.collect("namespace missing")
        scene.later(25 * HOUR)
    assert scene.is_there(key)


def test_a_namespace_that_only_its_objects_tell_of_is_missed_too() -> None:
    scene = Scene()
    key = scene.store(who=2)
    scene.run(key, namespace="other")
    blobs = scene.world.store._blobs
    for record in [name for name in blobs if name.startswith("ledger/v1/namespaces/other/")]:
        del blobs[record]
    scene.later(5 * DAY)
    for _ in range(2):
        with pytest.raises(CollectionRefused, match="'other' has written"):
            scene.collect("namespace missing")
        scene.later(25 * HOUR)
    assert scene.is_there(key)


def test_a_namespace_of_the_same_name_on_another_cluster_is_not_the_one_that_wrote() -> None:
    scene = Scene()
    key = scene.store(who=3)
    scene.world.there.start("default", [key], lag=0 * HOUR)
    scene.later(5 * DAY)
    for _ in range(2):
        with pytest.raises(CollectionRefused, match="t-default"):
            scene.collect("cluster missing")
        scene.later(25 * HOUR)
    assert scene.is_there(key)


def test_a_namespace_that_reads_what_another_wrote_is_read_too() -> None:
    scene = Scene()
    key = scene.store()
    scene.world.offload(0, 0)
    # Delivered to the namespace `other`, which reads it.
    scene.world.deliver(0, 4 + 5 * 3)
    scene.later(5 * DAY)
    with pytest.raises(CollectionRefused, match="'other' has written"):
        scene.collect("namespace missing")
    assert scene.collect().count(Verdict.LIVE) == 2
    assert scene.is_there(key)


def test_a_namespace_stands_in_the_register_before_its_first_object_does() -> None:
    scene = Scene()
    keys = list(scene.world.store._blobs)
    assert keys[0].startswith("ledger/v1/namespaces/default/")
    assert keys[1].startswith("v1/default/")


def test_a_namespace_that_comes_up_during_a_pass_stops_the_deletion() -> None:
    scene = Scene()
    dead = scene.store()
    scene.later(5 * DAY)
    scene.suspect()
    process = scene.fleet.start("right")
    scene.until(process, scene.has_judged)
    scene.store(who=2)
    with pytest.raises(CollectionIncomplete, match="came up"):
        scene.end(process)
    assert scene.is_there(dead)


# Brakes.


def test_a_wrong_cluster_that_has_no_reference_at_all_deletes_nothing() -> None:
    scene = Scene()
    # Written by a process that could not ask for an id, so a name is all there is to go by.
    scene.world.store._blobs.clear()
    key = scene.store(who=1)
    scene.run(key)
    scene.later(5 * DAY)
    scene.collect("wrong cluster")
    scene.later(25 * HOUR)
    with pytest.raises(CollectionRefused, match="nothing at all refers"):
        scene.collect("wrong cluster")
    assert scene.is_there(key)


def test_a_share_that_looks_like_a_mistake_is_not_deleted() -> None:
    scene = Scene(Rules(small=1))
    dead = [scene.store(what=what) for what in (0, 1)]
    scene.later(5 * DAY)
    scene.suspect()
    with pytest.raises(CollectionRefused, match="2 of 3"):
        scene.collect()
    assert all(scene.is_there(key) for key in dead)
