"""A store in a folder: on one machine, or on a shared file system with atomic rename.

    ROOT/.claimcheck           marks the folder as a store; says which format
    ROOT/.incoming/*.part      blobs that are being written
    ROOT/v1/default/2026-…/…   blobs, each at the path that its key spells

A blob is written beside its place, forced to disk, and renamed into it; then the folder is
forced to disk. Killed at any instruction, the store holds the blob whole or not at all, and at
worst a left-over `.part`, which is removed after a day.
"""

import contextlib
import datetime as dt
import errno
import os
import stat
import threading
import time
import uuid
from collections.abc import AsyncIterator, Generator, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

from temporal_claimcheck.errors import (
    BlobNotFound,
    InvalidSettings,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from temporal_claimcheck.stores.base import (
    BlobHead,
    BlobInfo,
    check_blob_key,
    check_blob_prefix,
    is_blob_key,
    too_large,
)
from temporal_claimcheck.threads import Threads

__all__ = ["FileSystemStore"]

_MARKER: Final = ".claimcheck"
_MARKER_TEXT: Final = b"temporal-claimcheck folder store, format 1\n"
_INCOMING: Final = ".incoming"
_LEFT_OVER_SECONDS: Final = 86_400
_SCAN_BATCH: Final = 1000
_MOVES: Final = 20
_BRING_BACK: Final = "Mount the volume or put the folder back; nothing was written elsewhere."
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_DENIED: Final = frozenset({errno.EACCES, errno.EPERM, errno.EROFS, errno.ELOOP})


class FileSystemStore:
    """Keeps each blob in a file, readable by its owner only.

    The folder is made when it is first written to. If it disappears later, nothing is made in its
    place: a folder that is gone usually is a volume that is not mounted, and what would be
    written into the empty mount point would be lost.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._root = Path(root)
        if not self._root.is_absolute() or "\0" in os.fspath(self._root):
            raise InvalidSettings(
                f"The store folder {os.fspath(root)!r} is not an absolute path.",
                remedy="Give the whole path, as in file:///var/lib/claims: processes that share "
                "a store may run in different folders.",
            )
        self._threads = Threads(8, name="claimcheck-folder")
        self._prepared = False
        self._seen = False
        self._preparing = threading.Lock()

    @property
    def name(self) -> str:
        """See BlobStore."""
        return self._root.as_uri()

    async def put(self, key: str, blob: bytes) -> bool:
        """See BlobStore."""
        return await self._threads.run(self._put, key, blob)

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """See BlobStore."""
        return await self._threads.run(self._get, key, max_bytes)

    async def peek(self, key: str, *, head_bytes: int) -> BlobHead:
        """See PeekingStore."""
        return await self._threads.run(self._peek, key, head_bytes)

    async def contains(self, key: str) -> bool:
        """See ProbingStore."""
        return await self._threads.run(self._contains, key)

    async def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        """See CollectableStore."""
        files = self._files(prefix)
        while batch := await self._threads.run(_take, files, _SCAN_BATCH):
            for blob in batch:
                yield blob

    async def delete(self, keys: Iterable[str]) -> None:
        """See CollectableStore."""
        await self._threads.run(self._delete, list(keys))

    async def check(self) -> None:
        """See BlobStore. Writes a file and removes it."""
        await self._threads.run(self._check)

    async def aclose(self) -> None:
        """See BlobStore."""
        self._threads.release()

    def _put(self, key: str, blob: bytes) -> bool:
        path = self._path(key)
        with self._translated(f"store the object under {key}"):
            self._prepare()
            if _is_blob(path):
                # Whoever put it there may not have come to forcing the folder to disk yet.
                self._force_parent_to_disk(path)
                return False
            part = self._write_part(blob)
            try:
                self._move_into_place(part, path)
            except BaseException:
                part.unlink(missing_ok=True)
                raise
            self._force_parent_to_disk(path)
        return True

    def _get(self, key: str, max_bytes: int) -> bytes:
        with self._opened(key) as (file, size):
            if size > max_bytes:
                raise too_large(key, max_bytes)
            return file.read(size)

    def _peek(self, key: str, head_bytes: int) -> BlobHead:
        with self._opened(key) as (file, size):
            return BlobHead(head=file.read(min(head_bytes, size)), size_bytes=size)

    @contextlib.contextmanager
    def _opened(self, key: str) -> Generator[tuple[BinaryIO, int]]:
        """Open a blob; give it and its size. Raises BlobNotFound."""
        path = self._path(key)
        with self._translated(f"read the object under {key}"):
            if not self._is_there():
                raise self._not_found(key)
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            except (FileNotFoundError, NotADirectoryError) as error:
                self._check_marker()
                raise self._not_found(key) from error
            # Not fdopen: it leaves the descriptor open when it finds a folder behind it.
            try:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    raise self._not_found(key)
                with os.fdopen(descriptor, "rb", closefd=False) as file:
                    yield file, status.st_size
            finally:
                os.close(descriptor)

    def _contains(self, key: str) -> bool:
        path = self._path(key)
        with self._translated(f"look for the object under {key}"):
            if not self._is_there() or not _is_blob(path):
                return False
            # The answer lets a write be skipped, so it must outlive a crash as a write does;
            # whoever put the blob there may not have come to forcing the folder to disk yet.
            self._force_parent_to_disk(path)
            return True

    def _delete(self, keys: list[str]) -> None:
        paths = [self._path(key) for key in keys]
        with self._translated("delete objects"):
            if not self._is_there():
                return
            for path in paths:
                if _is_blob(path):
                    path.unlink(missing_ok=True)
            for folder in {path.parent for path in paths}:
                # Only an empty folder goes; a writer that needs it makes it again.
                with contextlib.suppress(OSError):
                    folder.rmdir()

    def _check(self) -> None:
        with self._translated("write"):
            self._prepare()
            self._write_part(b"check").unlink()

    def _files(self, prefix: str) -> Iterator[BlobInfo]:
        with self._translated("list objects"):
            check_blob_prefix(prefix)
            if not self._is_there():
                return
            folder = self._root.joinpath(*prefix.split("/")[:-1])
            for parent, folders, names in os.walk(folder, onerror=_raise_unless_gone):
                folders[:] = [name for name in folders if not name.startswith(".")]
                for name in names:
                    path = Path(parent, name)
                    key = path.relative_to(self._root).as_posix()
                    if not key.startswith(prefix) or not is_blob_key(key):
                        continue
                    try:
                        status = path.lstat()
                    except FileNotFoundError:
                        continue
                    if stat.S_ISREG(status.st_mode):
                        yield BlobInfo(
                            key=key,
                            size_bytes=status.st_size,
                            modified=dt.datetime.fromtimestamp(status.st_mtime, dt.UTC),
                        )

    def _not_found(self, key: str) -> BlobNotFound:
        return BlobNotFound(
            f"There is no object under {key} in {self.name}.",
            remedy="Check that every process uses the same store, and put the object back from a "
            "backup if it was deleted; the workflow then goes on.",
        )

    def _path(self, key: str) -> Path:
        check_blob_key(key)
        return self._root / key

    def _is_there(self) -> bool:
        """Return whether the folder is a store yet; raise when it was one and is gone.

        Makes nothing: who reads from a volume that is not mounted must not leave a store there.
        """
        # Asked before the look: a writer may make the store between the two, and what was not
        # there yet is not gone.
        was_there = self._seen
        try:
            (self._root / _MARKER).stat()
        except FileNotFoundError:
            if was_there:
                raise self._gone() from None
            return False
        self._seen = True
        return True

    def _prepare(self) -> None:
        """Make the folder when it is first written to; afterwards insist that it is there."""
        if self._seen:
            self._check_marker()
        with self._preparing:
            if not self._prepared:
                _make_folders(self._root, below=Path(self._root.anchor))
                incoming = self._root / _INCOMING
                incoming.mkdir(mode=0o700, exist_ok=True)
                marker = self._root / _MARKER
                if not marker.exists():
                    self._write_part(_MARKER_TEXT).rename(marker)
                    _force_to_disk(self._root)
                self._remove_left_overs(incoming)
                self._prepared = self._seen = True

    def _check_marker(self) -> None:
        if not (self._root / _MARKER).exists():
            raise self._gone()

    def _gone(self) -> StoreUnavailable:
        return StoreUnavailable(f"The store folder {self.name} is gone.", remedy=_BRING_BACK)

    def _remove_left_overs(self, incoming: Path) -> None:
        oldest = time.time() - _LEFT_OVER_SECONDS
        for part in incoming.glob("*.part"):
            with contextlib.suppress(FileNotFoundError):
                if part.stat().st_mtime < oldest:
                    part.unlink()

    def _write_part(self, blob: bytes) -> Path:
        part = self._root / _INCOMING / f"{uuid.uuid4().hex}.part"
        try:
            descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(blob)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return part

    def _move_into_place(self, part: Path, path: Path) -> None:
        # Two writers of one key hold the same payload, so the later rename is harmless.
        for moves_left in reversed(range(_MOVES)):
            try:
                _make_folders(path.parent, below=self._root)
                part.rename(path)
            except (FileNotFoundError, FileExistsError):
                # A deleter took the folder away while it was still empty, perhaps just when
                # mkdir had found it.
                if not moves_left:
                    raise
            else:
                return

    def _force_parent_to_disk(self, path: Path) -> None:
        try:
            _force_to_disk(path.parent)
        except FileNotFoundError:
            # A deleter took the blob and its folder away again, unless the store itself is gone.
            self._check_marker()

    @contextlib.contextmanager
    def _translated(self, what: str) -> Generator[None]:
        """Turn the system's errors into ours."""
        try:
            yield
        except OSError as error:
            reason = error.strerror or type(error).__name__
            if error.errno in _FULL:
                raise StoreFull(
                    f"Could not {what}: {self.name} is full ({reason}).",
                    remedy="Free some space or enlarge the volume; nothing was lost.",
                ) from error
            if error.errno in _DENIED:
                raise StoreDenied(
                    f"Could not {what}: {self.name} denies it ({reason}).",
                    remedy="Give the user of this process read and write permission there.",
                ) from error
            if error.errno == errno.ENOENT:
                raise StoreUnavailable(
                    f"Could not {what}: {self.name} is gone.",
                    remedy=_BRING_BACK,
                ) from error
            raise StoreError(
                f"Could not {what} in {self.name} ({reason}).",
                remedy="Look at the file system; the task is tried again.",
            ) from error


def _is_blob(path: Path) -> bool:
    # A link or a folder in a blob's place is none: a put replaces the one and fails on the other.
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _raise_unless_gone(error: OSError) -> None:
    # A folder that a collector removed during the listing holds nothing to list, nor does a blob
    # that a prefix takes for a folder.
    if not isinstance(error, FileNotFoundError | NotADirectoryError):
        raise error


def _make_folders(folder: Path, *, below: Path) -> None:
    """Make a folder and those it lies in, each forced to disk; never `below` itself."""
    missing: list[Path] = []
    while folder != below and not folder.is_dir():
        missing.append(folder)
        folder = folder.parent
    for child in reversed(missing):
        child.mkdir(mode=0o700, exist_ok=True)
        _force_to_disk(child.parent)


def _take(files: Iterator[BlobInfo], count: int) -> list[BlobInfo]:
    return [blob for _, blob in zip(range(count), files, strict=False)]


def _force_to_disk(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
