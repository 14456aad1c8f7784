"""One flipped bit, one cut, one added byte anywhere in an object: found, every time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temporal_claimcheck.envelope import digest_of, open_envelope, seal_envelope
from temporal_claimcheck.errors import BlobCorrupt
from temporal_claimcheck.transforms.base import Compression
from temporal_claimcheck.transforms.compression import (
    GzipCompression,
    NoCompression,
    ZstdCompression,
)
from tests.core.envelopes import KEY

SMALL = b"to be, or not to be, that is the question: " * 6
LARGE = b"".join(b'{"id":%d,"name":"item %d"},' % (n, n) for n in range(12_000))

compressions = pytest.mark.parametrize(
    "compression", [ZstdCompression(), GzipCompression(), NoCompression()], ids=lambda c: c.name
)


def is_found(damaged: bytes, data: bytes) -> bool:
    """Return whether the damage is reported as such, and never as another payload."""
    with pytest.raises(BlobCorrupt, match=KEY):
        open_envelope(damaged, key=KEY, digest=digest_of(data), max_plain_bytes=len(data))
    return True


@compressions
def test_every_flipped_bit_of_a_small_object_is_found(compression: Compression) -> None:
    blob = seal_envelope(SMALL, compression)
    for bit in range(len(blob) * 8):
        damaged = bytearray(blob)
        damaged[bit // 8] ^= 1 << bit % 8
        assert is_found(bytes(damaged), SMALL)


@compressions
def test_every_cut_of_a_small_object_is_found(compression: Compression) -> None:
    blob = seal_envelope(SMALL, compression)
    for position in range(len(blob)):
        assert is_found(blob[:position], SMALL)
        assert is_found(blob[position + 1 :], SMALL)
        assert is_found(blob[:position] + blob[position + 1 :], SMALL)


@compressions
def test_every_added_byte_in_a_small_object_is_found(compression: Compression) -> None:
    blob = seal_envelope(SMALL, compression)
    for position in range(len(blob) + 1):
        for added in (b"\0", b"\xff", b"\n", blob[position : position + 1] or b"}"):
            assert is_found(blob[:position] + added + blob[position:], SMALL)


@compressions
@settings(max_examples=50)
@given(fraction=st.floats(min_value=0, max_value=1, exclude_max=True), data=st.data())
def test_damage_anywhere_in_a_large_object_is_found(
    compression: Compression, fraction: float, data: st.DataObject
) -> None:
    blob = seal_envelope(LARGE, compression)
    start = int(fraction * len(blob))
    length = data.draw(st.integers(min_value=0, max_value=5000))
    put_there = data.draw(st.binary(max_size=5000))
    damaged = blob[:start] + put_there + blob[start + length :]
    if damaged == blob:
        damaged += b"\0"
    assert is_found(damaged, LARGE)


@compressions
def test_two_parts_in_the_wrong_order_are_found(compression: Compression) -> None:
    blob = seal_envelope(LARGE, compression)
    half = len(blob) // 2
    assert is_found(blob[:100] + blob[half:] + blob[100:half], LARGE)
