"""namespace, day and digest <-> key: one spelling, no collisions, nothing else accepted."""

import datetime as dt
import string

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from temporal_claimcheck.errors import InvalidKey, InvalidSettings
from temporal_claimcheck.keyspace import Key, check_namespace, day_prefix, namespace_prefix
from temporal_claimcheck.stores.base import check_blob_key

DIGEST = "3f" * 32
DAY = dt.date(2026, 11, 22)
VALID = f"v1/default/2026-11-22/{DIGEST}"


def fits(namespace: str) -> bool:
    try:
        check_namespace(namespace)
    except InvalidSettings:
        return False
    return True


texts = st.text(min_size=1, max_size=80).filter(fits)
# What could collide or climb: dots, escapes of escapes, upper case, letters that fold to others.
tricky = st.text(
    "aA.=-_/\\2e0Kk\0\n\x7f é\u00df\u0130\u0131\u017f\u1e9e\u212a", min_size=1, max_size=30
).filter(fits)
namespaces = st.one_of(texts, tricky)
keys = st.builds(
    Key,
    namespace=namespaces,
    day=st.dates(),
    digest=st.text("0123456789abcdef", min_size=64, max_size=64),
)


def test_a_key_is_version_namespace_day_and_digest() -> None:
    assert str(Key(namespace="default", day=DAY, digest=DIGEST)) == VALID
    assert namespace_prefix("default") == "v1/default/"
    assert day_prefix("default", DAY) == "v1/default/2026-11-22/"


@pytest.mark.parametrize(
    ("namespace", "spelled"),
    [
        ("default", "default"),
        ("orders-2.eu_west", "orders-2.eu_west"),
        ("quickstart.a1b2c", "quickstart.a1b2c"),
        ("Orders", "=4frders"),
        ("a/b", "a=2fb"),
        ("a=b", "a=3db"),
        ("é", "=c3=a9"),
        (".", "=2e"),
        ("..", "=2e."),
        (".hidden", "=2ehidden"),
        ("\0", "=00"),
    ],
)
def test_a_namespace_has_one_spelling(namespace: str, spelled: str) -> None:
    assert namespace_prefix(namespace) == f"v1/{spelled}/"
    assert Key.parse(f"v1/{spelled}/2026-11-22/{DIGEST}").namespace == namespace


@given(keys)
@example(Key(namespace="." * 66, day=dt.date.min, digest="0" * 64))
@example(Key(namespace=".a", day=dt.date.max, digest="f" * 64))
def test_every_key_can_be_written_and_parsed_back(key: Key) -> None:
    assert Key.parse(str(key)) == key
    assert str(key).startswith(day_prefix(key.namespace, key.day))


@given(keys)
@example(Key(namespace=".hidden", day=DAY, digest=DIGEST))
def test_every_key_is_one_that_stores_take(key: Key) -> None:
    check_blob_key(str(key))


@given(namespaces, namespaces)
@example("a", "A")
@example("\N{LATIN SMALL LETTER SHARP S}", "ss")
@example("\N{KELVIN SIGN}", "k")
@example("=41", "A")
@example("a.", "a")
@example(".", "=2e")
def test_two_namespaces_never_share_a_prefix(one: str, two: str) -> None:
    first, second = namespace_prefix(one), namespace_prefix(two)
    same = one == two
    # Folders may fold case; then one namespace would read and collect the other's objects.
    assert (first.casefold() == second.casefold()) == same
    assert first.startswith(second) == same


@pytest.mark.parametrize(
    "key",
    [
        "",
        "v1",
        "v1///",
        f"v0/default/2026-11-22/{DIGEST}",
        f"v2/default/2026-11-22/{DIGEST}",
        f"V1/default/2026-11-22/{DIGEST}",
        f"/{VALID}",
        f"{VALID}/",
        f"{VALID}\n",
        f"\n{VALID}",
        f"{VALID}\0",
        f" {VALID}",
        f"v1//2026-11-22/{DIGEST}",
        f"v1/./2026-11-22/{DIGEST}",
        f"v1/../2026-11-22/{DIGEST}",
        f"v1/.hidden/2026-11-22/{DIGEST}",
        f"v1/../../etc/2026-11-22/{DIGEST}",
        f"v1/a/b/2026-11-22/{DIGEST}",
        f"v1/a\\b/2026-11-22/{DIGEST}",
        f"v1/a%2fb/2026-11-22/{DIGEST}",
        f"v1/Default/2026-11-22/{DIGEST}",
        f"v1/=41/2026-11-2/{DIGEST}",
        f"v1/=61/2026-11-22/{DIGEST}",
        f"v1/a=2e/2026-11-22/{DIGEST}",
        f"v1/=2e=2e/2026-11-22/{DIGEST}",
        f"v1/=4F/2026-11-22/{DIGEST}",
        f"v1/=4/2026-11-22/{DIGEST}",
        f"v1/=/2026-11-22/{DIGEST}",
        f"v1/=ff/2026-11-22/{DIGEST}",
        f"v1/=ed=a0=80/2026-11-22/{DIGEST}",
        f"v1/=c0=ae/2026-11-22/{DIGEST}",
        f"v1/{'a' * 201}/2026-11-22/{DIGEST}",
        f"v1/default/2026-02-29/{DIGEST}",
        f"v1/default/0000-01-01/{DIGEST}",
        f"v1/default/2026-13-01/{DIGEST}",
        f"v1/default/20261122/{DIGEST}",
        f"v1/default/2026-W47-7/{DIGEST}",
        f"v1/default/2026-11-2\N{ARABIC-INDIC DIGIT TWO}/{DIGEST}",
        f"v1/default/2026-11-22/{DIGEST[:-1]}",
        f"v1/default/2026-11-22/{DIGEST}0",
        f"v1/default/2026-11-22/{DIGEST.upper()}",
        f"v1/default/2026-11-22/{DIGEST[:-1]}g",
        f"v1/default/2026-11-22/{DIGEST[:-1]}\N{FULLWIDTH DIGIT ONE}",
        f"v1/default/{DIGEST}",
        "urn:uuid:2c6f1d0e-6a51-4a41-a1b4-60f2a2a4a9de",
    ],
)
def test_what_no_keyspace_made_is_refused(key: str) -> None:
    with pytest.raises(InvalidKey):
        Key.parse(key)


@given(st.text())
def test_any_text_is_refused_or_is_the_only_spelling_of_its_key(text: str) -> None:
    _refused_or_canonical(text)


@given(
    keys.map(str),
    st.integers(min_value=0, max_value=400),
    st.sampled_from([*string.printable, "\0", "é", "=2e", "%2f", "../", ""]),
    st.booleans(),
)
def test_a_near_miss_is_refused_or_is_the_only_spelling_of_its_key(
    key: str, position: int, change: str, replace: bool
) -> None:
    position %= len(key) + 1
    _refused_or_canonical(key[:position] + change + key[position + replace :])


def _refused_or_canonical(text: str) -> None:
    try:
        key = Key.parse(text)
    except InvalidKey:
        return
    assert str(key) == text


@pytest.mark.parametrize(
    "namespace", ["", "a" * 201, "A" * 67, "\N{SNOWMAN}" * 23, "\ud800", "a\udfff"]
)
def test_a_namespace_that_fits_no_key_is_refused(namespace: str) -> None:
    with pytest.raises(InvalidSettings):
        check_namespace(namespace)
    with pytest.raises(InvalidSettings):
        Key(namespace=namespace, day=DAY, digest=DIGEST)


@pytest.mark.parametrize("namespace", ["a" * 200, "A" * 66, "\N{SNOWMAN}" * 22])
def test_the_longest_namespaces_fit(namespace: str) -> None:
    key = Key(namespace=namespace, day=DAY, digest=DIGEST)
    assert Key.parse(str(key)) == key


@pytest.mark.parametrize("digest", ["", "3f", DIGEST.upper(), f"{DIGEST}\n", "g" * 64])
def test_a_key_with_a_digest_that_is_none_cannot_be_made(digest: str) -> None:
    with pytest.raises(InvalidKey):
        Key(namespace="default", day=DAY, digest=digest)


def test_a_key_with_a_time_in_its_day_cannot_be_made() -> None:
    with pytest.raises(InvalidKey):
        Key(namespace="default", day=dt.datetime(2026, 11, 22, tzinfo=dt.UTC), digest=DIGEST)


def test_no_refusal_repeats_what_was_refused() -> None:
    with pytest.raises(InvalidKey) as caught:
        Key.parse("v1/a secret that was taken for a key")
    assert "secret" not in str(caught.value)
