"""The SDK's own S3 driver: how its claims and keys look. Pure.

As written by temporalio.contrib.aws.s3driver in releases 1.32 to 1.35, by its counterpart in the
Go SDK (0.2), and, with the digest under other names, by that of the TypeScript SDK (1.22). The
object is the serialized Payload.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import unquote_to_bytes

from temporal_claimcheck.errors import InvalidClaim, InvalidKey, UnsupportedClaim

__all__ = ["S3_DRIVER_NAME", "S3DriverClaim", "S3DriverOwner", "is_bucket_name"]

S3_DRIVER_NAME: Final = "aws.s3driver"
"""Name under which Temporal's storage references point to that driver, unless it was given one."""

_PLACE: Final = frozenset({"bucket", "key"})
# The drivers of the SDKs name the digest in two ways. Each looks for its own names only, and none
# minds the other's.
_HASHES: Final = (("hash_algorithm", "hash_value"), ("hashAlgorithm", "hashValue"))
_FIELDS: Final = frozenset(
    {
        *(_PLACE.union(names) for names in _HASHES),
        _PLACE.union(*_HASHES),
    }
)
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,61}[A-Za-z0-9]", re.ASCII)
# Earlier releases left `~` and encoded `!*'()`, later ones the other way round. Both encode all
# else. A segment of dots alone, from a workflow so named, is none that a client can ask for.
_SEGMENT: Final = r"(?!\.\.?/)(?:[A-Za-z0-9!*'()._~-]|%[0-9A-F]{2})+"
_OWNER: Final = rf"(?:wt/{_SEGMENT}/wi/{_SEGMENT}|at/{_SEGMENT}/ai/{_SEGMENT})/ri/{_SEGMENT}"
# Without an owner: a key that would have been too long. Without a namespace as well: the result of
# an activity that was completed from outside by its token.
_KEY: Final = re.compile(
    rf"v0(?:/ns/(?P<namespace>{_SEGMENT}))?(?:/{_OWNER})?/d/sha256/(?P<digest>[0-9a-f]{{64}})",
    re.ASCII,
)
_MAX_KEY_CHARACTERS: Final = 1024
_PLAIN: Final = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!-_.*'()")
_NOTHING: Final = "null"
_REFUSED: Final = "Nothing was read. Look for what altered the reference on its way."


def is_bucket_name(text: str) -> bool:
    """Return whether the text is a bucket's plain name: no URL, no ARN, no path."""
    return _BUCKET.fullmatch(text) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class S3DriverOwner:
    """Whose payload it is: part of the key, so that objects are found by workflow."""

    kind: Literal["workflow", "activity"]
    type: str | None
    id: str | None
    run_id: str | None
    """None before there is a run, as for the input of a workflow that a client starts."""

    @property
    def segments(self) -> str:
        """The part of the key."""
        first = self.kind[0]
        return (
            f"/{first}t/{_encoded(self.type)}/{first}i/{_encoded(self.id)}"
            f"/ri/{_encoded(self.run_id)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class S3DriverClaim:
    """Where the SDK's S3 driver put a payload, and the SHA-256 of it."""

    bucket: str
    key: str
    namespace: str | None
    """The namespace in the key; None for a key that has none."""
    digest: str
    """SHA-256 of the object: 64 lower-case hexadecimal digits."""

    @classmethod
    def to(
        cls, *, bucket: str, namespace: str | None, owner: S3DriverOwner | None, digest: str
    ) -> "S3DriverClaim":
        """Return the claim that the SDK's driver makes for a payload, key included.

        Where it makes a key that no other client can ask for, because a workflow is named with
        dots alone, this is the key that the driver makes for owners with long names.
        """
        place = "" if namespace is None else f"/ns/{_encoded(namespace)}"
        tail = f"/d/sha256/{digest}"
        key = f"v0{place}{'' if owner is None else owner.segments}{tail}"
        if not _KEY.fullmatch(key) or len(key) > _MAX_KEY_CHARACTERS:
            key = f"v0{place}{tail}"
        return cls(bucket=bucket, key=key, namespace=namespace, digest=digest)

    def dump(self) -> dict[str, str]:
        """Return the claim data of a reference, which the drivers of all SDKs can read."""
        claim = {"bucket": self.bucket, "key": self.key}
        for kind, value in _HASHES:
            claim |= {kind: "sha256", value: self.digest}
        return claim

    @classmethod
    def parse(cls, data: Mapping[str, str]) -> "S3DriverClaim":
        """Read a reference's claim data, exactly or not at all. Raises ClaimError."""
        if frozenset(data) not in _FIELDS:
            raise InvalidClaim(
                "The S3 driver's claim does not have the fields it should.", remedy=_REFUSED
            )
        stated = {(data[kind], data[value]) for kind, value in _HASHES if kind in data}
        if len(stated) != 1:
            raise InvalidClaim("The S3 driver's claim names two digests.", remedy=_REFUSED)
        [(algorithm, digest)] = stated
        if algorithm != "sha256":
            raise UnsupportedClaim(
                "The S3 driver's claim names a digest that this release does not know.",
                remedy="Upgrade temporal-claimcheck in this process.",
            )
        if not is_bucket_name(data["bucket"]):
            raise InvalidClaim("The S3 driver's claim names no plain bucket.", remedy=_REFUSED)
        key = data["key"]
        match = _KEY.fullmatch(key) if len(key) <= _MAX_KEY_CHARACTERS else None
        if match is None:
            raise InvalidKey("This is not a key of the SDK's S3 driver.", remedy=_REFUSED)
        if digest != match["digest"]:
            raise InvalidClaim(
                "The S3 driver's claim names another digest than its key.", remedy=_REFUSED
            )
        return cls(
            bucket=data["bucket"],
            key=key,
            namespace=_decoded(match["namespace"]),
            digest=match["digest"],
        )


def _encoded(value: str | None) -> str:
    if not value:
        return _NOTHING
    return "".join(
        chr(byte) if byte in _PLAIN else f"%{byte:02X}" for byte in value.encode("utf-8")
    )


def _decoded(segment: str | None) -> str | None:
    if segment is None:
        return None
    try:
        return unquote_to_bytes(segment).decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidKey("The key names no valid namespace.", remedy=_REFUSED) from error
