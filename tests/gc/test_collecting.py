"""On a real server: what has a root stays for weeks, what has none goes, and nothing else."""

from collections.abc import AsyncGenerator
from datetime import timedelta

import pytest
import pytest_asyncio
from temporalio.api.workflowservice.v1 import DeleteActivityExecutionRequest

from temporal_claimcheck.errors import CollectionRefused, CollectorBusy
from temporal_claimcheck.gc.cluster import Kind, Run
from temporal_claimcheck.gc.lease import Leases
from temporal_claimcheck.gc.purge import Eraser
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.registry import Registered
from temporal_claimcheck.temporal.plugin import Door
from temporal_claimcheck.testing.servers import temporal_server
from tests.gc import rooted
from tests.gc.conftest import SETTINGS, dynamic_config
from tests.gc.rooms import NAMESPACE, first_run
from tests.gc.test_other_roots import schedule, start_activity, started_by
from tests.gc.test_run_roots import LEAVE, Leave
from tests.gc.weeks import RULES, Week, open_week
from tests.temporal.waiting import eventually


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def own_address() -> AsyncGenerator[str]:
    """A server of this module's own: the collector reads everything that is there."""
    async with temporal_server(arguments=dynamic_config(SETTINGS)) as environment:
        yield environment.client.service_client.config.target_host


@pytest.fixture
async def week(own_address: str, door: Door) -> Week:
    return await open_week(own_address, door)


async def orphan(week: Week) -> str:
    """Store something that nothing refers to."""
    return (await week.room.manager.offload(await week.room.payload("nobody's"))).key


@pytest.mark.parametrize("leave", LEAVE, ids=lambda leave: leave.__name__)
async def test_what_a_run_refers_to_lives_as_long_as_the_run(leave: Leave, week: Week) -> None:
    async with week.room.worker():
        await leave(week.room)
        rooted_keys = week.room.stored
        nobodys = await orphan(week)
        await week.two_passes()
        assert rooted_keys <= await week.keys()
        assert nobodys not in await week.keys()
        await week.delete_runs()
    await week.two_passes()
    assert not await week.keys()


async def test_what_a_schedule_was_given_long_ago_runs_months_later(week: Week) -> None:
    """Another claim check's expiry would have taken it: it was stored once."""
    async with week.room.worker():
        handle = await schedule(week.room, rooted.Hold.run, week.room.text)
        for _ in range(10):
            week.calendar.wait(days=10)
            await week.two_passes()
        run = await started_by(handle, 1)
        started = week.room.client.get_workflow_handle(run.workflow_id)
        await started.signal(rooted.Hold.end)
        assert await started.result() == len(week.room.text)
        await handle.delete()
        await week.two_passes()
        assert week.room.stored <= await week.keys(), "the run has it now"
        await week.delete_runs()
    await week.two_passes()
    assert not await week.keys()


async def test_a_standalone_activity_is_a_root(week: Week) -> None:
    async with week.room.worker():
        found = await start_activity(week.room, rooted.grow, "small")

        async def is_root() -> bool:
            return bool(week.room.stored) and week.room.stored == (
                await week.room.cluster.other(NAMESPACE, Kind.ACTIVITY, found)
            )

        await eventually(is_root)
        await week.two_passes()
        assert await week.keys() == week.room.stored
    name, _, run_id = found.rpartition(" ")
    await week.room.plain.workflow_service.delete_activity_execution(
        DeleteActivityExecutionRequest(namespace=NAMESPACE, activity_id=name, run_id=run_id)
    )
    await eventually(lambda: is_gone(week, found))
    await week.two_passes()
    assert not await week.keys()


async def is_gone(week: Week, activity: str) -> bool:
    return await week.room.cluster.other(NAMESPACE, Kind.ACTIVITY, activity) is None


async def test_a_hold_is_a_root_until_it_is_removed(week: Week) -> None:
    key = Key.parse(await orphan(week))
    of_key = await week.holds.place(reason="", now=week.calendar(), key=str(key))
    of_day = await week.holds.place(
        reason="", now=week.calendar(), namespace=key.namespace, day=key.day
    )
    for hold in (of_key, of_day):
        await week.two_passes()
        assert await week.keys() == {str(key)}
        assert await week.holds.remove(hold.id)
    await week.two_passes()
    assert not await week.keys()


async def test_a_hold_on_a_workflow_outlives_its_runs(week: Week) -> None:
    async with week.room.worker():
        handle = await week.room.start(rooted.Grow.run, "small")
        await handle.result()
        hold = await week.holds.place(
            reason="audit", now=week.calendar(), namespace=NAMESPACE, workflow_id=handle.id
        )
        await week.one_pass()
        await week.delete_runs()
    for _ in range(2):
        await week.two_passes()
        assert await week.keys() == week.room.stored
    assert await week.holds.remove(hold.id)
    await week.two_passes()
    assert not await week.keys()


# What others lose.


async def test_a_workflow_id_and_input_that_come_again_are_stored_again(week: Week) -> None:
    async with week.room.worker():
        for _ in range(5):
            handle = await week.room.start(rooted.Hold.run, week.room.text, workflow_id="again")
            [latest] = week.room.stored & await week.keys() - await rooted_before(week)
            await week.two_passes()
            assert latest in await week.keys()
            await handle.signal(rooted.Hold.end)
            assert await handle.result() == len(week.room.text)
            await week.room.delete(first_run(handle))
        assert len(week.room.stored) == 5
        await week.two_passes()
    assert not await week.keys()


async def rooted_before(week: Week) -> frozenset[str]:
    """Keys of earlier days."""
    today = week.calendar().date()
    return frozenset(key for key in await week.keys() if Key.parse(key).day < today)


async def test_input_that_was_continued_outlives_the_run_that_it_came_from(week: Week) -> None:
    async with week.room.worker():
        first = await week.room.start(rooted.GoOn.run, week.room.text)
        await first.result()
        await week.room.delete(first_run(first))
        await week.two_passes()
        assert week.room.stored <= await week.keys()
        await week.delete_runs()
    await week.two_passes()
    assert not await week.keys()


# What a pass refuses.


async def test_a_cluster_that_is_another_is_found_out(week: Week) -> None:
    nobodys = await orphan(week)
    other = Registered(namespace=NAMESPACE, namespace_id="00000000-of-another-cluster")
    await week.room.manager.ledger.write(other.record, {"since": "2026-11-22"})
    with pytest.raises(CollectionRefused, match="of-another-cluster"):
        await week.two_passes()
    assert await week.keys() == {nobodys}
    await week.room.manager.registry.retire(other)
    await week.two_passes()
    assert not await week.keys()


async def test_a_namespace_that_no_cluster_has_is_found_out(week: Week) -> None:
    elsewhere = week.room.manager.for_namespace("elsewhere")
    await elsewhere.offload(await week.room.payload("of another namespace"))
    before = await week.keys()
    with pytest.raises(CollectionRefused, match="'elsewhere'"):
        await week.two_passes()
    assert await week.keys() == before


async def test_a_client_registers_the_id_of_its_namespace(week: Week) -> None:
    described = await week.room.cluster.namespace(NAMESPACE)
    assert described
    await week.room.start(rooted.Hold.run, week.room.text)
    assert await week.room.manager.registry.registered() == [
        Registered(namespace=NAMESPACE, namespace_id=described.id)
    ]
    await week.delete_runs()


async def test_while_one_collects_another_does_not(week: Week) -> None:
    leases = Leases(week.room.manager.ledger, week.calendar)
    lease = await leases.acquire()
    with pytest.raises(CollectorBusy, match="UTC"):
        await week.one_pass()
    week.calendar.wait(minutes=16)
    await week.one_pass()
    with pytest.raises(CollectorBusy):
        await leases.renew(lease)


async def test_a_clock_that_is_wrong_is_found_out(week: Week) -> None:
    calendar = week.calendar
    week.room.store._clock = lambda: calendar() - timedelta(hours=2)
    with pytest.raises(CollectionRefused, match="clocks"):
        await week.one_pass()


# Erasure.


async def test_erasure_takes_what_is_the_workflows_alone(week: Week) -> None:
    room = week.room
    async with room.worker():
        mine = await room.start(rooted.Hold.run, room.text)
        alone = room.stored
        await mine.signal(rooted.Hold.put, "shared " * 500)
        shared = room.stored - alone
        other = await room.start(rooted.Hold.run, "shared " * 500)
        eraser = Eraser(
            room.manager,
            [room.cluster],
            namespace=NAMESPACE,
            workflow_id=mine.id,
            rules=RULES,
            clock=week.calendar,
        )
        with pytest.raises(CollectionRefused, match="is open"):
            await eraser.run(delete=True)
        await mine.signal(rooted.Hold.end)
        await mine.result()
        young = await eraser.run(delete=True)
        assert (set(young.young), young.deleted) == (set(alone), 0)
        week.calendar.wait(days=5)
        told = await eraser.run()
        assert (set(told.alone), set(told.shared), told.deleted) == (set(alone), set(shared), 0)
        assert await week.keys() == alone | shared
        done = await eraser.run(delete=True)
        assert done.deleted == len(alone)
        assert await week.keys() == shared
        await other.signal(rooted.Hold.end)
        assert await other.result() == len("shared " * 500)
        again = await eraser.run(delete=True)
        assert (set(again.missing), again.deleted) == (set(alone), 0)
        await week.delete_runs()


async def test_erasure_of_a_workflow_that_is_not_there_is_refused(week: Week) -> None:
    await orphan(week)
    eraser = Eraser(
        week.room.manager,
        [week.room.cluster],
        namespace=NAMESPACE,
        workflow_id="nobody's",
        rules=RULES,
        clock=week.calendar,
    )
    with pytest.raises(CollectionRefused, match="no run"):
        await eraser.run(delete=True)


async def test_closed_runs_are_read_once(week: Week) -> None:
    async with week.room.worker():
        for _ in range(40):
            handle = await week.room.start(rooted.Grow.run, "small")
            await handle.result()
        still_open = await week.room.start(rooted.Hold.run, week.room.text)
        await week.one_pass()
        first = week.room.cluster.requests["history"]
        week.calendar.wait(hours=25)
        await week.one_pass()
        second = week.room.cluster.requests["history"] - first
    assert first >= 41
    assert second <= first * 0.05
    assert await week.room.cluster.run(NAMESPACE, first_run(still_open))
    await week.delete_runs()


async def test_a_run_that_no_listing_shows_any_more_is_asked_for(week: Week) -> None:
    async with week.room.worker():
        handle = await week.room.start(rooted.Grow.run, "small")
        await handle.result()
        await week.one_pass()
        hidden = first_run(handle)
        listed = week.room.cluster.runs

        async def without(*arguments: object) -> AsyncGenerator[Run]:
            async for run in listed(*arguments):  # pyright: ignore[reportArgumentType]
                if run != hidden:
                    yield run

        week.room.cluster.runs = without  # pyright: ignore[reportAttributeAccessIssue]
        for _ in range(3):
            await week.two_passes()
            assert await week.keys() == week.room.stored
        await week.room.delete(hidden)
    await week.two_passes()
    assert not await week.keys()
