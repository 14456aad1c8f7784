"""Where the values of others lie."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Protocol

__all__ = ["Admit", "ForeignBucket", "ForeignSources", "ForeignValues", "S3DriverTarget"]

Admit = Callable[[int], AbstractAsyncContextManager[None]]
"""Lets a value of so many bytes in: raises for one that is too large, waits until there is room."""


class ForeignValues(Protocol):
    """Values that another program stored, under the keys that it made.

    Safe for concurrent use and for several event loops. Ready without being opened, and ready
    again after `aclose`.
    """

    @property
    def name(self) -> str:
        """What and where they are, without credentials."""
        ...

    async def read(self, key: str, *, admit: Admit) -> bytes:
        """Return a value whole; its size is known and admitted before it is read into memory.

        Raises BlobNotFound and the other StoreErrors. `key` was validated by whoever knows its
        form.
        """
        ...

    async def aclose(self) -> None:
        """Release the connections of the running loop."""
        ...


class ForeignBucket(ForeignValues, Protocol):
    """Values that may be written too, in the form that the other program reads."""

    async def write(self, key: str, data: bytes) -> None:
        """Store a value whole or not at all; one that is there is replaced.

        Raises StoreError.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class S3DriverTarget:
    """Where payloads are written as the SDK's S3 driver writes them."""

    bucket: str
    values: ForeignBucket
    cache_bytes: int
    """Memory for verified payloads of that bucket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignSources:
    """What of others may be read; by default nothing."""

    recipe: ForeignValues | None = None
    """The Redis or the bucket of the recipe."""
    s3_driver_buckets: Mapping[str, ForeignValues] = field(default_factory=dict[str, ForeignValues])
    """The buckets of the SDK's S3 driver by their names; no other bucket is read."""
    s3_driver_target: S3DriverTarget | None = None
    """The bucket that is written to as well, if there is one; it may be read like the others."""
