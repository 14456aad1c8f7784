"""What lies in a store, counted by namespace and day."""

import datetime as dt
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.gc.shelves import objects_on
from temporal_claimcheck.inspection.estimates import Estimate, Sample
from temporal_claimcheck.inspection.heads import Heads
from temporal_claimcheck.inspection.items import Stored
from temporal_claimcheck.keyspace import KEYSPACE_VERSION, Key, namespace_prefix
from temporal_claimcheck.stores.base import BlobStore, CollectableStore

__all__ = ["Count", "Growth", "Stock", "growth_of", "take_stock"]

_HEADS_AT_ONCE: Final = 500
_GROWTH_DAYS: Final = 7


@dataclass(slots=True, kw_only=True)
class Count:
    """Objects that were counted together."""

    objects: int = 0
    stored_bytes: int = 0
    sample: Sample = field(default_factory=Sample)

    @property
    def payload_bytes(self) -> Estimate | None:
        """Size of the payloads, before compression; None if too few heads were read to tell."""
        return self.sample.estimate(objects=self.objects, stored_bytes=self.stored_bytes)

    def merge(self, other: "Count") -> None:
        """Count what another has counted."""
        self.objects += other.objects
        self.stored_bytes += other.stored_bytes
        self.sample.merge(other.sample)

    @classmethod
    def of(cls, counts: Iterable["Count"]) -> "Count":
        """Return what several counts come to."""
        total = cls()
        for each in counts:
            total.merge(each)
        return total


@dataclass(slots=True, kw_only=True)
class Stock:
    """What lies in a store."""

    store: str
    shelves: dict[tuple[str, dt.date], Count]
    """By namespace and day."""
    heads: int = 0
    """How many heads were read."""
    unreadable: int = 0
    """Of those, how many are of no object of the claim check's, or of a later release's."""

    @property
    def total(self) -> Count:
        """All of it."""
        return Count.of(self.shelves.values())

    def by_namespace(self) -> dict[str, Count]:
        """Return the counts of each namespace, by name."""
        names = sorted({namespace for namespace, _ in self.shelves})
        return {
            name: Count.of(count for (of, _), count in self.shelves.items() if of == name)
            for name in names
        }

    def by_day(self) -> dict[dt.date, Count]:
        """Return the counts of each day, the latest first."""
        days = sorted({day for _, day in self.shelves}, reverse=True)
        return {
            day: Count.of(count for (_, of), count in self.shelves.items() if of == day)
            for day in days
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What the last whole days brought, as far as it is still there."""

    days: int
    objects_per_day: float
    stored_bytes_per_day: float


async def take_stock(
    store: BlobStore,
    heads: Heads,
    *,
    namespaces: Sequence[str] = (),
    sample: int,
    progress: Callable[[str, int], None],
) -> Stock:
    """Count what the namespaces stored, by default all; read at most so many heads.

    Which heads is drawn at random, each object with the same chance. Raises InvalidSettings for
    a store that cannot be listed, StoreError.
    """
    if not isinstance(store, CollectableStore):
        raise InvalidSettings(
            f"The store {store.name} cannot be listed.",
            remedy="Count a store that can list (CollectableStore).",
        )
    shelves: dict[tuple[str, dt.date], Count] = {}
    drawn: list[Key] = []
    seen = 0
    chance = random.Random()  # noqa: S311  # no secret
    prefixes = [namespace_prefix(name) for name in dict.fromkeys(namespaces)]
    for prefix in prefixes or [f"{KEYSPACE_VERSION}/"]:
        async for key, info in objects_on(store, prefix):
            count = shelves.setdefault((key.namespace, key.day), Count())
            count.objects += 1
            count.stored_bytes += info.size_bytes
            seen += 1
            if len(drawn) < sample:
                drawn.append(key)
            elif (place := chance.randrange(seen)) < sample:
                # Reservoir sampling: the listing is never kept.
                drawn[place] = key
            progress("Counting objects", seen)
    stock = Stock(store=store.name, shelves=shelves)
    for start in range(0, len(drawn), _HEADS_AT_ONCE):
        found = await heads.read_all(drawn[start : start + _HEADS_AT_ONCE])
        for key, stored in found.items():
            if isinstance(stored, Stored):
                shelves[key.namespace, key.day].sample.add(
                    stored_bytes=stored.stored_bytes, payload_bytes=stored.header.plain_bytes
                )
            elif stored is not None:
                stock.unreadable += 1
            stock.heads += stored is not None
        progress("Reading heads", stock.heads)
    return stock


def growth_of(stock: Stock, today: dt.date) -> Growth | None:
    """Return what the last seven days before today brought; None if nothing is as old.

    A store that is younger counts from its first day.
    """
    by_day = stock.by_day()
    last = today - dt.timedelta(days=1)
    first = max(min(by_day, default=today), today - dt.timedelta(days=_GROWTH_DAYS))
    days = (last - first).days + 1
    if days < 1:
        return None
    counts = [count for day, count in by_day.items() if first <= day <= last]
    return Growth(
        days=days,
        objects_per_day=sum(count.objects for count in counts) / days,
        stored_bytes_per_day=sum(count.stored_bytes for count in counts) / days,
    )
