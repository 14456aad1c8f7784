"""Each rule of the plan by itself. Pure functions: no store, no clock, no cluster."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_claimcheck.errors import CollectionRefused, InvalidSettings
from temporal_claimcheck.gc.plan import Rules, Verdict, check_brakes, day_is_closed, judge
from temporal_claimcheck.keyspace import Key

RULES = Rules()
HOUR = dt.timedelta(hours=1)
MINUTE = dt.timedelta(minutes=1)
MOMENT = dt.timedelta(microseconds=1)
DAY = dt.date(2026, 11, 10)
DAY_ENDS = dt.datetime(2026, 11, 11, tzinfo=dt.UTC)
STORED = dt.datetime(2026, 11, 10, 12, tzinfo=dt.UTC)
LONG_AFTER = dt.datetime(2026, 11, 20, tzinfo=dt.UTC)


def verdict(
    *,
    day: dt.date = DAY,
    modified: dt.datetime = STORED,
    referenced: bool = False,
    held: bool = False,
    suspected_since: dt.datetime | None = LONG_AFTER - 48 * HOUR,
    began: dt.datetime = LONG_AFTER,
    rules: Rules = RULES,
) -> Verdict:
    return judge(
        Key(namespace="default", day=day, digest="a" * 64),
        modified,
        referenced=referenced,
        held=held,
        suspected_since=suspected_since,
        began=began,
        rules=rules,
    )


def test_what_nothing_refers_to_is_condemned_by_the_second_pass() -> None:
    assert verdict() is Verdict.CONDEMNED


def test_what_is_referred_to_lives() -> None:
    assert verdict(referenced=True) is Verdict.LIVE


def test_what_is_held_stays() -> None:
    assert verdict(held=True) is Verdict.HELD


def test_the_first_pass_that_misses_an_object_only_suspects_it() -> None:
    assert verdict(suspected_since=None) is Verdict.SUSPECT


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        (LONG_AFTER - 24 * HOUR, Verdict.CONDEMNED),
        (LONG_AFTER - 24 * HOUR + MOMENT, Verdict.SUSPECT),
        # A clock that was set back makes the first pass end after this one began.
        (LONG_AFTER + 24 * HOUR, Verdict.SUSPECT),
    ],
)
def test_between_two_passes_there_is_the_gap(since: dt.datetime, expected: Verdict) -> None:
    assert verdict(suspected_since=since) is expected


@pytest.mark.parametrize(
    ("began", "expected"),
    [
        (DAY_ENDS + 48 * HOUR + MOMENT, Verdict.CONDEMNED),
        (DAY_ENDS + 48 * HOUR, Verdict.YOUNG),
        (DAY_ENDS - HOUR, Verdict.YOUNG),
        # Of a writer whose clock is ahead.
        (STORED - 72 * HOUR, Verdict.YOUNG),
    ],
)
def test_a_day_that_is_not_closed_is_left_alone(began: dt.datetime, expected: Verdict) -> None:
    modified = began - 1000 * HOUR
    assert verdict(began=began, modified=modified, suspected_since=began - 30 * HOUR) is expected


@pytest.mark.parametrize(
    ("age", "expected"),
    [
        (48 * HOUR + MOMENT, Verdict.CONDEMNED),
        (48 * HOUR, Verdict.YOUNG),
        (-HOUR, Verdict.YOUNG),
    ],
)
def test_what_was_stored_just_now_under_an_old_day_is_left_alone(
    age: dt.timedelta, expected: Verdict
) -> None:
    assert verdict(modified=LONG_AFTER - age) is expected


def test_the_day_ends_in_utc_whatever_the_zone_of_the_clock() -> None:
    zone = dt.timezone(dt.timedelta(hours=-12))
    now = DAY_ENDS + 48 * HOUR
    assert not day_is_closed(DAY, now.astimezone(zone), RULES)
    assert day_is_closed(DAY, (now + MOMENT).astimezone(zone), RULES)


def test_the_grace_and_the_gap_can_be_longer() -> None:
    slow = Rules(grace=100 * HOUR, gap=50 * HOUR)
    assert verdict(rules=slow) is Verdict.SUSPECT
    assert verdict(rules=slow, began=DAY_ENDS + 100 * HOUR) is Verdict.YOUNG


@pytest.mark.parametrize(
    "wrong",
    [
        {"grace": 24 * HOUR - MOMENT},
        {"gap": 24 * HOUR - MOMENT},
        {"max_share": 0.0},
        {"max_share": 1.01},
        {"small": -1},
    ],
)
def test_rules_that_would_be_no_rules_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidSettings):
        Rules(**wrong)  # pyright: ignore[reportArgumentType]


@given(
    began=st.integers(0, 365 * 24 * 60).map(lambda minutes: LONG_AFTER + minutes * MINUTE),
    day_before=st.integers(-3, 8),
    stored_hours_before=st.integers(-30, 300),
    suspected_hours_before=st.none() | st.integers(-30, 300),
    referenced=st.booleans(),
    held=st.booleans(),
)
def test_condemned_means_that_every_single_rule_agrees(  # noqa: PLR0917  # hypothesis names them
    began: dt.datetime,
    day_before: int,
    stored_hours_before: int,
    suspected_hours_before: int | None,
    referenced: bool,
    held: bool,
) -> None:
    day = began.date() - dt.timedelta(days=day_before)
    found = verdict(
        day=day,
        modified=began - stored_hours_before * HOUR,
        referenced=referenced,
        held=held,
        suspected_since=(
            None if suspected_hours_before is None else began - suspected_hours_before * HOUR
        ),
        began=began,
    )
    day_is_over = began - dt.datetime.combine(day, dt.time(), dt.UTC) > 72 * HOUR
    may_go = (
        not referenced
        and not held
        and day_is_over
        and stored_hours_before > 48
        and suspected_hours_before is not None
        and suspected_hours_before >= 24
    )
    assert (found is Verdict.CONDEMNED) == may_go


# The brakes.


def brakes(*, objects: int, condemned: int, references: int = 1, rules: Rules = RULES) -> None:
    check_brakes(objects=objects, condemned=condemned, references=references, rules=rules)


def test_a_tenth_of_many_may_go() -> None:
    brakes(objects=10_000, condemned=1_000)


def test_nothing_condemned_needs_no_brake() -> None:
    brakes(objects=10_000, condemned=0, references=0)


def test_more_than_the_share_is_refused() -> None:
    brakes(objects=1000, condemned=500)
    with pytest.raises(CollectionRefused, match="501 of 1000"):
        brakes(objects=1000, condemned=501)


def test_the_share_is_a_setting() -> None:
    brakes(objects=1000, condemned=1000, rules=Rules(max_share=1))
    with pytest.raises(CollectionRefused):
        brakes(objects=1000, condemned=101, rules=Rules(max_share=0.1))


def test_a_small_number_may_go_whatever_its_share() -> None:
    brakes(objects=100, condemned=100)
    with pytest.raises(CollectionRefused):
        brakes(objects=101, condemned=101)


def test_without_a_single_reference_nothing_goes() -> None:
    with pytest.raises(CollectionRefused, match="nothing at all refers"):
        brakes(objects=1, condemned=1, references=0)


def test_that_nothing_is_referenced_can_be_right_and_is_said_by_name() -> None:
    brakes(objects=1, condemned=1, references=0, rules=Rules(may_be_unreferenced=True))


def test_that_nothing_is_referenced_does_not_release_the_brake_on_the_share() -> None:
    with pytest.raises(CollectionRefused):
        brakes(objects=200, condemned=200, references=0, rules=Rules(may_be_unreferenced=True))
