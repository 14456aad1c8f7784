"""What every compression promises, sentence by sentence of `Compression`.

class TestMyCompression(CompressionContract):
    @pytest.fixture
    def compression(self) -> Compression:
        return MyCompression()
"""
# ruff: noqa: S101  # assert is how pytest checks
# ruff: noqa: D102  # the name of a test says the promise

import random
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from temporal_claimcheck.transforms.base import Compression, UndoFailed, UndoTooLarge

__all__ = ["CompressionContract"]

_DICE: Final = random.Random(20261122)  # noqa: S311  # not a secret; the same bytes each time
_SAMPLES: Final[dict[str, bytes]] = {
    "empty": b"",
    "one-byte": b"\0",
    "every-byte": bytes(range(256)),
    "repetitive": b"claim check " * 5_000,
    "random": _DICE.randbytes(50_000),
    "mixed": b"".join(_DICE.randbytes(50) + bytes(50) for _ in range(500)),
    "zeros": bytes(3 * 1024**2),
    "large": b"".join(_DICE.randbytes(5_000) + bytes(5_000) for _ in range(250)),
}


class CompressionContract:
    """The promises of `Compression`. Subclass it, name the class `Test…`."""

    @pytest.fixture
    def compression(self) -> Compression:
        """Return the compression to check."""
        raise NotImplementedError("override the fixture compression")

    @pytest.mark.parametrize("data", _SAMPLES.values(), ids=_SAMPLES)
    def test_undo_gives_back_what_was_applied_to(
        self, compression: Compression, data: bytes
    ) -> None:
        applied = compression.apply(data)
        assert isinstance(applied, bytes)
        assert compression.undo(applied, plain_bytes=len(data)) == data

    def test_undo_takes_a_view(self, compression: Compression) -> None:
        applied = compression.apply(_SAMPLES["mixed"])
        view = memoryview(b"before" + applied)[6:]
        assert compression.undo(view, plain_bytes=len(_SAMPLES["mixed"])) == _SAMPLES["mixed"]

    @pytest.mark.parametrize("data", _SAMPLES.values(), ids=_SAMPLES)
    def test_equal_bytes_give_equal_bytes(self, compression: Compression, data: bytes) -> None:
        assert compression.apply(data) == compression.apply(data)

    @pytest.mark.parametrize("data", _SAMPLES.values(), ids=_SAMPLES)
    def test_more_than_stated_is_too_large(self, compression: Compression, data: bytes) -> None:
        applied = compression.apply(data + b"!")
        with pytest.raises(UndoTooLarge):
            compression.undo(applied, plain_bytes=len(data))

    @pytest.mark.parametrize("data", _SAMPLES.values(), ids=_SAMPLES)
    def test_less_than_stated_is_refused(self, compression: Compression, data: bytes) -> None:
        with pytest.raises(UndoFailed) as caught:
            compression.undo(compression.apply(data), plain_bytes=len(data) + 1)
        assert not isinstance(caught.value, UndoTooLarge)

    def test_every_cut_is_refused(self, compression: Compression) -> None:
        data = b"a text that is long enough to be packed, packed, packed and packed again"
        applied = compression.apply(data)
        for length in range(len(applied)):
            with pytest.raises(UndoFailed):
                compression.undo(applied[:length], plain_bytes=len(data))

    @pytest.mark.parametrize("rest", [b"\0", b"!", b"rest of something else"])
    def test_bytes_behind_the_end_are_refused(self, compression: Compression, rest: bytes) -> None:
        with pytest.raises(UndoFailed):
            compression.undo(compression.apply(b"data") + rest, plain_bytes=4)

    def test_two_in_a_row_are_refused(self, compression: Compression) -> None:
        half = compression.apply(b"half")
        with pytest.raises(UndoFailed):
            compression.undo(half + half, plain_bytes=4)
        empty = compression.apply(b"")
        if empty:
            with pytest.raises(UndoFailed):
                compression.undo(half + empty, plain_bytes=4)

    def test_damage_never_raises_anything_else(self, compression: Compression) -> None:
        data = _SAMPLES["mixed"][:2_000]
        applied = compression.apply(data)
        for position in range(len(applied)):
            damaged = bytearray(applied)
            damaged[position] ^= 1 << position % 8
            try:
                undone = compression.undo(bytes(damaged), plain_bytes=len(data))
            except UndoFailed:
                continue
            # Not every format has a checksum, so the digest must find this.
            assert len(undone) == len(data)

    def test_serves_many_threads_at_once(self, compression: Compression) -> None:
        samples = [_DICE.randbytes(20) * number for number in range(200)]

        def there_and_back(data: bytes) -> bytes:
            return compression.undo(compression.apply(data), plain_bytes=len(data))

        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(there_and_back, samples)) == samples

    def test_the_name_can_stand_in_a_header(self, compression: Compression) -> None:
        assert compression.name
        assert compression.name.isascii()
        assert compression.name == compression.name.strip().lower()
