"""`claimcheck lifecycle` as a user runs it, against a real Temporal server and real stores."""

import datetime as dt
import importlib
import json
import os
import uuid
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.registry import Registered
from temporal_claimcheck.testing.servers import (
    S3Server,
    rclone_s3,
    redis_server,
    seaweedfs,
    temporal_server,
)
from tests.cli.programs import claimcheck
from tests.temporal.waiting import eventually

# The dev server keeps closed runs for a day.
SAFE_DAYS = 2 * (30 + 1) + 2


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def temporal() -> AsyncGenerator[WorkflowEnvironment]:
    """A server of its own, since every open run in it counts."""
    async with temporal_server() as environment:
        yield environment


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def s3(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[S3Server]:
    async with seaweedfs(tmp_path_factory.mktemp("s3"), bucket="claims") as server:
        yield server


@pytest.fixture(autouse=True)
async def settings(
    monkeypatch: pytest.MonkeyPatch, temporal: WorkflowEnvironment
) -> AsyncGenerator[Client]:
    """Point the command to the servers, with one run open that ends in 30 days."""
    for name in os.environ:
        if name.startswith(("CLAIMCHECK_", "TEMPORAL_", "AWS_")) and "_TEST_" not in name:
            monkeypatch.delenv(name)
    address = temporal.client.service_client.config.target_host
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    monkeypatch.setenv("COLUMNS", "80")
    client = await Client.connect(address)
    started = await open_run(client, execution_timeout=dt.timedelta(days=30))
    yield client
    await client.get_workflow_handle(started).terminate()

    async def is_alone() -> bool:
        return (await client.count_workflows("CloseTime is null")).count == 0

    await eventually(is_alone)


async def open_run(client: Client, **options: Any) -> str:
    started = f"run-{uuid.uuid4()}"
    await client.start_workflow("Order", id=started, task_queue="nobody", **options)

    async def is_listed() -> bool:
        query = f'WorkflowId = "{started}"'
        return (await client.count_workflows(query)).count == 1

    await eventually(is_listed)
    return started


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Use the bucket, with a rule of somebody else in it; return boto's client."""
    return use(s3, monkeypatch, store=f"s3://claims/{uuid.uuid4()}")


def use(server: S3Server, monkeypatch: pytest.MonkeyPatch, store: str = "s3://claims") -> Any:
    monkeypatch.setenv("CLAIMCHECK_STORE", store)
    monkeypatch.setenv("CLAIMCHECK_S3_ENDPOINT", server.endpoint)
    monkeypatch.setenv("CLAIMCHECK_S3_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_access_key)
    return (
        importlib.import_module("boto3.session")
        .Session()
        .client("s3", endpoint_url=server.endpoint, region_name="us-east-1")
    )


def theirs(days: int = 30, prefix: str = "logs/") -> dict[str, Any]:
    return {
        "ID": "theirs",
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "Expiration": {"Days": days},
    }


def set_rules(client: Any, *rules: dict[str, Any]) -> None:
    client.put_bucket_lifecycle_configuration(
        Bucket="claims", LifecycleConfiguration={"Rules": list(rules)}
    )


def rules(client: Any) -> list[dict[str, Any]]:
    return client.get_bucket_lifecycle_configuration(Bucket="claims")["Rules"]


@pytest.mark.usefixtures("bucket")
def test_the_reasoning_is_a_table_that_fits_the_terminal(tmp_path: Path) -> None:
    run = claimcheck("lifecycle", "show", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert f"The smallest safe expiry is {SAFE_DAYS} days." in run.stdout
    for part in ("longest life", "retention", "resets", "margin", "together"):
        assert part in run.stdout
    assert max(map(len, run.stdout.splitlines())) <= 80
    assert not run.stderr


@pytest.mark.usefixtures("bucket")
def test_programs_get_facts_reasoning_and_rule(tmp_path: Path) -> None:
    run = claimcheck("lifecycle", "show", "--json", "--resets", "0", folder=tmp_path)
    document = json.loads(run.stdout)
    assert document["safe_days"] == 30 + 1 + 2
    assert document["rules"][0]["Rules"][0]["Expiration"] == {"Days": 33}
    assert [each["namespace"] for each in document["namespaces"]] == ["default"]


def test_the_rule_alone_is_a_file_for_other_tools(bucket: Any, tmp_path: Path) -> None:
    run = claimcheck("lifecycle", "show", "--rule", "json", folder=tmp_path)
    set_rules(bucket, *json.loads(run.stdout)["Rules"])
    assert rules(bucket)[0]["Expiration"] == {"Days": SAFE_DAYS}
    run = claimcheck("lifecycle", "show", "--rule", "xml", folder=tmp_path)
    assert f"<Days>{SAFE_DAYS}</Days>" in run.stdout


def test_applying_is_a_dry_run_at_first_and_keeps_the_rules_of_others(
    bucket: Any, tmp_path: Path
) -> None:
    set_rules(bucket, theirs())
    run = claimcheck("lifecycle", "apply", folder=tmp_path)
    assert "Nothing was changed." in run.stdout
    assert rules(bucket) == [theirs()]
    run = claimcheck("lifecycle", "apply", "--yes", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert [rule.get("Expiration") for rule in rules(bucket)] == [{"Days": 30}, {"Days": SAFE_DAYS}]
    assert claimcheck("lifecycle", "check", folder=tmp_path).returncode == 0


async def test_without_a_safe_value_a_rule_that_expires_is_taken_back(
    bucket: Any, tmp_path: Path, settings: Client
) -> None:
    assert claimcheck("lifecycle", "apply", "--yes", folder=tmp_path).returncode == 0
    endless = await open_run(settings)
    check = claimcheck("lifecycle", "check", folder=tmp_path)
    assert check.returncode == 1
    assert "NOT SAFE" in check.stdout
    assert endless in check.stdout.replace("\n   ", " ")
    assert claimcheck("lifecycle", "apply", "--yes", folder=tmp_path).returncode == 0
    assert "Expiration" not in rules(bucket)[-1]
    assert claimcheck("lifecycle", "check", folder=tmp_path).returncode == 0
    word = claimcheck("lifecycle", "show", "--json", "--runs-end-within", "90", folder=tmp_path)
    assert json.loads(word.stdout)["safe_days"] == 2 * (90 + 1) + 2
    await settings.get_workflow_handle(endless).terminate()


def test_a_rule_below_the_safe_value_is_exit_code_1(bucket: Any, tmp_path: Path) -> None:
    set_rules(bucket, theirs(days=SAFE_DAYS - 1, prefix=""))
    run = claimcheck("lifecycle", "check", "--json", folder=tmp_path)
    document = json.loads(run.stdout)
    assert run.returncode == 1
    assert document["is_safe"] is False
    dangers = document["stores"][0]["dangers"]
    assert any("'theirs' expires payloads" in each for each in dangers)
    assert any("records" in each for each in dangers)


def test_a_value_below_the_safe_one_needs_a_long_and_honest_name(
    bucket: Any, tmp_path: Path
) -> None:
    set_rules(bucket, theirs())
    run = claimcheck("lifecycle", "apply", "--days", "10", "--yes", folder=tmp_path)
    assert run.returncode == 2
    assert "--expire-what-may-be-in-use" in run.stderr
    assert run.stderr.count("\n") == 1
    assert rules(bucket) == [theirs()]
    forced = ("--days", "10", "--yes", "--expire-what-may-be-in-use")
    assert claimcheck("lifecycle", "apply", *forced, folder=tmp_path).returncode == 0
    assert rules(bucket)[-1]["Expiration"] == {"Days": 10}


async def test_a_server_without_lifecycle_rules_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rclone_s3(tmp_path, bucket="claims") as server:
        use(server, monkeypatch)
        run = claimcheck("lifecycle", "check", folder=tmp_path)
    assert run.returncode == 2
    assert "does not take lifecycle rules" in run.stderr
    assert run.stderr.count("\n") == 1


@pytest.mark.usefixtures("bucket")
async def test_a_namespace_that_wrote_and_is_on_another_cluster_leaves_doubt(
    tmp_path: Path,
) -> None:
    async with ClaimCheckManager.open() as manager:
        elsewhere = Registered(namespace="billing", namespace_id="11111111-aaaa")
        await manager.ledger.write(elsewhere.record, {"since": "2026-11-22"})
    run = claimcheck("lifecycle", "show", "--json", folder=tmp_path)
    document = json.loads(run.stdout)
    assert document["safe_days"] is None
    assert "billing (11111111-aaaa) writes to this keyspace" in document["obstacles"][0]


@pytest.mark.usefixtures("bucket")
def test_a_temporal_that_is_not_there_is_one_line_and_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{unused_tcp_port}")
    run = claimcheck("lifecycle", "show", folder=tmp_path)
    assert run.returncode == 1
    assert run.stderr.startswith("claimcheck: [collection-incomplete]")
    assert run.stderr.count("\n") == 1


async def test_redis_is_checked_by_its_setting_and_by_what_it_holds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with redis_server(tmp_path, arguments=("--appendonly", "yes")) as server:
        monkeypatch.setenv("CLAIMCHECK_STORE", f"redis://127.0.0.1:{server.port}/0")
        shown = claimcheck("lifecycle", "show", folder=tmp_path)
        assert f"CLAIMCHECK_TTL_DAYS={SAFE_DAYS}" in shown.stdout
        monkeypatch.setenv("CLAIMCHECK_TTL_DAYS", "7")
        async with ClaimCheckManager.open() as manager:
            await manager.offload(Payload(data=b"stored for a week"))
        short = claimcheck("lifecycle", "check", folder=tmp_path)
        monkeypatch.setenv("CLAIMCHECK_TTL_DAYS", str(SAFE_DAYS))
        stored = claimcheck("lifecycle", "check", "--json", folder=tmp_path)
    assert short.returncode == 1
    assert "CLAIMCHECK_TTL_DAYS is 7" in short.stdout
    assert stored.returncode == 1
    [danger] = json.loads(stored.stdout)["stores"][0]["dangers"]
    assert "1 of the stored objects expire too early" in danger


def test_a_folder_expires_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAIMCHECK_STORE", f"file://{tmp_path / 'store'}")
    run = claimcheck("lifecycle", "check", folder=tmp_path)
    assert run.returncode == 0
    assert "only claimcheck gc deletes" in run.stdout


@pytest.mark.parametrize(("days", "code"), [(SAFE_DAYS, 0), (7, 1)])
async def test_what_cannot_be_read_is_told_by_the_user(
    days: int, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rclone_s3(tmp_path, bucket="claims") as server:
        use(server, monkeypatch)
        run = claimcheck("lifecycle", "check", "--configured-days", str(days), folder=tmp_path)
    assert run.returncode == code, run.stderr


def test_a_store_that_refuses_ends_the_command_with_its_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # obstore's threads used to abort the interpreter while it was taken down.
    monkeypatch.setenv("CLAIMCHECK_STORE", "s3://claims/prod")
    monkeypatch.setenv("CLAIMCHECK_S3_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("CLAIMCHECK_RETRY_SECONDS", "0")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    runs = [claimcheck("lifecycle", "check", folder=tmp_path) for _ in range(5)]
    assert [run.returncode for run in runs] == [1] * 5
