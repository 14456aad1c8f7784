"""`claimcheck verify` as a user runs it."""

import json
import os
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload

from temporal_claimcheck import ClaimCheckManager
from tests.cli.programs import claimcheck


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    for name in os.environ:
        if name.startswith("CLAIMCHECK_") and "_TEST_" not in name:
            monkeypatch.delenv(name)
    store = tmp_path / "store"
    monkeypatch.setenv("CLAIMCHECK_STORE", f"file://{store}")
    monkeypatch.setenv("COLUMNS", "80")
    return store


async def stored(store: Path, count: int, namespace: str = "default") -> list[Path]:
    async with ClaimCheckManager.open(f"file://{store}", namespace=namespace) as manager:
        payloads = [Payload(data=b"%d " % number * 1000) for number in range(count)]
        return [store / (await manager.offload(payload)).key for payload in payloads]


def damage(file: Path) -> None:
    file.chmod(0o600)
    file.write_bytes(file.read_bytes()[:-1])


async def test_a_sound_store_is_said_to_be_so(settings: Path, tmp_path: Path) -> None:
    await stored(settings, 3)
    run = claimcheck("verify", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "All 4 objects that were read are sound." in run.stdout
    assert max(map(len, run.stdout.splitlines())) <= 80


async def test_a_damaged_object_is_named_and_exit_code_1(settings: Path, tmp_path: Path) -> None:
    files = await stored(settings, 3)
    damage(files[0])
    run = claimcheck("verify", folder=tmp_path)
    assert run.returncode == 1
    # Whole, on a line of its own, however narrow the terminal is.
    assert str(files[0].relative_to(settings)) in run.stdout.splitlines()
    assert "blob-corrupt" in run.stdout
    assert "1 of 4 are not sound." in run.stdout


async def test_programs_get_a_document(settings: Path, tmp_path: Path) -> None:
    files = await stored(settings, 3)
    damage(files[0])
    run = claimcheck("verify", "--json", folder=tmp_path)
    [found] = json.loads(run.stdout)["stores"]
    assert run.returncode == 1
    assert (found["is_sound"], found["sound"], found["wrong"]) == (False, 2, {"blob-corrupt": 1})
    assert found["findings"][0]["key"] == str(files[0].relative_to(settings))


async def test_each_mirror_is_read_by_itself_and_not_healed(
    settings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stored(settings, 2)
    [damaged, _] = await stored(tmp_path / "mirror", 2)
    damage(damaged)
    before = damaged.read_bytes()
    monkeypatch.setenv("CLAIMCHECK_STORE_MIRRORS", f"file://{tmp_path / 'mirror'}")
    run = claimcheck("verify", "--json", folder=tmp_path)
    assert [each["is_sound"] for each in json.loads(run.stdout)["stores"]] == [True, False]
    assert damaged.read_bytes() == before


async def test_a_namespace_that_stored_nothing_is_sound_and_empty(
    settings: Path, tmp_path: Path
) -> None:
    await stored(settings, 1)
    run = claimcheck("verify", "--json", "--namespace", "billing", folder=tmp_path)
    [found] = json.loads(run.stdout)["stores"]
    assert (run.returncode, found["sound"], found["records"]) == (0, 0, 0)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--day", "yesterday"), "'yesterday' does not match the format"),
        (("--sample", "0"), "greater than or equal to 1"),
    ],
)
def test_a_wrong_option_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    run = claimcheck("verify", *arguments, folder=tmp_path)
    assert run.returncode == 2
    assert reason in run.stderr
    assert run.stderr.count("\n") == 1


def test_a_store_that_is_down_is_one_line_and_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("CLAIMCHECK_STORE", f"redis://127.0.0.1:{unused_tcp_port}/0")
    monkeypatch.setenv("CLAIMCHECK_RETRY_SECONDS", "0")
    run = claimcheck("verify", folder=tmp_path)
    assert run.returncode == 1
    assert run.stderr.startswith("claimcheck: [store-unavailable]")
    assert run.stderr.count("\n") == 1
