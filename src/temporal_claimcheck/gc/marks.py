"""What Temporal refers to, by namespace and day: only the days that are judged are kept."""

import datetime as dt
from collections.abc import Collection, Iterable, Mapping

from temporal_claimcheck.errors import InvalidKey
from temporal_claimcheck.keyspace import Key

__all__ = ["Marks", "Shelf"]

Shelf = tuple[str, dt.date]
"""A namespace's day."""


class Marks:
    """A set of keys that takes memory only for the shelves that are judged."""

    def __init__(self, shelves: Collection[Shelf]) -> None:
        self._digests: dict[Shelf, set[str]] = {shelf: set() for shelf in shelves}
        self._seen = 0

    @property
    def seen(self) -> int:
        """How many references were added, to whatever shelf, each as often as it was found."""
        return self._seen

    @property
    def digests(self) -> Mapping[Shelf, Collection[str]]:
        """What is referred to on each shelf."""
        return self._digests

    def add(self, keys: Iterable[str]) -> None:
        """Mark keys; what is no key of the keyspace refers to nothing that is judged."""
        for text in keys:
            try:
                key = Key.parse(text)
            except InvalidKey:
                continue
            self._seen += 1
            digests = self._digests.get((key.namespace, key.day))
            if digests is not None:
                digests.add(key.digest)

    def has(self, key: Key) -> bool:
        """Return whether something refers to the object."""
        return key.digest in self._digests.get((key.namespace, key.day), ())
