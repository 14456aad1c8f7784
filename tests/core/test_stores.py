"""The stores that need no server, against the contracts that are shipped."""

import datetime as dt
from pathlib import Path

import pytest

from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.testing import (
    CollectableStoreContract,
    MakeStore,
    PeekingStoreContract,
    ProbingStoreContract,
    RawAccess,
    UnreachableStoreContract,
)


class RawMemory:
    def __init__(self, store: MemoryStore) -> None:
        self._blobs = store._blobs

    async def write(self, key: str, blob: bytes) -> None:
        self._blobs[key] = (blob, dt.datetime.now(dt.UTC))

    async def read(self, key: str) -> bytes | None:
        blob, _ = self._blobs.get(key, (None, None))
        return blob

    async def keys(self) -> set[str]:
        return set(self._blobs)

    async def remove(self, key: str) -> None:
        del self._blobs[key]


class RawFolder:
    """The files of a folder store, read and written without it."""

    def __init__(self, root: Path) -> None:
        self._root = root

    async def write(self, key: str, blob: bytes) -> None:
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(blob)

    async def read(self, key: str) -> bytes | None:
        path = self._root / key
        return path.read_bytes() if path.is_file() else None

    async def keys(self) -> set[str]:
        files = (path.relative_to(self._root) for path in self._root.rglob("*") if path.is_file())
        return {file.as_posix() for file in files if file.as_posix() != ".claimcheck"}

    async def remove(self, key: str) -> None:
        (self._root / key).unlink()


class TestMemoryStore(ProbingStoreContract, CollectableStoreContract, PeekingStoreContract):
    @pytest.fixture
    def memory(self) -> MemoryStore:
        return MemoryStore()

    @pytest.fixture
    def make_store(self, memory: MemoryStore) -> MakeStore:
        return lambda: memory

    @pytest.fixture
    def raw(self, memory: MemoryStore) -> RawAccess:
        return RawMemory(memory)


class TestFileSystemStore(ProbingStoreContract, CollectableStoreContract, PeekingStoreContract):
    @pytest.fixture
    def make_store(self, tmp_path: Path) -> MakeStore:
        return lambda: FileSystemStore(tmp_path / "claims")

    @pytest.fixture
    def raw(self, tmp_path: Path) -> RawAccess:
        return RawFolder(tmp_path / "claims")


class TestFileSystemStoreBehindAFile(UnreachableStoreContract):
    """The folder's parent is a file, so there is no way to it."""

    @pytest.fixture
    def make_store(self, tmp_path: Path) -> MakeStore:
        (tmp_path / "file").write_bytes(b"")
        return lambda: FileSystemStore(tmp_path / "file" / "claims")
