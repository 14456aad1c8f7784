"""What may be deleted. Pure: it looks at nothing but what it is given.

An object is deleted only if all of this holds:

- Its day ended more than the grace ago, so that no writer mints a claim to it any more, and the
  object itself is as old, in case a writer's clock was wrong.
- Nothing that Temporal holds refers to it, and no hold keeps it.
- The same was found by an earlier pass that ended at least the gap before this one began, and by
  every pass between.
- The share of what is deleted, and the absence of any reference at all, do not look like a
  mistake.

Keeping too much is always safe: the next pass finds it again.
"""

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Final

from temporal_claimcheck.errors import CollectionRefused, InvalidSettings
from temporal_claimcheck.keyspace import Key

__all__ = ["Rules", "Verdict", "check_brakes", "day_is_closed", "judge"]

_ONE_DAY: Final = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How careful a collector is."""

    grace: dt.timedelta = dt.timedelta(hours=48)
    """A day is closed when it ended so long ago; at least 24 hours."""
    gap: dt.timedelta = dt.timedelta(hours=24)
    """Between the end of the first pass that misses it and the start of the one that condemns."""
    max_share: float = 0.5
    """Of the objects in closed days, at most so many are deleted at once."""
    small: int = 100
    """Up to so many objects are deleted whatever their share."""
    may_be_unreferenced: bool = False
    """Whether it is right that Temporal holds no claim at all."""

    def __post_init__(self) -> None:
        if self.grace < _ONE_DAY or self.gap < _ONE_DAY:
            raise InvalidSettings(
                "The grace or the gap of the collection is under 24 hours.",
                remedy="Set both to a day or more; anything less can delete what is in use.",
            )
        if not 0 < self.max_share <= 1 or self.small < 0:
            raise InvalidSettings(
                "The share that may be deleted at once is not between 0 and 1.",
                remedy="Set it to 0.5, or to 1 to be without this brake.",
            )


class Verdict(enum.Enum):
    """What becomes of an object."""

    LIVE = "live"
    """Temporal refers to it."""
    HELD = "held"
    """A hold keeps it."""
    YOUNG = "young"
    """Too young to be judged."""
    SUSPECT = "suspect"
    """Nothing refers to it, but no earlier pass says so yet, or not long enough ago."""
    CONDEMNED = "condemned"
    """It may be deleted."""


def day_is_closed(day: dt.date, now: dt.datetime, rules: Rules) -> bool:
    """Return whether nothing mints claims to this day any more."""
    end = dt.datetime.combine(day, dt.time(), dt.UTC) + _ONE_DAY
    return now - end > rules.grace


def judge(
    key: Key,
    modified: dt.datetime,
    *,
    referenced: bool,
    held: bool,
    suspected_since: dt.datetime | None,
    began: dt.datetime,
    rules: Rules,
) -> Verdict:
    """Return what becomes of an object.

    `modified` is when it was stored, `began` when this pass did. `suspected_since` is when the
    first of the completed passes ended that, up to the latest, all found nothing that refers to
    it; None if the latest did not find that.
    """
    if referenced:
        return Verdict.LIVE
    if held:
        return Verdict.HELD
    if not day_is_closed(key.day, began, rules) or began - modified <= rules.grace:
        return Verdict.YOUNG
    if suspected_since is None or began - suspected_since < rules.gap:
        return Verdict.SUSPECT
    return Verdict.CONDEMNED


def check_brakes(*, objects: int, condemned: int, references: int, rules: Rules) -> None:
    """Raise CollectionRefused if what is condemned looks like a mistake of ours or the user's.

    `objects` is how many there are in closed days, `references` how many Temporal holds to
    objects of whatever day.
    """
    if not condemned:
        return
    if not references and not rules.may_be_unreferenced:
        raise CollectionRefused(
            f"{condemned} objects would be deleted, and nothing at all refers to any object.",
            remedy="That looks like the wrong cluster or the wrong namespaces. If Temporal really "
            "holds no claim any more, say so with --delete-even-if-nothing-is-referenced.",
        )
    if condemned > rules.small and condemned > objects * rules.max_share:
        raise CollectionRefused(
            f"{condemned} of {objects} objects would be deleted, more than the share of "
            f"{rules.max_share:g} that may go at once.",
            remedy="Look at the report. If it is right, raise CLAIMCHECK_GC_MAX_SHARE.",
        )
