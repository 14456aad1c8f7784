"""Records as the rows of a table. Pure."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, cast

from markupsafe import Markup, escape

from temporal_claimcheck.server.content import Literal, parse_records
from temporal_claimcheck.server.highlight import mark_text, visible

__all__ = ["Column", "columns_of", "rows_html", "shown_text"]

_MAX_COLUMNS: Final = 40
_MAX_CELL_CHARACTERS: Final = 300
_DEEPEST: Final = 6
_WORDS: Final[Mapping[object, str]] = {None: "null", True: "true", False: "false"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column of the table."""

    name: str
    is_number: bool
    """Whether the first value in it is a number."""


def columns_of(first_part: bytes) -> list[Column]:
    """Return the columns: the fields of the first records, in their order."""
    firsts: dict[str, object] = {}
    for record in parse_records(first_part) or []:
        if isinstance(record, dict):
            for name, value in cast("dict[str, object]", record).items():
                firsts.setdefault(name, value)
    found = [
        Column(name=name, is_number=isinstance(value, Literal)) for name, value in firsts.items()
    ]
    return found[:_MAX_COLUMNS]


def rows_html(part: bytes, columns: Sequence[Column], pattern: re.Pattern[str] | None) -> Markup:
    """Return table rows of a part of the list; what is no record stands in a row as it is."""
    return Markup("".join(_row(cells, len(columns), pattern) for cells in _rows(part, columns)))  # noqa: S704  # each cell is escaped


def shown_text(part: bytes, columns: Sequence[Column]) -> list[str]:
    """Return the texts of the cells as they are shown, for a search in them."""
    return [visible(text) for cells in _rows(part, columns) for text, _ in cells]


def _rows(part: bytes, columns: Sequence[Column]) -> list[list[tuple[str, str]]]:
    """Return the cells of each row, each as its text and its kind."""
    records = parse_records(part)
    if records is None:
        return [[(_clipped(part.decode(errors="replace").strip()), "e")]]
    return [_cells(record, columns) for record in records]


def _cells(record: object, columns: Sequence[Column]) -> list[tuple[str, str]]:
    if not isinstance(record, dict):
        return [(_clipped(_compact(record)), "e")]
    fields = cast("Mapping[str, object]", record)
    names = [column.name for column in columns]
    cells = [_cell(fields[name]) if name in fields else ("", "") for name in names]
    rest = {name: value for name, value in fields.items() if name not in names}
    # Only where there is more than the columns show, so that the table stays narrow.
    return [*cells, (_clipped(_compact(rest)), "")] if rest else cells


def _cell(value: object) -> tuple[str, str]:
    if isinstance(value, Literal):
        return value[:_MAX_CELL_CHARACTERS], "n"
    if isinstance(value, str):
        return _clipped(value), ""
    if value is None or isinstance(value, bool):
        return _compact(value), "w"
    return _clipped(_compact(value)), "e"


def _row(cells: list[tuple[str, str]], width: int, pattern: re.Pattern[str] | None) -> str:
    if len(cells) == 1 != width:
        html, _ = mark_text(cells[0][0], pattern)
        return f'<tr><td class="e" colspan="{width}">{html}</td></tr>\n'
    parts = ["<tr>"]
    for text, kind in cells:
        html, _ = mark_text(text, pattern)
        parts.append(f'<td class="{escape(kind)}">{html}</td>' if kind else f"<td>{html}</td>")
    return "".join([*parts, "</tr>\n"])


def _compact(value: object, depth: int = 0) -> str:
    """Return a value on one line, nested ones not deeper than people would read."""
    if isinstance(value, str):
        return f'"{value}"' if depth and not isinstance(value, Literal) else str(value)
    if isinstance(value, dict | list) and depth == _DEEPEST:
        return "…"
    if isinstance(value, dict):
        fields = islice(cast("Mapping[str, object]", value).items(), _MAX_COLUMNS)
        return _joined("{}", (f"{name}: {_compact(each, depth + 1)}" for name, each in fields))
    if isinstance(value, list):
        values = islice(cast("list[object]", value), _MAX_COLUMNS)
        return _joined("[]", (_compact(each, depth + 1) for each in values))
    return _WORDS[value]


def _joined(braces: str, values: Iterable[str]) -> str:
    return f"{braces[0]}{', '.join(values)}{braces[1]}"


def _clipped(text: str) -> str:
    if len(text) <= _MAX_CELL_CHARACTERS:
        return text
    return f"{text[:_MAX_CELL_CHARACTERS]}…"
