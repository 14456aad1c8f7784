"""A store that fails or lies: the task fails and says why, the workflow waits and goes on."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.errors import ForeignNamespace
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.temporal.plugin import Door
from tests.temporal import kinds
from tests.temporal.counting import claim_in, history_payloads
from tests.temporal.setup import Setup, big, connect
from tests.temporal.waiting import eventually


@pytest.fixture
async def folder(temporal_address: str, door: Door, tmp_path: Path) -> Setup:
    """A client and workers on a folder store; without a cache every read reads."""
    manager = ClaimCheckManager(FileSystemStore(tmp_path / "store"), cache_bytes=0)
    return await connect(temporal_address, door=door, manager=manager)


async def path_of_input(handle: WorkflowHandle[Any, Any], root: Path) -> Path:
    claims = [claim for each in await history_payloads(handle) if (claim := claim_in(each))]
    return root / claims[0].key


async def task_failure(handle: WorkflowHandle[Any, Any]) -> str:
    """Wait for a workflow task to fail; return what Temporal's UI shows of it."""
    messages: list[str] = []

    async def failed() -> bool:
        messages.extend(
            event.workflow_task_failed_event_attributes.failure.message
            for event in (await handle.fetch_history()).events
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        )
        return bool(messages)

    await eventually(failed)
    return messages[0]


def cut(blob: bytes) -> bytes:
    return blob[: len(blob) // 2]


def flip(blob: bytes) -> bytes:
    middle = len(blob) // 2
    return blob[:middle] + bytes([blob[middle] ^ 1]) + blob[middle + 1 :]


@pytest.mark.parametrize(
    ("damage", "code"), [(cut, "blob-corrupt"), (flip, "blob-corrupt"), (None, "blob-not-found")]
)
async def test_restored_object_heals_the_workflow(
    folder: Setup, tmp_path: Path, damage: Callable[[bytes], bytes] | None, code: str
) -> None:
    value = big(f"heals {code} {damage}", 1_000_000)
    handle = await folder.client.start_workflow(
        kinds.Measure.run, value, id=folder.new_id(), task_queue=folder.task_queue
    )
    path = await path_of_input(handle, tmp_path / "store")
    whole = path.read_bytes()
    if damage is None:
        path.unlink()
    else:
        path.write_bytes(damage(whole))
    async with folder.worker([kinds.Measure]):
        message = await task_failure(handle)
        assert f"[{code}]" in message
        assert str(path.relative_to(tmp_path / "store")) in message
        assert value[:40] not in message
        path.write_bytes(whole)
        assert await handle.result() == len(value)


async def test_object_of_another_payload_is_never_handed_out(folder: Setup, tmp_path: Path) -> None:
    values = [big("one", 1_000_000), big("two", 1_000_000)]
    handles = [
        await folder.client.start_workflow(
            kinds.Measure.run, value, id=folder.new_id(), task_queue=folder.task_queue
        )
        for value in values
    ]
    first, second = [await path_of_input(handle, tmp_path / "store") for handle in handles]
    whole = first.read_bytes()
    first.write_bytes(second.read_bytes())
    async with folder.worker([kinds.Measure]):
        assert "[digest-mismatch]" in await task_failure(handles[0])
        first.write_bytes(whole)
        assert await handles[0].result() == len(values[0])


async def test_store_that_is_gone_for_a_while_delays_the_workflow(
    folder: Setup, tmp_path: Path
) -> None:
    value = big("gone", 1_000_000)
    handle = await folder.client.start_workflow(
        kinds.CallActivity.run,
        args=["make_large", value, False],
        id=folder.new_id(),
        task_queue=folder.task_queue,
    )
    store, away = tmp_path / "store", tmp_path / "away"
    shutil.move(store, away)
    async with folder.worker([kinds.CallActivity], kinds.ACTIVITIES):
        assert "[store-unavailable]" in await task_failure(handle)
        assert not store.exists(), "nothing was made in its place"
        shutil.move(away, store)
        assert await handle.result() == len(value)


async def test_claim_to_a_foreign_namespace_is_refused(folder: Setup, tmp_path: Path) -> None:
    """A client that may only read `other` cannot read what `default` stored, claim or not."""
    value = big("foreign", 1_000_000)
    handle = await folder.client.start_workflow(
        kinds.Echo.run, value, id=folder.new_id(), task_queue=folder.task_queue
    )
    (payload,) = [each for each in await history_payloads(handle) if claim_in(each)]
    claim = claim_in(payload)
    assert claim is not None
    other = ClaimCheckManager(FileSystemStore(tmp_path / "store"), namespace="other")
    with pytest.raises(ForeignNamespace):
        await other.retrieve(claim)
    with pytest.raises(ForeignNamespace):
        await other.maybe_retrieve(payload)
