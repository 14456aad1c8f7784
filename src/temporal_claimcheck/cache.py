"""What a process remembers: verified payloads, and which objects exist today."""

import datetime as dt
import threading
from typing import Final, Protocol

from cachetools import LRUCache

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.keyspace import Key

__all__ = ["ENTRY_BYTES", "PayloadCache", "StoredToday"]

ENTRY_BYTES: Final = 512
"""What a payload takes in the cache beside its own bytes: key, objects, its place in the order."""

_MAX_KEYS: Final = 100_000


class Named(Protocol):
    """What names a payload: whose it is, and its digest."""

    @property
    def namespace(self) -> str | None:
        """The namespace that may read it; None for one that the key does not tell."""
        ...

    @property
    def digest(self) -> str:
        """64 hexadecimal digits, of whatever kind this cache is used for."""
        ...


class PayloadCache:
    """Least-recently-used serialized payloads, bounded by the memory that they take.

    Holds only bytes whose digest was computed from them or checked against them, so what comes
    out needs no second check. The day of a key does not matter, but its namespace does: who may
    read one namespace must not get another's payload by naming its digest. Safe for several
    threads.
    """

    def __init__(self, max_bytes: int) -> None:
        if max_bytes < 0:
            raise InvalidSettings(
                f"cache_bytes is {max_bytes}.", remedy="Set it to 0 (no cache) or more."
            )
        self._payloads: LRUCache[tuple[str | None, str], bytes] = LRUCache(
            max_bytes, getsizeof=_size
        )
        self._lock = threading.Lock()

    @property
    def used_bytes(self) -> int:
        """Memory taken: the payloads, and ENTRY_BYTES for each."""
        return int(self._payloads.currsize)

    def get(self, key: Named) -> bytes | None:
        """Return the payload, or None when it is not held."""
        with self._lock:
            return self._payloads.get((key.namespace, key.digest))

    def put(self, key: Named, data: bytes) -> None:
        """Hold a payload; one larger than the whole cache is not held."""
        with self._lock:
            if _size(data) <= self._payloads.maxsize:
                self._payloads[key.namespace, key.digest] = data


class StoredToday:
    """Keys that are known to exist because this process stored or read them today.

    Forgets everything when the day ends: a key of an earlier day is never written again, and
    its object may be collected. Knows the 100,000 that were used last, in about 33 MB.
    """

    def __init__(self, max_keys: int = _MAX_KEYS) -> None:
        self._day: dt.date | None = None
        self._keys: LRUCache[Key, bool] = LRUCache(max_keys)
        self._lock = threading.Lock()

    def add(self, key: Key, *, today: dt.date) -> None:
        """Note that an object exists; a key of another day than today is not noted."""
        with self._lock:
            self._turn_to(today)
            if key.day == today:
                self._keys[key] = True

    def has(self, key: Key, *, today: dt.date) -> bool:
        """Return whether the object is known to exist."""
        with self._lock:
            self._turn_to(today)
            return self._keys.get(key, False)

    def forget(self, key: Key) -> None:
        """Forget a key whose object turned out to be missing or damaged."""
        with self._lock:
            self._keys.pop(key, None)

    def _turn_to(self, today: dt.date) -> None:
        if self._day != today:
            self._day = today
            self._keys.clear()


def _size(data: bytes) -> int:
    return len(data) + ENTRY_BYTES
