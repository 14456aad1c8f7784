"""A writer meets a deleter at the worst moment: each moment is brought about, not waited for."""
# ruff: noqa: ASYNC240  # looking around the store, which needs no loop meanwhile

import asyncio
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from temporal_claimcheck.errors import BlobNotFound, StoreUnavailable
from temporal_claimcheck.stores.filesystem import FileSystemStore

KEY = "v1/default/2026-11-22/blob"
LIMIT = 1024


class Meddler:
    """Does something right before or after each rename of a blob into its place."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self.before: list[Callable[[], object]] = []
        self.after: list[Callable[[], object]] = []
        self._rename = os.rename
        self._blob = root / KEY
        monkeypatch.setattr(os, "rename", self._meddle)

    def _meddle(self, source: Path, target: Path) -> None:
        blob = Path(target) == self._blob
        if blob and self.before:
            self.before.pop(0)()
        self._rename(source, target)
        if blob and self.after:
            self.after.pop(0)()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "claims"


@pytest.fixture
def meddler(monkeypatch: pytest.MonkeyPatch, root: Path) -> Meddler:
    return Meddler(monkeypatch, root)


@pytest.mark.parametrize("times", [1, 2, 10])
async def test_a_folder_that_is_deleted_while_it_is_empty_is_made_again(
    root: Path, meddler: Meddler, times: int
) -> None:
    meddler.before += [(root / KEY).parent.rmdir] * times
    store = FileSystemStore(root)
    assert await store.put(KEY, b"blob")
    assert await store.get(KEY, max_bytes=LIMIT) == b"blob"
    assert meddler.before == []


async def test_a_blob_that_is_deleted_right_away_was_stored_all_the_same(
    root: Path, meddler: Meddler
) -> None:
    deleter = FileSystemStore(root)
    meddler.after.append(lambda: deleter._delete([KEY]))
    store = FileSystemStore(root)
    assert await store.put(KEY, b"blob")
    assert not (root / KEY).parent.exists()
    assert not await store.contains(KEY)


@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_store_that_goes_during_a_put_fails_the_put(
    root: Path, meddler: Meddler, when: str
) -> None:
    getattr(meddler, when).append(lambda: shutil.rmtree(root))
    with pytest.raises(StoreUnavailable):
        await FileSystemStore(root).put(KEY, b"blob")
    assert not root.exists()


async def test_a_put_that_cannot_get_through_fails_and_leaves_nothing_behind(
    root: Path, meddler: Meddler
) -> None:
    meddler.before += [(root / KEY).parent.rmdir] * 1000
    with pytest.raises(StoreUnavailable):
        await FileSystemStore(root).put(KEY, b"blob")
    assert not list(root.rglob("*.part"))


async def test_of_two_first_writers_the_blob_is_one_of_theirs(root: Path, meddler: Meddler) -> None:
    other = FileSystemStore(root)
    meddler.before.append(lambda: other._put(KEY, b"theirs"))
    store = FileSystemStore(root)
    await store.put(KEY, b"ours")
    assert await store.get(KEY, max_bytes=LIMIT) in {b"ours", b"theirs"}
    assert not list(root.rglob("*.part"))


async def test_a_store_that_is_made_while_a_reader_looks_for_it_is_not_taken_for_gone(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = FileSystemStore(root)
    look = os.stat

    def stat(path: Path, *arguments: Any, **options: Any) -> os.stat_result:
        try:
            return look(path, *arguments, **options)
        except FileNotFoundError:
            if Path(path).parent == root:
                monkeypatch.setattr(os, "stat", look)
                writer = threading.Thread(target=asyncio.run, args=(store.put(KEY, b"blob"),))
                writer.start()
                writer.join()
            raise

    monkeypatch.setattr(os, "stat", stat)
    with pytest.raises(BlobNotFound):
        await store.get(KEY, max_bytes=LIMIT)
    assert os.stat is look, "the reader did not look while the writer was at work"
    assert await store.get(KEY, max_bytes=LIMIT) == b"blob"
