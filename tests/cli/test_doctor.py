"""`claimcheck doctor` as a user runs it."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from temporal_claimcheck.testing.servers import redis_server
from tests.cli.programs import claimcheck, claimcheck_running


@pytest_asyncio.fixture
async def redis(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporal_address: str
) -> AsyncGenerator[int]:
    """Point the command to a Redis that is well, and to Temporal."""
    for name in os.environ:
        if name.startswith(("CLAIMCHECK_", "TEMPORAL_")) and "_TEST_" not in name:
            monkeypatch.delenv(name)
    (folder := tmp_path / "redis").mkdir()
    async with redis_server(folder, arguments=("--appendonly", "yes")) as server:
        monkeypatch.setenv("CLAIMCHECK_STORE", f"redis://127.0.0.1:{server.port}/0")
        monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
        monkeypatch.setenv("COLUMNS", "80")
        yield server.port


def doctor(*options: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command, with time for machines that have much else to do."""
    return claimcheck("doctor", "--timeout", "60", *options, folder=folder)


@pytest.mark.usefixtures("redis")
def test_a_set_up_that_is_well_exits_with_0(tmp_path: Path) -> None:
    run = doctor(folder=tmp_path)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "All is well." in run.stdout
    assert not run.stderr
    assert max(map(len, run.stdout.splitlines())) <= 80


@pytest.mark.usefixtures("redis")
def test_an_error_exits_with_1_and_stands_with_its_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("TEMPORAL_ADDRESS", f"127.0.0.1:{unused_tcp_port}")
    run = doctor(folder=tmp_path)
    assert run.returncode == 1
    assert "✗ temporal-unreachable" in run.stdout
    assert "→ Set TEMPORAL_ADDRESS" in run.stdout
    assert "1 error" in run.stdout
    assert not run.stderr


@pytest.mark.usefixtures("redis")
@pytest.mark.parametrize(("options", "code"), [((), 0), (("--strict",), 1)])
def test_a_warning_exits_with_1_only_if_it_is_to_count(
    options: tuple[str, ...], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAIMCHECK_TRESHOLD_BYTES", "1")
    run = doctor(*options, folder=tmp_path)
    assert run.returncode == code
    assert "It works, with doubts." in run.stdout


@pytest.mark.usefixtures("redis")
def test_programs_get_every_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLAIMCHECK_STORE", "s4://claims")
    run = doctor("--json", folder=tmp_path)
    document = json.loads(run.stdout)
    assert run.returncode == 1
    assert document["ok"] is False
    assert document["counts"]["error"] == 1
    [wrong] = [each for each in document["findings"] if each["severity"] == "error"]
    assert wrong["code"] == "store-unclear"
    assert wrong["area"] == "settings"
    assert wrong["remedy"].startswith("Use one of file://")


@pytest.mark.usefixtures("redis")
def test_an_option_that_makes_no_sense_is_one_line(tmp_path: Path) -> None:
    run = doctor("--codec-endpoint", "codec.example.com", folder=tmp_path)
    assert run.returncode == 2
    assert "--codec-endpoint https://" in run.stderr
    assert run.stderr.count("\n") == 1


@pytest.mark.usefixtures("redis")
def test_a_profile_of_another_cluster_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporal_address: str
) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text(
        f'[profile.east]\naddress = "{temporal_address}"\n'
        f'[profile.west]\naddress = "{temporal_address}"\nnamespace = "nowhere"\n'
    )
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(file))
    run = doctor("--profile", "east", "--profile", "west", folder=tmp_path)
    assert run.returncode == 1
    assert "Temporal at west has no namespace nowhere." in run.stdout


@pytest.mark.usefixtures("redis")
async def test_ctrl_c_ends_it_at_once_and_without_a_traceback(tmp_path: Path) -> None:
    reached = asyncio.Event()

    async def be_silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        reached.set()
        await reader.read()

    async with await asyncio.start_server(be_silent, "127.0.0.1", 0) as server:
        endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        arguments = ("doctor", "--codec-endpoint", endpoint, "--timeout", "1800")
        async with claimcheck_running(*arguments, folder=tmp_path) as process:
            await reached.wait()
            process.send_signal(signal.SIGINT)
            _, errors = await process.communicate()
    assert process.returncode == 130
    assert b"Traceback" not in errors
