"""The content of a payload as text for people, whatever it is. Pure."""

import enum
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from temporalio.api.common.v1 import Payload

from temporal_claimcheck.inspection.texts import hex_lines, indented_json, visible
from temporal_claimcheck.server.content import View, describe

__all__ = ["Form", "Shown", "show_content"]

_MAX_LINES: Final = 1000
_MAX_CHARACTERS: Final = 256 * 1024
_HEX_BYTES: Final = 256
_JSON_VIEWS: Final = frozenset({View.JSON, View.TABLE})


class Form(enum.Enum):
    """How content is shown."""

    JSON = "json"
    TEXT = "text"
    HEX = "hex"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Content as text; nothing in it commands a terminal."""

    title: str
    """What it is."""
    form: Form
    text: str
    is_cut: bool
    """Whether there is more than is shown."""
    note: str | None = None
    """What people should know before they look at it."""


def show_content(payload: Payload) -> Shown:
    """Return a payload's content: JSON indented, text as it is, the first bytes of all else."""
    content = payload.data
    described = describe(payload.metadata, content)
    best = described.views[0]
    if best in _JSON_VIEWS:
        try:
            indented = indented_json(content.decode())
        except (ValueError, RecursionError):
            # It says that it is JSON, and is none, or none to be read here: then as it is.
            best = View.TEXT
        else:
            text, is_cut = _cut(indented.splitlines())
            return Shown(title=described.title, form=Form.JSON, text=text, is_cut=is_cut)
    if best is View.TEXT:
        lines = content.decode(errors="replace").split("\n")
        text, is_cut = _cut(visible(line, keep="\t") for line in lines)
        form = Form.TEXT
    else:
        text, is_cut = "\n".join(hex_lines(content[:_HEX_BYTES])), len(content) > _HEX_BYTES
        form = Form.HEX
    return Shown(title=described.title, form=form, text=text, is_cut=is_cut, note=described.note)


def _cut(lines: Iterable[str]) -> tuple[str, bool]:
    """Return as many lines as people look at, and whether there are more."""
    kept: list[str] = []
    room = _MAX_CHARACTERS
    rest: Iterator[str] = iter(lines)
    for line in rest:
        if len(kept) == _MAX_LINES or room <= 0:
            return "\n".join(kept), True
        kept.append(line[:room])
        if len(line) > room:
            return "\n".join(kept), True
        room -= len(line)
    return "\n".join(kept), False
