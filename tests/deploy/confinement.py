"""A process as a container and a hardened unit would have it, by the means of the kernel alone.

It is process 1 of its own, has a user that is known nowhere, no capabilities and no way to get any,
no file that it could write to, and no memory that is both written and executed.
"""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Final

import pytest

USER: Final = 10001
_MOUNTS: Final = """
mount --make-rprivate /
mount -o remount,bind,ro /
mount -t proc -o "$1" proc /proc
shift
cd /
exec "$@"
"""
# PR_SET_MDWE with PR_MDWE_REFUSE_EXEC_GAIN, which outlives exec.
_NO_WRITABLE_CODE: Final = """
import ctypes, os, sys
refused = ctypes.CDLL(None).prctl(65, 1, 0, 0, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


async def possible() -> bool:
    """Return whether this machine lets us confine a process so."""
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "setpriv"))):
        return False
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--mount", "--pid", "--fork", "mount", "--make-rprivate", "/"),
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait() == 0


@contextlib.asynccontextmanager
async def confined(
    python: Path,
    *arguments: str,
    environment: Mapping[str, str],
    processes_only: bool = False,
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Run a program in Python for the block; with `processes_only` /proc has nothing else.

    The process that is returned is the confined one's parent, and ends as that one does.
    """
    if not await possible():
        pytest.skip("needs root, unshare and setpriv, and a kernel that lets us use them")
    proc = "hidepid=invisible,subset=pid" if processes_only else "hidepid=invisible"
    process = await asyncio.create_subprocess_exec(
        *("unshare", "--mount", "--pid", "--fork"),
        *("sh", "-ec", _MOUNTS, "confine", proc),
        *("setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs"),
        *("--bounding-set=-all", "--inh-caps=-all", "--"),
        *(str(python), "-c", _NO_WRITABLE_CODE, str(python), *arguments),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        limit=2**20,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            # Process 1 takes all others of its own along. With its parent it would not end: who
            # changes the user loses the wish to.
            os.kill(child(process), signal.SIGKILL)
            await process.communicate()


def child(process: asyncio.subprocess.Process) -> int:
    """Return the id of the confined process itself, as seen from here."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    [found] = children
    return int(found)


async def first_line(process: asyncio.subprocess.Process) -> str:
    """Return the first line that it prints. Fails the test with what it says if there is none."""
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(60):
        line = await process.stdout.readline()
        assert line, (await process.stderr.read()).decode()
    return line.decode()


def words(arguments: Sequence[str], prefix: Path) -> list[str]:
    """Return arguments with the folder of the image replaced."""
    return [each.replace("/opt/claimcheck", str(prefix)) for each in arguments]
