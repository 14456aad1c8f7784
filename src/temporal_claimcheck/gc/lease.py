"""One collector at a time: a lease in the ledger, renewed while its collector lives.

It keeps two collectors from doing the same work, and from reporting each other's deletions as
missing. Nothing depends on it for safety: two that ran at once would each delete only what its
own passes condemned. A server without conditional writes may let both in.
"""

import asyncio
import contextlib
import datetime as dt
import secrets
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from temporal_claimcheck.errors import CollectionRefused, CollectorBusy, StoreError
from temporal_claimcheck.ledger import Ledger

__all__ = ["Lease", "Leases"]

_PREFIX: Final = "gc/lease/"
_CLOCKS: Final = "gc/clock/"
_RELEASED: Final = "released"
"""Sorts behind every time."""
_LIFETIME: Final = dt.timedelta(minutes=15)
_RENEW_SECONDS: Final = 180.0
_MAX_CLOCK_ERROR: Final = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to collect. Plain data: the steps of a pass may run in several processes."""

    number: int
    """Each lease has the next number."""
    owner: str
    """Who took it."""


class Leases:
    """Gives out leases, renews them, and says whether one still holds."""

    def __init__(self, ledger: Ledger, clock: Callable[[], dt.datetime]) -> None:
        self._ledger = ledger
        self._clock = clock

    async def acquire(self) -> Lease:
        """Take the lease. Raises CollectorBusy, and CollectionRefused for a clock that is wrong."""
        # First of all: by a clock that is ahead, everybody else's lease would be over.
        await self._check_clock()
        names = await self._ledger.names(_PREFIX)
        if names and not names[-1].endswith(_RELEASED):
            last = await self._ledger.read(names[-1])
            until = dt.datetime.fromisoformat(str(last["until"]))
            if self._clock() < until:
                raise CollectorBusy(
                    f"Another collector is at work, until {until:%Y-%m-%d %H:%M} UTC at least.",
                    remedy="Wait for it; if it has died, its lease ends by itself.",
                )
        number = 1 + (int(names[-1].removeprefix(_PREFIX).split("/")[0]) if names else 0)
        lease = Lease(number=number, owner=secrets.token_hex(8))
        # Of two who take the same number, the store lets one write, or keeps what one wrote.
        first = f"{_PREFIX}{number:08d}/0"
        if not await self._ledger.write(first, self._record(lease, _LIFETIME)):
            raise CollectorBusy(
                "Another collector began at the same moment.", remedy="Wait until it is done."
            )
        await self.check(lease)
        await self._ledger.delete(names)
        return lease

    async def check(self, lease: Lease) -> None:
        """Raise CollectorBusy if the lease is lost."""
        names = await self._ledger.names(_PREFIX)
        mine = names and names[-1].startswith(f"{_PREFIX}{lease.number:08d}/")
        if mine and not names[-1].endswith(_RELEASED):
            record = await self._ledger.read(names[-1])
            until = dt.datetime.fromisoformat(str(record["until"]))
            if record["owner"] == lease.owner and self._clock() < until:
                return
        raise CollectorBusy(
            "Another collector took over, or this one was held up for too long.",
            remedy="Nothing more is deleted in this pass; the next one goes on.",
        )

    async def renew(self, lease: Lease) -> None:
        """Hold the lease for another quarter of an hour. Raises CollectorBusy if it is lost."""
        await self.check(lease)
        name = f"{self._clock():%Y%m%dT%H%M%S%f}-{secrets.token_hex(4)}"
        await self._ledger.write(
            f"{_PREFIX}{lease.number:08d}/{name}", self._record(lease, _LIFETIME)
        )

    async def release(self, lease: Lease) -> None:
        """Let the next collector in."""
        await self._ledger.write(
            f"{_PREFIX}{lease.number:08d}/{_RELEASED}", self._record(lease, dt.timedelta())
        )

    @asynccontextmanager
    async def renewed(self, lease: Lease) -> AsyncGenerator[None]:
        """Renew the lease during the block. Raises CollectorBusy if it is lost already."""
        await self.renew(lease)
        renewing = asyncio.create_task(self._renew_for_ever(lease))
        try:
            yield
        finally:
            renewing.cancel()
            # Whoever deletes checks the lease itself.
            with contextlib.suppress(asyncio.CancelledError, CollectorBusy):
                await renewing

    async def _renew_for_ever(self, lease: Lease) -> None:
        while True:
            await asyncio.sleep(_RENEW_SECONDS)
            # One that fails is made up for by the next; the lease lasts for five.
            with contextlib.suppress(StoreError):
                await self.renew(lease)

    def _record(self, lease: Lease, lifetime: dt.timedelta) -> dict[str, object]:
        until = self._clock() + lifetime
        return {"owner": lease.owner, "until": until.isoformat(timespec="microseconds")}

    async def _check_clock(self) -> None:
        """Compare our clock to the store's: by a wrong one, days would close too early."""
        name = f"{_CLOCKS}{secrets.token_hex(8)}"
        # Before and after: this process may stand still at any moment, for as long as its clock
        # is wrong.
        before = self._clock()
        await self._ledger.write(name, {})
        try:
            async for _, info in self._ledger.entries(name):
                # Midnight sharp is what a store says that does not know when it stored something.
                known = info.modified.time() != dt.time()
                error = max(abs(before - info.modified), abs(self._clock() - info.modified))
                if known and error > _MAX_CLOCK_ERROR:
                    raise CollectionRefused(
                        f"The clocks of this machine and of the store differ by {error}.",
                        remedy="Set the clock; by a wrong one, objects could be deleted too early.",
                    )
        finally:
            await self._ledger.delete([name])
