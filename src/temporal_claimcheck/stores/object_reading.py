"""How objects are read: one request for most, several at a time for the large."""

import asyncio
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import obstore
from obstore import exceptions

from temporal_claimcheck.stores.base import too_large
from temporal_claimcheck.stores.object_errors import refuses_range

if TYPE_CHECKING:
    from obstore import GetOptions, GetResult
    from obstore.store import ObjectStore as Client

__all__ = ["ONE_REQUEST_BYTES", "PARTS_AT_ONCE", "PART_BYTES", "ObjectReader"]

ONE_REQUEST_BYTES: Final = 16 * 1024**2
"""Up to here an object goes in one request each way; a write in parts cannot be conditional."""
PART_BYTES: Final = 8 * 1024**2
PARTS_AT_ONCE: Final = 8
"""Clouds limit what one connection carries, and not what several do."""


class ObjectReader:
    """Reads whole objects, and learns what its server answers."""

    def __init__(self, client: "Client") -> None:
        """Read with this client."""
        self._client = client
        self._answers_ranges = True

    async def read(self, key: str, max_bytes: int) -> memoryview:
        """Return the object. Raises BlobTooLarge, and what the client raises."""
        if self._answers_ranges:
            try:
                if max_bytes > ONE_REQUEST_BYTES:
                    return await self._read_in_parts(key, max_bytes)
                return await self._read_at_once(key, max_bytes)
            except exceptions.PreconditionError:
                # Replaced by an equal one between two parts. Whole, it is all of one or the other.
                return await self._read_whole(key, max_bytes)
            except exceptions.BaseError as error:
                if not refuses_range(error):
                    raise
            whole = await self._read_whole(key, max_bytes)
            # Of what is empty there is no range, which says nothing about the server.
            self._answers_ranges = not whole
            return whole
        return await self._read_whole(key, max_bytes)

    async def _read_at_once(self, key: str, max_bytes: int) -> memoryview:
        # As a range, because the client then hands answer and body over together, at half the
        # CPU time. One byte more than allowed tells too large from just right.
        blob = await obstore.get_range_async(self._client, key, start=0, length=max_bytes + 1)
        if len(blob) > max_bytes:
            raise too_large(key, max_bytes)
        return memoryview(blob)

    async def _read_in_parts(self, key: str, max_bytes: int) -> memoryview:
        found = await self._part(key, 0)
        size = found.meta["size"]
        if size > max_bytes:
            raise too_large(key, max_bytes)
        first = await found.bytes_async()
        if len(first) == size:
            return memoryview(first)
        blob = memoryview(bytearray(size))
        blob[: len(first)] = memoryview(first)
        starts = iter(range(PART_BYTES, size, PART_BYTES))
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(PARTS_AT_ONCE):
                    group.create_task(self._fill(blob, key, starts, found.meta["e_tag"]))
        except BaseExceptionGroup as error:
            raise error.exceptions[0] from None
        return blob

    async def _fill(
        self, blob: memoryview, key: str, starts: Iterator[int], e_tag: str | None
    ) -> None:
        for start in starts:
            found = await self._part(key, start, e_tag)
            part = await found.bytes_async()
            blob[start : start + len(part)] = memoryview(part)

    async def _part(self, key: str, start: int, e_tag: str | None = None) -> "GetResult":
        options: GetOptions = {"range": (start, start + PART_BYTES)}
        if e_tag is not None:
            # Parts of two objects would make one that nobody wrote.
            options["if_match"] = e_tag
        return await obstore.get_async(self._client, key, options=options)

    async def _read_whole(self, key: str, max_bytes: int) -> memoryview:
        found = await obstore.get_async(self._client, key)
        if found.meta["size"] > max_bytes:
            raise too_large(key, max_bytes)
        return memoryview(await found.bytes_async())
