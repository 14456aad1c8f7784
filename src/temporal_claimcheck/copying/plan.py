"""What becomes of an object. Pure: it looks at nothing but what it is given."""

import datetime as dt
import enum
from dataclasses import dataclass
from typing import Final

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.keyspace import Key, namespace_prefix

__all__ = ["Selection", "Step", "decide"]

# What is about to expire may be gone before it is read back, and serves nobody.
_AT_ONCE: Final = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects are copied; by default all."""

    namespace: str | None = None
    since: dt.date | None = None
    """The first UTC day."""
    until: dt.date | None = None
    """The last UTC day."""

    def __post_init__(self) -> None:
        if self.since and self.until and self.since > self.until:
            raise InvalidSettings(
                f"No day is {self.since} or later and {self.until} or earlier.",
                remedy="Swap --since and --until.",
            )

    @property
    def prefix(self) -> str:
        """What the keys of all that is selected begin with."""
        return "" if self.namespace is None else namespace_prefix(self.namespace)

    def takes(self, key: Key) -> bool:
        """Return whether an object is selected."""
        return (
            (self.namespace is None or key.namespace == self.namespace)
            and (self.since is None or key.day >= self.since)
            and (self.until is None or key.day <= self.until)
        )


class Step(enum.Enum):
    """What is to be done about an object of the source."""

    COPY = "copy"
    """The destination lacks it."""
    TRUST = "trust"
    """The destination has one of the same size, and stores whole or not at all."""
    COMPARE = "compare"
    """The destination has one that must be read to know whether it is the same payload."""
    EXPIRED = "expired"
    """The destination would drop it at once."""


def decide(
    size_bytes: int,
    *,
    there_bytes: int | None,
    expires: dt.datetime | None,
    now: dt.datetime,
    verify: bool,
) -> Step:
    """Return what to do about an object of `size_bytes`.

    `there_bytes` is the size of the destination's object under the same key, None if it has
    none; `expires` is when the destination would drop it, None for never. With `verify` size is
    not enough.
    """
    if there_bytes is None:
        is_late = expires is not None and expires - now <= _AT_ONCE
        return Step.EXPIRED if is_late else Step.COPY
    # Another size need not be wrong: the same payload may have been stored there too, compressed
    # in another way.
    return Step.COMPARE if verify or there_bytes != size_bytes else Step.TRUST
