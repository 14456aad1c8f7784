"""What one language writes another reads, by either door: each cell of the table in the docs."""

import uuid
from collections.abc import Sequence

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client

from temporal_claimcheck.payloads import is_claim_payload, is_storage_reference, reference_in
from tests.interop.conftest import QueueOf, needs
from tests.interop.table import CELLS, DOORS, OTHERS, Cell, DoorName, Language
from tests.interop.workers import (
    THRESHOLD_BYTES,
    Way,
    foreign_client,
    payloads_of,
    relay,
    result_of,
)
from tests.temporal.setup import big
from tests.temporal.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="session")

TEN_MEGABYTES = 10_000_000
A_LITTLE = 100_000


def assert_claims_only(payloads: Sequence[Payload], door: DoorName) -> None:
    """Check that what is large travels as this door's claims and as nothing else."""
    assert max(payload.ByteSize() for payload in payloads) < THRESHOLD_BYTES
    claims = [each for each in payloads if is_claim_payload(each) or is_storage_reference(each)]
    assert len(claims) == 4, "input, the activity's input and result, the workflow's result"
    if door == "codec":
        assert all(map(is_claim_payload, claims))
    else:
        assert {reference_in(each).driver_name for each in claims} == {"aws.s3driver"}


def named(cell: Cell) -> str:
    return f"{cell.writer}-{cell.reader}-{cell.door}"


@pytest.mark.parametrize("cell", [cell for cell in CELLS if cell.reads], ids=named)
async def test_an_activity_reads_what_a_workflow_wrote_and_the_other_way_round(
    cell: Cell, queue_of: QueueOf, clients: dict[DoorName, Client], temporal_address: str
) -> None:
    """A client in Python sends 10 MB to the workflow, and gets 10 MB back."""
    needs(cell.writer, cell.reader)
    text = big(named(cell), TEN_MEGABYTES)
    handle = await relay(
        clients[cell.door],
        text,
        workflow_queue=await queue_of(cell.writer, cell.door),
        activity_queue=await queue_of(cell.reader, cell.door),
    )
    assert await result_of(handle) == text.upper()
    assert_claims_only(await payloads_of(temporal_address, handle.id), cell.door)


@pytest.mark.parametrize("cell", [cell for cell in CELLS if not cell.reads], ids=named)
async def test_an_activity_refuses_a_claim_whose_digest_has_the_other_name(
    cell: Cell, queue_of: QueueOf, clients: dict[DoorName, Client]
) -> None:
    """When this fails, the SDKs have agreed, and the table can say yes."""
    needs(cell.writer, cell.reader)
    handle = await relay(
        clients[cell.door],
        big(named(cell), A_LITTLE),
        workflow_queue=await queue_of(cell.writer, cell.door),
        activity_queue=await queue_of(cell.reader, cell.door),
    )
    name = "hashAlgorithm" if cell.reader == "typescript" else "hash_algorithm"

    async def is_refused() -> bool:
        pending = (await handle.describe()).raw_description.pending_activities
        return any(name in str(each.last_failure) for each in pending)

    await eventually(is_refused)
    await handle.terminate()


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("language", OTHERS)
async def test_a_client_of_another_language_calls_a_workflow_in_python(
    language: Language,
    door: DoorName,
    ways: dict[DoorName, Way],
    queue_of: QueueOf,
    temporal_address: str,
) -> None:
    needs(language)
    text = big(f"client {language} {door}", TEN_MEGABYTES)
    queue, workflow_id = await queue_of("python", door), f"relay-{uuid.uuid4()}"
    arguments = ("start", workflow_id, queue, queue)
    result = await foreign_client(language, ways[door], *arguments, text=text)
    assert result == text.upper()
    assert_claims_only(await payloads_of(temporal_address, workflow_id), door)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("language", OTHERS)
async def test_a_client_of_another_language_reads_what_only_python_wrote(
    language: Language,
    door: DoorName,
    ways: dict[DoorName, Way],
    clients: dict[DoorName, Client],
    queue_of: QueueOf,
) -> None:
    needs(language)
    text, queue = big(f"read {language} {door}", TEN_MEGABYTES), await queue_of("python", door)
    handle = await relay(clients[door], text, workflow_queue=queue, activity_queue=queue)
    await result_of(handle)
    assert await foreign_client(language, ways[door], "read", handle.id) == text.upper()
