"""SIGTERM ends every command, also one that has no way of its own to stop."""

import asyncio
from pathlib import Path

import pytest

from tests.cli.programs import claimcheck_running, wait_for_line


@pytest.mark.parametrize("in_background", [False, True], ids=["before", "in-background"])
async def test_sigterm_ends_the_collectors_worker_with_the_exit_code_of_the_signal(
    in_background: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, temporal_address: str
) -> None:
    monkeypatch.setenv("CLAIMCHECK_STORE", f"file://{tmp_path}/claims")
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    worker = claimcheck_running("gc", "--worker", folder=tmp_path, in_background=in_background)
    async with worker as process:
        await wait_for_line(process.stdout, "on task queue")
        process.terminate()
        async with asyncio.timeout(30):
            _, errors = await process.communicate()
    # Not -15: it was the command that ended, not the signal that ended it.
    assert process.returncode == 143
    assert b"Traceback" not in errors
