"""When `put` returns, a crash of the whole machine cannot take the blob back."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from temporal_claimcheck.stores.filesystem import FileSystemStore

KEY = "v1/default/2026-11-22/blob"


@dataclass
class Disk:
    """What was done to the disk, in order: (verb, path)."""

    calls: list[tuple[str, Path]] = field(default_factory=list[tuple[str, Path]])

    def index(self, verb: str, path: Path, *, after: int = -1) -> int:
        """Return when it was done; -1 if it was not."""
        return next(
            (i for i, call in enumerate(self.calls) if i > after and call == (verb, path)), -1
        )


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk()
    paths: dict[int, Path] = {}
    open_, fsync, rename, mkdir = os.open, os.fsync, os.rename, os.mkdir

    def recorded_open(path: Path, flags: int, mode: int = 0o777) -> int:
        descriptor = open_(path, flags, mode)
        paths[descriptor] = Path(path)
        return descriptor

    def recorded_fsync(descriptor: int) -> None:
        fsync(descriptor)
        disk.calls.append(("force", paths[descriptor]))

    def recorded_rename(source: Path, target: Path) -> None:
        rename(source, target)
        disk.calls.append(("rename-from", Path(source)))
        disk.calls.append(("rename-to", Path(target)))

    def recorded_mkdir(path: Path, mode: int = 0o777) -> None:
        mkdir(path, mode)
        disk.calls.append(("mkdir", Path(path)))

    changes: dict[str, Callable[..., object]] = {
        "open": recorded_open,
        "fsync": recorded_fsync,
        "rename": recorded_rename,
        "mkdir": recorded_mkdir,
    }
    for name, recorded in changes.items():
        monkeypatch.setattr(os, name, recorded)
    return disk


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "volume" / "claims"


async def test_the_blob_is_on_disk_before_it_gets_its_name(root: Path, disk: Disk) -> None:
    await FileSystemStore(root).put(KEY, b"blob")
    named = disk.index("rename-to", root / KEY)
    part = disk.calls[named - 1][1]
    assert part.parent == root / ".incoming"
    assert 0 <= disk.index("force", part) < named


async def test_the_name_is_on_disk_before_put_returns(root: Path, disk: Disk) -> None:
    await FileSystemStore(root).put(KEY, b"blob")
    named = disk.index("rename-to", root / KEY)
    assert disk.index("force", (root / KEY).parent, after=named) > named


async def test_every_new_folder_is_on_disk_before_put_returns(root: Path, disk: Disk) -> None:
    await FileSystemStore(root).put(KEY, b"blob")
    made = [path for verb, path in disk.calls if verb == "mkdir"]
    assert {root.parent, root, root / "v1", (root / KEY).parent} <= set(made)
    for folder in made:
        when = disk.index("mkdir", folder)
        assert disk.index("force", folder.parent, after=when) > when, folder


async def test_the_store_marks_its_folder_before_the_first_blob(root: Path, disk: Disk) -> None:
    await FileSystemStore(root).put(KEY, b"blob")
    marked = disk.index("rename-to", root / ".claimcheck")
    assert 0 <= marked < disk.index("force", root, after=marked)
    assert marked < disk.index("rename-to", root / KEY)


async def test_a_blob_that_another_has_just_named_is_forced_to_disk_too(
    root: Path, disk: Disk
) -> None:
    # The other process may die before its own fsync, and take the machine with it.
    await FileSystemStore(root).put(KEY, b"blob")
    disk.calls.clear()
    assert not await FileSystemStore(root).put(KEY, b"blob")
    assert disk.calls == [("force", (root / KEY).parent)]


async def test_a_blob_that_is_said_to_be_there_is_on_disk_too(root: Path, disk: Disk) -> None:
    # On that word a writer skips its write, so the word must outlive a crash.
    await FileSystemStore(root).put(KEY, b"blob")
    disk.calls.clear()
    assert await FileSystemStore(root).contains(KEY)
    assert disk.calls == [("force", (root / KEY).parent)]
