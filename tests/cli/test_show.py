"""`claimcheck show` as a user runs it, on a real Temporal server and real stores."""

import base64
import uuid
from pathlib import Path

import pytest
from pydantic import SecretStr
from temporalio.client import Client

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.temporal.plugin import Door
from temporal_claimcheck.testing.servers import seaweedfs
from tests.cli.looking import Place, assert_one_line, clean, fits
from tests.gc import rooted
from tests.temporal.waiting import eventually

LARGE = "a large text, " * 500


@pytest.fixture
def place(tmp_path: Path, temporal_address: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    url = f"file://{tmp_path / 'store'}"
    clean(monkeypatch, url, temporal_address)
    return Place(address=temporal_address, url=url, folder=tmp_path)


@pytest.mark.parametrize("door", ["driver", "codec"])
async def test_each_payload_is_shown_where_it_is(place: Place, door: Door) -> None:
    async with place.worker(door) as client:
        handle = await place.start(
            client, rooted.CallActivity.run, "grow", "a mark", memo={"note": LARGE, "team": "a"}
        )
        await handle.result()
    found = await place.payloads(handle.id)
    assert list(found) == [
        *("input", "input 2", "memo note", "memo team"),
        *("activity grow: input", "activity grow: result", "result"),
    ]
    result = found["activity grow: result"]
    assert (result["where"], result["wire"]) == ("stored", door)
    assert result["payload_bytes"] > 1000 > result["carried_bytes"]
    assert result["compression"] == "zstd"
    stored = place.folder / "store" / result["key"]
    assert stored.stat().st_size == result["stored_bytes"]
    assert found["memo note"]["where"] == "stored"
    assert found["input"] | {"where": "inline", "encoding": "json/plain"} == found["input"]
    assert found["input"]["key"] is None
    totals = (await place.json("show", handle.id))["totals"]
    assert (totals["payloads"], totals["claims"], totals["objects"]) == (7, 2, 2)


async def test_the_table_fits_80_columns_and_names_the_way_on(place: Place) -> None:
    async with place.worker() as client:
        handle = await place.start(client, rooted.CallActivity.run, "grow", "a mark")
        await handle.result()
    run = await place.run("show", handle.id)
    assert run.returncode == 0, run.stderr
    assert fits(run.stdout.splitlines())
    assert "CallActivity, completed" in run.stdout
    key = (await place.payloads(handle.id))["activity grow: result"]["key"]
    [row] = [line for line in run.stdout.splitlines() if "activity grow: result" in line]
    assert key.rpartition("/")[2][:8] in row
    assert "stored" in row
    event = row.split()[0]
    assert f"--event {event}" in " ".join(run.stdout.split())
    assert key in (await place.run("show", handle.id, "--keys")).stdout.splitlines()[-1]


async def test_equal_payloads_are_one_object(place: Place) -> None:
    async with place.worker() as client:
        handle = await place.start(client, rooted.Hold.run, LARGE)
        await handle.signal(rooted.Hold.put, LARGE)
        await handle.signal(rooted.Hold.end)
        await handle.result()
    found = await place.payloads(handle.id)
    assert found["signal put: input"]["key"] == found["input"]["key"]
    totals = (await place.json("show", handle.id))["totals"]
    assert (totals["claims"], totals["objects"]) == (2, 1)
    assert totals["shared_bytes"] == found["input"]["payload_bytes"]
    assert "Equal payloads are stored once" in (await place.run("show", handle.id)).stdout


async def test_what_only_the_description_has_is_shown_as_now(place: Place) -> None:
    mark = "still beating"
    async with place.worker() as client:
        handle = await place.start(client, rooted.CallActivity.run, "beat", mark)
        failed = await place.start(client, rooted.CallActivity.run, "fail", mark)

        async def has_pending() -> bool:
            found = [
                *await place.payloads(handle.id),
                *await place.payloads(failed.id),
            ]
            wanted = {"activity beat: heartbeat", "activity fail: last failure details"}
            return wanted <= set(found)

        await eventually(has_pending)
        beat = (await place.payloads(handle.id))["activity beat: heartbeat"]
        assert (beat["event_id"], beat["where"]) == (None, "stored")
        assert "  now  activity beat: heartbeat" in (await place.run("show", handle.id)).stdout
        rooted.released.add(mark)
        await failed.terminate()
        await handle.result()


async def test_details_of_failures_are_found_however_deep(place: Place) -> None:
    async with place.worker() as client:
        handle = await place.start(client, rooted.FailOnce.run, "a mark")
        with pytest.raises(Exception, match="failed"):
            await handle.result()
    found = await place.payloads(handle.id)
    assert found["failure cause cause details"]["where"] == "stored"


async def test_a_missing_object_is_shown_and_no_error(place: Place) -> None:
    async with place.worker() as client:
        handle = await place.start(client, rooted.CallActivity.run, "grow", "a mark")
        await handle.result()
    result = (await place.payloads(handle.id))["activity grow: result"]
    (place.folder / "store" / result["key"]).unlink()
    assert (await place.payloads(handle.id))["activity grow: result"]["where"] == "missing"
    run = await place.run("show", handle.id)
    assert run.returncode == 0, run.stderr
    assert "missing" in run.stdout
    assert "1 cannot be read" in run.stdout


async def test_a_damaged_head_is_shown_and_no_error(place: Place) -> None:
    async with place.worker() as client:
        handle = await place.start(client, rooted.CallActivity.run, "grow", "a mark")
        await handle.result()
    result = (await place.payloads(handle.id))["activity grow: result"]
    object_file = place.folder / "store" / result["key"]
    object_file.chmod(0o600)
    object_file.write_bytes(b"something else")
    damaged = (await place.payloads(handle.id))["activity grow: result"]
    assert (damaged["where"], damaged["note"]) == ("damaged", "blob-corrupt")


async def test_encryption_is_seen_without_the_keys(place: Place) -> None:
    key = SecretStr(base64.b64encode(bytes(range(32))).decode())
    async with place.worker(encryption_keys=key) as client:
        handle = await place.start(client, rooted.CallActivity.run, "grow", "a mark")
        await handle.result()
    found = await place.payloads(handle.id)
    assert found["input"]["where"] == "encrypted"
    result = found["activity grow: result"]
    assert (result["where"], len(result["encryption_key"])) == ("stored", 16)


async def test_no_name_that_somebody_chose_commands_the_terminal(place: Place) -> None:
    plain = await Client.connect(place.address)
    handle = await plain.start_workflow("Hold", id=f"look-{uuid.uuid4()}", task_queue="nobody's")
    await handle.signal("put\x1b[31m\x9b\u202e", "x")
    run = await place.run("show", handle.id)
    await handle.terminate()
    assert run.returncode == 0, run.stderr
    assert "\\u001b[31m" in run.stdout
    assert not {"\x1b", "\x9b", "\u202e"} & set(run.stdout)


async def test_a_bucket_is_read_by_heads(
    tmp_path: Path, temporal_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with seaweedfs(tmp_path, bucket="claims") as server:
        url = "s3://claims/here"
        clean(monkeypatch, url, temporal_address)
        monkeypatch.setenv("CLAIMCHECK_S3_ENDPOINT", server.endpoint)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", server.access_key_id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", server.secret_access_key)
        place = Place(address=temporal_address, url=url, folder=tmp_path)
        async with place.worker() as client:
            handle = await place.start(client, rooted.CallActivity.run, "grow", "a mark")
            await handle.result()
        result = (await place.payloads(handle.id))["activity grow: result"]
        async with ClaimCheckManager.open(url) as manager:
            stored, _ = await manager.inspect(result["key"])
        assert result["stored_bytes"] == stored.stored_bytes
        statistics = await place.json("stats")
        assert statistics["total"]["objects"] == 1
        assert statistics["total"]["payload_bytes"] == result["payload_bytes"]
        assert statistics["cost"] is None, "a server of one's own has no list price"


async def test_a_workflow_that_is_not_there_is_one_line(place: Place) -> None:
    assert_one_line(await place.run("show", "nobody"), 1, "[not-in-temporal]", "'nobody'")


async def test_a_namespace_that_is_not_there_is_one_line(place: Place) -> None:
    run = await place.run("show", "nobody", "--namespace", "nowhere")
    assert_one_line(run, 1, "[not-in-temporal]", "'nowhere'")


async def test_a_run_id_that_is_none_is_one_line(place: Place) -> None:
    assert_one_line(await place.run("show", "nobody", "--run-id", "5"), 2, "[invalid-settings]")


async def test_a_profile_that_is_not_there_is_one_line(place: Place) -> None:
    run = await place.run("show", "nobody", "--profile", "nowhere")
    assert_one_line(run, 2, "[invalid-settings]", "'nowhere'")


async def test_a_cluster_that_is_away_is_one_line(place: Place, unused_tcp_port: int) -> None:
    run = await place.run("show", "nobody", "--address", f"127.0.0.1:{unused_tcp_port}")
    assert_one_line(run, 1, "[temporal-unavailable]", "Connection refused")


async def test_no_store_is_one_line(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CLAIMCHECK_STORE")
    assert_one_line(await place.run("show", "nobody"), 2, "No store is set")
