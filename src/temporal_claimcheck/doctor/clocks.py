"""Whether clocks agree. Pure.

The day of a key comes from the clock of who writes it; the collector counts days on its own, and
S3 refuses requests that are signed a quarter of an hour off.
"""

import datetime as dt
from typing import Final

from temporal_claimcheck.doctor import catalogue
from temporal_claimcheck.doctor.findings import Finding

__all__ = ["judge_clock"]

_OFF: Final = dt.timedelta(seconds=10)
_WRONG: Final = dt.timedelta(minutes=5)
_REMEDY: Final = (
    "Let NTP or chrony set the clock of this machine, and look at {whose}'s: the day in an "
    "object's key comes from it, and expiry and collection count by days."
)


def judge_clock(
    whose: str, said: dt.datetime, before: dt.datetime, after: dt.datetime
) -> list[Finding]:
    """Compare what another clock said with our own `before` it was asked and `after`."""
    # Some tell whole seconds only.
    ahead = said - after
    behind = before - said - dt.timedelta(seconds=1)
    off = max(ahead, behind, dt.timedelta())
    if off < _OFF:
        return [catalogue.CLOCK_AGREES.found(f"This machine and {whose} agree.")]
    kind = catalogue.CLOCK_OFF if off < _WRONG else catalogue.CLOCK_WRONG
    side = "behind" if ahead > behind else "ahead of"
    # To whole seconds, for people.
    apart = dt.timedelta(seconds=round(off.total_seconds()))
    remedy = _REMEDY.format(whose=whose.partition(" (")[0])
    return [kind.found(f"The clock of this machine is {apart} {side} that of {whose}.", remedy)]
