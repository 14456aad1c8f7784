"""What is decided about an object."""

import datetime as dt

import pytest

from temporal_claimcheck.copying.plan import Selection, Step, decide
from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.keyspace import Key

NOW = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
DAY = dt.date(2026, 11, 22)
HOUR = dt.timedelta(hours=1)


def key(namespace: str = "default", day: dt.date = DAY) -> Key:
    return Key(namespace=namespace, day=day, digest="ab" * 32)


@pytest.mark.parametrize(
    ("there", "verify", "step"),
    [
        (None, False, Step.COPY),
        (None, True, Step.COPY),
        (100, False, Step.TRUST),
        (100, True, Step.COMPARE),
        (99, False, Step.COMPARE),
        (0, False, Step.COMPARE),
    ],
)
def test_what_is_there_already_is_trusted_by_its_size_at_most(
    there: int | None, verify: bool, step: Step
) -> None:
    assert decide(100, there_bytes=there, expires=None, now=NOW, verify=verify) is step


@pytest.mark.parametrize(
    ("expires", "step"),
    [
        (NOW - HOUR, Step.EXPIRED),
        (NOW + HOUR, Step.EXPIRED),
        (NOW + 2 * HOUR, Step.COPY),
        (None, Step.COPY),
    ],
)
def test_what_would_be_dropped_at_once_is_not_copied(
    expires: dt.datetime | None, step: Step
) -> None:
    assert decide(100, there_bytes=None, expires=expires, now=NOW, verify=False) is step


def test_what_is_there_and_expires_soon_is_there() -> None:
    assert decide(100, there_bytes=100, expires=NOW, now=NOW, verify=False) is Step.TRUST


def test_days_are_selected_with_both_ends() -> None:
    one = dt.timedelta(days=1)
    selection = Selection(since=DAY - one, until=DAY + one)
    taken = [selection.takes(key(day=DAY + each * one)) for each in range(-2, 3)]
    assert taken == [False, True, True, True, False]


def test_a_namespace_that_begins_like_another_is_another() -> None:
    selection = Selection(namespace="bill")
    assert not str(key("billing")).startswith(selection.prefix)
    assert [selection.takes(key(name)) for name in ("bill", "billing")] == [True, False]


def test_a_first_day_after_the_last_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="2026-11-22 or later"):
        Selection(since=DAY, until=DAY - dt.timedelta(days=1))
