"""One content in one view: its pieces as HTML, and where a text is found in it.

What it remembers of a content is where it is cut, never a byte of it.
"""

import re
import time
from dataclasses import dataclass, field
from typing import Final

from markupsafe import Markup

from temporal_claimcheck.server.content import View, part_of_list
from temporal_claimcheck.server.highlight import Spans, hex_piece, json_piece, text_piece
from temporal_claimcheck.server.pieces import (
    CutFinder,
    Cuts,
    Piece,
    fixed_cut,
    json_cut,
    record_cut,
    text_cut,
)
from temporal_claimcheck.server.table import Column, columns_of, rows_html, shown_text

__all__ = ["MAX_HITS", "Hits", "Rendering"]

MAX_HITS: Final = 5000
"""A search stops after so many."""
_SEARCH_SECONDS: Final = 5.0
_HEX_PIECE_BYTES: Final = 16 * 1024
_PIECE_BYTES: Final = 64 * 1024
_HEX: Final = re.compile(r"0x((?:[0-9a-fA-F]{2})+)")
_CUTS: Final[dict[View, CutFinder]] = {
    View.TABLE: record_cut,
    View.JSON: json_cut,
    View.TEXT: text_cut,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hits:
    """Where a text was found."""

    pieces: list[int] = field(default_factory=list[int])
    """The number of its piece, for every place where it stands."""
    is_complete: bool = True
    """Whether all of the content was searched."""


class Rendering:
    """Shows one content in one view. Blocks: called in threads; safe for several.

    The content is handed in with every call, always the same one.
    """

    def __init__(self, view: View, size: int) -> None:
        self.view = view
        self._cuts = Cuts(
            size,
            _CUTS.get(view, fixed_cut),
            piece_bytes=_HEX_PIECE_BYTES if view is View.HEX else _PIECE_BYTES,
        )

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return 1 if self.view is View.IMAGE else self._cuts.count

    def columns(self, content: bytes) -> list[Column]:
        """Return the columns, which only a table has."""
        if self.view is not View.TABLE:
            return []
        return columns_of(_part(content, self._cuts.piece(content, 0)))

    def html(self, content: bytes, number: int, query: str) -> Markup:
        """Return a piece, with what is searched for marked."""
        if self.view is View.IMAGE:
            return Markup()
        piece = self._cuts.piece(content, number)
        if self.view is View.TABLE:
            pattern = _text_pattern(query) if query else None
            return rows_html(_part(content, piece), self.columns(content), pattern)
        spans = Spans(content, self._spans(content, piece, query) if query else ())
        if self.view is View.JSON:
            return json_piece(content, piece, spans)
        return (text_piece if self.view is View.TEXT else hex_piece)(content, piece, spans)

    def find(self, content: bytes, query: str) -> Hits:
        """Return the places of a text, letters of either case; stops when it takes too long."""
        if not query or self.view is View.IMAGE:
            return Hits()
        deadline = time.monotonic() + _SEARCH_SECONDS
        if self.view is View.TABLE:
            return self._find_in_table(content, query, deadline)
        found: list[int] = []
        for match in self._pattern(query).finditer(content):
            if len(found) == MAX_HITS or time.monotonic() > deadline:
                return Hits(pieces=found, is_complete=False)
            found.append(self._cuts.number_of(content, match.start()))
        return Hits(pieces=found)

    def _find_in_table(self, content: bytes, query: str, deadline: float) -> Hits:
        pattern, columns = _text_pattern(query), self.columns(content)
        found: list[int] = []
        for number in range(self.count):
            for text in shown_text(_part(content, self._cuts.piece(content, number)), columns):
                found += [number] * sum(1 for _ in pattern.finditer(text))
            if len(found) > MAX_HITS or time.monotonic() > deadline:
                return Hits(pieces=found[:MAX_HITS], is_complete=False)
        return Hits(pieces=found)

    def _spans(self, content: bytes, piece: Piece, query: str) -> list[tuple[int, int]]:
        # A match may begin in the piece before.
        start = max(0, piece.start.offset - len(query) * _LONGEST_SPELLING)
        end = min(len(content), piece.end + len(query) * _LONGEST_SPELLING)
        return [match.span() for match in self._pattern(query).finditer(content, start, end)]

    def _pattern(self, query: str) -> re.Pattern[bytes]:
        number = _HEX.fullmatch(query)
        if self.view is View.HEX and number:
            return re.compile(re.escape(bytes.fromhex(number[1])))
        spell = _spellings if self.view is View.JSON else _bytes
        return re.compile(b"".join(map(spell, query)), re.IGNORECASE)


# As JSON writes a character beyond the first 65536: two escapes.
_LONGEST_SPELLING: Final = 12


def _spellings(character: str) -> bytes:
    """Return a pattern for the ways in which JSON may write a character in a string."""
    plain = _bytes(character)
    if character in '"\\':
        return rb"(?:\\" + plain + rb"|" + plain + rb")"
    if character.isascii():
        return plain
    units = character.encode("utf-16-be", "surrogatepass").hex()
    escaped = b"".join(rb"\\u" + units[at : at + 4].encode() for at in range(0, len(units), 4))
    others = {plain, _bytes(character.lower()), _bytes(character.upper()), escaped}
    return b"(?:" + b"|".join(sorted(others)) + b")"


def _bytes(character: str) -> bytes:
    return re.escape(character.encode(errors="replace"))


def _text_pattern(query: str) -> re.Pattern[str]:
    return re.compile(re.escape(query), re.IGNORECASE)


def _part(content: bytes, piece: Piece) -> bytes:
    return part_of_list(content, piece.start.offset, piece.end)
