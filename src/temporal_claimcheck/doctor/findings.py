"""What a check can find, and what it found."""

import enum
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Area", "Finding", "Kind", "Report", "Severity"]


class Severity(enum.StrEnum):
    """How much a finding matters, from nothing to do to something that does not work."""

    OK = "ok"
    """As it should be."""
    NOTE = "note"
    """Worth knowing; nothing has to be done."""
    WARNING = "warning"
    """It works, and may hurt one day."""
    ERROR = "error"
    """Payloads cannot be exchanged, or may be lost."""


class Area(enum.StrEnum):
    """What a finding is about, in the order of a report."""

    SETTINGS = "settings"
    VERSIONS = "versions"
    STORE = "store"
    CLOCK = "clock"
    ENCRYPTION = "encryption"
    TEMPORAL = "temporal"
    EXPIRY = "expiry"
    CODEC_SERVER = "codec server"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a check found. It holds no secret: whoever makes it has masked them."""

    kind: "Kind"
    area: Area
    what: str
    remedy: str = ""
    """What to do; never empty for a warning or an error."""

    def __post_init__(self) -> None:
        if self.severity in {Severity.WARNING, Severity.ERROR} and not self.remedy:
            raise ValueError(f"{self.code} says what is wrong, but not what to do")

    @property
    def code(self) -> str:
        """Its stable name."""
        return self.kind.code

    @property
    def severity(self) -> Severity:
        """How much it matters."""
        return self.kind.severity


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """What can be found, under a stable name."""

    code: str
    area: Area | None
    """None for what can be found in every area."""
    severity: Severity

    def found(self, what: str, remedy: str = "", *, area: Area | None = None) -> Finding:
        """Return a finding of this kind; with a kind of every area, say which."""
        place = area or self.area
        if place is None:
            raise ValueError(f"{self.code} can be found in every area: say in which")
        return Finding(kind=self, area=place, what=what, remedy=remedy)


_AREAS: Final = list(Area)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that was found, by area."""

    findings: Sequence[Finding]

    @classmethod
    def of(cls, findings: Sequence[Finding]) -> "Report":
        """Return a report; within an area what was found first stays first."""
        return cls(findings=sorted(findings, key=lambda each: _AREAS.index(each.area)))

    def count(self) -> Counter[Severity]:
        """Return how many findings there are of each severity."""
        return Counter(each.severity for each in self.findings)

    def has(self, severity: Severity) -> bool:
        """Return whether there is a finding of this severity."""
        return any(each.severity is severity for each in self.findings)
