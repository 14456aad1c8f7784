"""Bytes to HTML: escaped, highlighted, and with what was searched for marked. Pure.

All text of a payload that reaches a page passes `visible` and is escaped here or by Jinja.
"""

import re
from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

from markupsafe import Markup, escape

from temporal_claimcheck.server.pieces import Piece

__all__ = ["Spans", "hex_piece", "json_piece", "mark_text", "text_piece", "visible"]

_DEEPEST_INDENT: Final = 40
_ROW: Final = 16
_SPACE: Final = 0x20
_DELETE: Final = 0x7F

# Controls, half characters, and what turns the direction of writing: shown, never obeyed.
_ODD: Final = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
_TOKEN: Final = re.compile(
    rb"""
    (?P<string>"(?:[^"\\]++|\\.)*+"?)(?P<key>\s*+:)?
    |(?P<open>[\[{])(?P<empty>\s*+[\]}])?
    |(?P<close>[\]}])
    |(?P<comma>,)
    |(?P<colon>:)
    |(?P<number>-?[0-9][0-9.eE+-]*+)
    |(?P<word>(?:true|false|null)\b)
    |(?P<space>\s++)
    |(?P<other>[^\s"\[\]{},:]++)
    """,
    re.DOTALL | re.VERBOSE,
)
_DEEPER: Final = {"open": 1, "close": -1}
_FIXED: Final = {"space": "", "colon": ": "}
_CLASSES: Final = {"string": "s", "number": "n", "word": "w", "other": "e"}
_STRING_GOES_ON: Final = re.compile(rb'(?:[^"\\]++|\\.)*+"?', re.DOTALL)


def visible(text: str) -> str:
    """Return text in which nothing is hidden or turns it round."""
    return _ODD.sub(lambda match: _picture(match[0]), text.replace("\r\n", "\n"))


def mark_text(text: str, pattern: re.Pattern[str] | None) -> tuple[Markup, int]:
    """Return escaped text with every match marked, and how many there are."""
    text = visible(text)
    if pattern is None:
        return escape(text), 0
    parts: list[str] = []
    at = count = 0
    for match in pattern.finditer(text):
        parts += escape(text[at : match.start()]), _mark(escape(match[0]), is_first=True)
        at, count = match.end(), count + 1
    return Markup("".join([*parts, escape(text[at:])])), count  # noqa: S704  # each part is escaped


class Spans:
    """Where in the content something is marked; knows how to write a part of it."""

    def __init__(self, content: bytes, spans: Sequence[tuple[int, int]] = ()) -> None:
        """Mark these (start, end), which are in order and do not overlap."""
        self._content = content
        self._spans = spans

    def html(self, start: int, end: int) -> str:
        """Return a part, decoded and escaped."""
        if not self._spans:
            return _text(self._content[start:end])
        parts: list[str] = []
        for left, right in self.within(start, end):
            parts.append(_text(self._content[start:left]))
            parts.append(_mark(_text(self._content[left:right]), is_first=self.begins(left)))
            start = right
        return "".join([*parts, _text(self._content[start:end])])

    def within(self, start: int, end: int) -> list[tuple[int, int]]:
        """Return what is marked in a part, clipped to it."""
        first = bisect_left(self._spans, start, key=lambda span: span[1])
        found: list[tuple[int, int]] = []
        for left, right in self._spans[first:]:
            if left >= end:
                break
            if right > start:
                found.append((max(left, start), min(right, end)))
        return found

    def begins(self, offset: int) -> bool:
        """Return whether a marked place begins there."""
        at = bisect_left(self._spans, offset, key=lambda span: span[0])
        return at < len(self._spans) and self._spans[at][0] == offset


def text_piece(content: bytes, piece: Piece, spans: Spans) -> Markup:
    """Return a piece of text."""
    del content
    return Markup(spans.html(piece.start.offset, piece.end))  # noqa: S704  # escaped by Spans


def json_piece(content: bytes, piece: Piece, spans: Spans) -> Markup:
    """Return a piece of JSON, a value a line, whether it is valid or not."""
    at, depth = piece.start.offset, piece.start.depth
    parts: list[str] = []
    if piece.start.in_string:
        match = _STRING_GOES_ON.match(content, at, piece.end)
        end = at if match is None else match.end()
        parts.append(_span("s", spans.html(at, end)))
        at = end
    elif depth:
        parts.append(_indent(depth))
    for token in _TOKEN.finditer(content, at, piece.end):
        depth += _DEEPER.get(token.lastgroup or "", 0)
        depth = max(0, depth)
        # The next piece brings its own indent.
        parts.append(_token_html(token, depth, spans, is_last=token.end() == piece.end))
    return Markup("".join(parts))  # noqa: S704  # escaped by Spans


def _token_html(token: re.Match[bytes], depth: int, spans: Spans, *, is_last: bool) -> str:
    start, end = token.span()
    match token.lastgroup:
        case "space" | "colon" as kind:
            return _FIXED[kind]
        case "key":
            return _span("k", spans.html(start, token.end("string"))) + ": "
        case "empty":
            return spans.html(start, start + 1) + spans.html(end - 1, end)
        case "close":
            return f"\n{_indent(depth)}{spans.html(start, end)}"
        case "open" | "comma":
            return f"{spans.html(start, end)}\n{'' if is_last else _indent(depth)}"
        case kind:
            return _span(_CLASSES[kind or "other"], spans.html(start, end))


def hex_piece(content: bytes, piece: Piece, spans: Spans) -> Markup:
    """Return bytes, sixteen a line: offset, hexadecimal, characters."""
    lines: list[str] = []
    for start in range(piece.start.offset, piece.end, _ROW):
        end = min(start + _ROW, piece.end)
        row = content[start:end]
        marked = spans.within(start, end)
        pairs = [f"{byte:02x}" for byte in row]
        signs = [str(escape(chr(byte))) if _SPACE <= byte < _DELETE else "·" for byte in row]
        for left, right in marked:
            first = spans.begins(left)
            _mark_range(pairs, left - start, right - start, " ", is_first=first)
            _mark_range(signs, left - start, right - start, "", is_first=False)
        padding = "   " * (_ROW - len(row))
        hexadecimal = " ".join(pair for pair in pairs if pair) + padding
        lines.append(f"{_span('o', f'{start:08x}')}  {hexadecimal}  {_span('a', ''.join(signs))}\n")
    return Markup("".join(lines))  # noqa: S704  # digits and escaped characters


def _mark_range(cells: list[str], left: int, right: int, joint: str, *, is_first: bool) -> None:
    cells[left] = _mark(joint.join(cells[left:right]), is_first=is_first)
    cells[left + 1 : right] = [""] * (right - left - 1)


def _text(part: bytes) -> str:
    return str(escape(visible(part.decode(errors="replace"))))


def _span(name: str, html: str) -> str:
    return f'<span class="{name}">{html}</span>'


def _mark(html: str, *, is_first: bool) -> str:
    # A match may be written in several parts; the first one counts.
    return f"<mark data-hit>{html}</mark>" if is_first else f"<mark>{html}</mark>"


def _indent(depth: int) -> str:
    return "  " * min(depth, _DEEPEST_INDENT)


def _picture(character: str) -> str:
    code = ord(character)
    if code < _SPACE:
        return "\u21b5" if character == "\r" else chr(0x2400 + code)
    return "\u2421" if code == _DELETE else f"\u27e8U+{code:04X}\u27e9"
