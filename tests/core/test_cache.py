"""What a process remembers: bounded by bytes, and by the day."""

import datetime as dt
import random
import secrets
import threading
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temporal_claimcheck.cache import ENTRY_BYTES, PayloadCache, StoredToday
from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.keyspace import Key

TODAY = dt.date(2026, 11, 22)
TOMORROW = dt.date(2026, 11, 23)


def key(number: int, *, day: dt.date = TODAY, namespace: str = "default") -> Key:
    return Key(namespace=namespace, day=day, digest=f"{number:064x}")


# Payloads.


def test_gives_back_what_was_put() -> None:
    cache = PayloadCache(1_000)
    cache.put(key(1), b"payload")
    assert cache.get(key(1)) == b"payload"
    assert cache.get(key(2)) is None


def test_the_day_of_a_key_does_not_matter() -> None:
    cache = PayloadCache(1_000)
    cache.put(key(1), b"payload")
    assert cache.get(key(1, day=TOMORROW)) == b"payload"


def test_a_namespace_does_not_get_anothers_payload() -> None:
    cache = PayloadCache(1_000)
    cache.put(key(1), b"payload")
    assert cache.get(key(1, namespace="other")) is None


def test_the_least_recently_used_payload_goes_first() -> None:
    cache = PayloadCache(3 * (10 + ENTRY_BYTES))
    for number in (1, 2, 3):
        cache.put(key(number), bytes(10))
    cache.get(key(1))
    cache.put(key(4), bytes(10))
    assert [number for number in (1, 2, 3, 4) if cache.get(key(number)) is not None] == [1, 3, 4]


@given(
    st.integers(min_value=0, max_value=3_000),
    st.lists(
        st.tuples(st.integers(min_value=0, max_value=5), st.integers(min_value=0, max_value=120))
    ),
)
def test_never_holds_more_bytes_than_allowed(max_bytes: int, puts: list[tuple[int, int]]) -> None:
    cache = PayloadCache(max_bytes)
    for number, size in puts:
        cache.put(key(number), bytes(size))
        held = [data for other in range(6) if (data := cache.get(key(other))) is not None]
        assert sum(map(len, held)) + len(held) * ENTRY_BYTES == cache.used_bytes <= max_bytes


def test_a_payload_larger_than_the_cache_is_not_held_and_drives_nothing_out() -> None:
    cache = PayloadCache(20 + ENTRY_BYTES)
    cache.put(key(1), bytes(20))
    cache.put(key(2), bytes(21))
    assert cache.get(key(1)) == bytes(20)
    assert cache.get(key(2)) is None


@pytest.mark.parametrize("size", [1, 100, 5_000])
def test_tiny_payloads_take_no_more_memory_than_the_cache_may(size: int) -> None:
    cache = PayloadCache(5_000_000)
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(20_000):
        cache.put(key(number), secrets.token_bytes(size))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert cache.get(key(0)) is None, "the cache was never full"
    assert taken - before < 5_000_000


def test_a_cache_of_no_bytes_holds_nothing() -> None:
    cache = PayloadCache(0)
    cache.put(key(1), b"a")
    assert cache.get(key(1)) is None


def test_a_negative_size_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="cache_bytes"):
        PayloadCache(-1)


def test_many_threads_do_not_break_the_cache() -> None:
    cache = PayloadCache(5_000)
    wrong: list[object] = []

    def use(seed: int) -> None:
        dice = random.Random(seed)  # noqa: S311  # not a secret
        try:
            for _ in range(3_000):
                number = dice.randrange(100)
                cache.put(key(number), bytes([number]) * (number + 1))
                found = cache.get(key(dice.randrange(100)))
                if found is not None and found != found[:1] * (found[0] + 1):
                    wrong.append(found)
                if cache.used_bytes > 5_000:
                    wrong.append(cache.used_bytes)
        except Exception as error:  # noqa: BLE001  # reported below, from the main thread
            wrong.append(error)

    threads = [threading.Thread(target=use, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# Keys.


def test_a_stored_key_is_known_until_the_day_ends() -> None:
    stored = StoredToday()
    stored.add(key(1), today=TODAY)
    assert stored.has(key(1), today=TODAY)
    assert not stored.has(key(2), today=TODAY)
    assert not stored.has(key(1), today=TOMORROW)
    # Gone for good, also if a clock is set back.
    assert not stored.has(key(1), today=TODAY)


def test_a_new_day_forgets_even_when_it_begins_with_an_add() -> None:
    stored = StoredToday()
    stored.add(key(1), today=TODAY)
    stored.add(key(1, day=TOMORROW), today=TOMORROW)
    assert not stored.has(key(1), today=TOMORROW)
    assert stored.has(key(1, day=TOMORROW), today=TOMORROW)


@pytest.mark.parametrize("day", [TODAY, dt.date(2026, 11, 24)])
def test_a_key_of_another_day_is_not_noted(day: dt.date) -> None:
    stored = StoredToday()
    stored.add(key(1, day=day), today=TOMORROW)
    assert not stored.has(key(1, day=day), today=TOMORROW)


def test_a_namespace_does_not_know_anothers_keys() -> None:
    stored = StoredToday()
    stored.add(key(1, namespace="a"), today=TODAY)
    assert not stored.has(key(1, namespace="b"), today=TODAY)


def test_a_forgotten_key_is_not_known() -> None:
    stored = StoredToday()
    stored.add(key(1), today=TODAY)
    stored.forget(key(1))
    stored.forget(key(2))
    assert not stored.has(key(1), today=TODAY)


def test_remembers_a_bounded_number_of_keys() -> None:
    stored = StoredToday(max_keys=3)
    for number in range(10):
        stored.add(key(number), today=TODAY)
    known = [number for number in range(10) if stored.has(key(number), today=TODAY)]
    assert known == [7, 8, 9]
