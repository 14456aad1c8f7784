"""What Temporal carries, counts and finds for a whole pipeline of 10 MB payloads."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from temporalio.client import WorkflowHandle

from temporal_claimcheck.claim import Claim
from tests.temporal import pipeline
from tests.temporal.counting import claim_in, history_payloads
from tests.temporal.setup import Setup, big
from tests.temporal.waiting import eventually


async def run(setup: Setup, mark: str) -> WorkflowHandle[Any, Any]:
    value = [big(mark, 5_000_000), big(mark + " too", 5_000_000)]
    with ThreadPoolExecutor() as executor:
        async with setup.worker(
            [pipeline.Pipeline], pipeline.ACTIVITIES, activity_executor=executor
        ):
            handle = await setup.client.start_workflow(
                pipeline.Pipeline.run,
                args=[value, False],
                id=setup.new_id(),
                task_queue=setup.task_queue,
            )
            assert await handle.result() == 2 * sum(map(len, value))
    return handle


async def claims_in(handle: WorkflowHandle[Any, Any]) -> list[Claim]:
    found = [claim_in(payload) for payload in await history_payloads(handle)]
    return [claim for claim in found if claim is not None]


async def test_history_stays_under_ten_kilobytes(setup: Setup) -> None:
    handle = await run(setup, "history")
    described = await handle.describe()
    assert described.raw_description.workflow_execution_info.history_size_bytes < 10_000


async def test_server_counts_what_is_stored_outside(setup: Setup) -> None:
    handle = await run(setup, "count")
    claims = await claims_in(handle)
    info = (await handle.describe()).raw_description.workflow_execution_info
    assert info.external_payload_count == len(claims) == 7
    assert info.external_payload_size_bytes == sum(claim.payload_bytes for claim in claims)


async def test_visibility_query_finds_the_workflow(setup: Setup) -> None:
    handle = await run(setup, "visibility")
    query = f"TemporalExternalPayloadCount > 0 AND WorkflowId = '{handle.id}'"

    async def found() -> bool:
        return [each.id async for each in setup.client.list_workflows(query)] == [handle.id]

    await eventually(found)


async def test_every_payload_is_written_once_however_often_it_is_passed_along(
    setup: Setup,
) -> None:
    handle = await run(setup, "once")
    keys = {claim.key for claim in await claims_in(handle)}
    assert setup.store.puts == dict.fromkeys(keys, 1)
    assert len(keys) == 2, "the input and the transformed records"
