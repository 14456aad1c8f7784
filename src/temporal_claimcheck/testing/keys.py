"""Keys that every store must take, and keys that every store must refuse."""

from typing import Final

__all__ = ["FRIENDLY_KEYS", "HOSTILE_KEYS", "key_of"]

HOSTILE_KEYS: Final[dict[str, str]] = {
    "empty": "",
    "only-a-slash": "/",
    "absolute": "/etc/passwd",
    "two-slashes-first": "//host/share",
    "parent": "..",
    "climbing": "../outside",
    "climbing-inside": "v1/../../outside",
    "climbing-last": "v1/..",
    "current": ".",
    "current-inside": "v1/./a",
    "empty-segment": "v1//a",
    "empty-last-segment": "v1/a/",
    "hidden": ".hidden",
    "hidden-folder": "v1/.hidden/a",
    "backslash": "v1\\a",
    "climbing-backslash": "..\\outside",
    "drive": "C:\\a",
    "nul": "v1/a\0b",
    "nul-last": "v1/a\0",
    "newline": "v1/a\nb",
    "newline-last": "v1/a\n",
    "carriage-return": "v1/a\rb",
    "tabulator": "v1/a\tb",
    "escape": "v1/a\x1bb",
    "delete-character": "v1/a\x7fb",
    "not-ascii": "v1/\N{LATIN SMALL LETTER E WITH ACUTE}",
    "two-dots-in-one": "v1/\N{TWO DOT LEADER}/a",
    "wide-dots": "v1/\N{FULLWIDTH FULL STOP}\N{FULLWIDTH FULL STOP}/a",
    "wide-slash": "v1\N{FULLWIDTH SOLIDUS}a",
    "right-to-left": "v1/\N{RIGHT-TO-LEFT OVERRIDE}a",
    "half-a-character": "v1/\ud800",
    "long-segment": f"v1/{'a' * 251}",
    "long": "/".join(["a" * 200] * 5),
}
"""Keys that some system could take for a place outside of the store."""

FRIENDLY_KEYS: Final[dict[str, str]] = {
    "as-the-keyspace-makes-them": f"v1/default/2026-11-22/{'3f' * 32}",
    "escaped-namespace": f"v1/=2e=2e=c3=a9/2026-11-22/{'3f' * 32}",
    "one-segment": "a",
    "dots-inside": "v1/a..b/c.d.",
    "percent-stays-literal": "v1/%2e%2e%2foutside/%00",
    "plus-and-space": "v1/a+b c",
    "signs": "v1/a=b,c@d_e-f",
    "longest-segment": f"v1/{'a' * 250}",
    "longest": "/".join([*["a" * 224] * 3, "b" * 225]),
}
"""Keys that every store takes, each naming a blob of its own."""


def key_of(number: int, *, namespace: str = "contract", day: str = "2026-11-22") -> str:
    """Return a key as the keyspace makes them, another one for each number."""
    return f"v1/{namespace}/{day}/{number:064x}"
