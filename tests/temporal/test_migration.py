"""Moving from the SDK's built-in S3 driver, in the middle of a workflow, on a real S3 server."""

import dataclasses
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import aioboto3
import pytest
from temporalio.client import Client
from temporalio.contrib.aws.s3driver import S3StorageDriver
from temporalio.contrib.aws.s3driver.aioboto3 import new_aioboto3_client
from temporalio.converter import DataConverter, ExternalStorage
from temporalio.worker import Worker

from temporal_claimcheck import ClaimCheckPlugin
from temporal_claimcheck.payloads import is_storage_reference
from temporal_claimcheck.temporal.plugin import Door
from temporal_claimcheck.testing.servers import S3Server, seaweedfs
from tests.temporal import pipeline
from tests.temporal.counting import CountingStore, claim_in, history_payloads
from tests.temporal.setup import big


@pytest.fixture
async def s3(tmp_path: Path) -> AsyncGenerator[S3Server]:
    async with seaweedfs(tmp_path, bucket="claims") as server:
        yield server


async def test_workflow_begun_under_the_built_in_driver_ends_under_ours(
    temporal_address: str, s3: S3Server, door: Door
) -> None:
    session = aioboto3.Session(
        aws_access_key_id=s3.access_key_id,
        aws_secret_access_key=s3.secret_access_key,
        region_name="us-east-1",
    )
    ours, queue = CountingStore(), f"migration-{door}"
    value = big("migration", 3_000_000)
    async with session.client("s3", endpoint_url=s3.endpoint) as boto:
        built_in = S3StorageDriver(client=new_aioboto3_client(boto), bucket="claims")
        before = dataclasses.replace(
            DataConverter.default, external_storage=ExternalStorage(drivers=[built_in])
        )

        async def objects() -> set[str]:
            listing = await boto.list_objects_v2(Bucket="claims")
            return {each.get("Key", "") for each in listing.get("Contents", [])}

        old = await Client.connect(temporal_address, data_converter=before)
        with ThreadPoolExecutor() as executor:
            async with Worker(
                old,
                task_queue=queue,
                workflows=[pipeline.Pipeline],
                activities=pipeline.ACTIVITIES,
                activity_executor=executor,
            ):
                handle = await old.start_workflow(
                    pipeline.Pipeline.run, args=[[value], True], id=queue, task_queue=queue
                )
                while not await handle.query(pipeline.Pipeline.transformed):
                    pass
            stored_before = await objects()
            assert stored_before

            # The one change: the plugin. The old driver stays where it was, for reading.
            new = await Client.connect(
                temporal_address,
                data_converter=before,
                plugins=[ClaimCheckPlugin(ours, door=door)],
            )
            async with Worker(
                new,
                task_queue=queue,
                workflows=[pipeline.Pipeline],
                activities=pipeline.ACTIVITIES,
                activity_executor=executor,
            ):
                moved = new.get_workflow_handle(queue)
                await moved.signal(pipeline.Pipeline.release)
                assert await moved.result() == 2 * len(value)
        assert await objects() == stored_before, "the old driver wrote nothing more"
    assert len(ours.puts) == 1, "the transformed records, for the activities that came after"
    history = await history_payloads(moved)
    assert any(claim_in(payload) for payload in history)
    assert any(is_storage_reference(payload) and not claim_in(payload) for payload in history)
