"""What a pass found and did: kept in the ledger, shown to people, read by programs."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

from temporal_claimcheck.gc.plan import Verdict
from temporal_claimcheck.ledger import Record

__all__ = ["PassReport", "ShelfReport"]


@dataclass(slots=True, kw_only=True)
class Count:
    """Objects, and their bytes in the store."""

    objects: int = 0
    stored_bytes: int = 0

    def add(self, stored_bytes: int) -> None:
        """Count one object more."""
        self.objects += 1
        self.stored_bytes += stored_bytes


@dataclass(slots=True, kw_only=True)
class ShelfReport:
    """A namespace's day."""

    namespace: str
    day: dt.date
    is_closed: bool
    """Whether it was judged; if not, all its objects are too young."""
    verdicts: dict[Verdict, Count] = field(
        default_factory=lambda: {verdict: Count() for verdict in Verdict}
    )
    deleted: Count = field(default_factory=Count)

    @property
    def objects(self) -> int:
        """How many objects there were."""
        return sum(count.objects for count in self.verdicts.values())

    @property
    def stored_bytes(self) -> int:
        """How many bytes they had."""
        return sum(count.stored_bytes for count in self.verdicts.values())

    def dump(self) -> Record:
        """Return what JSON says of it."""
        return {
            "namespace": self.namespace,
            "day": self.day.isoformat(),
            "is_closed": self.is_closed,
            "deleted": _dump(self.deleted),
        } | {verdict.value: _dump(count) for verdict, count in self.verdicts.items()}

    @classmethod
    def parse(cls, record: Record) -> "ShelfReport":
        """Read what `dump` wrote."""
        return cls(
            namespace=str(record["namespace"]),
            day=dt.date.fromisoformat(str(record["day"])),
            is_closed=bool(record["is_closed"]),
            verdicts={verdict: _parse(record[verdict.value]) for verdict in Verdict},
            deleted=_parse(record["deleted"]),
        )


@dataclass(slots=True, kw_only=True)
class PassReport:
    """A completed pass."""

    id: str
    began: dt.datetime
    ended: dt.datetime
    sources: Sequence[str]
    """Namespaces and clusters that were read."""
    runs: int
    """Workflow runs that were seen."""
    references: int
    """References to objects that were found in them and beside them."""
    shelves: Sequence[ShelfReport]

    @property
    def objects(self) -> int:
        """How many objects there were."""
        return sum(shelf.objects for shelf in self.shelves)

    @property
    def stored_bytes(self) -> int:
        """How many bytes they had."""
        return sum(shelf.stored_bytes for shelf in self.shelves)

    @property
    def deleted_bytes(self) -> int:
        """How many bytes were deleted."""
        return sum(shelf.deleted.stored_bytes for shelf in self.shelves)

    def count(self, verdict: Verdict) -> int:
        """Return how many objects were judged so."""
        return sum(shelf.verdicts[verdict].objects for shelf in self.shelves)

    @property
    def deleted(self) -> int:
        """How many objects were deleted."""
        return sum(shelf.deleted.objects for shelf in self.shelves)

    def dump(self) -> Record:
        """Return what JSON says of it."""
        return {
            "id": self.id,
            "began": self.began.isoformat(timespec="seconds"),
            "ended": self.ended.isoformat(timespec="seconds"),
            "sources": list(self.sources),
            "runs": self.runs,
            "references": self.references,
            "shelves": [shelf.dump() for shelf in self.shelves],
        }

    @classmethod
    def parse(cls, record: Record) -> "PassReport":
        """Read what `dump` wrote."""
        return cls(
            id=str(record["id"]),
            began=dt.datetime.fromisoformat(str(record["began"])),
            ended=dt.datetime.fromisoformat(str(record["ended"])),
            sources=cast("list[str]", record["sources"]),
            runs=cast("int", record["runs"]),
            references=cast("int", record["references"]),
            shelves=[ShelfReport.parse(each) for each in cast("list[Record]", record["shelves"])],
        )


def _dump(count: Count) -> Record:
    return {"objects": count.objects, "bytes": count.stored_bytes}


def _parse(record: object) -> Count:
    fields = cast("Mapping[str, int]", record)
    return Count(objects=fields["objects"], stored_bytes=fields["bytes"])
