"""`claimcheck copy` as a user runs it. Copies that are killed: tests/copying."""

import asyncio
import inspect
import json
import os
import signal
from pathlib import Path

import pytest

from temporal_claimcheck.cli.copy import copy
from temporal_claimcheck.copying.copier import DEFAULT_AT_ONCE
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.testing.servers import redis_server
from tests.cli.programs import claimcheck, claimcheck_running
from tests.copying.stocked import DAY, everything, stock


@pytest.fixture(autouse=True)
def settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("CLAIMCHECK_") and "_TEST_" not in name:
            monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "80")


@pytest.fixture
def source(tmp_path: Path) -> FileSystemStore:
    return FileSystemStore(tmp_path / "source")


@pytest.fixture
def urls(tmp_path: Path) -> tuple[str, str]:
    return f"file://{tmp_path / 'source'}", f"file://{tmp_path / 'destination'}"


def test_the_command_has_as_many_on_their_way_as_the_copier_by_itself() -> None:
    assert inspect.signature(copy).parameters["at_once"].default == DEFAULT_AT_ONCE


async def test_the_end_is_a_table_that_fits_the_terminal(
    source: FileSystemStore, urls: tuple[str, str], tmp_path: Path
) -> None:
    await stock(source, 3)
    await stock(source, 4, namespace="billing")
    run = claimcheck("copy", *urls, folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert not run.stderr
    assert "All 7 objects are at the destination." in run.stdout
    assert "Records: 2 copied, 0 there already." in run.stdout
    below_the_names = run.stdout.splitlines()[2:]
    assert max(map(len, below_the_names)) <= 80
    assert await everything(FileSystemStore(tmp_path / "destination")) == await everything(source)


async def test_a_dry_run_says_what_is_left_and_makes_nothing(
    source: FileSystemStore, urls: tuple[str, str], tmp_path: Path
) -> None:
    await stock(source, 3)
    run = claimcheck("copy", *urls, "--dry-run", folder=tmp_path)
    assert run.returncode == 0, run.stderr
    assert "Nothing was copied. Without --dry-run: 3 objects" in run.stdout
    assert not (tmp_path / "destination").exists()
    assert claimcheck("copy", *urls, folder=tmp_path).returncode == 0
    again = claimcheck("copy", *urls, "--dry-run", "--verify", folder=tmp_path)
    assert "Nothing is left to copy." in again.stdout


async def test_programs_get_a_document(
    source: FileSystemStore, urls: tuple[str, str], tmp_path: Path
) -> None:
    await stock(source, 3)
    run = claimcheck("copy", *urls, "--json", "--since", "2026-11-22", folder=tmp_path)
    report = json.loads(run.stdout)
    assert (report["source"], report["destination"]) == urls
    assert (report["is_complete"], report["listed"], report["copied"]) == (True, 3, 3)
    assert [(each["namespace"], each["day"]) for each in report["shelves"]] == [
        ("default", "2026-11-22")
    ]


async def test_a_damaged_object_is_named_the_rest_is_copied_and_exit_code_1(
    source: FileSystemStore, urls: tuple[str, str], tmp_path: Path
) -> None:
    keys = await stock(source, 5)
    damaged = tmp_path / "source" / keys[2]
    damaged.chmod(0o600)
    damaged.write_bytes(damaged.read_bytes()[:-1])
    run = claimcheck("copy", *urls, folder=tmp_path)
    assert run.returncode == 1
    # Whole, on a line of its own, however narrow the terminal is.
    assert keys[2] in run.stdout.splitlines()
    assert "blob-corrupt at the source" in run.stdout
    assert "1 of 5 objects not whole at the destination." in run.stdout
    there = await everything(FileSystemStore(tmp_path / "destination"), "v1/")
    assert set(there) == set(keys) - {keys[2]}


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal_ends_it_with_what_was_done_and_it_goes_on_later(
    number: signal.Signals,
    code: int,
    source: FileSystemStore,
    urls: tuple[str, str],
    tmp_path: Path,
) -> None:
    await stock(source, 400)
    first = tmp_path / "destination" / "v1"
    async with claimcheck_running("copy", *urls, "--at-once", "1", folder=tmp_path) as process:
        while not any(first.glob("*/*/*")):
            assert process.returncode is None
            await asyncio.sleep(0)
        process.send_signal(number)
        output, errors = await process.communicate()
    assert process.returncode == code, errors
    assert "Stopped with " in output.decode()
    assert "Traceback" not in errors.decode()
    run = claimcheck("copy", *urls, "--json", folder=tmp_path)
    report = json.loads(run.stdout)
    assert report["present"] > 0
    assert report["present"] + report["copied"] == 400


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("file:///a",), "Missing argument 'DST'"),
        (("file:///a", "file:///a"), "are the same store, file:///a"),
        (("/var/lib/claims", "file:///a"), "No store is known for a URL without a scheme"),
        (("@/nowhere.env", "file:///a"), "/nowhere.env cannot be read"),
        (("file:///a", "file:///b", "--since", "yesterday"), "'yesterday' does not match"),
        (("file:///a", "file:///b", "--at-once", "0"), "greater than or equal to 1"),
        (("file:///nowhere/a", "file:///nowhere/b", "--dry-run"), "no object and no record"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    run = claimcheck("copy", *arguments, folder=tmp_path)
    assert run.returncode == 2
    assert reason in run.stderr
    assert run.stderr.count("\n") == 1
    assert not run.stdout


def test_a_store_that_is_down_is_one_line_and_exit_code_1(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("CLAIMCHECK_RETRY_SECONDS", "0")
    url = f"redis://:secret-of-redis@127.0.0.1:{unused_tcp_port}/0"
    run = claimcheck("copy", url, f"file://{tmp_path}/b", folder=tmp_path)
    assert run.returncode == 1
    assert run.stderr.startswith("claimcheck: [store-unavailable]")
    assert run.stderr.count("\n") == 1
    assert "secret" not in run.stderr


async def test_what_redis_would_drop_at_once_is_said_and_exit_code_1(
    source: FileSystemStore, urls: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stock(source, 3, day=DAY.replace(year=2020))
    monkeypatch.setenv("CLAIMCHECK_TTL_DAYS", "90")
    async with redis_server(tmp_path, arguments=("--appendonly", "yes")) as server:
        run = claimcheck("copy", urls[0], f"redis://127.0.0.1:{server.port}/0", folder=tmp_path)
    assert run.returncode == 1
    assert "would drop at once by CLAIMCHECK_TTL_DAYS" in " ".join(run.stdout.split())
    assert "3 of 3 objects not whole at the destination." in run.stdout
