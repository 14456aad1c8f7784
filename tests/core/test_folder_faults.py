"""What a folder store does when the folder is gone, closed, full, or not as it was left."""
# ruff: noqa: ASYNC240  # looking around the store, which needs no loop meanwhile

import asyncio
import json
import os
import shutil
import stat
import subprocess
import tempfile
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from temporal_claimcheck.errors import (
    BlobNotFound,
    BlobTooLarge,
    InvalidKey,
    InvalidSettings,
    StoreDenied,
    StoreError,
    StoreUnavailable,
)
from temporal_claimcheck.stores.filesystem import FileSystemStore
from tests.core import folder_programs

KEY = "v1/default/2026-11-22/blob"
LIMIT = 1024**2
DAY_SECONDS = 86_400


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "claims"


@pytest.fixture
async def store(root: Path) -> AsyncIterator[FileSystemStore]:
    """Give a store that is in use and holds one blob."""
    store = FileSystemStore(root)
    await store.put(KEY, b"blob")
    yield store
    await store.aclose()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that every user of the machine can come to, unlike pytest's own."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


async def _scan(store: FileSystemStore) -> list[str]:
    return [blob.key async for blob in store.scan()]


def _every_verb(store: FileSystemStore) -> dict[str, Callable[[], Awaitable[object]]]:
    return {
        "put": lambda: store.put("v1/new", b"blob"),
        "put-again": lambda: store.put(KEY, b"blob"),
        "get": lambda: store.get(KEY, max_bytes=LIMIT),
        "contains": lambda: store.contains(KEY),
        "check": store.check,
        "scan": lambda: _scan(store),
        "delete": lambda: store.delete([KEY]),
    }


# Gone.


@pytest.mark.parametrize("mount_point", [True, False], ids=["empty-folder", "no-folder"])
async def test_a_folder_that_is_gone_is_waited_for_and_never_made_anew(
    store: FileSystemStore, root: Path, *, mount_point: bool
) -> None:
    away = root.rename(root.with_name("away"))
    if mount_point:
        root.mkdir()
    for verb, call in _every_verb(store).items():
        with pytest.raises(StoreUnavailable):
            await call()
        assert not root.exists() or not list(root.iterdir()), verb
    if mount_point:
        root.rmdir()
    away.rename(root)
    assert await store.get(KEY, max_bytes=LIMIT) == b"blob"
    assert await store.put("v1/new", b"new")


async def test_a_folder_that_goes_while_blobs_are_stored_is_not_made_anew(
    store: FileSystemStore, root: Path
) -> None:
    puts = [
        asyncio.create_task(store.put(f"v1/{number}/blob", bytes(100_000))) for number in range(80)
    ]
    await asyncio.wait(puts, return_when=asyncio.FIRST_COMPLETED)
    away = root.rename(root.with_name("away"))
    results = await asyncio.gather(*puts, return_exceptions=True)
    assert not root.exists()
    assert {type(result) for result in results} == {bool, StoreUnavailable}
    away.rename(root)
    for number, result in enumerate(results):
        if result is True:
            assert await store.get(f"v1/{number}/blob", max_bytes=LIMIT) == bytes(100_000)


async def test_a_hostile_key_does_not_even_make_the_folder(root: Path) -> None:
    store = FileSystemStore(root)
    for key in ("../outside", "/etc/passwd", "v1/.hidden", ""):
        with pytest.raises(InvalidKey):
            await store.put(key, b"blob")
        with pytest.raises(InvalidKey):
            await store.get(key, max_bytes=LIMIT)
    assert not root.exists()


@pytest.mark.parametrize("path", ["claims", "./claims", "../claims", "", "~/claims", "/a\0b"])
def test_a_folder_that_is_no_absolute_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidSettings, match="absolute"):
        FileSystemStore(path)


# Closed.


def test_a_folder_that_nobody_may_write_to_says_denied(open_folder: Path) -> None:
    root = open_folder / "claims"
    store = FileSystemStore(root)
    store._put("v1/old", b"blob")
    for folder in (root, root / "v1", root / ".incoming"):
        folder.chmod(0o555)
    (root / "v1" / "old").chmod(0o444)
    said = folder_programs.run(
        "use_as_nobody", root, "get", "contains", "scan", "put", "check", "delete"
    )
    denied = StoreDenied.code
    assert json.loads(said) == [None, None, None, denied, denied, denied]


def test_a_blob_that_nobody_may_read_says_denied_and_not_missing(open_folder: Path) -> None:
    root = open_folder / "claims"
    FileSystemStore(root)._put("v1/old", b"blob")
    root.chmod(0o755)
    (root / "v1").chmod(0)
    said = folder_programs.run("use_as_nobody", root, "get", "contains", "scan")
    assert json.loads(said) == [StoreDenied.code] * 3


def test_a_folder_that_nobody_may_make_says_denied(open_folder: Path) -> None:
    open_folder.chmod(0o555)
    said = folder_programs.run("use_as_nobody", open_folder / "claims", "put", "get")
    assert json.loads(said) == [StoreDenied.code, BlobNotFound.code]


async def test_files_and_folders_belong_to_their_owner_alone(root: Path) -> None:
    old = os.umask(0)
    try:
        await FileSystemStore(root).put(KEY, b"blob")
    finally:
        os.umask(old)
    for path in (root, *root.rglob("*")):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


# Full.


def test_a_blob_over_the_file_size_limit_says_full(tmp_path: Path) -> None:
    said = folder_programs.run("put_with_file_size_limit", tmp_path / "claims")
    assert json.loads(said) == [None, "store-full", "blob-not-found", None]
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.skipif(
    shutil.which("unshare") is None
    or subprocess.run(
        ["unshare", "-rm", "true"],  # noqa: S607
        stderr=subprocess.DEVNULL,
        check=False,
    ).returncode
    != 0,
    reason="this system lets nobody but root mount a file system, not even in a namespace",
)
def test_a_full_disk_says_full_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    said = folder_programs.run("fill_disk", tmp_path, prefix=("unshare", "-rm"))
    assert json.loads(said) == ["store-full", None, "blob-not-found", None, None]


# Not as it was left.


@pytest.mark.parametrize("target", ["/etc/passwd", "/nowhere", ".."])
async def test_a_link_in_the_place_of_a_blob_is_not_followed(
    store: FileSystemStore, root: Path, target: str
) -> None:
    (root / KEY).unlink()
    (root / KEY).symlink_to(target)
    with pytest.raises(StoreError):
        await store.get(KEY, max_bytes=LIMIT)
    assert not await store.contains(KEY)
    assert await _scan(store) == []
    assert await store.put(KEY, b"healed")
    assert await store.get(KEY, max_bytes=LIMIT) == b"healed"
    assert not (root / KEY).is_symlink()


async def test_a_folder_in_the_place_of_a_blob_is_no_blob(
    store: FileSystemStore, root: Path
) -> None:
    (root / KEY).unlink()
    (root / KEY).mkdir()
    open_files = len(list(Path("/dev/fd").iterdir()))
    for _ in range(20):
        with pytest.raises(BlobNotFound):
            await store.get(KEY, max_bytes=LIMIT)
    assert len(list(Path("/dev/fd").iterdir())) <= open_files + 1
    assert not await store.contains(KEY)
    with pytest.raises(StoreError):
        await store.put(KEY, b"blob")
    assert not list(root.rglob("*.part"))


async def test_files_that_no_key_can_name_are_not_listed(
    store: FileSystemStore, root: Path
) -> None:
    for name in (".hidden", "a\nb", "é", "back\\slash", os.fsdecode(b"no-utf-8-\xff")):
        (root / "v1" / name).write_bytes(b"stray")
    (root / ".trash").mkdir()
    (root / ".trash" / "blob").write_bytes(b"stray")
    assert await _scan(store) == [KEY]


async def test_left_overs_are_removed_after_a_day_and_no_sooner(
    store: FileSystemStore, root: Path
) -> None:
    now = time.time()
    for name, age in {"old.part": 1.01, "young.part": 0.99, "old.txt": 9, "new.part": 0}.items():
        path = root / ".incoming" / name
        path.write_bytes(b"left over")
        os.utime(path, (now, now - age * DAY_SECONDS))
    assert await _scan(store) == [KEY]
    await FileSystemStore(root).put(KEY, b"blob")
    assert {path.name for path in (root / ".incoming").iterdir()} == {
        "young.part",
        "old.txt",
        "new.part",
    }


# Memory.


async def test_a_blob_over_the_limit_is_refused_before_it_is_read(
    store: FileSystemStore, root: Path
) -> None:
    with (root / KEY).open("wb") as file:
        file.truncate(50 * 1024**3)
    tracemalloc.start()
    with pytest.raises(BlobTooLarge):
        await store.get(KEY, max_bytes=1024**3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1024**2


async def test_a_small_blob_takes_little_memory_whatever_the_limit(store: FileSystemStore) -> None:
    tracemalloc.start()
    await store.get(KEY, max_bytes=2 * 1024**3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 1024**2


async def test_reading_makes_no_folder(tmp_path: Path) -> None:
    # A volume that is not mounted yet is an empty folder or none; nothing must appear in it.
    root = tmp_path / "volume" / "claims"
    store = FileSystemStore(root)
    with pytest.raises(BlobNotFound):
        await store.get(KEY, max_bytes=LIMIT)
    assert not await store.contains(KEY)
    assert [blob async for blob in store.scan()] == []
    await store.delete([KEY])
    assert not (tmp_path / "volume").exists()
