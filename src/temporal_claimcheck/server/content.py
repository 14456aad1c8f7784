"""What a payload's content is, and in which ways it can be shown. Pure."""

import enum
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from temporal_claimcheck.server.pieces import PIECE_BYTES, Cut, record_cut

__all__ = ["Content", "Literal", "View", "describe", "parse_records", "part_of_list"]

_SAMPLE_BYTES: Final = 4096
_MAX_TABLE_BYTES: Final = 64 * 1024**2
_MAX_RECORD_BYTES: Final = 1024**2
_JSON: Final = frozenset({"json/plain", "json/protobuf", "json/claim-check"})
_KNOWN: Final = _JSON | {"binary/plain", "binary/null", "binary/protobuf"}
# By their first bytes, whatever the payload says of itself. SVG is not here: it is a program.
_IMAGES: Final[tuple[tuple[re.Pattern[bytes], str, str], ...]] = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png", "png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg", "jpg"),
    (re.compile(rb"GIF8[79]a"), "image/gif", "gif"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "image/webp", "webp"),
)
_NO_TEXT: Final = re.compile(rb"[\x00-\x08\x0e-\x1a\x1c-\x1f]")


class View(enum.StrEnum):
    """A way to show content; its value stands in the address of the page."""

    IMAGE = "image"
    TABLE = "table"
    JSON = "json"
    TEXT = "text"
    HEX = "hex"


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What a payload holds, as people would say it."""

    title: str
    views: tuple[View, ...]
    """The best one first; bytes can always be shown."""
    extension: str
    """Of a file that it is saved as."""
    image_type: str | None = None
    note: str | None = None
    """What people should know before they look at it."""


class Literal(str):
    """A JSON number, true, false or null, in the very letters that were written."""

    __slots__ = ()


def describe(metadata: Mapping[str, bytes], content: bytes) -> Content:
    """Return what it is, by its encoding first and its bytes second."""
    encoding = metadata.get("encoding", b"").decode(errors="replace")
    message = metadata.get("messageType", b"").decode(errors="replace")
    if encoding == "binary/null" or (encoding == "" and not content):
        return Content(title="Nothing (null)", views=(View.HEX,), extension="bin")
    if encoding in _JSON and _is_text(content):
        return _json(content, f"{message} as JSON" if message else "JSON")
    if encoding == "binary/protobuf":
        title = f"Protobuf message {message}" if message else "Protobuf message"
        return Content(title=title, views=(View.HEX,), extension="pb")
    if encoding not in _KNOWN:
        return _foreign(encoding, content)
    return _sniffed(content)


def part_of_list(content: bytes, start: int, end: int) -> bytes:
    """Return the elements of a JSON list between two of `record_cut`'s cuts, without brackets."""
    part = content[start:end].strip()
    if start == 0:
        part = part.removeprefix(b"[")
    if end == len(content):
        part = part.removesuffix(b"]")
    return part


def parse_records(part: bytes) -> list[object] | None:
    """Return the elements in a part of a JSON list.

    Numbers stay the text that they are. None for what is no JSON, or is nested too deep.
    """
    inner = part.strip().removesuffix(b",")
    try:
        return cast("list[object]", _DECODER.decode(f"[{inner.decode(errors='replace')}]"))
    except (ValueError, RecursionError):
        return None


def _json(content: bytes, title: str) -> Content:
    if _is_table(content):
        views = (View.TABLE, View.JSON, View.HEX)
        return Content(title=f"{title}: a list of records", views=views, extension="json")
    return Content(title=title, views=(View.JSON, View.HEX), extension="json")


def _foreign(encoding: str, content: bytes) -> Content:
    if not encoding:
        sniffed = _sniffed(content)
        note = "The payload does not say how it is encoded; this is what its bytes look like."
        return Content(
            title=sniffed.title,
            views=sniffed.views,
            extension=sniffed.extension,
            image_type=sniffed.image_type,
            note=note,
        )
    note = (
        f"The encoding {encoding!r} is not one of Temporal's: a codec of your own encrypted or "
        "converted the payload before the claim check got it. Only that codec can undo it; these "
        "are the bytes as they are."
    )
    text = (View.TEXT,) if _is_text(content) and content else ()
    views = (*text, View.HEX) if text else (View.HEX,)
    return Content(title="Encoded by your own codec", views=views, extension="bin", note=note)


def _sniffed(content: bytes) -> Content:
    for pattern, kind, extension in _IMAGES:
        if pattern.match(content):
            return Content(
                title=f"{extension.upper().replace('JPG', 'JPEG')} image",
                views=(View.IMAGE, View.HEX),
                extension=extension,
                image_type=kind,
            )
    if content and _is_text(content):
        if content.lstrip()[:1] in (b"{", b"[") and content.rstrip()[-1:] in (b"}", b"]"):
            return _json(content, "JSON")
        return Content(title="Text", views=(View.TEXT, View.HEX), extension="txt")
    return Content(title="Bytes", views=(View.HEX,), extension="bin")


def _is_text(content: bytes) -> bool:
    sample = content[:_SAMPLE_BYTES]
    if _NO_TEXT.search(sample):
        return False
    try:
        # The sample may end within a character.
        sample.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(sample) - 3 and len(content) > len(sample)
    return True


def _is_table(content: bytes) -> bool:
    if len(content) > _MAX_TABLE_BYTES or content[:_SAMPLE_BYTES].lstrip()[:1] != b"[":
        return False
    # The first records speak for the rest; one that is no record is shown as it is.
    head = content[:_MAX_RECORD_BYTES]
    end = record_cut(head, Cut(offset=0), min(PIECE_BYTES, len(head))).offset
    if end == len(head) < len(content):
        return False
    records = parse_records(part_of_list(content, 0, end))
    return bool(records) and all(record and isinstance(record, dict) for record in records)


_DECODER: Final = json.JSONDecoder(
    parse_int=Literal,
    parse_float=Literal,
    parse_constant=Literal,
    strict=False,
)
