"""`claimcheck serve` as a process of its own."""

import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Final

_COMMAND: Final = (sys.executable, "-m", "temporal_claimcheck.cli", "serve")
_SECONDS: Final = 60


@dataclass(kw_only=True)
class Command:
    """The command, and what it has printed when it was ready."""

    process: asyncio.subprocess.Process
    introduction: str
    log: IO[bytes]
    further: list[str] = field(default_factory=list[str])

    @property
    def url(self) -> str:
        """Where it says that it serves."""
        return self.introduction.partition(" at ")[2].partition(", ")[0]

    async def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, list[Any]]:
        """Send a signal; return the exit code and the lines of its log."""
        self.process.send_signal(number)
        return await self.ended()

    async def ended(self) -> tuple[int, list[Any]]:
        """Return the exit code and the lines of its log."""
        async with asyncio.timeout(_SECONDS):
            output, _ = await self.process.communicate()
        self.further += output.decode().splitlines()
        assert self.process.returncode is not None
        self.log.seek(0)
        return self.process.returncode, [json.loads(line) for line in self.log]


@contextlib.asynccontextmanager
async def serve_command(
    *arguments: str, store: Path, **environment: str
) -> AsyncGenerator[Command]:
    """Run the command on a free port for the block."""
    # A pipe would fill up, and the command wait for somebody to read its log. Appended to, because
    # the place in the file is the command's as well.
    with tempfile.TemporaryFile("a+b") as log:
        process = await asyncio.create_subprocess_exec(
            *_COMMAND,
            *("--port=0", *arguments),
            env=_environment(store, environment),
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
        )
        try:
            assert process.stdout is not None
            async with asyncio.timeout(_SECONDS):
                line = (await process.stdout.readline()).decode()
            log.seek(0)
            assert line, log.read().decode()
            yield Command(process=process, introduction=line.strip(), log=log)
        finally:
            if process.returncode is None:
                process.kill()
                await process.communicate()


async def refused_command(*arguments: str, store: Path, **environment: str) -> tuple[int, str]:
    """Run the command where it does not start; return the exit code and what it says."""
    process = await asyncio.create_subprocess_exec(
        *_COMMAND,
        *arguments,
        env=_environment(store, environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_SECONDS):
            output, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    assert not output
    assert process.returncode is not None
    return process.returncode, errors.decode()


def _environment(store: Path, more: dict[str, str]) -> dict[str, str]:
    return os.environ | {"CLAIMCHECK_STORE": f"file://{store}"} | more
