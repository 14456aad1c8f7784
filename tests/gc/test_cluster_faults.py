"""What the cluster does not answer, or not in full, is an error and never a no."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from temporalio.api.common.v1 import Payloads
from temporalio.service import RPCStatusCode

from temporal_claimcheck.errors import CollectionIncomplete
from temporal_claimcheck.gc.cluster import Kind, Open
from temporal_claimcheck.testing.servers import temporal_server
from tests.gc import rooted
from tests.gc.go_between import alters, fails
from tests.gc.rooms import NAMESPACE, Room, first_run, open_room
from tests.gc.test_temporal_cluster import many_signals, seen_through

HISTORY = "get_workflow_execution_history"
DESCRIBE = "describe_workflow_execution"
LIST = "list_workflow_executions"


@pytest.fixture
async def room(address: str) -> Room:
    return await open_room(address)


async def everything(items: AsyncIterator[Any]) -> list[Any]:
    return [item async for item in items]


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (RPCStatusCode.UNAVAILABLE, "Look at the cluster"),
        (RPCStatusCode.RESOURCE_EXHAUSTED, "Look at the cluster"),
        (RPCStatusCode.DEADLINE_EXCEEDED, "Look at the cluster"),
        (RPCStatusCode.DATA_LOSS, "Look at the cluster"),
        (RPCStatusCode.UNIMPLEMENTED, "Look at the cluster"),
        (RPCStatusCode.PERMISSION_DENIED, "credentials"),
        (RPCStatusCode.UNAUTHENTICATED, "credentials"),
    ],
)
@pytest.mark.parametrize(("method", "after"), [(HISTORY, 0), (HISTORY, 1), (DESCRIBE, 0)])
async def test_a_run_that_cannot_be_read_to_the_end_is_an_error(
    status: RPCStatusCode, says: str, method: str, after: int, room: Room
) -> None:
    between, cluster = seen_through(room)
    handle = await many_signals(room)
    between.meddle(method, fails(status, after=after))
    with pytest.raises(CollectionIncomplete, match=rf"(?s){handle.id}.*{status.name}.*{says}"):
        await cluster.run(NAMESPACE, first_run(handle))


async def test_a_failure_that_passes_is_waited_for(room: Room) -> None:
    between, cluster = seen_through(room)
    handle = await room.start(rooted.Hold.run, room.text)
    between.meddle(HISTORY, fails(RPCStatusCode.UNAVAILABLE, times=1))
    between.meddle(DESCRIBE, fails(RPCStatusCode.RESOURCE_EXHAUSTED, times=1))
    found = await cluster.run(NAMESPACE, first_run(handle))
    assert found
    assert found.keys == room.stored


@pytest.mark.parametrize("kind", Kind)
async def test_a_gateway_that_knows_no_list_is_not_believed(kind: Kind, room: Room) -> None:
    between, cluster = seen_through(room)
    for method in ("schedules", "activity_executions", "nexus_operation_executions"):
        between.meddle(f"list_{method}", fails(RPCStatusCode.UNIMPLEMENTED))
    with pytest.raises(CollectionIncomplete, match=kind.value):
        await everything(cluster.others(NAMESPACE, kind))


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("status", [RPCStatusCode.UNAVAILABLE, RPCStatusCode.PERMISSION_DENIED])
async def test_another_root_that_cannot_be_read_is_an_error(
    kind: Kind, status: RPCStatusCode, room: Room
) -> None:
    between, cluster = seen_through(room)
    for method in ("schedule", "activity_execution", "nexus_operation_execution"):
        between.meddle(f"describe_{method}", fails(status))
    with pytest.raises(CollectionIncomplete, match="the-id"):
        await cluster.other(NAMESPACE, kind, "the-id the-run")


async def test_a_list_that_fails_is_an_error(room: Room) -> None:
    between, cluster = seen_through(room)
    between.meddle(LIST, fails(RPCStatusCode.UNAVAILABLE))
    with pytest.raises(CollectionIncomplete, match=NAMESPACE):
        await everything(cluster.runs(NAMESPACE, Open()))


async def test_a_list_whose_pages_go_round_is_an_error(room: Room) -> None:
    between, cluster = seen_through(room)
    tokens = iter([b"first", b"second", b"first"])

    def go_round(answer: Any) -> None:
        answer.next_page_token = next(tokens)

    async def without_token(request: Any, pass_on: Any) -> Any:
        request.next_page_token = b""
        answer = await pass_on()
        go_round(answer)
        return answer

    between.meddle(LIST, without_token)
    with pytest.raises(CollectionIncomplete, match="do not end"):
        await everything(cluster.runs(NAMESPACE, Open()))


async def test_a_history_whose_pages_go_round_is_an_error(room: Room) -> None:
    between, cluster = seen_through(room)
    handle = await many_signals(room)

    async def first_page(request: Any, pass_on: Any) -> Any:
        request.next_page_token = b""
        return await pass_on()

    between.meddle(HISTORY, first_page)
    with pytest.raises(CollectionIncomplete, match="events missing"):
        await cluster.run(NAMESPACE, first_run(handle))


async def test_a_history_whose_pages_do_not_end_is_an_error(room: Room) -> None:
    between, cluster = seen_through(room)
    handle = await room.start(rooted.Hold.run)
    number = 0

    async def empty_page(request: Any, pass_on: Any) -> Any:
        nonlocal number
        number += 1
        is_first = not request.next_page_token
        request.next_page_token = b""
        answer = await pass_on()
        if not is_first:
            answer.ClearField("history")
        answer.next_page_token = str(number).encode()
        return answer

    between.meddle(HISTORY, empty_page)
    with pytest.raises(CollectionIncomplete, match="do not end"):
        await cluster.run(NAMESPACE, first_run(handle))


def without_first(answer: Any) -> None:
    del answer.history.events[0]


def without_second(answer: Any) -> None:
    del answer.history.events[1]


def without_any(answer: Any) -> None:
    answer.ClearField("history")


def of_no_known_form(answer: Any) -> None:
    answer.raw_history.add(data=b"{}")


@pytest.mark.parametrize("damage", [without_first, without_second, without_any, of_no_known_form])
async def test_a_history_that_is_not_whole_is_an_error(damage: Any, room: Room) -> None:
    between, cluster = seen_through(room)
    handle = await room.start(rooted.Hold.run, room.text)
    await handle.signal(rooted.Hold.put, "small")
    between.meddle(HISTORY, alters(damage))
    with pytest.raises(CollectionIncomplete, match=handle.id):
        await cluster.run(NAMESPACE, first_run(handle))


async def test_a_claim_of_a_later_release_in_a_history_is_an_error(room: Room) -> None:
    payload = await room.payload(room.text)
    payload.data = payload.data.replace(b'"v":"1"', b'"v":"2"')
    run = await room.start_raw(input=Payloads(payloads=[payload]))
    with pytest.raises(CollectionIncomplete, match=rf"{run.workflow_id}.*version 2"):
        await room.cluster.run(NAMESPACE, run)


async def test_a_server_that_stops_in_the_middle_is_an_error() -> None:
    async with temporal_server() as environment:
        address = environment.client.service_client.config.target_host
        room = await open_room(address)
        handle = await many_signals(room)
        between, cluster = seen_through(room)

        async def stop_first(request: Any, pass_on: Any) -> Any:
            if request.next_page_token:
                await environment.shutdown()
            return await pass_on()

        between.meddle(HISTORY, stop_first)
        with pytest.raises(CollectionIncomplete, match=handle.id):
            await cluster.run(NAMESPACE, first_run(handle))
