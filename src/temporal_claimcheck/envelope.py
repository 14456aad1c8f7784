"""The bytes of a stored object: sealed whole, opened only if nothing about them is wrong.

    offset  length  what
    0       8       magic
    8       1       version of the envelope
    9       4       length H of the header, big-endian
    13      32      BLAKE3 of bytes 0-12, header and body
    45      H       header: canonical JSON (sorted keys, no spaces, ASCII)
    45+H    rest    body: the serialized payload, compressed

An object says by itself what it is: it can be opened with nothing but the object and, when it
is encrypted, the keys. The checksum covers every byte, so damage is found before a decompressor
sees it, and a store can be checked without the keys. The digest in the key then proves that it is
the payload that was asked for.
"""

import json
import struct
from dataclasses import dataclass
from typing import Final, cast

from blake3 import blake3

from temporal_claimcheck.errors import (
    BlobCorrupt,
    BlobTooLarge,
    DigestMismatch,
    UnsupportedEnvelope,
)
from temporal_claimcheck.transforms.base import Compression, UndoFailed, UndoTooLarge
from temporal_claimcheck.transforms.compression import COMPRESSIONS

__all__ = [
    "ENVELOPE_OVERHEAD_BYTES",
    "Header",
    "digest_of",
    "open_envelope",
    "read_header",
    "seal_envelope",
]

_MAGIC: Final = b"\x89TCC\r\n\x1a\n"
_VERSION: Final = 1
_PREFIX: Final = struct.Struct(">8sBI")
_CHECKSUM_BYTES: Final = 32
_MAX_HEADER_BYTES: Final = 4096
_HEADER_FIELDS: Final = frozenset({"body", "compression", "encryption", "plain_bytes"})

ENVELOPE_OVERHEAD_BYTES: Final = _PREFIX.size + _CHECKSUM_BYTES + _MAX_HEADER_BYTES
"""An object is never larger than its payload by more than this."""

_HEAL: Final = (
    "Put the object back from a backup or a replica; the workflow then goes on by itself."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What an object says of itself."""

    compression: str
    plain_bytes: int
    """Size of the serialized payload."""
    encryption: str = "none"
    """Reserved: objects of this release are not encrypted."""
    body: str = "whole"
    """Reserved: a body may one day be a list of pieces of earlier objects of the day."""

    def dump(self) -> bytes:
        """Return the header's only spelling."""
        return json.dumps(
            {
                "body": self.body,
                "compression": self.compression,
                "encryption": self.encryption,
                "plain_bytes": self.plain_bytes,
            },
            separators=(",", ":"),
            sort_keys=True,
        ).encode("ascii")


def digest_of(data: bytes) -> str:
    """Return the digest that names a serialized payload: 64 hexadecimal digits."""
    return blake3(data).hexdigest()


def seal_envelope(data: bytes, compression: Compression) -> bytes:
    """Return the object that holds a serialized payload.

    Compression is kept only if it saves at least a tenth; else reading would pay for nothing.
    """
    body = compression.apply(data)
    name = compression.name
    if len(body) * 10 > len(data) * 9:
        body, name = data, "none"
    header = Header(compression=name, plain_bytes=len(data)).dump()
    prefix = _PREFIX.pack(_MAGIC, _VERSION, len(header))
    return b"".join((prefix, _checksum(prefix, header, body), header, body))


def read_header(blob: bytes | memoryview, *, key: str) -> tuple[Header, memoryview]:
    """Check every byte of an object and return its header and its body.

    Raises BlobCorrupt, or UnsupportedEnvelope for a whole object of a later release.
    """
    start = _PREFIX.size + _CHECKSUM_BYTES
    if len(blob) < start:
        raise _corrupt(key, "it is cut off")
    magic, version, header_bytes = _PREFIX.unpack_from(blob)
    if magic != _MAGIC:
        raise _corrupt(key, "it does not begin as an object of the claim check does")
    if header_bytes > _MAX_HEADER_BYTES or len(blob) < start + header_bytes:
        raise _corrupt(key, "it is cut off")
    view = memoryview(blob)
    prefix, checksum = view[: _PREFIX.size], view[_PREFIX.size : start]
    header, body = view[start : start + header_bytes], view[start + header_bytes :]
    if _checksum(prefix, header, body) != bytes(checksum):
        raise _corrupt(key, "its bytes were changed or cut")
    if version != _VERSION:
        raise _unsupported(key, f"envelope version {version}")
    return _parse_header(bytes(header), key), body


def open_envelope(
    blob: bytes | memoryview, *, key: str, digest: str, max_plain_bytes: int
) -> bytes:
    """Return the serialized payload in an object, verified against its digest.

    Raises an IntegrityError that names the key; never returns bytes that are not the payload.
    `key` is for messages, `max_plain_bytes` bounds what is unpacked.
    """
    header, body = read_header(blob, key=key)
    if header.plain_bytes > max_plain_bytes:
        raise BlobTooLarge(
            f"The object under {key} says that it unpacks to {header.plain_bytes} bytes; its "
            f"claim allows {max_plain_bytes}.",
            remedy=_HEAL,
        )
    try:
        plain = COMPRESSIONS[header.compression].undo(body, plain_bytes=header.plain_bytes)
    except UndoTooLarge as error:
        raise BlobTooLarge(
            f"The object under {key} unpacks to more than the {header.plain_bytes} bytes it "
            "states; unpacking was stopped.",
            remedy=_HEAL,
        ) from error
    except UndoFailed as error:
        raise _corrupt(key, f"it does not unpack ({error})") from error
    if digest_of(plain) != digest:
        raise DigestMismatch(
            f"The object under {key} is whole, but it holds another payload.", remedy=_HEAL
        )
    return plain


def _parse_header(header: bytes, key: str) -> Header:
    try:
        fields: object = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise _corrupt(key, "its header is no JSON") from error
    if not isinstance(fields, dict):
        raise _corrupt(key, "its header is no JSON object")
    values = cast("dict[str, object]", fields)
    if values.keys() != _HEADER_FIELDS:
        raise _unsupported(key, "a header with other fields")
    plain_bytes = values["plain_bytes"]
    if not isinstance(plain_bytes, int) or isinstance(plain_bytes, bool) or plain_bytes < 0:
        raise _corrupt(key, "its header states no size")
    for field, known in (("body", "whole"), ("encryption", "none")):
        if values[field] != known:
            raise _unsupported(key, f"a {field} it does not know")
    compression = values["compression"]
    if not isinstance(compression, str) or compression not in COMPRESSIONS:
        raise _unsupported(key, "a compression it does not know")
    parsed = Header(compression=compression, plain_bytes=plain_bytes)
    if parsed.dump() != header:
        raise _corrupt(key, "its header is spelled in another way")
    return parsed


def _checksum(*parts: bytes | memoryview) -> bytes:
    hasher = blake3()
    for part in parts:
        hasher.update(part)
    return hasher.digest()


def _corrupt(key: str, why: str) -> BlobCorrupt:
    return BlobCorrupt(f"The object under {key} is damaged: {why}.", remedy=_HEAL)


def _unsupported(key: str, what: str) -> UnsupportedEnvelope:
    return UnsupportedEnvelope(
        f"The object under {key} has {what}, which this release cannot read.",
        remedy="Upgrade temporal-claimcheck in this process.",
    )
