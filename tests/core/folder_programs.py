"""Programs that use a folder store in processes of their own, and what they store.

Run as `python folder_programs.py NAME ARGUMENT...`.
"""

import asyncio
import itertools
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from blake3 import blake3

from temporal_claimcheck.errors import ClaimCheckError
from temporal_claimcheck.stores import filesystem
from temporal_claimcheck.stores.filesystem import FileSystemStore

LIMIT = 64 * 1024**2
DIED = 9


def start(name: str, *arguments: object, prefix: tuple[str, ...] = ()) -> subprocess.Popen[str]:
    """Start one of the programs below, through another command if one is given."""
    return subprocess.Popen(  # noqa: S603  # our own interpreter, our own file
        [*prefix, sys.executable, __file__, name, *map(str, arguments)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )


def run(name: str, *arguments: object, prefix: tuple[str, ...] = ()) -> str:
    """Run one of the programs below to its end and return what it said."""
    with start(name, *arguments, prefix=prefix) as process:
        said, _ = process.communicate(timeout=240)
    assert process.returncode == 0, (name, process.returncode, said)
    return said


def key_of(number: int) -> str:
    return f"v1/crash/2026-11-{1 + number % 28:02}/{number:064x}"


def content_of(key: str) -> bytes:
    """Return the one blob that belongs under a key, of 0 to about 200,000 bytes."""
    digest = blake3(key.encode())
    size = int.from_bytes(digest.digest(4)) % 200_000
    return digest.digest(size) if size else b""


def put_for_ever(root: str, first: str) -> None:
    """Store blob after blob, and say each key after the store has it."""

    async def put() -> None:
        store = FileSystemStore(root)
        for number in itertools.count(int(first)):
            await store.put(key_of(number), content_of(key_of(number)))
            print(key_of(number), flush=True)  # noqa: T201

    asyncio.run(put())


def put_range(root: str, first: str, last: str, step: str) -> None:
    """Store the blobs of a range, and read each."""

    async def put() -> None:
        store = FileSystemStore(root)
        for number in range(int(first), int(last), int(step)):
            key = key_of(number)
            await store.put(key, content_of(key))
            assert await store.get(key, max_bytes=LIMIT) == content_of(key)

    asyncio.run(put())


def die_at_every_line(work: str, verb: str) -> None:
    """Use a store again and again, and die one line of Python later each time; check each time.

    No line of the store makes more than one change to the disk. Says how many lines there are.
    """
    root = Path(work) / "claims"
    for lines in itertools.count(1):
        shutil.rmtree(root, ignore_errors=True)
        if verb != "first-put":
            FileSystemStore(root)._put(key_of(1), content_of(key_of(1)))
        process = os.fork()
        if not process:
            store = FileSystemStore(root)
            sys.settrace(_dying_after(lines))
            if verb == "delete":
                store._delete([key_of(1)])
            else:
                store._put(key_of(2), content_of(key_of(2)))
            sys.settrace(None)
            os._exit(0)
        _, status = os.waitpid(process, 0)
        died = os.waitstatus_to_exitcode(status) == DIED
        assert died or os.waitstatus_to_exitcode(status) == 0
        _check_after_death(root, verb, completed=not died)
        if not died:
            print(lines)  # noqa: T201
            return


def _dying_after(lines: int) -> Callable[[FrameType, str, Any], Any]:
    left = lines

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal left
        del argument
        if frame.f_code.co_filename != filesystem.__file__:
            return None
        if event == "line":
            left -= 1
            if not left:
                os._exit(DIED)
        return trace

    return trace


def _check_after_death(root: Path, verb: str, *, completed: bool) -> None:
    files = [file for file in root.rglob("*") if file.is_file()]
    blobs = {file.relative_to(root).as_posix(): file for file in files if "/v1/" in str(file)}
    for key, file in blobs.items():
        assert file.read_bytes() == content_of(key)
    for file in set(files) - set(blobs.values()):
        assert file.name == ".claimcheck" or (file.parent.name, file.suffix) == (
            ".incoming",
            ".part",
        )
    if completed:
        expected = {"first-put": {2}, "put": {1, 2}, "delete": set[int]()}[verb]
        assert set(blobs) == {key_of(number) for number in expected}
        assert not list(root.rglob("*.part"))
    # Whatever was left behind, the next process goes on.
    store = FileSystemStore(root)
    for key in (key_of(1), key_of(2)):
        store._put(key, content_of(key))
        assert store._get(key, LIMIT) == content_of(key)


def put_with_file_size_limit(root: str) -> None:
    """Store what fits into the limit and what does not; say which errors there were."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
    store = FileSystemStore(root)
    _say_errors(
        lambda: store._put("v1/small", bytes(100_000)),
        lambda: store._put("v1/large", bytes(100_001)),
        lambda: store._get("v1/large", LIMIT),
        lambda: store._put("v1/small2", b"there is room for this"),
    )


def fill_disk(mount_point: str) -> None:
    """Fill a small file system of this process's own; say which errors there were."""
    subprocess.run(  # noqa: S603  # our own arguments
        ["mount", "-t", "tmpfs", "-o", "size=1m", "none", mount_point],  # noqa: S607
        check=True,
    )
    store = FileSystemStore(Path(mount_point) / "claims")
    blob = os.urandom(300_000)
    _say_errors(
        lambda: [store._put(f"v1/blob{number}", blob) for number in range(9)],
        lambda: [blob[: store._get(f"v1/blob{number}", LIMIT) != blob] for number in range(3)],
        lambda: store._get("v1/blob3", LIMIT),
        lambda: store._delete(["v1/blob0"]),
        lambda: store._put("v1/blob3", blob),
    )
    assert not list(Path(mount_point).rglob("*.part"))


def use_as_nobody(root: str, *verbs: str) -> None:
    """Use a folder without the rights that root has; say which errors there were."""
    store = FileSystemStore(root)
    assert store.name  # loads what the name needs, from where nobody may read
    if os.geteuid() == 0:
        os.setgroups([])
        os.setgid(65534)
        os.setuid(65534)
    calls: dict[str, Callable[[], object]] = {
        "put": lambda: store._put("v1/new", b"blob"),
        "get": lambda: store._get("v1/old", LIMIT),
        "contains": lambda: store._contains("v1/old"),
        "check": store._check,
        "scan": lambda: list(store._files("")),
        "delete": lambda: store._delete(["v1/old"]),
    }
    _say_errors(*(calls[verb] for verb in verbs))


def _say_errors(*calls: Callable[[], object]) -> None:
    errors: list[str | None] = []
    for call in calls:
        try:
            call()
            errors.append(None)
        except ClaimCheckError as error:
            errors.append(error.code)
    print(json.dumps(errors))  # noqa: T201


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
