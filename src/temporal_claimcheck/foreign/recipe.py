"""The published claim-check recipe: how its claims look. Pure.

Its codec puts a serialized Payload under a random UUID, into Redis in its first version and into
an S3 bucket in the later ones, and sends the UUID with two metadata entries. No version of it
kept a namespace, a size or a digest.
"""

import re
from dataclasses import dataclass
from typing import Final

from temporalio.api.common.v1 import Payload

from temporal_claimcheck.errors import InvalidClaim

__all__ = ["RecipeClaim", "is_recipe_claim"]

_MARK: Final = "temporal.io/claim-check-codec"
_VERSION: Final = b"v1"
_ENCODING: Final = b"claim-checked"
# As Python writes a random UUID, and nothing else that a UUID could be written as.
_KEY: Final = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")


def is_recipe_claim(payload: Payload) -> bool:
    """Return whether the payload has the metadata of a recipe's claim."""
    return payload.metadata.get("encoding") == _ENCODING and payload.metadata.get(_MARK) == _VERSION


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipeClaim:
    """Where the recipe put a payload."""

    key: str
    """A UUID: the whole key in Redis or in the bucket."""

    @classmethod
    def parse(cls, payload: Payload) -> "RecipeClaim":
        """Read the claim out of its payload. Raises InvalidClaim for any key but a UUID."""
        if not _KEY.fullmatch(payload.data):
            raise InvalidClaim(
                "The recipe's claim holds no UUID.",
                remedy="Nothing was read. Look for what altered the payload on its way.",
            )
        return cls(key=payload.data.decode("ascii"))
