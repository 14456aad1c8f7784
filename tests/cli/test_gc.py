"""`claimcheck gc`, `hold` and `purge` as a user runs them, on a real server and a folder."""

import asyncio
import datetime as dt
import json
import os
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.worker import Worker

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin, Settings
from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.gc.lease import Leases
from temporal_claimcheck.gc.passes import Passes
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.registry import Registered
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.testing.servers import free_ports, temporal_server
from tests.cli.programs import claimcheck, claimcheck_running, wait_for_line
from tests.gc import rooted
from tests.gc.conftest import SETTINGS, dynamic_config

WEEK = dt.timedelta(days=7)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def address() -> AsyncGenerator[str]:
    async with temporal_server(arguments=dynamic_config(SETTINGS)) as environment:
        yield environment.client.service_client.config.target_host


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, address: str) -> Path:
    for name in os.environ:
        if name.startswith(("CLAIMCHECK_", "TEMPORAL_")) and "_TEST_" not in name:
            monkeypatch.delenv(name)
    monkeypatch.setenv("CLAIMCHECK_STORE", f"file://{tmp_path / 'store'}")
    monkeypatch.setenv("TEMPORAL_ADDRESS", address)
    monkeypatch.setenv("COLUMNS", "100")
    return tmp_path / "store"


def opened(store: Path, *, ago: dt.timedelta = WEEK) -> ClaimCheckManager:
    """Open the store, with a clock of a week ago."""
    return ClaimCheckManager(FileSystemStore(store), clock=lambda: utc_now() - ago)


async def old_object(store: Path, text: str) -> str:
    """Store something as if a week ago, and return its key."""
    async with opened(store) as manager:
        claim = await manager.offload(Payload(data=text.encode()))
    moment = (utc_now() - WEEK).timestamp()
    os.utime(store / claim.key, (moment, moment))
    return claim.key


async def let_a_day_go_by(store: Path) -> None:
    """Make the suspicion of the latest pass two days older."""
    async with opened(store) as manager:
        passes = Passes(manager.ledger)
        latest = await passes.latest()
        for name in await manager.ledger.names(f"gc/passes/{latest}/judged"):
            record = dict(await manager.ledger.read(name))
            since = record["since"]
            assert isinstance(since, dict)
            earlier = (utc_now() - dt.timedelta(days=2)).isoformat()
            record["since"] = dict.fromkeys(since, earlier)
            await manager.ledger.delete([name])
            await manager.ledger.write(name, record)


def run(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return claimcheck(*arguments, folder=folder)


async def test_two_passes_a_day_apart_delete_what_nothing_refers_to(
    store: Path, tmp_path: Path
) -> None:
    key = await old_object(store, "nobody's")
    first = run("gc", "--delete", "--delete-even-if-nothing-is-referenced", folder=tmp_path)
    assert first.returncode == 0, first.stderr
    assert "1 suspected objects wait for a second pass" in first.stdout
    await let_a_day_go_by(store)
    dry = run("gc", folder=tmp_path)
    assert "this was a dry run. --delete deletes 1." in dry.stdout
    assert (store / key).exists()
    refused = run("gc", "--delete", folder=tmp_path)
    assert refused.returncode == 3
    assert "--delete-even-if-nothing-is-referenced" in refused.stderr
    assert (store / key).exists()
    done = run(
        *("gc", "--delete", "--delete-even-if-nothing-is-referenced", "--json"), folder=tmp_path
    )
    assert done.returncode == 0, done.stderr
    [shelf] = json.loads(done.stdout)["shelves"]
    assert shelf["deleted"]["objects"] == shelf["condemned"]["objects"] == 1
    assert not (store / key).exists()
    reports = run("gc", "--reports", "--json", folder=tmp_path)
    assert len(json.loads(reports.stdout)) == 4
    assert "deleted" in run("gc", "--reports", folder=tmp_path).stdout


async def test_what_a_workflow_refers_to_is_live(store: Path, tmp_path: Path, address: str) -> None:
    settings = Settings.load(store=f"file://{store}", threshold_bytes=1000)
    client = await Client.connect(address, plugins=[ClaimCheckPlugin(settings=settings)])
    async with Worker(
        client, task_queue="live", workflows=rooted.WORKFLOWS, activities=rooted.ACTIVITIES
    ):
        handle = await client.start_workflow(
            rooted.Hold.run, "x" * 5000, id="live", task_queue="live"
        )
        report = json.loads(run("gc", "--json", folder=tmp_path).stdout)
        assert report["references"] >= 1
        assert [shelf["is_closed"] for shelf in report["shelves"]] == [False]
        open_one = run("purge", "--workflow-id", "live", "--delete", folder=tmp_path)
        assert open_one.returncode == 3
        assert "is open" in open_one.stderr
        await handle.signal(rooted.Hold.end)
        assert await handle.result() == 5000
        young = run("purge", "--workflow-id", "live", "--delete", folder=tmp_path)
        assert young.returncode == 0, young.stderr
        assert "too young, stays" in young.stdout


async def test_a_hold_keeps_an_object_until_it_is_removed(store: Path, tmp_path: Path) -> None:
    key = await old_object(store, "kept")
    placed = run("hold", "add", "--key", key, "--reason", "audit", folder=tmp_path)
    assert placed.returncode == 0, placed.stderr
    hold_id = placed.stdout.split()[0]
    assert hold_id in run("hold", "list", folder=tmp_path).stdout
    report = json.loads(run("gc", "--json", folder=tmp_path).stdout)
    assert report["shelves"][0]["held"]["objects"] == 1
    assert run("hold", "remove", hold_id, folder=tmp_path).returncode == 0
    assert run("hold", "remove", hold_id, folder=tmp_path).returncode == 2
    assert "no holds" in run("hold", "list", folder=tmp_path).stdout
    report = json.loads(run("gc", "--json", folder=tmp_path).stdout)
    assert report["shelves"][0]["suspect"]["objects"] == 1


async def test_a_hold_keeps_one_thing(store: Path, tmp_path: Path) -> None:
    del store
    for arguments in ((), ("--key", "v1/x"), ("--day", "2026-11-22", "--workflow-id", "w")):
        wrong = run("hold", "add", *arguments, folder=tmp_path)
        assert wrong.returncode in {1, 2}
        assert len(wrong.stderr.splitlines()) == 1


async def test_another_cluster_is_refused_until_its_namespace_is_retired(
    store: Path, tmp_path: Path
) -> None:
    await old_object(store, "nobody's")
    async with opened(store) as manager:
        other = Registered(namespace="default", namespace_id="another")
        await manager.ledger.write(other.record, {"since": "2026-11-22"})
    refused = run("gc", folder=tmp_path)
    assert refused.returncode == 3
    assert "--retire-namespace" in refused.stderr
    assert run("gc", "--retire-namespace", "default:wrong", folder=tmp_path).returncode == 2
    assert run("gc", "--retire-namespace", "default:another", folder=tmp_path).returncode == 0
    assert run("gc", folder=tmp_path).returncode == 0


async def test_while_another_collects_it_ends_with_4(store: Path, tmp_path: Path) -> None:
    await old_object(store, "nobody's")
    async with opened(store) as manager:
        lease = await Leases(manager.ledger, utc_now).acquire()
        busy = run("gc", folder=tmp_path)
        await Leases(manager.ledger, utc_now).release(lease)
    assert busy.returncode == 4
    assert len(busy.stderr.splitlines()) == 1
    assert run("gc", folder=tmp_path).returncode == 0


async def test_a_cluster_that_is_away_is_one_line(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = await old_object(store, "nobody's")
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    away = run("gc", "--delete", folder=tmp_path)
    assert away.returncode == 1
    assert "collection-incomplete" in away.stderr
    assert len(away.stderr.splitlines()) == 1
    assert (store / key).exists()
    assert Key.parse(key)


async def test_a_workflow_that_is_not_there_cannot_be_erased(store: Path, tmp_path: Path) -> None:
    await old_object(store, "nobody's")
    gone = run("purge", "--workflow-id", "gone", folder=tmp_path)
    assert gone.returncode == 3
    assert "'gone' has no run" in gone.stderr


async def test_the_scheduled_collector_is_installed_and_works(
    store: Path, tmp_path: Path, address: str
) -> None:
    await old_object(store, "nobody's")
    installed = run("gc", "--schedule", folder=tmp_path)
    assert installed.returncode == 0, installed.stderr
    client = await Client.connect(address)
    handle = client.get_schedule_handle("claimcheck-gc")
    async with claimcheck_running("gc", "--worker", folder=tmp_path) as worker:
        await wait_for_line(worker.stdout, "Collecting")
        await handle.trigger()
        async with opened(store) as manager:
            while not await Passes(manager.ledger).latest():
                await asyncio.sleep(0.1)
    await handle.delete()


async def test_a_reference_that_leads_nowhere_is_named(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with temporal_server() as environment:
        # A server of its own: the command reads everything that is there.
        address = environment.client.service_client.config.target_host
        monkeypatch.setenv("TEMPORAL_ADDRESS", address)
        await lose_an_object_of_a_workflow(store, tmp_path, address)


async def lose_an_object_of_a_workflow(store: Path, tmp_path: Path, address: str) -> None:
    unknown = run("verify", "--references", folder=tmp_path)
    assert unknown.returncode == 1
    assert "No namespace has registered" in unknown.stderr
    settings = Settings.load(store=f"file://{store}", threshold_bytes=1000)
    client = await Client.connect(address, plugins=[ClaimCheckPlugin(settings=settings)])
    handle = await client.start_workflow(
        rooted.Hold.run, "y" * 5000, id="dangling", task_queue="nobody-works-here"
    )
    before = files(store)
    sound = run("verify", "--references", folder=tmp_path)
    assert sound.returncode == 0, sound.stderr
    assert "all are stored" in sound.stdout
    assert files(store) == before, "verify changes nothing"
    [lost] = files(store / "v1")
    lost.unlink()
    found = run("verify", "--references", folder=tmp_path)
    assert found.returncode == 1
    assert str(lost.relative_to(store)) in found.stdout.splitlines()
    assert "workflow dangling, run" in " ".join(found.stdout.split())
    document = json.loads(run("verify", "--references", "--json", folder=tmp_path).stdout)
    [dangling] = document["references"]["dangling"]
    assert dangling["key"] == str(lost.relative_to(store))
    other_day = run(*("verify", "--references", "--day", "2020-01-01", "--json"), folder=tmp_path)
    assert json.loads(other_day.stdout)["references"]["missing"] == 0
    await handle.terminate()


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


@pytest.mark.usefixtures("store")
async def test_the_worker_serves_metrics_and_knows_of_the_pass_before_its_start(
    tmp_path: Path,
) -> None:
    assert run("gc", folder=tmp_path).returncode == 0
    (port,) = free_ports(1)
    arguments = ("gc", "--worker", "--metrics-address", f"127.0.0.1:{port}")
    async with claimcheck_running(*arguments, folder=tmp_path) as worker:
        await wait_for_line(worker.stdout, "Collecting")
        async with httpx.AsyncClient() as http:
            shown = (await http.get(f"http://127.0.0.1:{port}/metrics")).text
    assert "claimcheck_gc_last_completed_timestamp_seconds" in shown


@pytest.mark.usefixtures("store")
async def test_an_address_for_metrics_that_cannot_be_had_is_refused(
    tmp_path: Path,
) -> None:
    refused = run("gc", "--worker", "--metrics-address", "nowhere", folder=tmp_path)
    assert refused.returncode == 2
    assert "[invalid-settings]" in refused.stderr
    assert "127.0.0.1:9464" in refused.stderr
