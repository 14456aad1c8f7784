"""A whole pass over a keyspace, in one process."""

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Sequence

from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.errors import CollectorBusy, StoreError
from temporal_claimcheck.gc.cluster import Cluster
from temporal_claimcheck.gc.plan import Rules
from temporal_claimcheck.gc.report import PassReport
from temporal_claimcheck.gc.steps import Progress, Steps, tell_nobody
from temporal_claimcheck.gc.work import Marked, Work
from temporal_claimcheck.manager import ClaimCheckManager

__all__ = ["Collector"]

_DEFAULT_RULES = Rules()


class Collector:
    """Collects the garbage of one keyspace, with all the clusters that use it."""

    def __init__(
        self,
        manager: ClaimCheckManager,
        clusters: Sequence[Cluster],
        *,
        rules: Rules = _DEFAULT_RULES,
        clock: Callable[[], dt.datetime] = utc_now,
        at_once: int = 8,
    ) -> None:
        """Prepare to collect what `manager` stores; `at_once` runs are read at a time.

        Raises InvalidSettings for a store that cannot be listed.
        """
        self._steps = Steps(manager, clusters, rules=rules, clock=clock, at_once=at_once)

    async def run(self, *, delete: bool = False, progress: Progress = tell_nobody) -> PassReport:
        """Carry out one pass, and delete what it condemns if that is wanted.

        Raises CollectorBusy, CollectionRefused, CollectionIncomplete, StoreError, IntegrityError.
        A pass that ends so has deleted nothing, or only what it had condemned by all rules.
        """
        started = time.perf_counter()
        try:
            return await self._run(delete=delete, progress=progress)
        except Exception as error:
            self._steps.failed(error, seconds=time.perf_counter() - started)
            raise

    async def _run(self, *, delete: bool, progress: Progress) -> PassReport:
        progress("Listing the store", 0)
        work = await self._steps.begin()
        completed = False
        try:
            async with self._steps.leases.renewed(work.lease):
                marked = [await self._steps.mark(work, source, progress) for source in work.sources]
                for number, shelf in enumerate(work.shelves):
                    progress("Judging, days", number)
                    await self._steps.judge(work, marked, shelf)
                report = await self._steps.complete(work, marked)
                completed = True
                if delete:
                    report = await self._delete(work, marked, progress)
        except CollectorBusy:
            # Another's now, and not ours to release.
            raise
        except Exception:
            # What cannot be given back ends by itself, and the first error says more.
            with contextlib.suppress(StoreError):
                await self._steps.end(work, completed=completed)
            raise
        await self._steps.end(work, completed=True)
        return report

    async def _delete(self, work: Work, marked: Sequence[Marked], progress: Progress) -> PassReport:
        await self._steps.may_sweep(work)
        late = [await self._steps.look_again(work, source, progress) for source in work.sources]
        for number, shelf in enumerate(work.shelves):
            progress("Deleting, days", number)
            await self._steps.sweep(work, marked, late, shelf)
        return await self._steps.swept(work)
