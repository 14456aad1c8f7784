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
from typing import Final

from temporal_claimcheck.errors import CollectionRefused, CollectorBusy, StoreError
from temporal_claimcheck.ledger import Ledger

__all__ = ["Lease", "lease"]

_PREFIX: Final = "gc/lease/"
_CLOCKS: Final = "gc/clock/"
_LIFETIME: Final = dt.timedelta(minutes=15)
_RENEW_SECONDS: Final = 180.0
_MAX_CLOCK_ERROR: Final = dt.timedelta(hours=1)


class Lease:
    """The right to collect, as long as nobody else took it and it was renewed."""

    def __init__(self, ledger: Ledger, clock: Callable[[], dt.datetime], number: int) -> None:
        self._ledger = ledger
        self._clock = clock
        self._number = number
        self._renewals = 0
        self._owner = secrets.token_hex(8)
        self._until = clock()

    @classmethod
    async def acquire(cls, ledger: Ledger, clock: Callable[[], dt.datetime]) -> "Lease":
        """Take the lease. Raises CollectorBusy, and CollectionRefused for a clock that is wrong."""
        # First of all: by a clock that is ahead, everybody else's lease would be over.
        await _check_clock(ledger, clock)
        names = await ledger.names(_PREFIX)
        if names:
            last = await ledger.read(names[-1])
            until = dt.datetime.fromisoformat(str(last["until"]))
            if clock() < until:
                raise CollectorBusy(
                    f"Another collector is at work, until {until:%Y-%m-%d %H:%M} UTC at least.",
                    remedy="Wait for it; if it has died, its lease ends by itself.",
                )
        number = 1 + (int(names[-1].removeprefix(_PREFIX).split("/")[0]) if names else 0)
        taken = cls(ledger, clock, number)
        await taken.renew()
        await taken.check()
        await ledger.delete(names)
        return taken

    async def renew(self) -> None:
        """Hold the lease for another quarter of an hour."""
        await self._write(self._clock() + _LIFETIME)

    async def release(self) -> None:
        """Let the next collector in."""
        await self._write(self._clock())

    async def check(self) -> None:
        """Raise CollectorBusy if the lease is lost."""
        names = await self._ledger.names(_PREFIX)
        mine = bool(names) and names[-1].startswith(f"{_PREFIX}{self._number:08d}/")
        if mine and self._clock() < self._until:
            record = await self._ledger.read(names[-1])
            if record["owner"] == self._owner:
                return
        raise CollectorBusy(
            "Another collector took over, or this one was held up for too long.",
            remedy="Nothing more is deleted in this pass; the next one goes on.",
        )

    async def _write(self, until: dt.datetime) -> None:
        name = f"{_PREFIX}{self._number:08d}/{self._renewals:08d}"
        self._renewals += 1
        wrote = await self._ledger.write(
            name, {"owner": self._owner, "until": until.isoformat(timespec="seconds")}
        )
        if not wrote:
            raise CollectorBusy(
                "Another collector began at the same moment.", remedy="Wait until it is done."
            )
        self._until = until


@asynccontextmanager
async def lease(ledger: Ledger, clock: Callable[[], dt.datetime]) -> AsyncGenerator[Lease]:
    """Hold the lease for the block. Raises CollectorBusy."""
    held = await Lease.acquire(ledger, clock)
    renewing = asyncio.create_task(_renew(held))
    try:
        yield held
    finally:
        renewing.cancel()
        # If a renewal failed and it mattered, `check` has said so.
        with contextlib.suppress(asyncio.CancelledError, CollectorBusy, StoreError):
            await renewing
        # What cannot be let go ends by itself.
        with contextlib.suppress(CollectorBusy, StoreError):
            await held.release()


async def _renew(held: Lease) -> None:
    while True:
        await asyncio.sleep(_RENEW_SECONDS)
        await held.renew()


async def _check_clock(ledger: Ledger, clock: Callable[[], dt.datetime]) -> None:
    """Compare our clock to the store's: by a wrong one, days would close too early."""
    name = f"{_CLOCKS}{secrets.token_hex(8)}"
    await ledger.write(name, {})
    try:
        async for _, info in ledger.entries(name):
            # Midnight sharp is what a store says that does not know when it stored something.
            known = info.modified.time() != dt.time()
            error = abs(clock() - info.modified)
            if known and error > _MAX_CLOCK_ERROR:
                raise CollectionRefused(
                    f"The clocks of this machine and of the store differ by {error}.",
                    remedy="Set the clock; by a wrong one, objects could be deleted too early.",
                )
    finally:
        await ledger.delete([name])
