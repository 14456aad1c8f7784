"""The command as a process of its own, and what it started."""

import asyncio
import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

TIMEOUT_SECONDS = 120


def claimcheck(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command to its end, with `folder` for its temporary files."""
    return subprocess.run(  # noqa: S603 - the command is ours
        _command(*arguments),
        env=_environment(folder),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )


def claimcheck_on_terminal(*arguments: str, folder: Path, columns: int = 80) -> tuple[int, str]:
    """Run the command to its end on a terminal; return its exit code and what was written there."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    environment = _environment(folder) | {"TERM": "xterm-256color"}
    environment.pop("COLUMNS", None)
    process = subprocess.Popen(  # noqa: S603 - the command is ours
        _command(*arguments), env=environment, stdin=its, stdout=its, stderr=its
    )
    os.close(its)
    written = bytearray()
    # The end of a terminal is an error: nobody has it open any more.
    with contextlib.suppress(OSError):
        while part := os.read(ours, 65_536):
            written += part
    os.close(ours)
    return process.wait(TIMEOUT_SECONDS), written.decode()


def claimcheck_for_one_byte(*arguments: str, folder: Path) -> tuple[int, str]:
    """Run the command, and stop reading after one byte; return its exit code and its stderr."""
    ours, its = os.pipe()
    process = subprocess.Popen(  # noqa: S603 - the command is ours
        _command(*arguments),
        env=_environment(folder),
        stdout=its,
        stderr=subprocess.PIPE,
        text=True,
    )
    os.close(its)
    os.read(ours, 1)
    os.close(ours)
    _, said = process.communicate(timeout=TIMEOUT_SECONDS)
    return process.returncode, said


@contextlib.asynccontextmanager
async def claimcheck_running(
    *arguments: str, folder: Path, in_background: bool = False
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Run the command beside the test, with `folder` for its temporary files.

    In the background it ignores Ctrl-C, as what a shell starts with `&` does.
    """
    shell = ("/bin/sh", "-c", 'trap "" INT; exec "$@"', "sh") if in_background else ()
    process = await asyncio.create_subprocess_exec(
        *shell,
        *_command(*arguments),
        env=_environment(folder),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
            await process.communicate()


async def wait_for_line(output: asyncio.StreamReader | None, text: str) -> None:
    """Read until a line with this text."""
    assert output is not None
    async for line in output:
        if text in line.decode():
            return
    raise AssertionError(f"It ended without a line with {text!r}.")


def names_in(folder: Path) -> list[str]:
    return [file.name for file in folder.iterdir()]


def descendants(ancestor: int) -> dict[int, str]:
    """Return the command lines of a process's children, and of theirs."""
    parents = {process: parent for process, parent, _ in _processes()}
    return {
        process: command_line
        for process, _, command_line in _processes()
        if ancestor in _ancestors(process, parents)
    }


def still_running(processes: Sequence[int]) -> list[str]:
    """Return the command lines of those processes that run."""
    return [command_line for process, _, command_line in _processes() if process in processes]


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "temporal_claimcheck.cli", *arguments]


def _environment(folder: Path) -> dict[str, str]:
    return os.environ | {"TMPDIR": str(folder)}


def _ancestors(process: int, parents: dict[int, int]) -> list[int]:
    ancestors: list[int] = []
    while (process := parents.get(process, 0)) and process not in ancestors:
        ancestors.append(process)
    return ancestors


def _processes() -> list[tuple[int, int, str]]:
    """Return process id, parent's id and command line of all that run; zombies do not."""
    listing = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,stat=,args="],  # noqa: S607 - wherever the system has it
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    rows = (line.split(maxsplit=3) for line in listing.splitlines())
    return [
        (int(row[0]), int(row[1]), row[3])
        for row in rows
        if len(row) == 4 and not row[2].startswith("Z")
    ]
