"""Frozen records of what happened, and the protocol of whoever wants to know.

Core code emits events and never names a metrics library; observers count, log or trace.
"""

import datetime as dt
import enum
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

__all__ = [
    "Collected",
    "Event",
    "Failed",
    "Observer",
    "Observers",
    "Occupied",
    "OffloadOutcome",
    "Offloaded",
    "Retrieved",
]

logger = logging.getLogger(__name__)


class OffloadOutcome(enum.StrEnum):
    """What it took to be able to hand out a claim."""

    STORED = "stored"
    """This call wrote the object."""
    ALREADY_STORED = "already-stored"
    """The object was there: stored earlier on the same day, by this process or another."""
    MINTED = "minted"
    """Nothing was written, because a replay encodes what an earlier run has stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offloaded:
    """A payload was exchanged for a claim."""

    namespace: str
    key: str
    outcome: OffloadOutcome
    payload_bytes: int
    """Size of the serialized payload."""
    stored_bytes: int
    """Size of the object that this call wrote; 0 unless the outcome is STORED."""
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrieved:
    """A claim was exchanged for its verified payload."""

    namespace: str
    key: str
    from_cache: bool
    payload_bytes: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An exchange or a pass of the collector raised."""

    namespace: str
    key: str | None
    """None when it failed before there was a key."""
    operation: str
    """`offload`, `retrieve`, `decrypt` or `collect`."""
    error: BaseException
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Occupied:
    """The memory that payloads take in this process has changed."""

    in_flight_bytes: int
    """Of payloads that are being stored or read."""
    cache_bytes: int
    """Of verified payloads that may be asked for again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """A pass of the collector is complete. Told again when it has deleted what it condemned."""

    ended: dt.datetime
    seconds: float
    runs: int
    """Workflow runs that were seen."""
    references: int
    """References to objects that were found in Temporal."""
    objects: Mapping[str, int]
    """By what became of them: `live`, `held`, `young`, `suspect`, `condemned`."""
    stored_bytes: Mapping[str, int]
    """The same in bytes."""
    deleted_objects: int
    deleted_bytes: int


Event = Offloaded | Retrieved | Failed | Occupied | Collected


class Observer(Protocol):
    """Is told of every event. Called on the event loop, so it must return at once."""

    def observe(self, event: Event, /) -> None:
        """Take note of one event."""
        ...


class Observers:
    """Tells several observers; a faulty one is logged and cannot cost a payload."""

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        self._observers = tuple(observers)

    def __iter__(self) -> Iterator[Observer]:
        return iter(self._observers)

    def including(self, observer: Observer) -> "Observers":
        """Return these and one more, which is told once even if it is among them already."""
        return self if observer in self._observers else Observers((*self._observers, observer))

    def observe(self, event: Event) -> None:
        """Tell every observer."""
        for observer in self._observers:
            try:
                observer.observe(event)
            except Exception:
                logger.exception("Observer %r failed on %s", observer, type(event).__name__)
