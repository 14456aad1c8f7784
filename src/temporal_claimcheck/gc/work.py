"""What a pass is about: plain data, so that its steps can run in different processes."""

import datetime as dt
import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from temporal_claimcheck.gc.lease import Lease

__all__ = ["Marked", "ShelfName", "SourceName", "Work", "pass_id"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceName:
    """A namespace of a cluster that is read."""

    cluster: str
    namespace: str
    namespace_id: str

    def __str__(self) -> str:
        return f"{self.namespace} on {self.cluster}"


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class ShelfName:
    """A namespace's day."""

    namespace: str
    day: str
    """As in a key: 2026-11-22."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """One pass."""

    id: str
    """Sorts by time."""
    began: dt.datetime
    lease: Lease
    sources: Sequence[SourceName]
    shelves: Sequence[ShelfName]
    """Those that are judged; younger ones are only counted."""
    latest: str | None
    """The completed pass before this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marked:
    """What was found in a source."""

    runs: int
    """How many runs were seen."""
    references: int
    """How many references to whatever object were found."""
    shelves: Sequence[ShelfName]
    """To objects on which shelves; what was found is in the ledger, in a record for each."""


def pass_id(now: dt.datetime) -> str:
    """Return an id for a pass that begins now."""
    return f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
