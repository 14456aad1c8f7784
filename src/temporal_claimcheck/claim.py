"""The claim: the small ticket that Temporal carries instead of a payload."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from temporal_claimcheck.errors import InvalidClaim, UnsupportedClaim

__all__ = ["CLAIM_VERSION", "DIGEST_ALGORITHM", "KEYED_DIGEST_ALGORITHM", "Claim"]

CLAIM_VERSION: Final = "1"
DIGEST_ALGORITHM: Final = "blake3"
KEYED_DIGEST_ALGORITHM: Final = "keyed-blake3"
"""Of an encrypted object: only who has its key can tell which payload the digest is of."""

_DIGEST_ALGORITHMS: Final = frozenset({DIGEST_ALGORITHM, KEYED_DIGEST_ALGORITHM})
_FIELDS: Final = frozenset({"v", "key", "size", "digest"})
_DECIMAL: Final = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_MAX_KEY_CHARACTERS: Final = 280
_MAX_PAYLOAD_BYTES: Final = 10**19
_REFUSED: Final = (
    "Nothing was read. If user code made this value, it must not look like a claim; otherwise "
    "something altered it on its way through Temporal."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Where a payload is, and how to know that it is the right one.

    Names no bucket, host or credential: a claim means something only to a process that was
    configured with the store. A claim that arrives from outside is untrusted until
    `temporal_claimcheck.keyspace` has taken its key apart.
    """

    key: str
    """Key in the store; ends in the digest of the payload."""
    payload_bytes: int
    """Size of the serialized payload."""
    digest: str = DIGEST_ALGORITHM
    """How the digest in the key was made."""

    def __post_init__(self) -> None:
        if not 0 < len(self.key) <= _MAX_KEY_CHARACTERS:
            raise InvalidClaim("The claim's key is of no valid length.", remedy=_REFUSED)
        if not 0 <= self.payload_bytes < _MAX_PAYLOAD_BYTES:
            raise InvalidClaim("The claim's size is not a number of bytes.", remedy=_REFUSED)
        if self.digest not in _DIGEST_ALGORITHMS:
            raise UnsupportedClaim(
                "The claim names a digest that this release does not know.",
                remedy="Upgrade temporal-claimcheck in this process.",
            )

    @property
    def is_keyed(self) -> bool:
        """Whether the object is encrypted, and its digest keyed."""
        return self.digest == KEYED_DIGEST_ALGORITHM

    def dump(self) -> dict[str, str]:
        """Return the wire form: strings only, under 400 bytes as JSON."""
        return {
            "v": CLAIM_VERSION,
            "key": self.key,
            "size": str(self.payload_bytes),
            "digest": self.digest,
        }

    @classmethod
    def parse(cls, data: Mapping[str, object]) -> "Claim":
        """Read the wire form back, exactly or not at all.

        Raises UnsupportedClaim for a claim of a later release, InvalidClaim for all else.
        """
        version = data.get("v")
        if not isinstance(version, str) or not _DECIMAL.fullmatch(version) or version == "0":
            raise InvalidClaim("The claim has no valid version.", remedy=_REFUSED)
        if version != CLAIM_VERSION:
            raise UnsupportedClaim(
                f"The claim is of version {version[:8]}; this release reads version "
                f"{CLAIM_VERSION}.",
                remedy="Upgrade temporal-claimcheck in this process.",
            )
        if frozenset(data) != _FIELDS:
            raise InvalidClaim("The claim does not have the fields it should.", remedy=_REFUSED)
        key, size, digest = data["key"], data["size"], data["digest"]
        if not isinstance(key, str) or not isinstance(digest, str):
            raise InvalidClaim("The claim has a field that is no text.", remedy=_REFUSED)
        if not isinstance(size, str) or not _DECIMAL.fullmatch(size):
            raise InvalidClaim("The claim's size is not a number of bytes.", remedy=_REFUSED)
        return cls(key=key, payload_bytes=int(size), digest=digest)
