"""Tells observers how an exchange ended, and how long it took."""

import time
from dataclasses import dataclass

from temporal_claimcheck.events import Failed, Observers, Offloaded, OffloadOutcome, Retrieved
from temporal_claimcheck.keyspace import Key

__all__ = ["Exchange"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """An exchange that began at `started`, in seconds of `time.perf_counter`."""

    observers: Observers
    namespace: str
    started: float

    @classmethod
    def begin(cls, observers: Observers, namespace: str) -> "Exchange":
        """Return an exchange that begins now."""
        return cls(observers=observers, namespace=namespace, started=time.perf_counter())

    def offloaded(
        self, key: Key, outcome: OffloadOutcome, *, payload_bytes: int, stored_bytes: int
    ) -> None:
        """A payload was handed in."""
        self.observers.observe(
            Offloaded(
                namespace=self.namespace,
                key=str(key),
                outcome=outcome,
                payload_bytes=payload_bytes,
                stored_bytes=stored_bytes,
                seconds=self._seconds(),
            )
        )

    def retrieved(self, key: Key, payload_bytes: int, *, from_cache: bool) -> None:
        """A payload was given back."""
        self.observers.observe(
            Retrieved(
                namespace=key.namespace,
                key=str(key),
                from_cache=from_cache,
                payload_bytes=payload_bytes,
                seconds=self._seconds(),
            )
        )

    def failed(self, operation: str, key: str | None, error: Exception) -> None:
        """It came to an error."""
        self.observers.observe(
            Failed(
                namespace=self.namespace,
                key=key,
                operation=operation,
                error=error,
                seconds=self._seconds(),
            )
        )

    def _seconds(self) -> float:
        return time.perf_counter() - self.started
