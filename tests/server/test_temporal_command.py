"""The real `temporal` command shows what both doors have stored, through the server."""

import asyncio
import base64
import json
from pathlib import Path

import pytest

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.temporal.plugin import Door
from temporal_claimcheck.testing.servers import find_program
from tests.server.commands import Command, serve_command
from tests.temporal.setup import connect

TOKEN = "0123456789abcdef"
TEXT = "the whole of a large input, "


async def start_workflow(address: str, door: Door, store: Path) -> str:
    """Start a workflow with a large input, which nobody works on; return its id."""
    async with ClaimCheckManager.open(f"file://{store}") as manager:
        setup = await connect(address, door=door, manager=manager)
        handle = await setup.client.start_workflow(
            "Anything", TEXT * 10_000, id=setup.new_id(), task_queue=setup.task_queue
        )
        return handle.id


async def show(address: str, workflow_id: str, *options: str) -> tuple[int, str]:
    """Return the exit code of `temporal workflow show`, and the input as it shows it."""
    process = await asyncio.create_subprocess_exec(
        *(find_program("temporal"), "workflow", "show", "--address", address, "--output", "json"),
        *("--workflow-id", workflow_id, *options),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    output, _ = await process.communicate()
    assert process.returncode is not None
    if not output:
        return process.returncode, ""
    started = json.loads(output)["events"][0]["workflowExecutionStartedEventAttributes"]
    [payload] = started["input"]["payloads"]
    return process.returncode, base64.b64decode(payload["data"]).decode()


def endpoint_of(command: Command, suffix: str = "") -> tuple[str, str]:
    return "--codec-endpoint", f"{command.url}{suffix}"


@pytest.mark.parametrize("door", ["driver", "codec"])
@pytest.mark.parametrize("suffix", ["", "/{namespace}"])
async def test_what_is_stored_is_shown(
    suffix: str, door: Door, temporal_address: str, tmp_path: Path
) -> None:
    workflow_id = await start_workflow(temporal_address, door, tmp_path)
    _, without = await show(temporal_address, workflow_id)
    assert TEXT not in without
    async with serve_command(store=tmp_path) as command:
        code, shown = await show(temporal_address, workflow_id, *endpoint_of(command, suffix))
    assert code == 0
    assert json.loads(shown) == TEXT * 10_000


@pytest.mark.parametrize("door", ["driver", "codec"])
async def test_with_a_token_it_is_shown_and_without_one_it_is_not(
    door: Door, temporal_address: str, tmp_path: Path
) -> None:
    workflow_id = await start_workflow(temporal_address, door, tmp_path)
    more = {"CLAIMCHECK_SERVER_TOKENS": f"default={TOKEN}"}
    async with serve_command(store=tmp_path, **more) as command:
        endpoint = endpoint_of(command)
        _, refused = await show(temporal_address, workflow_id, *endpoint)
        assert TEXT not in refused
        authorization = ("--codec-auth", f"Bearer {TOKEN}")
        code, shown = await show(temporal_address, workflow_id, *endpoint, *authorization)
    assert code == 0
    assert json.loads(shown) == TEXT * 10_000


@pytest.mark.parametrize("door", ["driver", "codec"])
async def test_the_preview_shows_where_to_look(
    door: Door, temporal_address: str, tmp_path: Path
) -> None:
    workflow_id = await start_workflow(temporal_address, door, tmp_path)
    async with serve_command(store=tmp_path) as command:
        endpoint = endpoint_of(command, "/preview")
        code, shown = await show(temporal_address, workflow_id, *endpoint)
        assert f"View at: {command.url}/view/v1/default/" in shown
    assert code == 0
    assert TEXT not in shown
