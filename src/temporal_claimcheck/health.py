"""What a look at the store found."""

import time
from dataclasses import dataclass
from typing import Protocol

from temporal_claimcheck.errors import ClaimCheckError

__all__ = ["Health", "look_at"]


class _Checkable(Protocol):
    @property
    def name(self) -> str: ...

    async def check(self) -> None: ...


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


async def look_at(store: _Checkable) -> Health:
    """Look at a store, by really using it. Never raises for what is wrong with it."""
    started = time.perf_counter()
    error: ClaimCheckError | None = None
    try:
        await store.check()
    except ClaimCheckError as problem:
        error = problem
    return Health(store=store.name, seconds=time.perf_counter() - started, error=error)
