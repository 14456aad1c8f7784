"""Where large content is cut into pieces, so that none of it has to be shown at once.

Works on bytes, and forgives: content that is no valid JSON is cut somewhere, and no content
makes it recurse or fail. Pure.
"""

import re
import threading
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

__all__ = ["PIECE_BYTES", "Cut", "Cuts", "Piece", "fixed_cut", "json_cut", "record_cut", "text_cut"]

PIECE_BYTES: Final = 64 * 1024
"""Size of a piece, more or less: it ends at a boundary that people would choose."""

_SLACK: Final = PIECE_BYTES // 4
_QUOTE: Final = 0x22
# Possessive, so that no content makes them search for long or take memory.
_STRING: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?', re.DOTALL)
_REST_OF_STRING: Final = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
_WHOLE_TOKENS: Final = re.compile(rb'(?:[^"]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
_MARKS: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A place where a piece begins."""

    offset: int
    depth: int = 0
    """How many lists and objects are open here."""
    in_string: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of the content, with what is needed to show it alone."""

    start: Cut
    end: int


CutFinder = Callable[[bytes, Cut, int], Cut]
"""(content, the cut before, offset) -> the cut at that offset or soon after it."""


class Cuts:
    """The cuts of one content, found as they are asked for and kept. Holds no content.

    Safe for several threads.
    """

    def __init__(self, size: int, find: CutFinder, *, piece_bytes: int = PIECE_BYTES) -> None:
        self._size = size
        self._find = find
        self._piece_bytes = piece_bytes
        self._found = [Cut(offset=0)]
        self._lock = threading.Lock()

    @property
    def count(self) -> int:
        """How many pieces there are; known without looking for the cuts."""
        return max(1, -(-self._size // self._piece_bytes))

    def piece(self, content: bytes, number: int) -> Piece:
        """Return a piece; it may be empty where a cut was found late."""
        return Piece(start=self._at(content, number), end=self._at(content, number + 1).offset)

    def number_of(self, content: bytes, offset: int) -> int:
        """Return the number of the piece in which an offset lies."""
        # A cut is at most a few bytes before its nominal offset, so no later piece has it.
        last = min(offset // self._piece_bytes + 1, self.count - 1)
        self._at(content, last)
        return bisect_right(self._found, offset, hi=last + 1, key=lambda cut: cut.offset) - 1

    def _at(self, content: bytes, number: int) -> Cut:
        if number >= self.count:
            return Cut(offset=self._size)
        with self._lock:
            while len(self._found) <= number:
                before, nominal = self._found[-1], len(self._found) * self._piece_bytes
                late = before.offset >= nominal
                self._found.append(before if late else self._find(content, before, nominal))
            return self._found[number]


def fixed_cut(content: bytes, before: Cut, nominal: int) -> Cut:
    """Cut bytes right there."""
    del content, before
    return Cut(offset=nominal)


def text_cut(content: bytes, before: Cut, nominal: int) -> Cut:
    """Cut text behind the end of a line, else between two characters."""
    del before
    line_end = content.find(b"\n", nominal, nominal + _SLACK)
    offset = line_end + 1 if line_end >= 0 else _between_characters(content, nominal)
    return Cut(offset=offset)


def json_cut(content: bytes, before: Cut, nominal: int) -> Cut:
    """Cut JSON behind a comma; a string that is too long is cut inside."""
    state = _state_near(content, before, nominal)
    limit = min(len(content), nominal + _SLACK)
    offset, depth = state.offset, state.depth
    if state.in_string:
        end = _rest(content, offset, limit)
        if end >= limit or content[end] != _QUOTE:
            return _inside(content, offset, nominal, depth)
        offset = end + 1
    for mark in _MARKS.finditer(content, offset, limit):
        first = content[mark.start()]
        if first == _QUOTE and mark.end() >= limit:
            if mark.start() >= nominal:
                return Cut(offset=mark.start(), depth=depth)
            return _inside(content, mark.start() + 1, nominal, depth)
        if first in b"[{":
            depth += 1
        elif first in b"]}":
            depth = max(0, depth - 1)
        elif first in b"," and mark.end() >= nominal:
            return Cut(offset=mark.end(), depth=depth)
    return Cut(offset=_between_characters(content, limit), depth=depth)


def record_cut(content: bytes, before: Cut, nominal: int) -> Cut:
    """Cut a JSON list behind the comma after one of its elements."""
    state = _state_near(content, before, nominal)
    offset, depth = state.offset, state.depth
    if state.in_string:
        offset = _rest(content, offset, len(content)) + 1
    for mark in _MARKS.finditer(content, offset):
        first = content[mark.start()]
        if first in b"[{":
            depth += 1
        elif first in b"]}":
            depth = max(0, depth - 1)
        elif first in b"," and depth == 1 and mark.end() >= nominal:
            return Cut(offset=mark.end(), depth=1)
    return Cut(offset=len(content))


def _state_near(content: bytes, before: Cut, nominal: int) -> Cut:
    """Return the last place up to `nominal` where it is known what is open.

    It is between two tokens, or inside a string that goes on at `nominal`.
    """
    offset = before.offset
    if before.in_string:
        offset = _rest(content, offset, nominal)
        if offset >= nominal or content[offset] != _QUOTE:
            return Cut(offset=offset, depth=before.depth, in_string=True)
        offset += 1
    end = _end_of(_WHOLE_TOKENS.match(content, offset, nominal), offset)
    bare = _STRING.sub(b"", content[offset:end])
    opened = bare.count(b"{") + bare.count(b"[") - bare.count(b"}") - bare.count(b"]")
    return Cut(offset=end, depth=max(0, before.depth + opened))


def _inside(content: bytes, offset: int, nominal: int, depth: int) -> Cut:
    """Cut in the string that goes on at `offset`, between two of its characters."""
    end = _rest(content, offset, max(offset, nominal))
    return Cut(offset=_between_characters(content, end), depth=depth, in_string=True)


def _rest(content: bytes, offset: int, limit: int) -> int:
    """Return where a string ends that goes on at `offset`; never between the parts of an escape."""
    return _end_of(_REST_OF_STRING.match(content, offset, limit), offset)


def _end_of(match: re.Match[bytes] | None, otherwise: int) -> int:
    return otherwise if match is None else match.end()


def _between_characters(content: bytes, offset: int) -> int:
    """Return the offset, or one a little before, where no UTF-8 character is cut."""
    for back in range(4):
        if offset - back >= len(content) or content[offset - back] & 0xC0 != 0x80:  # noqa: PLR2004
            return offset - back
    return offset
