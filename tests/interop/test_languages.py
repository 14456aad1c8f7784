"""What one language writes another reads, by either door: each cell of the table in the docs."""

import os
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client, WorkflowHandle

from temporal_claimcheck import ClaimCheckPlugin, Settings
from temporal_claimcheck.payloads import is_claim_payload, is_storage_reference, reference_in
from temporal_claimcheck.testing.servers import S3Server, seaweedfs
from tests.interop.workers import (
    THRESHOLD_BYTES,
    DoorName,
    Language,
    Way,
    foreign_worker,
    is_built,
    payloads_of,
    python_worker,
    relayed,
)
from tests.server.commands import serve_command
from tests.temporal.setup import big

pytestmark = pytest.mark.asyncio(loop_scope="session")

OTHERS: list[Language] = ["go", "typescript"]
DOORS: list[DoorName] = ["codec", "s3-driver"]
TEN_MEGABYTES = 10_000_000


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def s3(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[S3Server]:
    async with seaweedfs(tmp_path_factory.mktemp("s3"), bucket="payloads") as server:
        yield server


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def codec_way(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[tuple[Way, str]]:
    """The codec server, and the URL of its store."""
    store = tmp_path_factory.mktemp("claims")
    async with serve_command(store=store) as command:
        yield Way(door="codec", codec_url=command.url), f"file://{store}"


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> DoorName:
    return request.param


@pytest.fixture(params=OTHERS)
def language(request: pytest.FixtureRequest) -> Language:
    if not is_built(request.param):
        assert not os.environ.get("CI"), "run tests/interop/install.sh first"
        pytest.skip("The workers are not built: make test-interop does it")
    return request.param


@pytest_asyncio.fixture(loop_scope="session")
async def way(door: DoorName, s3: S3Server, codec_way: tuple[Way, str]) -> Way:
    return codec_way[0] if door == "codec" else Way(door=door, s3=s3)


@pytest_asyncio.fixture(loop_scope="session")
async def client(
    way: Way,
    codec_way: tuple[Way, str],
    temporal_address: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Client:
    """A client in Python that writes what the other language's workers can read."""
    for name, value in way.environment.items():
        monkeypatch.setenv(name, value)
    settings = (
        Settings.load(store=codec_way[1])
        if way.s3 is None
        else Settings.load(s3_driver_bucket=way.s3.bucket, s3_endpoint=way.s3.endpoint)
    )
    plugin = ClaimCheckPlugin(settings=settings, door=way.door)
    return await Client.connect(temporal_address, plugins=[plugin])


async def assert_claims_only(
    address: str, handle: WorkflowHandle[Any, Any], door: DoorName
) -> None:
    """Check that what is large travels as this door's claims and as nothing else."""
    payloads = await payloads_of(address, handle)
    assert max(payload.ByteSize() for payload in payloads) < THRESHOLD_BYTES
    claims = [each for each in payloads if is_claim_payload(each) or is_storage_reference(each)]
    assert len(claims) == 4, "input, the activity's input and result, the workflow's result"
    if door == "codec":
        assert all(map(is_claim_payload, claims))
    else:
        assert {reference_in(each).driver_name for each in claims} == {"aws.s3driver"}


async def test_python_starts_a_workflow_of_another_language_with_10_mb_and_back(
    language: Language, way: Way, client: Client, temporal_address: str, tmp_path: Path
) -> None:
    text = big(f"{language} {way.door}", TEN_MEGABYTES)
    async with foreign_worker(language, way, address=temporal_address, folder=tmp_path) as queue:
        result, handle = await relayed(client, text, workflow_queue=queue, activity_queue=queue)
    assert result == text.upper()
    await assert_claims_only(temporal_address, handle, way.door)


async def test_another_language_runs_an_activity_for_a_workflow_in_python(
    language: Language, way: Way, client: Client, temporal_address: str, tmp_path: Path
) -> None:
    text = big(f"activity {language} {way.door}", TEN_MEGABYTES)
    async with (
        foreign_worker(language, way, address=temporal_address, folder=tmp_path) as queue,
        python_worker(client) as python_queue,
    ):
        result, handle = await relayed(
            client, text, workflow_queue=python_queue, activity_queue=queue
        )
    assert result == text.upper()
    await assert_claims_only(temporal_address, handle, way.door)


async def test_python_runs_an_activity_for_a_workflow_of_another_language(
    language: Language, way: Way, client: Client, temporal_address: str, tmp_path: Path
) -> None:
    text = big(f"python {language} {way.door}", TEN_MEGABYTES)
    async with (
        foreign_worker(language, way, address=temporal_address, folder=tmp_path) as queue,
        python_worker(client) as python_queue,
    ):
        result, handle = await relayed(
            client, text, workflow_queue=queue, activity_queue=python_queue
        )
    assert result == text.upper()
    await assert_claims_only(temporal_address, handle, way.door)


@pytest.mark.parametrize("pair", [("go", "typescript"), ("typescript", "go")])
async def test_other_languages_read_one_another(
    pair: tuple[Language, Language],
    way: Way,
    client: Client,
    temporal_address: str,
    tmp_path: Path,
) -> None:
    first, second = pair
    if way.door == "s3-driver":
        pytest.skip("The SDKs' own drivers name the digest in two ways, so neither reads the other")
    if not (is_built("go") and is_built("typescript")):
        pytest.skip("The workers are not built: make test-interop does it")
    text = big(f"{first} {second} {way.door}", 2_000_000)
    async with (
        foreign_worker(first, way, address=temporal_address, folder=tmp_path) as first_queue,
        foreign_worker(second, way, address=temporal_address, folder=tmp_path) as second_queue,
    ):
        result, handle = await relayed(
            client, text, workflow_queue=first_queue, activity_queue=second_queue
        )
    assert result == text.upper()
    await assert_claims_only(temporal_address, handle, way.door)
