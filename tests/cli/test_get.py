"""`claimcheck get` as a user runs it, on a real Temporal server and a folder."""

import base64
import json
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from google.protobuf.json_format import MessageToJson
from temporalio.api.common.v1 import Payload

from temporal_claimcheck import Claim, ClaimCheckManager
from temporal_claimcheck.payloads import claim_payload
from temporal_claimcheck.temporal.plugin import Door
from tests.cli.looking import Place, assert_one_line, clean
from tests.cli.programs import claimcheck, claimcheck_for_one_byte, claimcheck_on_terminal
from tests.gc import rooted
from tests.temporal.waiting import eventually

STYLES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
JSON = b'[{"city":"Z\\u00fcrich","amount":1.10,"big":12345678901234567890.5}, [], {}, [null]]'


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A payload in the store."""

    payload: Payload
    claim: Claim
    file: Path


@pytest.fixture
def place(tmp_path: Path, temporal_address: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    url = f"file://{tmp_path / 'store'}"
    clean(monkeypatch, url, temporal_address)
    return Place(address=temporal_address, url=url, folder=tmp_path)


async def keep(place: Place, data: bytes, encoding: str, namespace: str = "default") -> Kept:
    payload = Payload(metadata={"encoding": encoding.encode()}, data=data)
    async with ClaimCheckManager.open(place.url, namespace=namespace) as manager:
        claim = await manager.offload(payload)
    return Kept(payload=payload, claim=claim, file=place.folder / "store" / claim.key)


@pytest_asyncio.fixture
async def kept(place: Place) -> Kept:
    return await keep(place, JSON, "json/plain")


def by_key(kept: Kept) -> str:
    return kept.claim.key


def by_claim(kept: Kept) -> str:
    return json.dumps(kept.claim.dump())


def by_reference(kept: Kept) -> str:
    return json.dumps({"driverName": "claimcheck", "claimData": kept.claim.dump()})


def by_payload(kept: Kept) -> str:
    return MessageToJson(claim_payload(kept.claim))


@pytest.mark.parametrize("named", [by_key, by_claim, by_reference, by_payload])
async def test_a_pipe_gets_the_very_bytes(
    place: Place, kept: Kept, named: Callable[[Kept], str]
) -> None:
    run = await place.run("get", named(kept))
    assert run.returncode == 0, run.stderr
    assert run.stdout_bytes == JSON
    assert not run.stderr


async def test_a_file_gets_the_very_bytes(place: Place, tmp_path: Path) -> None:
    kept = await keep(place, os.urandom(5000), "binary/plain")
    run = await place.run("get", kept.claim.key, "--output", str(tmp_path / "it"))
    assert run.returncode == 0, run.stderr
    assert (tmp_path / "it").read_bytes() == kept.payload.data
    assert not run.stdout
    assert "Wrote 5 KB" in run.stderr


async def test_programs_get_a_document(place: Place, kept: Kept) -> None:
    found = await place.json("get", kept.claim.key)
    assert base64.b64decode(found["data"]) == JSON
    assert base64.b64decode(found["metadata"]["encoding"]) == b"json/plain"
    assert found["stored_bytes"] == kept.file.stat().st_size
    assert (found["key"], found["encoding"]) == (kept.claim.key, "json/plain")


@pytest.mark.parametrize("door", ["driver", "codec"])
async def test_a_payload_is_fetched_out_of_a_workflow(place: Place, door: Door) -> None:
    async with place.worker(door) as client:
        handle = await place.start(client, rooted.CallActivity.run, "grow", "a mark")
        await handle.result()
    shown = await place.payloads(handle.id)
    stored = shown["activity grow: result"]
    run = await place.run("get", "--workflow-id", handle.id, "--event", f"{stored['event_id']}")
    assert json.loads(run.stdout) == rooted.grown("a mark")
    assert (await place.run("get", stored["key"])).stdout == run.stdout
    for arguments in (("--event", "1.2"), ("--event", "1", "--payload", "2")):
        second = await place.run("get", "--workflow-id", handle.id, *arguments)
        assert json.loads(second.stdout) == "a mark"


async def test_a_heartbeat_is_fetched(place: Place) -> None:
    mark = "beating to be fetched"
    async with place.worker() as client:
        handle = await place.start(client, rooted.CallActivity.run, "beat", mark)

        async def beats() -> bool:
            return "activity beat: heartbeat" in await place.payloads(handle.id)

        await eventually(beats)
        run = await place.run("get", "--workflow-id", handle.id, "--event", "now")
        rooted.released.add(mark)
        await handle.result()
    assert json.loads(run.stdout) == rooted.grown(mark)


async def test_a_terminal_shows_json_indented_and_every_number_as_written(
    place: Place, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    code, written = claimcheck_on_terminal("get", kept.claim.key, folder=place.folder)
    assert code == 0, written
    lines = STYLES.sub("", written).splitlines()
    start = lines.index("[")
    assert lines[start : start + 10] == [
        "[",
        "  {",
        '    "city": "Zürich",',
        '    "amount": 1.10,',
        '    "big": 12345678901234567890.5',
        "  },",
        "  [],",
        "  {},",
        "  [",
        "    null",
    ]
    assert "JSON" in written
    assert kept.claim.key in written.replace("\n", "").replace("\r", "")


async def test_a_terminal_obeys_nothing_in_a_text(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    kept = await keep(place, "red \x1b[41m text\nline two \u202e".encode(), "binary/plain")
    code, written = claimcheck_on_terminal("get", kept.claim.key, folder=place.folder)
    assert code == 0
    assert "red \\u001b[41m text" in written
    assert "\x1b[41m" not in written
    assert "\u202e" not in written


async def test_a_terminal_shows_the_head_of_bytes_and_how_to_get_all(place: Place) -> None:
    kept = await keep(place, bytes(range(256)) * 10, "binary/plain")
    code, written = claimcheck_on_terminal("get", kept.claim.key, folder=place.folder)
    assert code == 0
    assert "00000010" in written
    assert "00000100" not in written
    assert "--output FILE" in written


async def test_whoever_reads_may_stop(place: Place) -> None:
    kept = await keep(place, os.urandom(1_000_000), "binary/plain")
    code, said = claimcheck_for_one_byte("get", kept.claim.key, folder=place.folder)
    assert (code, said) == (0, "")


async def test_a_damaged_object_is_one_line_and_no_output(place: Place, kept: Kept) -> None:
    kept.file.chmod(0o600)
    kept.file.write_bytes(kept.file.read_bytes()[:-1] + b"!")
    assert_one_line(await place.run("get", kept.claim.key), 1, "[blob-corrupt]")


async def test_a_missing_object_is_one_line(place: Place, kept: Kept) -> None:
    kept.file.unlink()
    assert_one_line(await place.run("get", by_claim(kept)), 1, "[blob-not-found]", kept.claim.key)


async def test_a_namespace_that_may_not_be_read_is_one_line(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = await keep(place, JSON, "json/plain", namespace="billing")
    for named in (by_key, by_claim, by_payload):
        run = await place.run("get", named(kept))
        assert_one_line(run, 1, "[foreign-namespace]", "CLAIMCHECK_READ_NAMESPACES")
    monkeypatch.setenv("CLAIMCHECK_READ_NAMESPACES", "billing")
    assert (await place.run("get", kept.claim.key)).stdout_bytes == JSON


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("3f9a01bc", "[invalid-key]"),
        ("v1/default/2026-11-22/../../etc/passwd", "[invalid-key]"),
        ("{", "[invalid-claim]"),
        ('{"v":"1"}', "[invalid-claim]"),
        ('{"driverName":"aws.s3driver","claimData":{}}', "[invalid-claim]"),
        ('{"metadata":5}', "[invalid-claim]"),
    ],
)
async def test_what_names_no_payload_is_one_line(place: Place, target: str, code: str) -> None:
    assert_one_line(await place.run("get", target), 1, code)


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("v1/x", "--workflow-id", "w", "--event", "1"),
        ("v1/x", "--event", "1"),
        ("v1/x", "--run-id", "x"),
        ("--workflow-id", "w"),
        ("--workflow-id", "w", "--payload", "1"),
        ("--workflow-id", "w", "--event", "five"),
        ("--workflow-id", "w", "--event", "5.2", "--payload", "2"),
    ],
)
async def test_options_that_contradict_each_other_are_one_line(
    place: Place, arguments: tuple[str, ...]
) -> None:
    assert_one_line(await place.run("get", *arguments), 2, "[invalid-settings]")


async def test_an_event_without_payloads_is_one_line_that_names_those_with(place: Place) -> None:
    async with place.worker() as client:
        handle = await place.start(client, rooted.CallActivity.run, "grow", "a mark")
        await handle.result()
    for event in ("2", "999", "1.9", "now"):
        run = await place.run("get", "--workflow-id", handle.id, "--event", event)
        assert_one_line(run, 1, "[not-in-temporal]", "1.2 (input 2)")


async def test_a_file_that_cannot_be_written_is_one_line(place: Place, kept: Kept) -> None:
    run = await place.run("get", kept.claim.key, "--output", "/nowhere/at/all")
    assert_one_line(run, 2, "/nowhere/at/all cannot be written: No such file or directory")


async def test_as_a_process_it_writes_bytes_that_are_no_text(place: Place) -> None:
    kept = await keep(place, b'{"text": "ok"}', "json/plain")
    run = claimcheck("get", kept.claim.key, folder=place.folder)
    assert (run.returncode, run.stdout, run.stderr) == (0, '{"text": "ok"}', "")
