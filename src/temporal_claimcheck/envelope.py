"""The bytes of a stored object: sealed whole, opened only if nothing about them is wrong.

    offset  length  what
    0       8       magic
    8       1       version of the envelope
    9       4       length H of the header, big-endian
    13      32      BLAKE3 of bytes 0-12, header and body
    45      H       header: canonical JSON (sorted keys, no spaces, ASCII)
    45+H    rest    body: the serialized payload, compressed, then encrypted

An object says by itself what it is: it can be opened with nothing but the object and, when it
is encrypted, the keys. The checksum covers every byte, so damage is found before a decompressor
sees it, and a store can be checked without the keys. Encryption binds the body to its header and
to the key under which it lies. The digest in the key then proves that it is the payload that was
asked for.
"""

import json
import re
import secrets
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast

from blake3 import blake3

from temporal_claimcheck.errors import (
    BlobCorrupt,
    BlobTooLarge,
    DecryptionFailed,
    DigestMismatch,
    EncryptionDowngraded,
    EncryptionKeyMissing,
    UnsupportedEnvelope,
)
from temporal_claimcheck.transforms.base import Compression, UndoFailed, UndoTooLarge
from temporal_claimcheck.transforms.compression import COMPRESSIONS

if TYPE_CHECKING:
    # The package behind it is optional.
    from temporal_claimcheck.transforms.encryption import EncryptionKey, KeyRing

__all__ = [
    "ENVELOPE_HEAD_BYTES",
    "ENVELOPE_OVERHEAD_BYTES",
    "Encryption",
    "Header",
    "digest_of",
    "open_envelope",
    "open_record",
    "peek_header",
    "read_header",
    "seal_envelope",
]

_MAGIC: Final = b"\x89TCC\r\n\x1a\n"
_VERSION: Final = 1
_PREFIX: Final = struct.Struct(">8sBI")
_CHECKSUM_BYTES: Final = 32
_MAX_HEADER_BYTES: Final = 4096
_HEADER_FIELDS: Final = frozenset({"body", "compression", "encryption", "plain_bytes"})
_ENCRYPTION_FIELDS: Final = frozenset({"algorithm", "key", "nonce"})
_ALGORITHM: Final = "xaes-256-gcm"
_KEY_ID: Final = re.compile(r"[0-9a-f]{16}", re.ASCII)
_NONCE: Final = re.compile(r"[0-9a-f]{48}", re.ASCII)
_NONCE_BYTES: Final = 24
_TAG_BYTES: Final = 16

ENVELOPE_HEAD_BYTES: Final = _PREFIX.size + _CHECKSUM_BYTES + _MAX_HEADER_BYTES
"""The header of an object ends within so many bytes."""
ENVELOPE_OVERHEAD_BYTES: Final = _PREFIX.size + _CHECKSUM_BYTES + _MAX_HEADER_BYTES + _TAG_BYTES
"""An object is never larger than its payload by more than this."""

_HEAL: Final = (
    "Put the object back from a backup or a replica; the workflow then goes on by itself."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Encryption:
    """With what an object is encrypted: XAES-256-GCM, under which key and nonce."""

    key_id: str
    """Id of the key."""
    nonce: bytes
    """24 bytes, random in every object."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What an object says of itself."""

    compression: str
    plain_bytes: int
    """Size of the serialized payload."""
    encryption: Encryption | None = None
    """None for an object in the clear."""
    body: str = "whole"
    """Reserved: a body may one day be a list of pieces of earlier objects of the day."""

    def dump(self) -> bytes:
        """Return the header's only spelling."""
        encryption: object = "none"
        if self.encryption is not None:
            encryption = {
                "algorithm": _ALGORITHM,
                "key": self.encryption.key_id,
                "nonce": self.encryption.nonce.hex(),
            }
        return json.dumps(
            {
                "body": self.body,
                "compression": self.compression,
                "encryption": encryption,
                "plain_bytes": self.plain_bytes,
            },
            separators=(",", ":"),
            sort_keys=True,
        ).encode("ascii")


def digest_of(data: bytes) -> str:
    """Return the digest that names a serialized payload: 64 hexadecimal digits."""
    return blake3(data).hexdigest()


def seal_envelope(
    data: bytes,
    compression: Compression,
    *,
    key: str = "",
    encryption_key: "EncryptionKey | None" = None,
) -> bytes:
    """Return the object that holds a serialized payload, encrypted if there is a key for it.

    Encrypted, it opens only where it is read under `key`. Compression is kept only if it saves
    at least a tenth; else reading would pay for nothing.
    """
    body = compression.apply(data)
    name = compression.name
    if len(body) * 10 > len(data) * 9:
        body, name = data, "none"
    if encryption_key is None:
        header = Header(compression=name, plain_bytes=len(data)).dump()
        prefix = _PREFIX.pack(_MAGIC, _VERSION, len(header))
    else:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        header = Header(
            compression=name,
            plain_bytes=len(data),
            encryption=Encryption(key_id=encryption_key.id, nonce=nonce),
        ).dump()
        prefix = _PREFIX.pack(_MAGIC, _VERSION, len(header))
        body = encryption_key.cipher.encrypt(
            body, nonce=nonce, associated=_associated(prefix, header, key)
        )
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


def peek_header(head: bytes | memoryview, *, key: str) -> Header:
    """Return the header in the first `ENVELOPE_HEAD_BYTES` of an object, or in more of it.

    Nothing is proved by that: the checksum is over all of the object. For counting, and for
    telling people; never for opening. Raises as `read_header` does.
    """
    start = _PREFIX.size + _CHECKSUM_BYTES
    if len(head) < start:
        raise _corrupt(key, "it is cut off")
    magic, version, header_bytes = _PREFIX.unpack_from(head)
    if magic != _MAGIC:
        raise _corrupt(key, "it does not begin as an object of the claim check does")
    if header_bytes > _MAX_HEADER_BYTES or len(head) < start + header_bytes:
        raise _corrupt(key, "it is cut off")
    if version != _VERSION:
        raise _unsupported(key, f"envelope version {version}")
    return _parse_header(bytes(head[start : start + header_bytes]), key)


def open_envelope(
    blob: bytes | memoryview,
    *,
    key: str,
    digest: str,
    max_plain_bytes: int,
    keyed: bool = False,
    keys: "KeyRing | None" = None,
) -> bytes:
    """Return the serialized payload in an object, verified against its digest.

    Raises an IntegrityError that names the key; never returns bytes that are not the payload.
    `key` is where the object lies, `max_plain_bytes` bounds what is unpacked, `keyed` says that
    the digest is a keyed one, which an object in the clear never has.
    """
    header, body = read_header(blob, key=key)
    if header.plain_bytes > max_plain_bytes:
        raise BlobTooLarge(
            f"The object under {key} says that it unpacks to {header.plain_bytes} bytes; its "
            f"claim allows {max_plain_bytes}.",
            remedy=_HEAL,
        )
    encryption_key = _key_of(header, key=key, keyed=keyed, keys=keys)
    plain = _unpack(blob, header, body, key=key, encryption_key=encryption_key)
    found = digest_of(plain) if encryption_key is None else encryption_key.digest_of(plain)
    if found != digest:
        raise DigestMismatch(
            f"The object under {key} is whole, but it holds another payload.", remedy=_HEAL
        )
    return plain


def open_record(blob: bytes | memoryview, *, key: str, keys: "KeyRing | None" = None) -> bytes:
    """Return what `seal_envelope` sealed under a key that names no digest.

    The checksum finds damage; that nobody forged it only encryption proves. Raises
    IntegrityError.
    """
    header, body = read_header(blob, key=key)
    encryption_key = _key_of(header, key=key, keyed=header.encryption is not None, keys=keys)
    return _unpack(blob, header, body, key=key, encryption_key=encryption_key)


def _unpack(
    blob: bytes | memoryview,
    header: Header,
    body: memoryview,
    *,
    key: str,
    encryption_key: "EncryptionKey | None",
) -> bytes:
    if header.encryption is not None and encryption_key is not None:
        body = _decrypt(blob, header.encryption, body, key=key, encryption_key=encryption_key)
    try:
        return COMPRESSIONS[header.compression].undo(body, plain_bytes=header.plain_bytes)
    except UndoTooLarge as error:
        raise BlobTooLarge(
            f"The object under {key} unpacks to more than the {header.plain_bytes} bytes it "
            "states; unpacking was stopped.",
            remedy=_HEAL,
        ) from error
    except UndoFailed as error:
        raise _corrupt(key, f"it does not unpack ({error})") from error


def _key_of(
    header: Header, *, key: str, keyed: bool, keys: "KeyRing | None"
) -> "EncryptionKey | None":
    """Return the key that opens an object, None for one in the clear that may be so."""
    if header.encryption is None:
        if keyed:
            raise EncryptionDowngraded(
                f"The object under {key} lies in the clear, but its claim is to an encrypted one.",
                remedy=f"Look for who replaced it. {_HEAL}",
            )
        return None
    if not keyed:
        raise DigestMismatch(
            f"The object under {key} is encrypted, but its claim is to one in the clear.",
            remedy=_HEAL,
        )
    found = None if keys is None else keys.find(header.encryption.key_id)
    if found is None:
        raise EncryptionKeyMissing.among(
            () if keys is None else keys.ids,
            what=f"The object under {key}",
            key_id=header.encryption.key_id,
        )
    return found


def _decrypt(
    blob: bytes | memoryview,
    encryption: Encryption,
    body: memoryview,
    *,
    key: str,
    encryption_key: "EncryptionKey",
) -> memoryview:
    prefix = bytes(blob[: _PREFIX.size])
    header = bytes(blob[_PREFIX.size + _CHECKSUM_BYTES : len(blob) - len(body)])
    try:
        return memoryview(
            encryption_key.cipher.decrypt(
                body, nonce=encryption.nonce, associated=_associated(prefix, header, key)
            )
        )
    except UndoFailed as error:
        raise DecryptionFailed(
            f"The object under {key} is whole, but {error}: it was forged, or sealed for another "
            "place.",
            remedy=f"Look for who put it there. {_HEAL}",
        ) from error


def _associated(prefix: bytes, header: bytes, key: str) -> bytes:
    # The prefix states the header's length, so no two of these are spelled alike.
    return b"".join((prefix, header, key.encode()))


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
    if values["body"] != "whole":
        raise _unsupported(key, "another form of body")
    compression = values["compression"]
    if not isinstance(compression, str) or compression not in COMPRESSIONS:
        raise _unsupported(key, "another compression")
    encryption = _parse_encryption(values["encryption"], key)
    parsed = Header(compression=compression, plain_bytes=plain_bytes, encryption=encryption)
    if parsed.dump() != header:
        raise _corrupt(key, "its header is spelled in another way")
    return parsed


def _parse_encryption(value: object, key: str) -> Encryption | None:
    if value == "none":
        return None
    if not isinstance(value, dict):
        raise _unsupported(key, "another encryption")
    fields = cast("dict[str, object]", value)
    if fields.keys() != _ENCRYPTION_FIELDS or fields["algorithm"] != _ALGORITHM:
        raise _unsupported(key, "another encryption")
    key_id, nonce = fields["key"], fields["nonce"]
    if not (isinstance(key_id, str) and _KEY_ID.fullmatch(key_id)):
        raise _corrupt(key, "its header names no key")
    if not (isinstance(nonce, str) and _NONCE.fullmatch(nonce)):
        raise _corrupt(key, "its header states no nonce")
    return Encryption(key_id=key_id, nonce=bytes.fromhex(nonce))


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
