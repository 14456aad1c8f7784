"""Text that is safe and pleasant to read on a terminal. Pure."""

import json
import re
from collections.abc import Iterator
from typing import Final

__all__ = ["hex_lines", "indented_json", "visible"]

_INDENT: Final = "  "
# Possessive, so that no content makes it search for long.
_TOKEN: Final = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]|[^\s{}\[\],:"]++')
_OPENING: Final = {"{": "}", "[": "]"}
_HEX_COLUMNS: Final = 16


def visible(text: str, *, keep: str = "") -> str:
    """Return the text with every character that a terminal would obey spelled out.

    What somebody else wrote must not move the cursor, change colours, or turn the writing
    around. Characters in `keep` stay.
    """
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() or each in keep else _spelled(each) for each in text)


def indented_json(text: str) -> str:
    """Return a JSON text with lines and indents, and every number in its very letters.

    Escapes of characters that can be shown are undone. Raises ValueError for what is no JSON,
    RecursionError for what is nested too deep.
    """
    json.loads(text)
    return "".join(_pretty(text))


def hex_lines(data: bytes) -> Iterator[str]:
    """Yield lines of offset, hexadecimal digits and characters."""
    for start in range(0, len(data), _HEX_COLUMNS):
        row = data[start : start + _HEX_COLUMNS]
        digits = f"{row[:8].hex(' '):<23}  {row[8:].hex(' '):<23}"
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)  # noqa: PLR2004
        yield f"{start:08x}  {digits}  {letters}"


def _pretty(text: str) -> Iterator[str]:
    depth = 0
    is_first = True
    """Whether nothing stands yet in the list or object that is open."""
    after_name = False
    for match in _TOKEN.finditer(text):
        part = match[0]
        if part in {"}", "]"}:
            depth -= 1
            yield part if is_first else f"\n{_INDENT * depth}{part}"
            is_first = False
        elif part == ",":
            yield ","
        elif part == ":":
            yield ": "
            after_name = True
        else:
            if depth and not after_name:
                yield f"\n{_INDENT * depth}"
            after_name = False
            if part in _OPENING:
                depth += 1
                is_first = True
            else:
                is_first = False
            yield _readable(part) if part.startswith('"') else part


def _readable(token: str) -> str:
    """Return a JSON string with what can be shown unescaped; it stays the same JSON string."""
    if "\\" not in token and token.isprintable():
        return token
    return visible(json.dumps(json.loads(token), ensure_ascii=False))


def _spelled(character: str) -> str:
    code = ord(character)
    if code > 0xFFFF:  # noqa: PLR2004
        # As JSON spells it, so that a string of it stays the same string.
        high, low = divmod(code - 0x10000, 0x400)
        return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
    return f"\\u{code:04x}"
