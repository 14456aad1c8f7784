"""What lies in a store, counted: per namespace and day, and what came last."""

import asyncio
import datetime as dt
import heapq
from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from temporal_claimcheck.errors import InvalidKey, InvalidSettings
from temporal_claimcheck.keyspace import KEYSPACE_VERSION, Key, check_namespace, namespace_prefix
from temporal_claimcheck.stores.base import BlobInfo, CollectableStore

__all__ = ["Inventory", "Latest", "Shelf", "take_inventory"]

_LATEST: Final = 20
# How many entries may go by until others get their turn.
_BREATH: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelf:
    """What a namespace stored on a day."""

    namespace: str
    day: dt.date
    objects: int
    stored_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """An object that was stored lately."""

    key: Key
    stored_bytes: int
    stored_at: dt.datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What was counted."""

    shelves: tuple[Shelf, ...]
    """By day, the latest first, and by namespace."""
    latest: tuple[Latest, ...]
    """The latest first."""
    stopped_after: str | None
    """Why counting ended before everything was seen; None when all was."""

    @property
    def objects(self) -> int:
        """How many objects were counted."""
        return sum(shelf.objects for shelf in self.shelves)

    @property
    def stored_bytes(self) -> int:
        """How many bytes they have in the store."""
        return sum(shelf.stored_bytes for shelf in self.shelves)


async def take_inventory(
    store: CollectableStore,
    namespaces: Iterable[str] | None,
    *,
    max_objects: int,
    seconds: float,
) -> Inventory:
    """Count what the namespaces stored; None counts all. Ends in time, counted or not.

    What the keyspace did not make is left out. Raises StoreError.
    """
    counts: dict[tuple[str, dt.date], tuple[int, int]] = {}
    latest: list[tuple[dt.datetime, str, int]] = []
    stopped: str | None = None
    seen = 0
    try:
        async with asyncio.timeout(seconds), aclosing(_entries(store, namespaces)) as entries:
            async for info in entries:
                if seen == max_objects:
                    stopped = f"{max_objects:,} objects"
                    break
                seen += 1
                if seen % _BREATH == 0:
                    await asyncio.sleep(0)
                try:
                    key = Key.parse(info.key)
                except InvalidKey:
                    continue
                objects, size = counts.get((key.namespace, key.day), (0, 0))
                counts[key.namespace, key.day] = objects + 1, size + info.size_bytes
                entry = (info.modified, info.key, info.size_bytes)
                (heapq.heappush if len(latest) < _LATEST else heapq.heappushpop)(latest, entry)
    except TimeoutError:
        stopped = f"{seconds:g} seconds"
    shelves = [
        Shelf(namespace=namespace, day=day, objects=objects, stored_bytes=size)
        for (namespace, day), (objects, size) in counts.items()
    ]
    shelves.sort(key=lambda shelf: (-shelf.day.toordinal(), shelf.namespace))
    return Inventory(
        shelves=tuple(shelves),
        latest=tuple(
            Latest(key=Key.parse(key), stored_bytes=size, stored_at=modified)
            for modified, key, size in sorted(latest, reverse=True)
        ),
        stopped_after=stopped,
    )


async def _entries(
    store: CollectableStore, namespaces: Iterable[str] | None
) -> AsyncGenerator[BlobInfo]:
    if namespaces is None:
        prefixes = [f"{KEYSPACE_VERSION}/"]
    else:
        prefixes = [namespace_prefix(name) for name in sorted(namespaces) if _can_be(name)]
    for prefix in prefixes:
        scan: AsyncIterator[BlobInfo] = store.scan(prefix)
        async for info in scan:
            yield info


def _can_be(namespace: str) -> bool:
    # What a token grants is any text; the index must not fail on it.
    try:
        check_namespace(namespace)
    except InvalidSettings:
        return False
    return True
