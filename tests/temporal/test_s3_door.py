"""The door s3-driver: the SDK's own S3 driver reads what it writes, from the keys it would use."""

import hashlib
from collections.abc import AsyncGenerator
from importlib.metadata import version
from typing import Any

import aioboto3
import pytest
import pytest_asyncio
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.contrib.aws.s3driver import S3StorageDriver
from temporalio.contrib.aws.s3driver.aioboto3 import new_aioboto3_client
from temporalio.converter import (
    DataConverter,
    ExternalStorage,
    StorageDriverActivityInfo,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
    StorageDriverWorkflowInfo,
)
from temporalio.worker import Replayer

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin, Settings
from temporal_claimcheck.errors import BlobNotFound, InvalidSettings
from temporal_claimcheck.events import OffloadOutcome
from temporal_claimcheck.temporal.s3_driver import S3DriverDoor
from temporal_claimcheck.testing.servers import S3Server, seaweedfs
from tests.core.rings import ring
from tests.core.witnesses import Diary
from tests.interop.workers import Relay, python_worker, relayed
from tests.temporal.setup import big

BUCKET = "payloads"
SDK = tuple(int(part) for part in version("temporalio").split(".")[:2])
CHANGED_SINCE = {"workflow", "long"}
TARGETS = {
    "workflow": StorageDriverWorkflowInfo(
        namespace="default", type="Pipeline", id="order/7 ~é!", run_id=None
    ),
    "run": StorageDriverWorkflowInfo(namespace="default", type="P", id="w", run_id="r-1"),
    "activity": StorageDriverActivityInfo(namespace="n", type="transform", id="7", run_id="r-2"),
    "long": StorageDriverWorkflowInfo(namespace="n", type="T" * 600, id="w" * 600, run_id="r"),
    "none": None,
}


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def s3(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[S3Server]:
    async with seaweedfs(tmp_path_factory.mktemp("s3"), bucket=BUCKET) as server:
        yield server


@pytest.fixture
def settings(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret_access_key)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return Settings.load(s3_driver_bucket=BUCKET, s3_endpoint=s3.endpoint)


@pytest.fixture
async def boto(s3: S3Server) -> AsyncGenerator[Any]:
    session: Any = aioboto3.Session(
        aws_access_key_id=s3.access_key_id,
        aws_secret_access_key=s3.secret_access_key,
        region_name="us-east-1",
    )
    async with session.client("s3", endpoint_url=s3.endpoint) as client:
        yield client


@pytest.fixture
def built_in(boto: Any) -> S3StorageDriver:
    return S3StorageDriver(client=new_aioboto3_client(boto), bucket=BUCKET)


def payload_of(mark: str) -> Payload:
    return DataConverter.default.payload_converter.to_payload(big(mark, 300_000))


@pytest.mark.parametrize("target", TARGETS)
async def test_key_object_and_claim_are_those_of_the_sdks_driver(
    target: str, settings: Settings, boto: Any, built_in: S3StorageDriver
) -> None:
    if target in CHANGED_SINCE and SDK < (1, 35):
        pytest.skip("Earlier drivers encoded some characters otherwise, and had no short keys")
    context = StorageDriverStoreContext(target=TARGETS[target])
    door = S3DriverDoor(ClaimCheckManager.from_settings(settings))
    payload = payload_of(f"form {target}")
    [ours] = await door.store(context, [payload])
    key = ours.claim_data["key"]
    written = await (await boto.get_object(Bucket=BUCKET, Key=key))["Body"].read()
    assert Payload.FromString(written) == payload
    assert hashlib.sha256(written).hexdigest() == ours.claim_data["hash_value"]

    # The SDK's driver finds the object where it would have put it, and so writes nothing.
    modified = (await boto.head_object(Bucket=BUCKET, Key=key))["LastModified"]
    [theirs] = await built_in.store(context, [Payload.FromString(written)])
    assert theirs.claim_data.items() <= ours.claim_data.items()
    assert (await boto.head_object(Bucket=BUCKET, Key=key))["LastModified"] == modified
    [read] = await built_in.retrieve(StorageDriverRetrieveContext(), [ours])
    assert read == payload


async def test_what_is_known_to_be_stored_is_neither_written_nor_read_again(
    settings: Settings,
) -> None:
    diary = Diary()
    door = S3DriverDoor(ClaimCheckManager.from_settings(settings, observers=[diary]))
    context = StorageDriverStoreContext(target=TARGETS["run"])
    claims = await door.store(context, [payload_of("again")])
    assert await door.store(context, [payload_of("again")]) == claims
    assert diary.outcomes == [OffloadOutcome.STORED, OffloadOutcome.ALREADY_STORED]
    assert await door.retrieve(StorageDriverRetrieveContext(), claims) == [payload_of("again")]
    assert [event.from_cache for event in diary.retrieved] == [True]


async def test_what_turns_out_to_be_missing_is_written_again(settings: Settings, boto: Any) -> None:
    without_cache = settings.model_copy(update={"cache_bytes": 0})
    door = S3DriverDoor(ClaimCheckManager.from_settings(without_cache))
    context = StorageDriverStoreContext(target=TARGETS["run"])
    [claim] = await door.store(context, [payload_of("missing")])
    await boto.delete_object(Bucket=BUCKET, Key=claim.claim_data["key"])
    with pytest.raises(BlobNotFound):
        await door.retrieve(StorageDriverRetrieveContext(), [claim])
    assert await door.store(context, [payload_of("missing")]) == [claim]
    assert await door.retrieve(StorageDriverRetrieveContext(), [claim]) == [payload_of("missing")]


async def test_a_program_with_the_sdks_driver_alone_reads_the_result(
    temporal_address: str, settings: Settings, built_in: S3StorageDriver
) -> None:
    plugin = ClaimCheckPlugin(settings=settings, door="s3-driver")
    client = await Client.connect(temporal_address, plugins=[plugin])
    text = big("result", 3_000_000)
    async with python_worker(client) as queue:
        result, handle = await relayed(client, text, workflow_queue=queue, activity_queue=queue)
    assert result == text.upper()
    converter = DataConverter(external_storage=ExternalStorage(drivers=[built_in]))
    other = await Client.connect(temporal_address, data_converter=converter)
    assert await other.get_workflow_handle(handle.id).result() == text.upper()


async def test_a_replayer_writes_nothing(
    temporal_address: str, settings: Settings, boto: Any
) -> None:
    plugin = ClaimCheckPlugin(settings=settings, door="s3-driver")
    client = await Client.connect(temporal_address, plugins=[plugin])
    async with python_worker(client) as queue:
        _, handle = await relayed(
            client, big("replay", 300_000), workflow_queue=queue, activity_queue=queue
        )
    before = (await boto.list_objects_v2(Bucket=BUCKET))["KeyCount"]
    diary = Diary()
    manager = ClaimCheckManager.from_settings(settings, observers=[diary])
    replayer = Replayer(workflows=[Relay], plugins=[ClaimCheckPlugin(manager, door="s3-driver")])
    await replayer.replay_workflow(await handle.fetch_history())
    assert set(diary.outcomes) == {OffloadOutcome.MINTED}
    assert (await boto.list_objects_v2(Bucket=BUCKET))["KeyCount"] == before


def test_without_a_bucket_the_door_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="CLAIMCHECK_S3_DRIVER_BUCKET"):
        ClaimCheckPlugin("memory://", door="s3-driver")


def test_with_keys_the_door_is_refused(settings: Settings) -> None:
    with pytest.raises(InvalidSettings, match="encrypted"):
        ClaimCheckPlugin(settings=settings, keys=ring("new"), door="s3-driver")


async def test_the_users_own_driver_of_that_name_is_refused(
    temporal_address: str, settings: Settings, built_in: S3StorageDriver
) -> None:
    converter = DataConverter(external_storage=ExternalStorage(drivers=[built_in]))
    plugin = ClaimCheckPlugin(settings=settings, door="s3-driver")
    with pytest.raises(InvalidSettings, match=r"aws\.s3driver"):
        await Client.connect(temporal_address, data_converter=converter, plugins=[plugin])
