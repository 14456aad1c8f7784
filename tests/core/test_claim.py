"""The claim: strings only, small, read back exactly or not at all."""

import datetime as dt
import json
from collections.abc import Mapping

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from temporal_claimcheck.claim import Claim
from temporal_claimcheck.errors import ClaimError, InvalidClaim, UnsupportedClaim
from temporal_claimcheck.keyspace import Key

KEY = f"v1/default/2026-11-22/{'3f' * 32}"
WIRE = {"v": "1", "key": KEY, "size": "5029", "digest": "blake3"}

claims = st.builds(
    Claim,
    key=st.text(min_size=1, max_size=280),
    payload_bytes=st.integers(min_value=0, max_value=10**19 - 1),
)


def test_the_wire_form_is_four_strings() -> None:
    assert Claim(key=KEY, payload_bytes=5029).dump() == WIRE
    assert Claim.parse(WIRE) == Claim(key=KEY, payload_bytes=5029)


@given(claims)
def test_every_claim_is_read_back(claim: Claim) -> None:
    assert Claim.parse(claim.dump()) == claim
    assert Claim.parse(json.loads(json.dumps(claim.dump()))) == claim


@pytest.mark.parametrize("namespace", ["a" * 200, "A" * 66, "\N{SNOWMAN}" * 22])
def test_the_largest_claim_is_under_400_bytes(namespace: str) -> None:
    key = Key(namespace=namespace, day=dt.date.max, digest="f" * 64)
    wire = Claim(key=str(key), payload_bytes=10**19 - 1).dump()
    assert len(json.dumps(wire)) < 400
    assert Claim.parse(wire).key == str(key)


@pytest.mark.parametrize("field", WIRE)
def test_a_claim_without_one_of_its_fields_is_refused(field: str) -> None:
    with pytest.raises(InvalidClaim):
        Claim.parse({name: value for name, value in WIRE.items() if name != field})


@pytest.mark.parametrize("field", ["bucket", "K", "", "Key", "size "])
def test_a_claim_with_a_further_field_is_refused(field: str) -> None:
    with pytest.raises(InvalidClaim):
        Claim.parse({**WIRE, field: "x"})


@pytest.mark.parametrize("field", WIRE)
@pytest.mark.parametrize("value", [None, 1, 5029, True, b"1", ["1"], {"1": "1"}, 1.0])
def test_a_field_that_is_no_string_is_refused(field: str, value: object) -> None:
    with pytest.raises(ClaimError):
        Claim.parse({**WIRE, field: value})


@pytest.mark.parametrize(
    "size",
    ["", "-1", "+1", "01", "1.0", "1e3", " 1", "1\n", "1_000", "0x10", "\u0663", "9" * 20],
)
def test_a_size_that_is_no_number_of_bytes_is_refused(size: str) -> None:
    with pytest.raises(InvalidClaim):
        Claim.parse({**WIRE, "size": size})


@pytest.mark.parametrize("key", ["", "a" * 281])
def test_a_key_of_no_valid_length_is_refused(key: str) -> None:
    with pytest.raises(InvalidClaim):
        Claim.parse({**WIRE, "key": key})


@pytest.mark.parametrize("version", ["", "0", "01", "1.0", "-1", "v1", "\u0661", "1\n"])
def test_a_version_that_never_was_is_refused(version: str) -> None:
    with pytest.raises(InvalidClaim):
        Claim.parse({**WIRE, "v": version})


@pytest.mark.parametrize(
    "later",
    [{**WIRE, "v": "2"}, {"v": "2"}, {"v": "10", "other": "fields"}, {**WIRE, "digest": "x1"}],
)
def test_a_claim_of_a_later_release_says_to_upgrade(later: Mapping[str, object]) -> None:
    with pytest.raises(UnsupportedClaim, match="Upgrade"):
        Claim.parse(later)


@given(
    st.dictionaries(
        st.one_of(st.sampled_from(["v", "key", "size", "digest"]), st.text(max_size=5)),
        st.one_of(st.sampled_from(["1", "blake3", KEY]), st.text(max_size=9), st.integers()),
        max_size=6,
    )
)
@example({})
def test_anything_else_is_refused_or_read_exactly(data: dict[str, object]) -> None:
    try:
        claim = Claim.parse(data)
    except ClaimError:
        return
    assert claim.dump() == data


def test_a_claim_that_could_not_be_read_back_cannot_be_made() -> None:
    for key, payload_bytes, digest in (("", 1, "blake3"), (KEY, -1, "blake3"), (KEY, 1, "md5")):
        with pytest.raises(ClaimError):
            Claim(key=key, payload_bytes=payload_bytes, digest=digest)


def test_no_refusal_repeats_what_was_refused() -> None:
    for name in WIRE:
        with pytest.raises(ClaimError) as caught:
            Claim.parse({**WIRE, name: "\0 a secret" * 50})
        assert "secret" not in str(caught.value)
