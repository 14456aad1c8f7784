"""The smallest safe expiry: the arithmetic, and what makes every finite one unsafe."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.gc.lifecycle.expiry import (
    MARGIN,
    Forecast,
    OpenRun,
    ScheduleUse,
    Tenure,
    in_days,
    safe_expiry,
)

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
ONCE = Forecast()
NEVER_RESET = Forecast(resets=0)


def run(*, age: float | None = 1, timeout: float | None = 30, name: str = "order-7") -> OpenRun:
    """Return a run that is open for `age` days and may be for `timeout` days."""
    began = None if age is None else NOW - age * DAY
    return OpenRun(
        workflow_id=name,
        run_id=f"{name}-run",
        kind="Order",
        began=began,
        ends=None if timeout is None or began is None else began + timeout * DAY,
    )


def tenure(
    *runs: OpenRun,
    retention: float = 7,
    closed: float = 0,
    not_looked_at: int = 0,
    schedules: tuple[ScheduleUse, ...] = (),
    name: str = "default",
) -> Tenure:
    return Tenure(
        namespace=name,
        retention=retention * DAY,
        open_runs=runs,
        longest_closed=closed * DAY,
        not_looked_at=not_looked_at,
        schedules=schedules,
    )


def schedule(*, certain: bool = True) -> ScheduleUse:
    return ScheduleUse(schedule_id="nightly", created=NOW - 400 * DAY, certain=certain)


def test_life_retention_and_margin_add_up() -> None:
    expiry = safe_expiry([tenure(run(timeout=30))], NOW, NEVER_RESET)
    assert expiry.days == 30 + 7 + 2
    assert [step.what for step in expiry.steps] == ["longest life", "retention", "margin"]
    assert sum((step.adds for step in expiry.steps), dt.timedelta()) == 39 * DAY
    assert expiry.obstacles == ()


def test_a_reset_lives_as_long_again_with_the_old_claims() -> None:
    assert safe_expiry([tenure(run(timeout=30))], NOW, ONCE).days == 2 * (30 + 7) + 2
    assert safe_expiry([tenure(run(timeout=30))], NOW, Forecast(resets=2)).days == 3 * 37 + 2


def test_parts_of_a_day_are_rounded_up() -> None:
    expiry = safe_expiry([tenure(run(timeout=1.01), retention=1)], NOW, NEVER_RESET)
    assert expiry.days == 5


def test_what_the_server_rounds_up_costs_no_day() -> None:
    rounded = run(timeout=30.0001)
    assert safe_expiry([tenure(rounded)], NOW, NEVER_RESET).days == 39


def test_a_closed_run_that_lived_longer_than_any_timeout_counts() -> None:
    expiry = safe_expiry([tenure(run(timeout=2), closed=90)], NOW, NEVER_RESET)
    assert expiry.days == 90 + 7 + 2


def test_the_namespace_that_needs_most_decides() -> None:
    needs = [tenure(run(timeout=5)), tenure(run(timeout=50), retention=1, name="billing")]
    expiry = safe_expiry(needs, NOW, NEVER_RESET)
    assert (expiry.namespace, expiry.days) == ("billing", 53)


def test_a_run_without_a_timeout_makes_every_finite_expiry_unsafe() -> None:
    expiry = safe_expiry([tenure(run(age=40, timeout=None))], NOW, NEVER_RESET)
    assert expiry.days is None
    assert expiry.today_days == 40 + 7 + 2
    assert "order-7" in expiry.obstacles[0]
    assert not expiry.allows(3650)
    assert expiry.allows(None)


def test_the_users_word_on_runs_without_a_timeout_is_taken() -> None:
    word = Forecast(resets=0, runs_end_within=90 * DAY)
    expiry = safe_expiry([tenure(run(age=40, timeout=None))], NOW, word)
    assert expiry.days == 90 + 7 + 2
    assert any("90 days" in each for each in expiry.assumptions)


def test_a_run_that_is_older_than_the_users_word_refutes_it() -> None:
    word = Forecast(resets=0, runs_end_within=30 * DAY)
    expiry = safe_expiry([tenure(run(age=40, timeout=None))], NOW, word)
    assert expiry.days is None
    assert "30 days" in expiry.obstacles[0]


def test_a_run_whose_beginning_nobody_knows_is_safe_by_the_users_word_only() -> None:
    unknown = tenure(run(age=None, timeout=None))
    expiry = safe_expiry([unknown], NOW, NEVER_RESET)
    assert (expiry.days, expiry.today_days) == (None, None)
    word = Forecast(resets=0, runs_end_within=30 * DAY)
    assert safe_expiry([unknown], NOW, word).days == 39


@pytest.mark.parametrize(("certain", "verb"), [(True, "refers"), (False, "may refer")])
def test_a_schedule_with_a_stored_input_makes_every_finite_expiry_unsafe(
    certain: bool, verb: str
) -> None:
    needs = tenure(run(), schedules=(schedule(certain=certain),))
    expiry = safe_expiry([needs], NOW, Forecast(resets=0, runs_end_within=DAY))
    assert expiry.days is None
    assert f"nightly {verb} to" in expiry.obstacles[0]
    assert expiry.today_days == 400 + 7 + 2


def test_what_was_not_looked_at_counts_against_every_value() -> None:
    expiry = safe_expiry([tenure(run(), not_looked_at=5)], NOW, ONCE)
    assert (expiry.days, expiry.today_days) == (None, None)
    assert "5 open runs" in expiry.obstacles[0]


def test_a_namespace_of_another_cluster_counts_against_every_value() -> None:
    expiry = safe_expiry([tenure(run())], NOW, ONCE, unknown=["Namespace billing is elsewhere."])
    assert (expiry.days, expiry.today_days) == (None, None)


def test_without_any_namespace_nothing_is_safe() -> None:
    assert safe_expiry([], NOW, ONCE).days is None


@pytest.mark.parametrize("wrong", [{"resets": -1}, {"runs_end_within": dt.timedelta(hours=3)}])
def test_a_forecast_that_makes_no_sense_is_refused(wrong: dict[str, dt.timedelta]) -> None:
    with pytest.raises(InvalidSettings):
        Forecast(**wrong)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (dt.timedelta(days=1), "1 day"),
        (dt.timedelta(days=2, hours=1), "2.1 days"),
        (dt.timedelta(hours=5), "5 hours"),
        (dt.timedelta(seconds=3), "< 1 hour"),
        (dt.timedelta(), "none"),
    ],
)
def test_times_are_shown_in_days_and_never_too_small(span: dt.timedelta, text: str) -> None:
    assert in_days(span) == text


spans = st.floats(min_value=0, max_value=1)


@given(
    timeout=st.floats(min_value=0.01, max_value=400),
    retention=st.floats(min_value=0, max_value=90),
    resets=st.integers(min_value=0, max_value=3),
    stored=spans,
    handed_in=spans,
    lives=st.lists(st.tuples(spans, spans), min_size=4, max_size=4),
)
def test_no_life_under_the_assumptions_outlasts_it(  # noqa: PLR0917  # drawn by name
    timeout: float,
    retention: float,
    resets: int,
    stored: float,
    handed_in: float,
    lives: list[tuple[float, float]],
) -> None:
    """Walk through the life of one claim, in days from the moment that its run starts."""
    needs = tenure(run(timeout=timeout, age=timeout), retention=retention)
    expiry = safe_expiry([needs], NOW, Forecast(resets=resets))
    assert expiry.days is not None
    minted = handed_in * timeout
    # Another run may have stored the object, at any time of the same day.
    object_since = minted - stored
    closes = minted + (timeout - minted) * lives[0][0]
    for reset_after, ends_after in lives[1 : resets + 1]:
        reset = closes + retention * reset_after
        closes = reset + timeout * ends_after
    needed_until = closes + retention
    slack = (MARGIN - DAY) / DAY
    # Within the margin there is room for what the server rounds.
    assert needed_until - object_since <= expiry.days - slack + 1e-3
