"""The collector at the destination of a copy: as safe as if nothing had been collected before."""

import dataclasses
import datetime as dt
from collections.abc import AsyncIterator, Generator

import pytest

from temporal_claimcheck.copying.copier import Copier
from temporal_claimcheck.copying.plan import Selection
from temporal_claimcheck.errors import CollectionRefused
from temporal_claimcheck.gc.plan import Verdict
from temporal_claimcheck.stores.base import BlobInfo
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.stores.redis_layout import day_of
from tests.gc.scenes import DAY, HOUR, Scene


class ForgetfulStore(MemoryStore):
    """Does not know when it stored something, as Redis does not: no object is ever too young."""

    async def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        async for info in super().scan(prefix):
            yield dataclasses.replace(info, modified=day_of(info.key))


@pytest.fixture
def scene() -> Generator[Scene]:
    scene = Scene()
    yield scene
    scene.close()
    Scene.opened.remove(scene)


def move(scene: Scene, kind: type[MemoryStore] = ForgetfulStore) -> None:
    """Copy everything, and let the collectors look at the copy from now on."""
    world = scene.world
    destination = kind(clock=world.clock)
    copier = Copier(world.store, destination, Selection(), clock=world.clock)
    copying = world.loop.create_task(copier.run())
    world.loop.settle()
    assert copying.result().is_complete
    world.store = destination


def test_a_suspicion_of_the_source_is_none_at_the_destination(scene: Scene) -> None:
    key = scene.store()
    scene.later(5 * DAY)
    assert scene.collect().count(Verdict.SUSPECT) == 1
    scene.later(25 * HOUR)
    move(scene)
    assert scene.collect().deleted == 0, "the second look, but the first at this store"
    scene.later(25 * HOUR)
    assert scene.collect().deleted == 1
    assert not scene.is_there(key)


def test_what_a_listing_loses_once_is_safe_though_the_source_suspected_it(scene: Scene) -> None:
    key = scene.store()
    schedule = scene.schedule(key)
    scene.later(5 * DAY)
    run = scene.here.fire(schedule, lag=0 * HOUR)
    scene.here.remove(schedule)
    scene.suspect(run)
    move(scene)
    run.lost_until = scene.world.now + HOUR
    scene.collect()
    assert scene.is_there(key)


def test_a_copy_is_too_young_to_be_judged_where_the_store_knows_its_age(scene: Scene) -> None:
    scene.store()
    scene.later(5 * DAY)
    move(scene, MemoryStore)
    scene.later(dt.timedelta(hours=47))
    assert scene.collect().count(Verdict.YOUNG) == 1
    scene.later(dt.timedelta(hours=2))
    assert scene.collect().count(Verdict.SUSPECT) == 1


def test_a_cluster_that_wrote_to_the_source_is_missed_at_the_destination(scene: Scene) -> None:
    scene.store(who=3)
    scene.later(5 * DAY)
    move(scene)
    with pytest.raises(CollectionRefused, match="t-default"):
        scene.collect("cluster missing")


def test_what_is_held_at_the_source_is_held_at_the_destination(scene: Scene) -> None:
    key = scene.store()
    hold = scene.fleet._holds.place(reason="", now=scene.world.now, key=key)
    placing = scene.world.loop.create_task(hold)
    scene.world.loop.settle()
    placing.result()
    scene.later(5 * DAY)
    move(scene)
    for _ in range(3):
        assert scene.collect().count(Verdict.HELD) == 1
        scene.later(25 * HOUR)
    assert scene.is_there(key)
