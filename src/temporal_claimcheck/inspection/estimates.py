"""How large the payloads are in objects of which only some were looked at. Pure."""

import math
from dataclasses import dataclass
from typing import Final

__all__ = ["Estimate", "Sample"]

# Fewer say too little about the rest.
_ENOUGH: Final = 30
# Of a normal distribution so many deviations hold 95 of 100.
_DEVIATIONS: Final = 1.96


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A number of bytes."""

    bytes: int
    is_exact: bool
    margin_bytes: int
    """In 95 of 100 samples the truth is no farther away than this; 0 for what is exact."""


@dataclass(slots=True)
class Sample:
    """Sums over objects that were looked at: their sizes in the store, and their payloads'."""

    objects: int = 0
    stored_bytes: int = 0
    payload_bytes: int = 0
    _stored_squared: int = 0
    _payload_squared: int = 0
    _product: int = 0

    def add(self, *, stored_bytes: int, payload_bytes: int) -> None:
        """Count an object."""
        self.objects += 1
        self.stored_bytes += stored_bytes
        self.payload_bytes += payload_bytes
        self._stored_squared += stored_bytes**2
        self._payload_squared += payload_bytes**2
        self._product += stored_bytes * payload_bytes

    def merge(self, other: "Sample") -> None:
        """Count what another sample has counted."""
        self.objects += other.objects
        self.stored_bytes += other.stored_bytes
        self.payload_bytes += other.payload_bytes
        self._stored_squared += other._stored_squared
        self._payload_squared += other._payload_squared
        self._product += other._product

    def estimate(self, *, objects: int, stored_bytes: int) -> Estimate | None:
        """Return the size of the payloads in so many objects of this size in all.

        Exact if all of them were looked at; None if those are too few to tell. The sample must
        have been drawn from these objects, each with the same chance.
        """
        if self.objects >= objects:
            return Estimate(bytes=self.payload_bytes, is_exact=True, margin_bytes=0)
        if self.objects < _ENOUGH or not self.stored_bytes:
            return None
        # The ratio estimator: objects differ in size by more than they do in compression.
        ratio = self.payload_bytes / self.stored_bytes
        squares = (
            self._payload_squared - 2 * ratio * self._product + ratio**2 * self._stored_squared
        )
        unseen = 1 - self.objects / objects
        variance = unseen * max(squares, 0.0) / (self.objects * (self.objects - 1))
        return Estimate(
            bytes=round(ratio * stored_bytes),
            is_exact=False,
            margin_bytes=round(_DEVIATIONS * objects * math.sqrt(variance)),
        )
