"""Claims of others at the doors, and user data that looks like them and is data."""

from types import SimpleNamespace
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.common import RawValue
from temporalio.converter import DataConverter
from temporalio.service import ConnectConfig
from temporalio.worker import Worker

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.errors import ForeignNamespace
from temporal_claimcheck.foreign.sources import ForeignSources
from temporal_claimcheck.payloads import serialize_payload
from temporal_claimcheck.temporal.plugin import Door
from tests.core.foreign_values import UUID, DictValues, recipe_claim, s3_key, s3_reference
from tests.temporal.counting import CountingStore

VICTIM = serialize_payload(Payload(metadata={"encoding": b"json/plain"}, data=b'"secret"'))
LOOKALIKES = {
    "the recipe's claim": recipe_claim(),
    "the recipe's claim with nonsense": recipe_claim("nonsense"),
    "the recipe's claim, large": recipe_claim(UUID + " " * 60_000),
    "the S3 driver's reference": s3_reference(s3_key(VICTIM)),
}


@workflow.defn
class EchoRaw:
    @workflow.run
    async def run(self, value: RawValue) -> RawValue:
        return value


async def echoed(address: str, queue: str, plugin: ClaimCheckPlugin, sent: Payload) -> Payload:
    client = await Client.connect(address, plugins=[plugin])
    async with Worker(client, task_queue=queue, workflows=[EchoRaw]):
        result: Any = await client.execute_workflow(
            EchoRaw.run, RawValue(sent), id=queue, task_queue=queue
        )
    return result.payload


@pytest.mark.parametrize("name", LOOKALIKES)
async def test_a_lookalike_comes_back_as_it_went_in(
    name: str, temporal_address: str, door: Door
) -> None:
    recipe, bucket = DictValues({UUID: VICTIM}), DictValues({s3_key(VICTIM): VICTIM})
    sources = ForeignSources(recipe=recipe, s3_driver_buckets={"payloads": bucket})
    plugin = ClaimCheckPlugin(ClaimCheckManager(CountingStore(), foreign=sources), door=door)
    sent = LOOKALIKES[name]
    assert await echoed(temporal_address, f"foreign-{door}-{name}", plugin, sent) == sent
    assert not recipe.reads
    assert not bucket.reads


async def test_the_recipes_claim_passes_untouched_where_it_is_not_read(
    temporal_address: str, door: Door
) -> None:
    store, sent = CountingStore(), recipe_claim()
    plugin = ClaimCheckPlugin(store, door=door)
    assert await echoed(temporal_address, f"foreign-off-{door}", plugin, sent) == sent
    assert not store.puts


@pytest.mark.parametrize("name", ["recipe", "s3-driver", "ours"])
async def test_what_was_read_is_never_read_further(
    name: str, temporal_address: str, door: Door
) -> None:
    """A value of others that looks like a claim itself, met where the SDK resolves it."""
    inner = {
        "recipe": recipe_claim(),
        "s3-driver": s3_reference(s3_key(VICTIM)),
        "ours": Payload(metadata={"encoding": b"json/claim-check"}, data=b"{}"),
    }[name]
    data = serialize_payload(inner)
    bucket = DictValues({s3_key(data): data, s3_key(VICTIM): VICTIM})
    recipe = DictValues({UUID: VICTIM})
    sources = ForeignSources(recipe=recipe, s3_driver_buckets={"payloads": bucket})
    plugin = ClaimCheckPlugin(ClaimCheckManager(CountingStore(), foreign=sources), door=door)
    queue = f"foreign-further-{door}-{name}"
    bare = await Client.connect(temporal_address)
    handle = await bare.start_workflow(
        EchoRaw.run, RawValue(s3_reference(s3_key(data))), id=queue, task_queue=queue
    )
    client = await Client.connect(temporal_address, plugins=[plugin])
    async with Worker(client, task_queue=queue, workflows=[EchoRaw]):
        moved = client.get_workflow_handle(handle.id, result_type=RawValue)
        result: Any = await moved.result()
    assert result.payload == inner
    assert bucket.reads == {s3_key(data): bucket.reads[s3_key(data)]}
    assert not recipe.reads


async def test_a_replayer_with_a_clients_converter_reads_every_namespace() -> None:
    """The plugin finds a reader of the client's there, and puts the replayer's in its place."""
    key = s3_key(VICTIM, "payroll")
    sources = ForeignSources(s3_driver_buckets={"payloads": DictValues({key: VICTIM})})
    plugin = ClaimCheckPlugin(ClaimCheckManager(CountingStore(), foreign=sources))
    config: Any = {
        "data_converter": DataConverter.default,
        "namespace": "default",
        "service_client": SimpleNamespace(config=ConnectConfig(target_host="nowhere")),
    }
    of_client = plugin.configure_client(config)["data_converter"]
    with pytest.raises(ForeignNamespace):
        await of_client.decode([s3_reference(key)])
    replayers: Any = plugin.configure_replayer({"data_converter": of_client})
    assert await replayers["data_converter"].decode([s3_reference(key)]) == ["secret"]
