"""Stores and observers that really work, and tell what they were asked."""

import datetime as dt
from dataclasses import dataclass, field

from temporalio.api.common.v1 import Payload

from temporal_claimcheck.errors import StoreUnavailable
from temporal_claimcheck.events import Event, Failed, Offloaded, OffloadOutcome, Retrieved
from temporal_claimcheck.ledger import LEDGER_PREFIX
from temporal_claimcheck.stores.memory import MemoryStore


class PlainStore:
    """A memory store that cannot be asked what it has, such as one behind a slow network."""

    def __init__(self) -> None:
        self.blobs = MemoryStore()
        self.calls: list[tuple[str, str]] = []
        self.closed = 0

    @property
    def name(self) -> str:
        return "witness://"

    async def put(self, key: str, blob: bytes) -> bool:
        # The claim check's own records are none of what these tests are about.
        is_record = key.startswith(LEDGER_PREFIX)
        return await (self.blobs.put if is_record else self.put_payload)(key, blob)

    async def put_payload(self, key: str, blob: bytes) -> bool:
        self.calls.append(("put", key))
        return await self.blobs.put(key, blob)

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        self.calls.append(("get", key))
        return await self.blobs.get(key, max_bytes=max_bytes)

    async def check(self) -> None:
        self.calls.append(("check", ""))

    async def aclose(self) -> None:
        self.closed += 1

    def count(self, verb: str) -> int:
        return [called for called, _ in self.calls].count(verb)


class AskedStore(PlainStore):
    """The same, but one that can say cheaply what it has."""

    async def contains(self, key: str) -> bool:
        self.calls.append(("contains", key))
        return await self.blobs.contains(key)


class BreakingStore(PlainStore):
    """A store that is down for a number of calls, before or after it has done its work."""

    def __init__(self, *, fails: int, after: bool = False) -> None:
        super().__init__()
        self.fails = fails
        self._after = after

    async def put_payload(self, key: str, blob: bytes) -> bool:
        if self._after:
            wrote = await super().put_payload(key, blob)
            self._fail()
            return wrote
        self._fail()
        return await super().put_payload(key, blob)

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        self._fail()
        return await super().get(key, max_bytes=max_bytes)

    def _fail(self) -> None:
        if self.fails:
            self.fails -= 1
            raise StoreUnavailable("The store is down.", remedy="Wait.")


@dataclass
class Diary:
    """An observer that writes everything down."""

    events: list[Event] = field(default_factory=list[Event])

    def observe(self, event: Event) -> None:
        self.events.append(event)

    @property
    def outcomes(self) -> list[OffloadOutcome]:
        return [event.outcome for event in self.events if isinstance(event, Offloaded)]

    @property
    def retrieved(self) -> list[Retrieved]:
        return [event for event in self.events if isinstance(event, Retrieved)]

    @property
    def failed(self) -> list[Failed]:
        return [event for event in self.events if isinstance(event, Failed)]


@dataclass
class Clock:
    """A clock that is set by hand."""

    now: dt.datetime = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)

    def __call__(self) -> dt.datetime:
        return self.now


def payload(size: int = 100_000, *, letter: str = "a") -> Payload:
    """Return a JSON payload with `size` bytes of data."""
    return Payload(metadata={"encoding": b"json/plain"}, data=f'"{letter * (size - 2)}"'.encode())
