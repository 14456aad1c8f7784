"""namespace, UTC day and digest <-> key. Pure.

The day is part of the key, so that identical payloads share an object within a day only, and a
writer never refers to an object of an earlier day. What a day holds is closed once the day is
over: nothing mints a new claim to it, so a collector never races a writer.
"""

import datetime as dt
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from temporal_claimcheck.errors import InvalidKey, InvalidSettings

__all__ = [
    "KEYSPACE_VERSION",
    "Key",
    "check_namespace",
    "day_prefix",
    "escape_namespace",
    "keys_within",
    "namespace_prefix",
    "unescape_namespace",
]

KEYSPACE_VERSION: Final = "v1"

# Lower case only: a key means the same in a folder on a case-insensitive file system.
_PLAIN: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
_NAMESPACE: Final = re.compile(r"(?:[a-z0-9._-]|=[0-9a-f]{2})+", re.ASCII)
_DIGEST: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)
_KEY: Final = re.compile(
    r"v1/(?P<namespace>[a-z0-9._=-]+)/(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})/(?P<digest>[0-9a-f]{64})",
    re.ASCII,
)
_KEY_WITHIN: Final = re.compile(
    rb"v1/[a-z0-9._=-]{1,200}/[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9a-f]{64}", re.ASCII
)
_MAX_NAMESPACE_CHARACTERS: Final = 200
_NOT_OURS: Final = "Nothing was read. A key comes from a claim or from a listing of the store."


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """The parts of a key. Validated: a Key that exists can be written and parsed back."""

    namespace: str
    day: dt.date
    digest: str
    """64 lower-case hexadecimal digits."""

    def __post_init__(self) -> None:
        check_namespace(self.namespace)
        if not _DIGEST.fullmatch(self.digest):
            raise InvalidKey("The key's digest is none.", remedy=_NOT_OURS)
        if type(self.day) is not dt.date:
            raise InvalidKey("The key's day has a time.", remedy=_NOT_OURS)

    def __str__(self) -> str:
        return f"{day_prefix(self.namespace, self.day)}{self.digest}"

    @classmethod
    def parse(cls, key: str) -> "Key":
        """Take a key apart. Raises InvalidKey for any string that no keyspace made."""
        match = _KEY.fullmatch(key)
        if match is None:
            raise InvalidKey("This is not a key of the claim check.", remedy=_NOT_OURS)
        try:
            day = dt.date.fromisoformat(match["day"])
        except ValueError as error:
            raise InvalidKey("The key names a day that is none.", remedy=_NOT_OURS) from error
        return cls(
            namespace=unescape_namespace(match["namespace"]), day=day, digest=match["digest"]
        )


def keys_within(data: bytes) -> Iterator[str]:
    """Yield every key that stands anywhere in these bytes, whatever is before and after it."""
    for match in _KEY_WITHIN.finditer(data):
        key = match[0].decode("ascii")
        try:
            Key.parse(key)
        except InvalidKey:
            continue  # Of the form, but of a day or a spelling that no keyspace ever made.
        yield key


def check_namespace(namespace: str) -> None:
    """Raise InvalidSettings for a namespace that cannot be part of a key."""
    try:
        fits = 0 < len(escape_namespace(namespace)) <= _MAX_NAMESPACE_CHARACTERS
    except UnicodeEncodeError:
        fits = False
    if not fits:
        raise InvalidSettings(
            f"A namespace of {len(namespace)} characters cannot be part of a key.",
            remedy=f"Use 1 to {_MAX_NAMESPACE_CHARACTERS} characters of valid text; an "
            "upper-case or special one counts three or more.",
        )


def namespace_prefix(namespace: str) -> str:
    """Return what all keys of a namespace begin with."""
    return f"{KEYSPACE_VERSION}/{escape_namespace(namespace)}/"


def day_prefix(namespace: str, day: dt.date) -> str:
    """Return what all keys of a namespace's day begin with."""
    return f"{namespace_prefix(namespace)}{day.isoformat()}/"


def escape_namespace(namespace: str) -> str:
    """Return a namespace's only spelling in keys."""
    escaped = "".join(
        character if character in _PLAIN else "".join(f"={byte:02x}" for byte in character.encode())
        for character in namespace
    )
    # A dot in front would hide the folder or mean its parent; stores refuse such keys.
    return f"=2e{escaped[1:]}" if escaped.startswith(".") else escaped


def unescape_namespace(escaped: str) -> str:
    """Return the namespace that is spelled so. Raises InvalidKey."""
    if len(escaped) > _MAX_NAMESPACE_CHARACTERS or not _NAMESPACE.fullmatch(escaped):
        raise InvalidKey("The key names no valid namespace.", remedy=_NOT_OURS)
    raw = re.sub(
        rb"=([0-9a-f]{2})",
        lambda match: bytes.fromhex(match[1].decode("ascii")),
        escaped.encode("ascii"),
    )
    try:
        namespace = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidKey("The key names no valid namespace.", remedy=_NOT_OURS) from error
    # One namespace has one spelling; a second would let two keys name the same thing.
    if escape_namespace(namespace) != escaped:
        raise InvalidKey("The key spells its namespace in a second way.", remedy=_NOT_OURS)
    return namespace
