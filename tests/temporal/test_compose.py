"""The plugin keeps what the user already has: converters, codecs, drivers, runners."""

import base64
import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import BaseModel
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowFailureError
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.converter import (
    DataConverter,
    DefaultFailureConverterWithEncodedAttributes,
    ExternalStorage,
    PayloadCodec,
    SerializationContext,
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
    WithSerializationContext,
)
from temporalio.exceptions import ApplicationError
from temporalio.worker import Replayer, Worker
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from temporal_claimcheck import ClaimCheckDriver, ClaimCheckManager, ClaimCheckPlugin, Settings
from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.temporal.plugin import Door
from tests.temporal import imports_us, kinds
from tests.temporal.counting import CountingStore, claim_in, history_payloads
from tests.temporal.setup import big, connect


class Order(BaseModel):
    number: int
    lines: list[str]


@workflow.defn
class DoubleOrder:
    @workflow.run
    async def run(self, order: Order) -> Order:
        return Order(number=order.number * 2, lines=order.lines * 2)


class ScramblingCodec(PayloadCodec, WithSerializationContext):
    """Stands for a user's encryption: nothing that it encodes can be read as it was."""

    def __init__(self, contexts: list[SerializationContext] | None = None) -> None:
        self.contexts = [] if contexts is None else contexts

    def with_context(self, context: SerializationContext) -> "ScramblingCodec":
        self.contexts.append(context)
        return ScramblingCodec(self.contexts)

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload(
                metadata={"encoding": b"binary/scrambled"},
                data=base64.b85encode(payload.SerializeToString())[::-1],
            )
            for payload in payloads
        ]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload.FromString(base64.b85decode(payload.data[::-1]))
            if payload.metadata["encoding"] == b"binary/scrambled"
            else payload
            for payload in payloads
        ]


async def test_pydantic_models_travel(temporal_address: str, door: Door) -> None:
    setup = await connect(temporal_address, door=door, data_converter=pydantic_data_converter)
    order = Order(number=21, lines=[big("line", 1_000_000)])
    async with setup.worker([DoubleOrder]):
        result = await setup.client.execute_workflow(
            DoubleOrder.run, order, id=setup.new_id(), task_queue=setup.task_queue
        )
    assert result == Order(number=42, lines=order.lines * 2)
    assert len(setup.store.puts) == 2


async def test_users_codec_encodes_before_anything_is_stored(
    temporal_address: str, door: Door
) -> None:
    codec = ScramblingCodec()
    converter = dataclasses.replace(DataConverter.default, payload_codec=codec)
    setup = await connect(temporal_address, door=door, data_converter=converter)
    canary = "canary-7b1d8543"
    value = canary + big("secret", 1_000_000)
    async with setup.worker([kinds.Echo, kinds.Measure]):
        for text in (value, canary):
            handle = await setup.client.start_workflow(
                kinds.Echo.run, text, id=setup.new_id(), task_queue=setup.task_queue
            )
            assert await handle.result() == text
            history = await handle.fetch_history()
            assert canary not in history.to_json()
    reader = ClaimCheckManager(setup.store)
    stored = [
        await reader.retrieve(claim)
        for payload in await history_payloads(handle)
        if (claim := claim_in(payload))
    ]
    assert all(canary.encode() not in payload.data for payload in stored)
    seen = {getattr(context, "workflow_id", None) for context in codec.contexts}
    assert handle.id in seen


async def test_encoded_failure_attributes_are_offloaded_and_read(
    temporal_address: str, door: Door
) -> None:
    converter = dataclasses.replace(
        DataConverter.default,
        failure_converter_class=DefaultFailureConverterWithEncodedAttributes,
    )
    setup = await connect(temporal_address, door=door, data_converter=converter)
    value = big("details", 3_000_000)
    async with setup.worker([kinds.CatchFailure], kinds.ACTIVITIES):
        with pytest.raises(WorkflowFailureError) as caught:
            await setup.client.execute_workflow(
                kinds.CatchFailure.run, value, id=setup.new_id(), task_queue=setup.task_queue
            )
    assert isinstance(caught.value.cause, ApplicationError)
    assert caught.value.cause.message == str(len(value))
    assert list(caught.value.cause.details) == [value]


async def test_users_sandbox_restrictions_stay(temporal_address: str, door: Door) -> None:
    setup = await connect(temporal_address, door=door)
    restrictions = SandboxRestrictions.default.with_passthrough_modules("tests.only_here")
    worker = setup.worker(
        [kinds.Echo], workflow_runner=SandboxedWorkflowRunner(restrictions=restrictions)
    )
    runner: Any = worker.config(active_config=True)["workflow_runner"]  # pyright: ignore[reportTypedDictNotRequiredAccess]
    assert isinstance(runner, SandboxedWorkflowRunner)
    assert "tests.only_here" in runner.restrictions.passthrough_modules


async def test_workflow_module_may_import_the_package(temporal_address: str, door: Door) -> None:
    setup = await connect(temporal_address, door=door)
    async with setup.worker([imports_us.NamesThePackage]):
        result = await setup.client.execute_workflow(
            imports_us.NamesThePackage.run, id=setup.new_id(), task_queue=setup.task_queue
        )
    assert result == "ClaimCheckPlugin"


async def test_process_that_has_only_a_client_needs_nothing_more(
    temporal_address: str, door: Door
) -> None:
    store = CountingStore()
    server = await connect(temporal_address, door=door, store=store)
    client_only = await connect(temporal_address, door=door, store=store)
    value = big("client only")
    async with server.worker([kinds.Echo]):
        assert value == await client_only.client.execute_workflow(
            kinds.Echo.run, value, id=server.new_id(), task_queue=server.task_queue
        )


async def test_each_door_reads_what_the_other_wrote(temporal_address: str, door: Door) -> None:
    store = CountingStore()
    writer = await connect(temporal_address, door=door, store=store)
    other: Door = "codec" if door == "driver" else "driver"
    reader = await connect(temporal_address, door=other, store=store)
    reader.task_queue = writer.task_queue
    value = big("doors")
    handle = await writer.client.start_workflow(
        kinds.Echo.run, value, id=writer.new_id(), task_queue=writer.task_queue
    )
    async with reader.worker([kinds.Echo]):
        assert await handle.result() == value
    assert set(store.puts.values()) == {1}, "one object, claimed in both forms"


async def test_client_works_on_after_its_worker_ended(temporal_address: str, door: Door) -> None:
    setup = await connect(temporal_address, door=door)
    value = big("after")
    async with setup.worker([kinds.Echo]):
        handle = await setup.client.start_workflow(
            kinds.Echo.run, value, id=setup.new_id(), task_queue=setup.task_queue
        )
        assert await handle.result() == value
    again = await setup.client.start_workflow(
        kinds.Measure.run, big("next"), id=setup.new_id(), task_queue=setup.task_queue
    )
    assert [claim_in(payload) for payload in await history_payloads(again)] != [None]


async def test_disabled_claim_check_stores_nothing_and_still_reads(
    temporal_address: str, door: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAIMCHECK_ENABLED", "false")
    on = await connect(temporal_address, door=door)
    client = await Client.connect(temporal_address, plugins=[ClaimCheckPlugin(on.store, door=door)])
    value = big("disabled", 100_000)
    handle = await on.client.start_workflow(
        kinds.Echo.run, value, id=on.new_id(), task_queue=on.task_queue
    )
    written = on.store.puts.copy()
    async with Worker(client, task_queue=on.task_queue, workflows=[kinds.Echo]):
        assert await handle.result() == value
    assert on.store.puts == written


async def test_worker_whose_client_lacks_the_plugin_is_told_where_it_belongs(
    temporal_address: str,
) -> None:
    client = await Client.connect(temporal_address)
    with pytest.raises(InvalidSettings, match=r"Client\.connect"):
        Worker(
            client,
            task_queue="any",
            workflows=[kinds.Echo],
            plugins=[ClaimCheckPlugin(MemoryStore())],
        )


async def test_second_claim_check_on_a_client_is_refused(temporal_address: str) -> None:
    with pytest.raises(InvalidSettings, match="another claim check"):
        await Client.connect(
            temporal_address,
            plugins=[ClaimCheckPlugin(MemoryStore()), ClaimCheckPlugin(MemoryStore())],
        )


async def test_driver_wired_by_hand_needs_no_plugin(temporal_address: str) -> None:
    driver = ClaimCheckDriver(ClaimCheckManager(CountingStore()))
    converter = dataclasses.replace(
        DataConverter.default, external_storage=driver.external_storage()
    )
    client = await Client.connect(temporal_address, data_converter=converter)
    value = big("by hand")
    async with Worker(client, task_queue="by hand", workflows=[kinds.Echo]):
        assert value == await client.execute_workflow(
            kinds.Echo.run, value, id="by hand", task_queue="by hand"
        )


class Impostor(StorageDriver):
    def name(self) -> str:
        return "claimcheck"

    async def store(
        self, context: StorageDriverStoreContext, payloads: Sequence[Payload]
    ) -> list[StorageDriverClaim]:
        raise AssertionError(context, payloads)

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        raise AssertionError(context, claims)


async def test_another_driver_of_our_name_is_refused(temporal_address: str) -> None:
    converter = dataclasses.replace(
        DataConverter.default, external_storage=ExternalStorage(drivers=[Impostor()])
    )
    with pytest.raises(InvalidSettings, match="another name"):
        await Client.connect(
            temporal_address, data_converter=converter, plugins=[ClaimCheckPlugin(MemoryStore())]
        )


async def test_replayer_reads_claims_of_whatever_namespace(temporal_address: str) -> None:
    store = CountingStore()
    setup = await connect(temporal_address, store=store)
    async with setup.worker([kinds.Echo]):
        handle = await setup.client.start_workflow(
            kinds.Echo.run, big("space"), id=setup.new_id(), task_queue=setup.task_queue
        )
        await handle.result()
    settings = Settings.load(store="memory://", namespace="another")
    plugin = ClaimCheckPlugin(store, settings=settings)
    replayer = Replayer(workflows=[kinds.Echo], plugins=[plugin], namespace="a third")
    await replayer.replay_workflow(await handle.fetch_history())
    assert store.gets
