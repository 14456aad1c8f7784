"""Moving from the SDK's built-in S3 driver, in the middle of a workflow, on a real S3 server.

Both ways: with the old driver kept beside ours, and with our reader in its place.
"""

import dataclasses
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import aioboto3
import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle
from temporalio.contrib.aws.s3driver import S3StorageDriver
from temporalio.contrib.aws.s3driver.aioboto3 import new_aioboto3_client
from temporalio.converter import DataConverter, ExternalStorage
from temporalio.worker import Replayer, Worker

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin, Settings
from temporal_claimcheck.payloads import is_storage_reference, reference_in
from temporal_claimcheck.temporal.plugin import Door
from temporal_claimcheck.testing.servers import S3Server, seaweedfs
from tests.core.witnesses import Diary
from tests.temporal import pipeline
from tests.temporal.counting import CountingStore, claim_in, history_payloads
from tests.temporal.setup import big
from tests.temporal.waiting import eventually

BUCKET = "payloads"


@dataclasses.dataclass(kw_only=True)
class BuiltIn:
    """A converter with the SDK's driver, and the bucket as boto sees it."""

    converter: DataConverter
    boto: Any

    async def objects(self) -> set[str]:
        listing = await self.boto.list_objects_v2(Bucket=BUCKET)
        return {each["Key"] for each in listing.get("Contents", [])}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def s3(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[S3Server]:
    async with seaweedfs(tmp_path_factory.mktemp("s3"), bucket=BUCKET) as server:
        yield server


@pytest.fixture
async def built_in(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[BuiltIn]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret_access_key)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("CLAIMCHECK_S3_ENDPOINT", s3.endpoint)
    session: Any = aioboto3.Session(region_name="us-east-1")
    async with session.client("s3", endpoint_url=s3.endpoint) as boto:
        driver = S3StorageDriver(client=new_aioboto3_client(boto), bucket=BUCKET)
        converter = dataclasses.replace(
            DataConverter.default, external_storage=ExternalStorage(drivers=[driver])
        )
        yield BuiltIn(converter=converter, boto=boto)


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


async def begun(
    address: str, built_in: BuiltIn, queue: str, value: str
) -> WorkflowHandle[Any, Any]:
    """Return a pipeline that has done half of its work with the SDK's driver."""
    client = await Client.connect(address, data_converter=built_in.converter)
    with ThreadPoolExecutor() as executor:
        async with worker(client, queue, executor):
            handle = await client.start_workflow(
                pipeline.Pipeline.run, args=[[value], True], id=queue, task_queue=queue
            )

            async def waits() -> bool:
                return bool(await handle.query(pipeline.Pipeline.transformed))

            await eventually(waits)
    return handle


async def ended(client: Client, queue: str) -> tuple[WorkflowHandle[Any, Any], int]:
    """Release the pipeline, and return it with its result."""
    with ThreadPoolExecutor() as executor:
        async with worker(client, queue, executor):
            handle = client.get_workflow_handle(queue)
            await handle.signal(pipeline.Pipeline.release)
            return handle, await handle.result()


def reading_plugin(
    store: CountingStore, door: Door, *observers: Diary, buckets: str = BUCKET
) -> ClaimCheckPlugin:
    settings = Settings.load(read_s3_driver_buckets=frozenset({buckets}))
    manager = ClaimCheckManager.from_settings(settings, store=store, observers=observers)
    return ClaimCheckPlugin(manager, door=door)


async def test_workflow_begun_under_the_built_in_driver_ends_under_ours(
    temporal_address: str, built_in: BuiltIn, door: Door
) -> None:
    ours, queue, value = CountingStore(), f"migration-{door}", big("migration", 3_000_000)
    await begun(temporal_address, built_in, queue, value)
    stored_before = await built_in.objects()
    assert stored_before

    # The one change: the plugin. The old driver stays where it was, for reading.
    new = await Client.connect(
        temporal_address,
        data_converter=built_in.converter,
        plugins=[ClaimCheckPlugin(ours, door=door)],
    )
    moved, result = await ended(new, queue)
    assert result == 2 * len(value)
    assert await built_in.objects() == stored_before, "the old driver wrote nothing more"
    assert len(ours.puts) == 1, "the transformed records, for the activities that came after"
    history = await history_payloads(moved)
    assert any(claim_in(payload) for payload in history)
    assert any(is_storage_reference(payload) and not claim_in(payload) for payload in history)


async def test_workflow_ends_without_the_built_in_driver_where_its_bucket_is_read(
    temporal_address: str, built_in: BuiltIn, door: Door
) -> None:
    ours, diary = CountingStore(), Diary()
    queue, value = f"reading-{door}", big("reading", 3_000_000)
    await begun(temporal_address, built_in, queue, value)
    stored_before = await built_in.objects()

    plugin = reading_plugin(ours, door, diary)
    moved, result = await ended(await Client.connect(temporal_address, plugins=[plugin]), queue)
    assert result == 2 * len(value)
    assert await built_in.objects() == stored_before, "nothing more was written there"
    assert len(ours.puts) == 1, "the transformed records, for the activities that came after"
    referred = {
        reference_in(payload).claim_data["key"]
        for payload in await history_payloads(moved)
        if is_storage_reference(payload) and not claim_in(payload)
    }
    read = {event.key for event in diary.retrieved if event.key.startswith("s3://")}
    assert read
    assert read <= {f"s3://{BUCKET}/{key}" for key in referred}

    # The history of both halves replays, and nothing is written.
    ours.forget_counts()
    replayer = Replayer(workflows=[pipeline.Pipeline], plugins=[reading_plugin(ours, door)])
    await replayer.replay_workflow(await moved.fetch_history())
    assert not ours.puts
    assert await built_in.objects() == stored_before


async def test_the_users_own_driver_reads_what_it_wrote(
    temporal_address: str, built_in: BuiltIn, door: Door
) -> None:
    diary = Diary()
    queue, value = f"both-{door}", big("both", 600_000)
    await begun(temporal_address, built_in, queue, value)
    client = await Client.connect(
        temporal_address,
        data_converter=built_in.converter,
        plugins=[reading_plugin(CountingStore(), door, diary)],
    )
    _, result = await ended(client, queue)
    assert result == 2 * len(value)
    assert not [event for event in diary.retrieved if event.key.startswith("s3://")]


@pytest.mark.parametrize(
    ("buckets", "message"),
    [(None, "No driver found with name 'aws.s3driver'"), ("others", "foreign-bucket")],
    ids=["off", "another bucket"],
)
async def test_a_reference_that_is_not_read_holds_the_workflow_until_it_is(
    temporal_address: str,
    built_in: BuiltIn,
    door: Door,
    buckets: str | None,
    message: str,
) -> None:
    ours, queue, value = CountingStore(), f"held-{door}-{buckets}", big("held", 600_000)
    handle = await begun(temporal_address, built_in, queue, value)
    plugin = (
        ClaimCheckPlugin(ours, door=door)
        if buckets is None
        else reading_plugin(ours, door, buckets=buckets)
    )
    client = await Client.connect(temporal_address, plugins=[plugin])
    with ThreadPoolExecutor() as executor:
        async with worker(client, queue, executor):
            await handle.signal(pipeline.Pipeline.release)

            async def told() -> bool:
                history = await handle.fetch_history()
                return any(
                    message in event.workflow_task_failed_event_attributes.failure.message
                    for event in history.events
                )

            await eventually(told)
    healed = await Client.connect(temporal_address, plugins=[reading_plugin(ours, door)])
    _, result = await ended(healed, queue)
    assert result == 2 * len(value)


async def test_the_manager_resolves_the_built_in_drivers_references(
    temporal_address: str, built_in: BuiltIn
) -> None:
    """What a codec server does with a history that it is shown."""
    queue, value = "manager-reads", big("manager", 600_000)
    handle = await begun(temporal_address, built_in, queue, value)
    settings = Settings.load(store="memory://", read_s3_driver_buckets=frozenset({BUCKET}))
    async with ClaimCheckManager.from_settings(settings) as manager:
        references = [
            payload
            for payload in await history_payloads(handle)
            if is_storage_reference(payload) and reference_in(payload).driver_name == "aws.s3driver"
        ]
        found = await manager.maybe_retrieve_many(references)
    converter = DataConverter.default.payload_converter
    values = [converter.from_payload(payload) for payload in found]
    assert [value] in values
    assert [value.upper()] in values
