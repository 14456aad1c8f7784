"""What a transform promises."""

from typing import ClassVar, Protocol

__all__ = ["Compression", "UndoFailed", "UndoTooLarge"]


class UndoFailed(Exception):
    """The bytes are not what this transform once made. The envelope says of which object."""


class UndoTooLarge(UndoFailed):
    """The bytes unpack to more than was stated. Unpacking stopped there."""


class Compression(Protocol):
    """Makes bytes smaller and gives them back. Stateless, safe for concurrent threads."""

    name: ClassVar[str]
    """Stands in every object written; a new format takes a new name."""

    def apply(self, data: bytes) -> bytes:
        """Return the compressed bytes, however large they turn out."""
        ...

    def undo(self, data: bytes | memoryview, *, plain_bytes: int) -> bytes:
        """Return the original, which is known to be of `plain_bytes` bytes.

        Never unpacks more than one byte beyond that. Raises UndoTooLarge for more, UndoFailed
        for less, for damage, and for anything behind the end.
        """
        ...
