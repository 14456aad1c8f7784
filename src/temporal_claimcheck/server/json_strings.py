"""Long strings of a JSON document, taken out before it is parsed.

Python's parser and its Base64 hold the interpreter for as long as a string is long: other requests
would wait for a payload of 40 MB, also if a thread parses it. What is left without its long strings
is small, and they are decoded piece by piece.
"""

import base64
import binascii
import json
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

__all__ = ["Document", "decode_base64", "encode_base64", "read_document"]

_LONG: Final = 64 * 1024
# Whole groups of Base64 on one side, of bytes on the other; a fraction of a millisecond each.
_PIECE_CHARACTERS: Final = 4 * 64 * 1024
_PIECE_BYTES: Final = 3 * 64 * 1024
_TO_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_MARK: Final = "\0"


class Document(NamedTuple):
    """What a document says, and its long strings."""

    value: object
    """In place of a long string stands one that begins with a null, as no other string does."""
    long_strings: Sequence[memoryview]

    def text_of(self, value: str) -> bytes | memoryview | None:
        """Return the text of a string in the document; None for one that is not ASCII."""
        if self.long_strings and value.startswith(_MARK):
            return self.long_strings[int(value[1:])]
        return value.encode() if value.isascii() else None

    def is_long(self, value: str) -> bool:
        """Return whether a long string stood there."""
        return bool(self.long_strings) and value.startswith(_MARK)


def read_document(body: bytes) -> Document:
    """Parse a document. Raises ValueError or RecursionError for what is none."""
    # A backslash would make quotes ambiguous, and may spell a null; no Base64 has one. A null
    # stands in documents that are not UTF-8.
    if len(body) < _LONG or b"\\" in body or _MARK.encode() in body:
        return Document(json.loads(body), ())
    strings: list[memoryview] = []
    rest: list[bytes | memoryview] = []
    view, done = memoryview(body), 0
    for start, end in _strings_in(body):
        if end - start >= _LONG:
            rest += (view[done:start], f"\\u0000{len(strings)}".encode())
            strings.append(view[start:end])
            done = end
    rest.append(view[done:])
    return Document(json.loads(b"".join(rest)), strings)


def decode_base64(text: bytes | memoryview) -> bytes:
    """Return the bytes of a Base64 text, in either alphabet, padded or not. Raises ValueError."""
    pieces: list[bytes] = []
    for start in range(0, len(text), _PIECE_CHARACTERS):
        piece = bytes(text[start : start + _PIECE_CHARACTERS]).translate(_TO_STANDARD)
        is_last = start + _PIECE_CHARACTERS >= len(text)
        if is_last:
            piece += b"=" * (-len(piece) % 4)
        elif b"=" in piece:
            raise binascii.Error("There is padding before the end.")
        pieces.append(base64.b64decode(piece, validate=True))
    return b"".join(pieces)


def encode_base64(data: bytes) -> Iterator[bytes]:
    """Yield the Base64 of some bytes, piece by piece."""
    view = memoryview(data)
    for start in range(0, len(data), _PIECE_BYTES):
        yield base64.b64encode(view[start : start + _PIECE_BYTES])


def _strings_in(body: bytes) -> Iterator[tuple[int, int]]:
    """Yield where the strings of a document without backslashes begin and end."""
    end = -1
    while (start := body.find(b'"', end + 1)) >= 0:
        end = body.find(b'"', start + 1)
        if end < 0:
            return
        yield start + 1, end
