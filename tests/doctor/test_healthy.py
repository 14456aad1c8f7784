"""A set-up that is well gives nothing above a note, and is as it was afterwards."""

import contextlib
import datetime as dt
import sys
from collections.abc import AsyncGenerator

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import Client

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.doctor.findings import Report, Severity
from temporal_claimcheck.gc.verify import Selection, verify
from temporal_claimcheck.stores.base import CollectableStore
from temporal_claimcheck.testing.servers import rclone_s3
from temporal_claimcheck.transforms.encryption import EncryptionKey
from tests.doctor.bench import Bench
from tests.doctor.test_faults import shown
from tests.server.serving import serving

UI = "https://temporal.example.com"
TOKEN = "a-token-of-this-test"


def codes(report: Report) -> set[str]:
    return {each.code for each in report.findings}


def assert_well(report: Report) -> None:
    bad = {Severity.WARNING, Severity.ERROR}
    assert not [each for each in report.findings if each.severity in bad], shown(report)


async def keys_in(manager: ClaimCheckManager) -> set[str]:
    assert isinstance(manager.store, CollectableStore)
    return {info.key async for info in manager.store.scan()}


@contextlib.asynccontextmanager
async def codec_server(bench: Bench) -> AsyncGenerator[None]:
    settings = {"tokens": f"*={TOKEN}", "cors_origins": UI}
    async with serving(settings=settings) as served:
        bench.asked["codec_endpoint"] = f"{served.url}/{{namespace}}"
        bench.asked["web_ui_origin"] = UI
        yield


async def use_it(bench: Bench) -> None:
    """Let a client write to the store, as a starter does, so that its namespace registers."""
    client = await Client.connect(bench.temporal, plugins=[ClaimCheckPlugin()])
    run = await client.start_workflow(
        "Order",
        "large " * 20_000,
        id=bench.prefix,
        task_queue="nobody",
        execution_timeout=dt.timedelta(days=1),
    )
    await run.terminate()


async def test_all_that_is_well_is_said_to_be(bench: Bench) -> None:
    bench.set(CLAIMCHECK_ENCRYPTION_KEYS=EncryptionKey.generate().dump())
    await use_it(bench)
    async with codec_server(bench):
        report = await bench.examine()
    assert_well(report)
    assert codes(report) == {
        *("settings-read", "sizes-fit", "versions-supported", "store-usable", "clock-agrees"),
        *("encryption-on", "keys-complete", "temporal-reachable", "writers-known"),
        *("expiry-safe", "codec-serves", "codec-closed", "cors-right"),
    }


async def test_a_redis_that_is_well_gives_nothing_above_a_note(bench: Bench) -> None:
    async with bench.redis():
        await use_it(bench)
        report = await bench.examine()
    assert_well(report)
    assert {"redis-safe", "redis-value-limit", "writers-known"} <= codes(report)


async def test_a_server_without_conditional_writes_is_a_note(bench: Bench) -> None:
    async with rclone_s3(bench.folder, bucket="claims") as server:
        bench.use_s3(server)
        report = await bench.examine()
    assert_well(report)
    assert {"store-overwrites", "expiry-unread"} <= codes(report)


async def test_mirrors_and_cache_are_looked_at_each_by_itself(bench: Bench) -> None:
    bench.set(CLAIMCHECK_STORE_MIRRORS=f"s3://claims/{bench.prefix}-mirror")
    async with bench.redis("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru") as server:
        bench.use_s3(bench.s3)
        bench.set(CLAIMCHECK_STORE_CACHE=f"redis://127.0.0.1:{server.port}/0")
        report = await bench.examine()
    # A cache may forget what it has.
    assert_well(report)
    assert sum(each.code == "store-usable" for each in report.findings) == 3


async def test_nothing_is_left_in_the_store(bench: Bench) -> None:
    await use_it(bench)
    async with bench.manager() as manager:
        before = await keys_in(manager)
        await bench.examine()
        assert await keys_in(manager) == before


async def test_what_doctors_before_left_behind_is_removed(bench: Bench) -> None:
    async with bench.manager() as manager:
        await manager.ledger.write("doctor/20260101T000000-aa", {})
        await bench.examine()
        assert not await keys_in(manager)


async def test_a_probe_that_stays_is_nobodys_payload_and_sound(bench: Bench) -> None:
    async with bench.manager() as manager:
        await manager.offload(Payload(data=b"a payload"))
        await manager.ledger.write("doctor/20991231T000000-aa", {"since": "2099-12-31"})
        found = await verify(manager, Selection())
    assert found.is_sound
    assert (found.sound, found.foreign) == (1, 0)


async def test_a_process_that_only_reads_writes_nothing(bench: Bench) -> None:
    bench.set(CLAIMCHECK_STORE_READ_ONLY="true")
    bench.use_s3(bench.s3, identity="reader")
    report = await bench.examine()
    assert_well(report)
    assert "store-read-only" in codes(report)


async def test_no_secret_is_shown(bench: Bench) -> None:
    async with bench.redis("--requirepass", "hunter2-secret") as server:
        bench.use(f"redis://:wrong-secret@127.0.0.1:{server.port}/0")
        bench.set(CLAIMCHECK_STORE_MIRRORS=f"redis://:hunter2-secret@127.0.0.1:{server.port}/1")
        bench.set(AWS_SECRET_ACCESS_KEY="aws-secret", TEMPORAL_API_KEY="api-secret")
        report = await bench.examine()
    assert "-secret" not in shown(report)


async def test_a_file_and_a_variable_for_one_setting_are_noted(bench: Bench) -> None:
    file = bench.folder / "claimcheck.toml"
    file.write_text("threshold_bytes = 60000\n[gc]\nat_once = 4\n")
    bench.set(CLAIMCHECK_CONFIG=file, CLAIMCHECK_THRESHOLD_BYTES=70_000, CLAIMCHECK_GC_AT_ONCE=2)
    report = await bench.examine()
    assert_well(report)
    assert [each.code for each in report.findings].count("setting-twice") == 2


async def test_without_boto3_the_rules_of_a_bucket_are_not_looked_at(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "boto3.session", None)
    report = await bench.examine()
    assert_well(report)
    [unread] = [each for each in report.findings if each.code == "expiry-unread"]
    assert "temporal-claimcheck[lifecycle]" in unread.remedy
