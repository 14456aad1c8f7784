"""What a look at the store found."""

from dataclasses import dataclass

from temporal_claimcheck.errors import ClaimCheckError

__all__ = ["Health"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a look at the store found."""

    store: str
    """What and where the store is, without credentials."""
    seconds: float
    """How long the look took."""
    error: ClaimCheckError | None = None
    """Why the store cannot be used; None when all is well."""

    @property
    def ok(self) -> bool:
        """Whether the store can be used."""
        return self.error is None
