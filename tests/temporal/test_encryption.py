"""With keys, nothing leaves in the clear: searched for in the raw bytes of all that was written."""

import logging
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio import activity, client, worker, workflow
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.converter import DataConverter

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.payloads import is_encrypted_payload
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.temporal.plugin import Door
from temporal_claimcheck.testing.servers import temporal_server
from temporal_claimcheck.transforms.compression import NoCompression
from tests.core.rings import ring
from tests.temporal import kinds
from tests.temporal.counting import CountingStore
from tests.temporal.exchanges import KINDS, Exchange
from tests.temporal.setup import Setup
from tests.temporal.setup import connect as connect_in_memory

SIZES = {"in place": 40_000, "offloaded": 400_000}


@dataclass
class Kept:
    """A Temporal server that keeps all it is told in one file, and can be searched."""

    address: str
    database: Path

    def holds(self, text: str) -> bool:
        return any(
            text.encode() in file.read_bytes()
            for file in self.database.parent.glob(f"{self.database.name}*")
        )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kept(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Kept]:
    database = tmp_path_factory.mktemp("temporal") / "temporal.db"
    async with temporal_server(arguments=["--db-filename", str(database)]) as environment:
        yield Kept(environment.client.service_client.config.target_host, database)


def is_stored(folder: Path, text: str) -> bool:
    return any(text.encode() in file.read_bytes() for file in folder.rglob("*") if file.is_file())


async def connect(
    kept: Kept, door: Door, folder: Path, *, keys: bool = True, **options: Any
) -> Setup:
    # Without compression, so that the search would find what is not encrypted.
    manager = ClaimCheckManager(
        FileSystemStore(folder), compression=NoCompression(), keys=ring("a") if keys else None
    )
    plugin = ClaimCheckPlugin(manager, door=door)
    client = await Client.connect(kept.address, plugins=[plugin], **options)
    return Setup(address=kept.address, client=client, store=manager.store, plugin=plugin)  # pyright: ignore[reportArgumentType]


def text_with(canary: str, characters: int) -> str:
    return (f"{canary} sings. " * (characters // len(canary) + 1))[:characters]


@pytest.fixture
def canary() -> str:
    return f"canary-{uuid.uuid4()}"


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    # The SDK's own debug log shows heartbeat details, on the machine that made them.
    caplog.set_level(logging.INFO)
    caplog.set_level(logging.DEBUG, "temporal_claimcheck")
    return caplog


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("kind", KINDS)
async def test_no_kind_of_payload_is_found_anywhere(
    kind: str,
    size: str,
    *,
    door: Door,
    kept: Kept,
    tmp_path: Path,
    canary: str,
    log: pytest.LogCaptureFixture,
) -> None:
    setup = await connect(kept, door, tmp_path)
    async with setup.worker(kinds.WORKFLOWS, kinds.ACTIVITIES):
        handles = await KINDS[kind](Exchange(setup, text_with(canary, SIZES[size])))
    assert handles
    assert not kept.holds(canary)
    assert not is_stored(tmp_path, canary)
    assert canary not in log.text


@pytest.mark.parametrize("size", SIZES)
async def test_without_keys_the_search_finds_what_it_looks_for(
    size: str, door: Door, kept: Kept, tmp_path: Path, canary: str
) -> None:
    setup = await connect(kept, door, tmp_path, keys=False)
    async with setup.worker(kinds.WORKFLOWS, kinds.ACTIVITIES):
        await KINDS["workflow input"](Exchange(setup, text_with(canary, SIZES[size])))
    assert kept.holds(canary) or is_stored(tmp_path, canary)


async def test_what_encryption_lifts_over_the_threshold_stays_in_place(
    door: Door, temporal_address: str
) -> None:
    store = CountingStore()
    manager = ClaimCheckManager(store, keys=ring("a"))
    converter = (
        await connect_in_memory(temporal_address, door=door, store=store, manager=manager)
    ).client.data_converter
    value = "x" * 51_150
    plain = DataConverter.default.payload_converter.to_payload(value)
    assert 0 < manager.policy.threshold_bytes - plain.ByteSize() < 50
    [payload] = await converter.encode([value])
    assert payload.ByteSize() > manager.policy.threshold_bytes
    assert is_encrypted_payload(payload)
    assert not store.puts
    assert await converter.decode([payload], [str]) == [value]


# What is no argument and no result.


@activity.defn
async def fail(message: str) -> None:
    raise ValueError(message)


@workflow.defn
class Fail:
    @workflow.run
    async def run(self, message: str) -> None:
        await workflow.execute_activity(
            fail, message, start_to_close_timeout=kinds.TIMEOUT, retry_policy=kinds.ONCE
        )


class WithHeader(client.Interceptor):
    """Puts a header on every workflow that is started."""

    def __init__(self, value: str) -> None:
        self._value = value

    def intercept_client(
        self,
        next: client.OutboundInterceptor,  # noqa: A002  # the SDK's name
    ) -> client.OutboundInterceptor:
        value = self._value

        class Outbound(client.OutboundInterceptor):
            async def start_workflow(
                self,
                input: client.StartWorkflowInput,  # noqa: A002
            ) -> WorkflowHandle[Any, Any]:
                (header,) = DataConverter.default.payload_converter.to_payloads([value])
                input.headers = {**input.headers, "header": header}
                return await super().start_workflow(input)

        return Outbound(next)


class ReadHeader(worker.Interceptor):
    """Lets each workflow return its header."""

    def workflow_interceptor_class(
        self,
        input: worker.WorkflowInterceptorClassInput,  # noqa: A002
    ) -> type[worker.WorkflowInboundInterceptor]:
        del input

        class Inbound(worker.WorkflowInboundInterceptor):
            async def execute_workflow(self, input: worker.ExecuteWorkflowInput) -> Any:  # noqa: A002
                return workflow.payload_converter().from_payload(input.headers["header"])

        return Inbound


async def test_failure_messages_and_stack_traces_are_encrypted_too(
    door: Door, kept: Kept, tmp_path: Path, canary: str
) -> None:
    setup = await connect(kept, door, tmp_path)
    async with setup.worker([Fail], [fail]):
        with pytest.raises(WorkflowFailureError) as caught:
            await setup.client.execute_workflow(
                Fail.run, canary, id=setup.new_id(), task_queue=setup.task_queue
            )
    activity_error = caught.value.cause
    assert activity_error is not None
    assert canary in str(activity_error.__cause__), "who has the key reads the message"
    assert not kept.holds(canary)
    assert not kept.holds("raise ValueError(message)")


async def test_headers_are_encrypted_too_and_read_by_the_worker(
    door: Door, kept: Kept, tmp_path: Path, canary: str
) -> None:
    setup = await connect(kept, door, tmp_path, interceptors=[WithHeader(canary)])
    async with setup.worker([kinds.Echo], interceptors=[ReadHeader()]):
        header = await setup.client.execute_workflow(
            kinds.Echo.run, "", id=setup.new_id(), task_queue=setup.task_queue
        )
    assert header == canary
    assert not kept.holds(canary)


async def test_summaries_and_details_are_encrypted_too(
    door: Door, kept: Kept, tmp_path: Path, canary: str
) -> None:
    setup = await connect(kept, door, tmp_path)
    async with setup.worker([kinds.Echo]):
        await setup.client.execute_workflow(
            kinds.Echo.run,
            "",
            id=setup.new_id(),
            task_queue=setup.task_queue,
            static_summary=canary,
            static_details=canary,
        )
    assert not kept.holds(canary)
