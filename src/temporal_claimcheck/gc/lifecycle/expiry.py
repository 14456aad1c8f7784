"""The smallest age at which objects may expire, and why. Pure.

An object is needed while a history holds a claim to it. Claims of a day are made on that day, so
an object is never asked for later than its day, plus the life of the longest chain of runs, plus
the retention after it. What has no end makes every finite expiry unsafe: a run without an
execution timeout, and a schedule, whose input is stored once and copied into all its runs.

Expiry trusts a forecast where the collector looks. So all that is not known counts against it.
"""

import datetime as dt
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from temporal_claimcheck.errors import InvalidSettings

__all__ = [
    "MARGIN",
    "Forecast",
    "OpenRun",
    "SafeExpiry",
    "ScheduleUse",
    "Step",
    "Tenure",
    "in_days",
    "safe_expiry",
]

_DAY: Final = dt.timedelta(days=1)
_NOTHING: Final = dt.timedelta()

_ROUNDING: Final = dt.timedelta(minutes=1)

MARGIN: Final = dt.timedelta(hours=48)
"""A claim can be a day younger than its object, whose day it shares; the other day is for clocks
that differ, and for what is handed in ahead of a start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRun:
    """A run that is open, or another open thing that holds claims."""

    workflow_id: str
    run_id: str
    kind: str
    """Its type, for people to read."""
    began: dt.datetime | None
    """When its oldest claim may have been made; None if that cannot be known any more."""
    ends: dt.datetime | None
    """When Temporal ends it and all that it is continued by; None without an execution timeout."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleUse:
    """A schedule that refers to objects."""

    schedule_id: str
    created: dt.datetime | None
    """When its oldest claim may have been made."""
    certain: bool
    """False for payloads that are wrapped in something that this process cannot look into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenure:
    """For how long a namespace holds on to claims, as far as that can be read from it."""

    namespace: str
    retention: dt.timedelta
    """How long closed runs stay."""
    open_runs: Sequence[OpenRun] = ()
    """Those that were looked at."""
    not_looked_at: int = 0
    """Open runs beyond those."""
    longest_closed: dt.timedelta = _NOTHING
    """The longest that a run lived which is closed and still there."""
    schedules: Sequence[ScheduleUse] = ()

    @property
    def unbounded(self) -> list[OpenRun]:
        """Open runs without an end."""
        return [run for run in self.open_runs if run.ends is None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the user says of the time to come."""

    resets: int = 1
    """How often a closed run is reset; each reset begins a life anew, with the old claims."""
    runs_end_within: dt.timedelta | None = None
    """The longest life of runs that have no execution timeout."""

    def __post_init__(self) -> None:
        if self.resets < 0 or (self.runs_end_within or _DAY) < _DAY:
            raise InvalidSettings(
                "Resets are fewer than none, or runs live for less than a day.",
                remedy="Give resets of 0 or more, and 1 day or more.",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One line of the reasoning."""

    what: str
    adds: dt.timedelta
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeExpiry:
    """What may be set."""

    days: int | None
    """The smallest safe expiry; None if no finite one is."""
    today_days: int | None
    """What keeps all that is needed today, and may not be enough tomorrow; None if not known."""
    namespace: str | None
    """The namespace that needs objects for the longest."""
    steps: tuple[Step, ...] = ()
    """How the value comes about; of `today_days` where there is no `days`."""
    obstacles: tuple[str, ...] = ()
    """Why no finite expiry is safe."""
    assumptions: tuple[str, ...] = field(default=())
    """What must hold, for the value to be one."""

    def allows(self, days: int | None) -> bool:
        """Return whether an expiry is safe; None is one that never comes."""
        return days is None or (self.days is not None and days >= self.days)


def safe_expiry(
    tenures: Sequence[Tenure],
    now: dt.datetime,
    forecast: Forecast,
    *,
    unknown: Sequence[str] = (),
) -> SafeExpiry:
    """Return the smallest expiry that is safe for all namespaces that share a keyspace.

    `unknown` says what could not be looked at, such as a namespace of another cluster.
    """
    obstacles = [*unknown]
    longest: tuple[dt.timedelta, tuple[Step, ...], str] | None = None
    blind = bool(unknown)
    for tenure in tenures:
        obstacles += _obstacles(tenure, now, forecast)
        life = _life(tenure, now, forecast)
        if life is None:
            blind = True
            continue
        steps = _steps(tenure, life, forecast)
        total = sum((step.adds for step in steps), _NOTHING)
        if longest is None or total > longest[0]:
            longest = (total, steps, tenure.namespace)
    if longest is None:
        return SafeExpiry(
            days=None,
            today_days=None,
            namespace=None,
            obstacles=tuple(obstacles) or ("No namespace was looked at.",),
        )
    total, steps, namespace = longest
    # The server rounds the times that it tells; the margin has room for that, days do not.
    days = math.ceil((total - _ROUNDING) / _DAY)
    return SafeExpiry(
        days=None if obstacles else days,
        today_days=None if blind else days,
        namespace=namespace,
        steps=steps,
        obstacles=tuple(obstacles),
        assumptions=_assumptions(forecast),
    )


def in_days(span: dt.timedelta) -> str:
    """Return a time in the largest unit that shows it, for people to read."""
    for unit, name in ((_DAY, "day"), (dt.timedelta(hours=1), "hour")):
        if span >= unit:
            number = f"{math.ceil(span / unit * 10) / 10:g}"
            return f"{number} {name}{'' if number == '1' else 's'}"
    return "< 1 hour" if span else "none"


def _age(began: dt.datetime | None, now: dt.datetime) -> dt.timedelta | None:
    return None if began is None else max(now - began, _NOTHING)


def _life(tenure: Tenure, now: dt.datetime, forecast: Forecast) -> tuple[dt.timedelta, str] | None:
    """Return how long claims of this namespace live, and why; None if today's are unknown."""
    longest = (tenure.longest_closed, "the longest run that is closed and still there")
    if forecast.runs_end_within is not None and tenure.unbounded:
        longest = max(longest, (forecast.runs_end_within, "as you say of runs without a timeout"))
    if tenure.not_looked_at:
        return None
    for run in tenure.open_runs:
        age = _age(run.began, now)
        if age is None or run.began is None:
            if forecast.runs_end_within is None or run.ends is not None:
                return None
            continue
        name = f"{run.kind} {run.workflow_id}"
        if run.ends is not None:
            longest = max(longest, (run.ends - run.began, f"execution timeout of {name}"))
        # A task or a timer may be late: what should have ended long ago is still there.
        longest = max(longest, (age, f"{name} is open since then"))
    for schedule in tenure.schedules:
        age = _age(schedule.created, now)
        if age is None:
            return None
        longest = max(longest, (age, f"input of schedule {schedule.schedule_id}"))
    return longest


def _steps(tenure: Tenure, life: tuple[dt.timedelta, str], forecast: Forecast) -> tuple[Step, ...]:
    span, because = life
    steps = [
        Step(what="longest life", adds=span, because=because),
        Step(what="retention", adds=tenure.retention, because=f"namespace {tenure.namespace}"),
    ]
    if forecast.resets:
        times = "a closed run is reset" if forecast.resets == 1 else f"{forecast.resets} resets"
        steps.append(
            Step(
                what="resets",
                adds=forecast.resets * (span + tenure.retention),
                because=f"{times}, and lives as long again",
            )
        )
    steps.append(Step(what="margin", adds=MARGIN, because="the day in the key, clocks, delays"))
    return tuple(steps)


def _obstacles(tenure: Tenure, now: dt.datetime, forecast: Forecast) -> list[str]:
    where = f"in namespace {tenure.namespace}"
    found: list[str] = []
    if tenure.schedules:
        certain = [each for each in tenure.schedules if each.certain] or tenure.schedules
        refers = "refers" if certain[0].certain else "may refer"
        found.append(
            f"{_number(len(tenure.schedules), 'schedule')} {where}: {certain[0].schedule_id} "
            f"{refers} to an object that was stored once and is read by every run it starts."
        )
    if tenure.not_looked_at:
        found.append(
            f"{_number(tenure.not_looked_at, 'open run')} {where} beyond those that were looked "
            "at (--max-runs)."
        )
    if tenure.unbounded and forecast.runs_end_within is None:
        found.append(
            f"{_number(len(tenure.unbounded), 'open run')} without an execution timeout {where}: "
            f"Temporal does not say when {_oldest(tenure.unbounded).workflow_id} ends."
        )
    elif tenure.unbounded and forecast.runs_end_within is not None:
        beyond = [run for run in tenure.unbounded if _is_beyond(run, forecast.runs_end_within, now)]
        if beyond:
            found.append(
                f"{_number(len(beyond), 'open run')} {where} beyond the "
                f"{in_days(forecast.runs_end_within)} that you say, such as "
                f"{_oldest(beyond).workflow_id}."
            )
    return found


def _is_beyond(run: OpenRun, within: dt.timedelta, now: dt.datetime) -> bool:
    # Whoever began nobody knows when is older than the retention, and is taken at its word.
    return run.began is not None and now - run.began > within


def _oldest(runs: Sequence[OpenRun]) -> OpenRun:
    # One whose beginning nobody knows any more is the oldest of all.
    return min(runs, key=lambda run: (run.began is not None, run.began and run.began.timestamp()))


def _number(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def _assumptions(forecast: Forecast) -> tuple[str, ...]:
    said = [
        "Workflows to come live no longer than those that are there: same timeouts and retention.",
        "No schedule gets an input that is large enough to be stored.",
        "Histories are not read after the retention: no archival, no export with its claims.",
    ]
    if forecast.resets:
        times = "once" if forecast.resets == 1 else f"{forecast.resets} times in a row"
        said.append(f"A closed run is reset {times} at most.")
    else:
        said.append("No closed run is ever reset.")
    if forecast.runs_end_within is not None:
        said.append(
            "Runs without an execution timeout, and all that continues them, end within "
            f"{in_days(forecast.runs_end_within)}."
        )
    return tuple(said)
