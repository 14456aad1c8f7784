"""What the model assumes of Temporal, and the only thing: copies can be found, but for once.

A root is whatever holds references. A family is the roots that copied references from each other.
A root is hidden while no listing shows it and no run that a listing shows leads to it: it started
a short while ago and visibility lags, or a listing lost it.

No collector can see what is hidden, so if Temporal hid every holder of a reference in each pass,
there would be nothing to be done. The assumption is that this happens once in the life of a
family, whatever the cause: a listing that loses a run, a person who deletes a run whose copy is
not listed yet or was made while a pass ran. A run that only lags behind, while all that it was
copied from can be found, costs nothing: that is Temporal as it is every day.
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, field

from temporal_claimcheck.gc.cluster import Kind, Run

__all__ = ["EVER", "Family", "Other", "Root", "SimulatedRun"]

NO_RUN = Run(workflow_id="", run_id="")
EVER = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)


@dataclass(slots=True, eq=False)
class Family:
    """Roots that copied from each other."""

    roots: "set[Root]" = field(default_factory=set["Root"])
    was_hidden: bool = False

    def absorb(self, other: "Family") -> None:
        if other is self:
            return
        self.was_hidden |= other.was_hidden
        self.roots |= other.roots
        for root in other.roots:
            root.family = self

    def may_hide(self) -> bool:
        """Return whether the family may be hidden now, and take note that it was."""
        if self.was_hidden:
            return False
        self.was_hidden = True
        return True

    def may_lose(self, root: "Root", now: dt.datetime, watched_since: dt.datetime | None) -> bool:
        """Return whether the assumption allows that this root goes now."""
        rest = self.roots - {root}
        if not rest:
            return True
        copied = watched_since is not None and root.copied >= watched_since
        if copied or not self._all_are_found(rest, now):
            return self.may_hide()
        return True

    def _all_are_found(self, rest: "Iterable[Root]", now: dt.datetime) -> bool:
        missing: dict[tuple[str, Run], SimulatedRun] = {}
        reached: list[SimulatedRun] = []
        for root in rest:
            if isinstance(root, SimulatedRun):
                if root.is_listed(now):
                    reached.append(root)
                else:
                    missing[root.namespace, root.run] = root
        while missing and reached:
            root = reached.pop()
            for link in root.links:
                found = missing.pop((root.namespace, link), None)
                if found is not None:
                    reached.append(found)
        return not missing


@dataclass(slots=True, eq=False)
class Root:
    """Something that holds references."""

    namespace: str
    family: Family
    keys: set[str]
    copied: dt.datetime = EVER
    """When something was last copied from it."""

    def __post_init__(self) -> None:
        self.family.roots.add(self)

    def holds(self) -> set[str]:
        return self.keys

    def gone(self) -> None:
        self.family.roots.discard(self)


@dataclass(slots=True, eq=False)
class Other(Root):
    """A schedule, a standalone activity, a Nexus operation. Listed at once."""

    kind: Kind = Kind.SCHEDULE
    id: str = ""
    fires_until: dt.datetime = EVER


@dataclass(slots=True, eq=False)
class SimulatedRun(Root):
    """A run of a workflow."""

    run: Run = NO_RUN
    input: frozenset[str] = frozenset()
    pending: set[str] = field(default_factory=set[str])
    """Heartbeat details: gone with the activity, and never part of the history."""
    links: set[Run] = field(default_factory=set[Run])
    started: dt.datetime = EVER
    closed: dt.datetime | None = None
    shows_started: dt.datetime = EVER
    """From when on listings show it."""
    shows_closed: dt.datetime = EVER
    """From when on listings show it as closed."""
    lost_until: dt.datetime = EVER

    def holds(self) -> set[str]:
        return self.keys | self.pending if self.pending else self.keys

    def is_listed(self, now: dt.datetime) -> bool:
        return self.shows_started <= now and self.lost_until <= now

    def is_listed_closed(self, now: dt.datetime) -> bool:
        return self.closed is not None and self.shows_closed <= now
