"""What a copy has done, so far or in the end."""

import datetime as dt
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

__all__ = ["DESTINATION", "SOURCE", "CopyReport", "Finding", "ShelfCopy"]

SOURCE: Final = "source"
DESTINATION: Final = "destination"

# Counting goes on beyond; a store that lost everything must not fill our memory with its keys.
_MAX_FINDINGS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong, so that an object is not whole at the destination."""

    key: str
    where: str
    """In which of the two stores."""
    kind: str
    """The code of the error, as in the reference of errors, or `unknown-record`."""
    what: str


@dataclass(slots=True, kw_only=True)
class ShelfCopy:
    """What became of one day of one namespace."""

    namespace: str
    day: dt.date
    listed: int = 0
    """Objects of the source, when it was counted."""
    listed_bytes: int = 0
    copied: int = 0
    """Objects that this run wrote and read back; in a dry run, those that it would write."""
    copied_bytes: int = 0
    present: int = 0
    """Objects that were there already."""
    vanished: int = 0
    """Objects that were deleted, or expired, before they were read."""
    expired: int = 0
    """Objects that the destination would drop at once; not copied."""
    wrong: int = 0
    """Objects that are not whole at the destination, for which there are findings."""
    done_bytes: int = 0
    """Bytes of all of these, for the progress."""

    @property
    def done(self) -> int:
        """How many objects were dealt with."""
        return self.copied + self.present + self.vanished + self.expired + self.wrong


@dataclass(slots=True, kw_only=True)
class CopyReport:
    """What was copied from one store to another."""

    source: str
    destination: str
    dry_run: bool
    shelves: dict[tuple[str, dt.date], ShelfCopy] = field(
        default_factory=dict[tuple[str, dt.date], ShelfCopy]
    )
    records_copied: int = 0
    """Records of the claim check's own that went along; in a dry run, those that would."""
    records_present: int = 0
    """Records that were there already."""
    records_left: int = 0
    """Records that belong to the source alone, and stay there."""
    foreign: int = 0
    """Objects that nothing of the claim check's made, and that were not copied."""
    unproven: int = 0
    """Objects whose bytes are whole and whose digest only a key could prove."""
    wrong: Counter[str] = field(default_factory=Counter[str])
    """How many there are of each kind of what is wrong."""
    findings: list[Finding] = field(default_factory=list[Finding])
    """The first thousand of them."""
    finished: bool = False
    """Whether all that is selected was dealt with; not if it was stopped."""

    @property
    def is_complete(self) -> bool:
        """Whether all that was selected is at the destination, or in a dry run could be."""
        return self.finished and not self.wrong and not self.total("expired")

    @property
    def has_records(self) -> bool:
        """Whether the source has any record."""
        return bool(self.records_copied or self.records_present or self.records_left or self.wrong)

    def total(self, figure: str) -> int:
        """Return the sum of a figure over all shelves."""
        return sum(getattr(shelf, figure) for shelf in self.shelves.values())

    def note(self, finding: Finding) -> None:
        """Add something that is wrong."""
        self.wrong[finding.kind] += 1
        if len(self.findings) < _MAX_FINDINGS:
            self.findings.append(finding)

    def dump(self) -> dict[str, Any]:
        """Return the report as JSON has it."""
        figures = ("listed", "copied", "copied_bytes", "present", "vanished", "expired")
        return {
            "source": self.source,
            "destination": self.destination,
            "dry_run": self.dry_run,
            "finished": self.finished,
            "is_complete": self.is_complete,
            **{figure: self.total(figure) for figure in figures},
            "records_copied": self.records_copied,
            "records_present": self.records_present,
            "records_left": self.records_left,
            "foreign": self.foreign,
            "unproven": self.unproven,
            "wrong": dict(self.wrong),
            "findings": [
                {"key": each.key, "where": each.where, "kind": each.kind, "what": each.what}
                for each in self.findings
            ],
            "shelves": [
                {
                    "namespace": shelf.namespace,
                    "day": shelf.day.isoformat(),
                    **{figure: getattr(shelf, figure) for figure in (*figures, "wrong")},
                }
                for _, shelf in sorted(self.shelves.items())
            ],
        }
