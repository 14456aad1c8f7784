"""Compression: zstd, gzip, none. Kept by the envelope only where it pays."""

import io
import sys
import zlib
from collections.abc import Iterator
from typing import ClassVar, Final

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.transforms.base import Compression, UndoFailed, UndoTooLarge

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

__all__ = ["COMPRESSIONS", "GzipCompression", "NoCompression", "ZstdCompression", "compression"]

# 128 MiB, zstd's own default; a frame that asks for more is no work of ours.
_MAX_WINDOW_LOG: Final = 27
_GZIP_WBITS: Final = 31
# Large payloads are fed piece by piece into one buffer: a compressor that gets all at once keeps
# its output twice for a moment, in blocks and joined.
_PIECE_BYTES: Final = 1024**2


class NoCompression:
    """Leaves the bytes as they are."""

    name: ClassVar[str] = "none"

    def apply(self, data: bytes) -> bytes:
        """Return the same bytes."""
        return data

    def undo(self, data: bytes | memoryview, *, plain_bytes: int) -> bytes:
        """Return the same bytes, if they are as many as stated."""
        _check_length(len(data), plain_bytes)
        return bytes(data)


class ZstdCompression:
    """Zstandard. Level 1 runs at hundreds of MB/s and shrinks JSON to about a third."""

    name: ClassVar[str] = "zstd"

    def __init__(self, level: int = 1) -> None:
        lowest, highest = zstd.CompressionParameter.compression_level.bounds()
        if not lowest <= level <= highest:
            raise InvalidSettings(
                f"zstd has no level {level}.", remedy=f"Use {lowest} to {highest}; 1 is fast."
            )
        self._level = level

    def apply(self, data: bytes) -> bytes:
        """Return one frame that states its content size."""
        if len(data) <= _PIECE_BYTES:
            return zstd.compress(data, level=self._level)
        compressor = zstd.ZstdCompressor(level=self._level)
        compressor.set_pledged_input_size(len(data))
        packed = io.BytesIO()
        for piece in _pieces(data):
            packed.write(compressor.compress(piece))
        packed.write(compressor.flush())
        return packed.getvalue()

    def undo(self, data: bytes | memoryview, *, plain_bytes: int) -> bytes:
        """Return the content of exactly one frame."""
        decompressor = zstd.ZstdDecompressor(
            options={zstd.DecompressionParameter.window_log_max: _MAX_WINDOW_LOG}
        )
        plain, left, rest = io.BytesIO(), plain_bytes + 1, memoryview(data)
        try:
            while left and not decompressor.eof and (rest or not decompressor.needs_input):
                size = _PIECE_BYTES if decompressor.needs_input else 0
                piece, rest = rest[:size], rest[size:]
                left -= plain.write(
                    decompressor.decompress(piece, max_length=min(left, _PIECE_BYTES))
                )
        except zstd.ZstdError as error:
            raise UndoFailed(str(error)) from error
        _check_length(plain.tell(), plain_bytes)
        _check_end(decompressor.eof, decompressor.unused_data or bytes(rest[:1]))
        return plain.getvalue()


class GzipCompression:
    """gzip, which every language reads; several times slower than zstd."""

    name: ClassVar[str] = "gzip"

    def __init__(self, level: int = 6) -> None:
        if not 0 <= level <= zlib.Z_BEST_COMPRESSION:
            raise InvalidSettings(f"gzip has no level {level}.", remedy="Use 0 to 9.")
        self._level = level

    def apply(self, data: bytes) -> bytes:
        """Return one member without a time stamp, so that equal bytes stay equal."""
        compressor = zlib.compressobj(self._level, wbits=_GZIP_WBITS)
        packed = io.BytesIO()
        for piece in _pieces(data):
            packed.write(compressor.compress(piece))
        packed.write(compressor.flush())
        return packed.getvalue()

    def undo(self, data: bytes | memoryview, *, plain_bytes: int) -> bytes:
        """Return the content of exactly one member."""
        decompressor = zlib.decompressobj(wbits=_GZIP_WBITS)
        try:
            plain = decompressor.decompress(data, plain_bytes + 1)
        except zlib.error as error:
            raise UndoFailed(str(error)) from error
        _check_length(len(plain), plain_bytes)
        _check_end(decompressor.eof, decompressor.unused_data)
        return plain


COMPRESSIONS: Final[dict[str, Compression]] = {
    "none": NoCompression(),
    "gzip": GzipCompression(),
    "zstd": ZstdCompression(),
}
"""Every compression by name, for reading: whatever wrote an object, it can be opened."""


def compression(name: str, level: int | None = None) -> Compression:
    """Return a compression to write with. Raises InvalidSettings for an unknown one."""
    match name:
        case "zstd":
            return ZstdCompression() if level is None else ZstdCompression(level)
        case "gzip":
            return GzipCompression() if level is None else GzipCompression(level)
        case "none":
            return NoCompression()
        case _:
            raise InvalidSettings(
                f"There is no compression named {name!r}.",
                remedy=f"Use one of {', '.join(sorted(COMPRESSIONS))}.",
            )


def _pieces(data: bytes) -> Iterator[memoryview]:
    view = memoryview(data)
    return (view[start : start + _PIECE_BYTES] for start in range(0, len(view), _PIECE_BYTES))


def _check_length(length: int, plain_bytes: int) -> None:
    if length > plain_bytes:
        raise UndoTooLarge("more bytes than stated")
    if length < plain_bytes:
        raise UndoFailed("fewer bytes than stated")


def _check_end(ended: bool, rest: bytes) -> None:  # noqa: FBT001  # mirrors the two decompressors
    if not ended:
        raise UndoFailed("cut before its end")
    if rest:
        raise UndoFailed("bytes behind the end")
