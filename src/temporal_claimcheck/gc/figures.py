"""What a pass found, for observers: told by who carries it out, and by who reads of it later."""

import asyncio
import logging
import time
from typing import Final

from temporal_claimcheck.errors import ClaimCheckError
from temporal_claimcheck.events import Collected, Observer
from temporal_claimcheck.gc.passes import Passes
from temporal_claimcheck.gc.plan import Verdict
from temporal_claimcheck.gc.report import PassReport
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.stores.base import CollectableStore

__all__ = ["LatestPass", "collected"]

logger = logging.getLogger(__name__)

_FRESH_SECONDS: Final = 300.0
_WAIT_SECONDS: Final = 2.0


def collected(report: PassReport) -> Collected:
    """Return a pass as an event."""
    return Collected(
        ended=report.ended,
        seconds=(report.ended - report.began).total_seconds(),
        runs=report.runs,
        references=report.references,
        objects={verdict.value: report.count(verdict) for verdict in Verdict},
        stored_bytes={
            verdict.value: sum(shelf.verdicts[verdict].stored_bytes for shelf in report.shelves)
            for verdict in Verdict
        },
        deleted_objects=report.deleted,
        deleted_bytes=report.deleted_bytes,
    )


class LatestPass:
    """Tells an observer of the latest complete pass, whoever carried it out and when.

    The pass itself may be over in a process that nobody can ask: its report is in the store.
    """

    def __init__(self, manager: ClaimCheckManager, observer: Observer) -> None:
        """Read `manager`'s store; one that cannot be listed has no passes, and is not read."""
        self._passes = Passes(manager.ledger)
        self._collectable = isinstance(manager.store, CollectableStore)
        self._observer = observer
        self._looked: float | None = None
        self._looking: asyncio.Task[None] | None = None

    async def tell(self) -> None:
        """Look, unless that was done in the last five minutes, and wait for it two seconds.

        A look that takes longer goes on behind the caller's back. Never raises.
        """
        if not self._collectable:
            return
        now = time.monotonic()
        if self._looking is None and (self._looked is None or now - self._looked > _FRESH_SECONDS):
            self._looked = now
            self._looking = asyncio.create_task(self._look())
        if self._looking is not None:
            await asyncio.wait([self._looking], timeout=_WAIT_SECONDS)

    async def _look(self) -> None:
        try:
            report = await self._passes.latest_report()
            if report is not None:
                self._observer.observe(collected(report))
        except ClaimCheckError as error:
            # What was told before stays, and grows old in plain sight.
            logger.warning("The collector's reports cannot be read: %s", error)
        finally:
            self._looking = None
