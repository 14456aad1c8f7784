import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cli.programs import (
    claimcheck,
    claimcheck_running,
    descendants,
    names_in,
    still_running,
    wait_for_line,
)
from tests.temporal.waiting import eventually


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the demo reports about 3 MB of cities: too large for a payload, not for a message."""
    run = claimcheck("demo", "--json", "--size", "3MB", folder=tmp_path_factory.mktemp("demo"))
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_without_the_claim_check_temporal_refuses_in_its_own_words(report: dict[str, Any]) -> None:
    without = report["without_claim_check"]
    assert without["outcome"] == "refused"
    assert without["temporal_said"] == "INVALID_ARGUMENT: Blob data size exceeds limit."


def test_with_the_claim_check_the_summary_counts_every_record(report: dict[str, Any]) -> None:
    with_claims = report["with_claim_check"]
    assert with_claims["outcome"] == "completed"
    assert with_claims["summary"]["record_count"] == report["records"]["record_count"]


def test_the_history_stays_small(report: dict[str, Any]) -> None:
    assert report["with_claim_check"]["history"]["size_bytes"] < 10_000


def test_the_server_counts_each_mention_of_a_large_payload(report: dict[str, Any]) -> None:
    history = report["with_claim_check"]["history"]
    large = [payload for payload in history["payloads"] if payload["offloaded"]]
    # Each is an activity's argument once, and an input or a result once.
    assert history["external_payload_count"] == 2 * len(large)
    assert history["external_payload_bytes"] == 2 * sum(payload["size_bytes"] for payload in large)


def test_input_and_transformed_records_are_claims_and_the_summary_is_not(
    report: dict[str, Any],
) -> None:
    payloads = report["with_claim_check"]["history"]["payloads"]
    assert [(payload["name"], payload["offloaded"]) for payload in payloads] == [
        ("input", True),
        ("transformed", True),
        ("summary", False),
    ]


def test_the_store_holds_each_large_payload_once_and_compressed(report: dict[str, Any]) -> None:
    assert report["store"]["object_count"] == 2
    assert 0 < report["compression_ratio"] < 0.5


def test_data_that_grows_too_large_on_the_way_is_retried_without_end(tmp_path: Path) -> None:
    run = claimcheck("demo", "--json", "--size", "2MB", folder=tmp_path)
    without = json.loads(run.stdout)["without_claim_check"]
    assert without["outcome"] == "stuck"
    assert "exceeded the error limit" in without["temporal_said"]


def test_own_records_are_used_and_nothing_is_left_behind(tmp_path: Path) -> None:
    orders = tmp_path / "orders.csv"
    orders.write_text("id,customer,total\n" + "7,Ada,12.50\n8,Grace,99\n" * 30_000)
    folder = tmp_path / "temporary"
    folder.mkdir()
    run = claimcheck("demo", "--json", "--input", str(orders), folder=folder)
    summary = json.loads(run.stdout)["with_claim_check"]["summary"]
    assert summary["record_count"] == 60_000
    assert summary["duplicate_count"] == 59_998
    assert names_in(folder) == []


def test_a_person_gets_a_table_that_fits_the_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    run = claimcheck("demo", "--size", "2.2MB", folder=tmp_path)
    assert "✗ refused by Temporal" in run.stdout
    assert "✓ completed in " in run.stdout
    assert max(map(len, run.stdout.splitlines())) <= 80


@pytest.mark.parametrize("stop_signal", [signal.SIGINT, signal.SIGTERM], ids=str)
async def test_interrupted_it_leaves_no_process_and_no_file(
    stop_signal: signal.Signals, tmp_path: Path
) -> None:
    started: dict[int, str] = {}
    async with claimcheck_running("demo", "--size", "10MB", folder=tmp_path) as demo:

        async def pipeline_runs() -> bool:
            started.update(descendants(demo.pid))
            return any("start_workflow.py" in command_line for command_line in started.values())

        await wait_for_line(demo.stderr, "Temporal dev server on")
        await eventually(pipeline_runs)
        demo.send_signal(stop_signal)
        _, stderr = await demo.communicate()
    assert demo.returncode == 128 + stop_signal, stderr
    assert len(started) >= 3  # server, worker, starter
    assert still_running(list(started)) == []
    assert names_in(tmp_path) == []


async def test_kept_it_runs_until_interrupted_and_leaves_the_store(tmp_path: Path) -> None:
    options = ("--size", "3MB", "--keep", "--json")
    async with claimcheck_running("demo", *options, folder=tmp_path) as demo:
        await wait_for_line(demo.stderr, "Ctrl-C")
        started = descendants(demo.pid)
        demo.send_signal(signal.SIGINT)
        stdout, stderr = await demo.communicate()
    assert demo.returncode == 0, stderr
    assert len(started) == 2  # server, worker
    assert still_running(list(started)) == []
    assert "store" in names_in(Path(json.loads(stdout)["places"]["store_folder"]).parent)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("broken.jsonl", '{"a": 1}\n{"a": \n', "line 2 is not JSON"),
        ("numbers.json", "[1, 2]", "item 1 of the array is not an object"),
        ("short.csv", "a,b\n1\n", "line 2 has not as many fields as the header"),
        ("empty.json", "[]", "holds no records"),
    ],
)
def test_records_that_cannot_be_read_are_one_line_and_exit_code_2(
    name: str, content: str, reason: str, tmp_path: Path
) -> None:
    file = tmp_path / name
    file.write_text(content)
    run = claimcheck("demo", "--input", str(file), folder=tmp_path)
    assert run.returncode == 2
    assert name in run.stderr
    assert reason in run.stderr
    assert run.stderr.count("\n") == 1
    assert run.stdout == ""


def test_a_missing_file_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    run = claimcheck("demo", "--input", str(tmp_path / "nowhere.json"), folder=tmp_path)
    assert run.returncode == 2
    assert "nowhere.json' does not exist" in run.stderr
    assert run.stderr.count("\n") == 1


def test_a_size_that_is_none_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    run = claimcheck("demo", "--size", "much", folder=tmp_path)
    assert run.returncode == 2
    assert "'much' is not a size" in run.stderr
    assert run.stderr.count("\n") == 1
