"""Moving from the published recipe, in the middle of a workflow, on a real Redis and a real S3."""

import dataclasses
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aioboto3
import pytest
import pytest_asyncio
from redis.asyncio import Redis
from temporalio.api.common.v1 import Payload
from temporalio.client import Client, WorkflowHandle, WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import Replayer, Worker

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin, Settings
from temporal_claimcheck.errors import ClaimCheckError
from temporal_claimcheck.foreign.recipe import is_recipe_claim
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.temporal.plugin import Door
from temporal_claimcheck.testing.servers import S3Server, redis_server, seaweedfs
from tests.core.witnesses import Diary
from tests.temporal import pipeline
from tests.temporal.counting import CountingStore, claim_in, history_payloads
from tests.temporal.recipe import RecipeCodec
from tests.temporal.setup import big
from tests.temporal.waiting import eventually

BUCKET = "temporal-claim-check"
INLINE_BYTES = 20 * 1024


@dataclass(kw_only=True)
class Recipe:
    """The recipe's codec, where it keeps things, and how many of them it has there."""

    codec: RecipeCodec
    url: str
    keys: Callable[[], Any]
    delete: Callable[[str], Any]


@pytest.fixture
async def in_redis(tmp_path: Path) -> AsyncGenerator[Recipe]:
    async with redis_server(tmp_path) as server:
        client: Any = Redis(host="127.0.0.1", port=server.port)

        async def keys() -> set[str]:
            return {key.decode() for key in await client.keys("*")}

        yield Recipe(
            codec=RecipeCodec(client.set, client.get),
            url=f"redis://127.0.0.1:{server.port}/0",
            keys=keys,
            delete=client.delete,
        )
        await client.aclose()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def s3(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[S3Server]:
    async with seaweedfs(tmp_path_factory.mktemp("s3"), bucket=BUCKET) as server:
        yield server


@pytest.fixture
async def in_s3(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Recipe]:
    # What both the recipe and we take credentials from.
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret_access_key)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("CLAIMCHECK_S3_ENDPOINT", s3.endpoint)
    session: Any = aioboto3.Session(region_name="us-east-1")
    async with session.client("s3", endpoint_url=s3.endpoint) as boto:

        async def write(key: str, data: bytes) -> None:
            await boto.put_object(Bucket=BUCKET, Key=key, Body=data)

        async def read(key: str) -> bytes:
            found = await boto.get_object(Bucket=BUCKET, Key=key)
            return await found["Body"].read()

        async def keys() -> set[str]:
            listing = await boto.list_objects_v2(Bucket=BUCKET)
            return {each["Key"] for each in listing.get("Contents", [])}

        async def delete(key: str) -> None:
            await boto.delete_object(Bucket=BUCKET, Key=key)

        yield Recipe(
            codec=RecipeCodec(write, read, max_inline_bytes=INLINE_BYTES),
            url=f"s3://{BUCKET}",
            keys=keys,
            delete=delete,
        )


@pytest.fixture(params=["redis", "s3"])
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return request.getfixturevalue(f"in_{request.param}")


def worker(client: Client, queue: str, executor: ThreadPoolExecutor) -> Worker:
    return Worker(
        client,
        task_queue=queue,
        workflows=[pipeline.Pipeline],
        activities=pipeline.ACTIVITIES,
        activity_executor=executor,
        # Else the server keeps the next task for this worker's cache, ten seconds after its end.
        max_cached_workflows=0,
    )


async def begun_with_the_recipe(
    address: str, recipe: Recipe, queue: str, value: list[str]
) -> WorkflowHandle[Any, Any]:
    """Return a pipeline that has done half of its work with the recipe."""
    converter = dataclasses.replace(DataConverter.default, payload_codec=recipe.codec)
    client = await Client.connect(address, data_converter=converter)
    with ThreadPoolExecutor() as executor:
        async with worker(client, queue, executor):
            handle = await client.start_workflow(
                pipeline.Pipeline.run, args=[value, True], id=queue, task_queue=queue
            )

            async def waits() -> bool:
                return bool(await handle.query(pipeline.Pipeline.transformed))

            await eventually(waits)
    return handle


MovedPlugin = Callable[..., ClaimCheckPlugin]


@pytest.fixture
async def moved_plugin(door: Door) -> AsyncGenerator[MovedPlugin]:
    """Make plugins that read what the recipe wrote; their connections are closed at the end."""
    managers: list[ClaimCheckManager] = []

    def make(recipe: Recipe, store: CountingStore, *observers: Diary) -> ClaimCheckPlugin:
        settings = Settings.load(read_recipe_store=recipe.url)
        manager = ClaimCheckManager.from_settings(settings, store=store, observers=observers)
        managers.append(manager)
        return ClaimCheckPlugin(manager, door=door)

    yield make
    for manager in managers:
        await manager.aclose()


async def test_workflow_begun_under_the_recipe_ends_under_ours(
    temporal_address: str, recipe: Recipe, door: Door, moved_plugin: MovedPlugin
) -> None:
    queue, value = f"recipe-{door}-{recipe.url[:2]}", big("recipe", 3_000_000)
    handle = await begun_with_the_recipe(temporal_address, recipe, queue, [value])
    stored_before = await recipe.keys()
    assert stored_before

    # The one change: the plugin in the place of the recipe's.
    ours, diary = CountingStore(), Diary()
    plugin = moved_plugin(recipe, ours, diary)
    client = await Client.connect(temporal_address, plugins=[plugin])
    with ThreadPoolExecutor() as executor:
        async with worker(client, queue, executor):
            moved = client.get_workflow_handle(handle.id)
            await moved.signal(pipeline.Pipeline.release)
            assert await moved.result() == 2 * len(value)
    assert await recipe.keys() == stored_before, "nothing more was written there"
    assert ours.puts, "what came after the move"
    assert {event.key for event in diary.retrieved if event.key.startswith(recipe.url)}

    payloads = await history_payloads(moved)
    assert any(is_recipe_claim(payload) for payload in payloads)
    assert any(claim_in(payload) for payload in payloads)

    # The history of both halves replays, and nothing is written.
    ours.forget_counts()
    replayer = Replayer(workflows=[pipeline.Pipeline], plugins=[moved_plugin(recipe, ours)])
    await replayer.replay_workflow(await moved.fetch_history())
    assert not ours.puts
    assert await recipe.keys() == stored_before


@pytest.mark.parametrize("starter_moved", [False, True], ids=["worker first", "starter first"])
async def test_processes_of_both_rounds_read_each_other(
    temporal_address: str,
    in_redis: Recipe,
    door: Door,
    moved_plugin: MovedPlugin,
    starter_moved: bool,
) -> None:
    """The first round reads ours and writes the recipe's; the second the other way round."""
    ours, value = CountingStore(), big("rounds", 200_000)
    with_recipe = dataclasses.replace(DataConverter.default, payload_codec=in_redis.codec)
    silent = ClaimCheckManager(ours, policy=OffloadPolicy(enabled=False))
    first = await Client.connect(
        temporal_address,
        data_converter=with_recipe,
        plugins=[ClaimCheckPlugin(silent, door=door)],
    )
    second = await Client.connect(temporal_address, plugins=[moved_plugin(in_redis, ours)])
    starter, working = (second, first) if starter_moved else (first, second)
    queue = f"rounds-{door}-{starter_moved}"
    with ThreadPoolExecutor() as executor:
        async with worker(working, queue, executor):
            handle = await starter.start_workflow(
                pipeline.Pipeline.run, args=[[value], True], id=queue, task_queue=queue
            )

            async def transformed() -> bool:
                return await handle.query(pipeline.Pipeline.transformed) == [value.upper()]

            await eventually(transformed)
            await handle.signal(pipeline.Pipeline.release)
            assert await handle.result() == 2 * len(value)
    payloads = await history_payloads(handle)
    assert any(is_recipe_claim(payload) for payload in payloads)
    assert any(claim_in(payload) for payload in payloads)


async def test_a_missing_value_holds_the_workflow_until_it_is_back(
    temporal_address: str, in_redis: Recipe, door: Door, moved_plugin: MovedPlugin
) -> None:
    queue, value = f"recipe-missing-{door}", big("missing", 100_000)
    handle = await begun_with_the_recipe(temporal_address, in_redis, queue, [value])
    claims = [
        payload.data.decode()
        for payload in await history_payloads(handle)
        if is_recipe_claim(payload)
    ]
    kept = await in_redis.codec._read(claims[0])
    await in_redis.delete(claims[0])
    plugin = moved_plugin(in_redis, CountingStore())
    client = await Client.connect(temporal_address, plugins=[plugin])
    moved = client.get_workflow_handle(handle.id)
    with ThreadPoolExecutor() as executor:
        async with worker(client, queue, executor):
            await moved.signal(pipeline.Pipeline.release)

            async def told() -> bool:
                return claims[0] in str(await failures_of(moved))

            await eventually(told)
            assert "blob-not-found" in str(await failures_of(moved))
            await in_redis.codec._write(claims[0], kept)
            assert await moved.result() == 2 * len(value)


async def failures_of(handle: WorkflowHandle[Any, Any]) -> list[str]:
    history: WorkflowHistory = await handle.fetch_history()
    return [
        event.workflow_task_failed_event_attributes.failure.message
        for event in history.events
        if event.HasField("workflow_task_failed_event_attributes")
    ]


@pytest.mark.parametrize("key", ["session:42", "../0f8fad5b-d9cb-469f-a165-70867728950e"])
async def test_a_forged_claim_reads_nothing_from_the_recipes_redis(
    in_redis: Recipe, key: str
) -> None:
    await in_redis.codec._write(key, Payload(data=b"a session").SerializeToString())
    settings = Settings.load(read_recipe_store=in_redis.url)
    manager = ClaimCheckManager.from_settings(settings, store=CountingStore())
    forged = Payload(
        metadata={"encoding": b"claim-checked", "temporal.io/claim-check-codec": b"v1"},
        data=key.encode(),
    )
    with pytest.raises(ClaimCheckError, match="UUID"):
        await manager.maybe_retrieve(forged)
    await manager.aclose()
