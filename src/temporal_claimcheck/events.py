"""Frozen records of what happened, and the protocol of whoever wants to know.

Core code emits events and never names a metrics library; observers count, log or trace.
"""

import enum
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Event", "Failed", "Observer", "Observers", "OffloadOutcome", "Offloaded", "Retrieved"]

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
    """An offload or a retrieve raised."""

    namespace: str
    key: str | None
    """None when it failed before there was a key."""
    operation: str
    """`offload` or `retrieve`."""
    error: BaseException
    seconds: float


Event = Offloaded | Retrieved | Failed


class Observer(Protocol):
    """Is told of every event. Called on the event loop, so it must return at once."""

    def observe(self, event: Event, /) -> None:
        """Take note of one event."""
        ...


class Observers:
    """Tells several observers; a faulty one is logged and cannot cost a payload."""

    def __init__(self, observers: Iterable[Observer] = ()) -> None:
        self._observers = tuple(observers)

    def observe(self, event: Event) -> None:
        """Tell every observer."""
        for observer in self._observers:
            try:
                observer.observe(event)
            except Exception:
                logger.exception("Observer %r failed on %s", observer, type(event).__name__)
