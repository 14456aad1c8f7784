"""Marks of closed runs, kept between passes: a closed run never changes, so it is read once.

Kept by namespace and by the day on which runs closed, in a few records for each day. They also
say which runs there are: one that the listing does not show any more is asked for directly
before its marks are dropped.
"""

import asyncio
import datetime as dt
import secrets
from collections.abc import Mapping
from typing import Final, cast

from temporal_claimcheck.gc.cluster import Run
from temporal_claimcheck.ledger import Ledger

__all__ = ["BEFORE", "KNOWN", "KeptRuns", "kept_days"]

BEFORE: Final = "before"
"""Window of the runs that closed before all days that have a window of their own."""
KNOWN: Final = "known"
"""Window of the runs that were seen otherwise: open ones, and those that no listing shows."""

_PREFIX: Final = "gc/runs/"
_FLUSH_RUNS: Final = 500
# A record is read whole, and rewritten whole when runs are gone.
_MAX_PARTS: Final = 20

Marked = Mapping[Run, frozenset[str]]


class KeptRuns:
    """The runs of one namespace that closed in one window, or that are known for another reason.

    `load` first; then `add` what was read and `drop` what is gone; `flush` writes what is new,
    and `save` leaves one record that says what stands.
    """

    def __init__(
        self, ledger: Ledger, namespace_id: str, window: str, *, after: "KeptRuns | None" = None
    ) -> None:
        """Prepare; what is new in `after` is always written before anything of this one."""
        self._ledger = ledger
        self._after = after
        self._flushing = asyncio.Lock()
        self._prefix = f"{_PREFIX}{namespace_id}/{window}/"
        self._runs: dict[Run, frozenset[str]] = {}
        self._fresh: dict[Run, frozenset[str]] = {}
        self._parts: list[str] = []
        self._next = 1
        self._dropped = False

    @property
    def runs(self) -> Marked:
        """What is known: each run with the keys that it refers to."""
        return self._runs

    async def load(self) -> None:
        """Read what earlier passes kept. Raises IntegrityError for a damaged record."""
        self._parts = await self._ledger.names(self._prefix)
        for part in self._parts:
            self._next = 1 + int(part.rpartition("/")[2].partition("-")[0])
            record = await self._ledger.read(part)
            for run_id, (workflow_id, keys) in cast(
                "dict[str, tuple[str, list[str]]]", record["runs"]
            ).items():
                run = Run(workflow_id=workflow_id, run_id=run_id)
                # A part that was to be deleted may say less or more; more is safe.
                self._runs[run] = self._runs.get(run, frozenset()) | frozenset(keys)

    async def add(self, run: Run, keys: frozenset[str]) -> None:
        """Keep a run; written every few hundred, so that a pass that dies has not read in vain."""
        self._runs[run] = self._fresh[run] = keys
        if len(self._fresh) >= _FLUSH_RUNS:
            await self.flush()

    def drop(self, run: Run) -> None:
        """Forget a run that is gone."""
        del self._runs[run]
        self._fresh.pop(run, None)
        self._dropped = True

    async def flush(self) -> None:
        """Write what is new."""
        # One at a time: what the first still writes in `after` is not there for the second.
        async with self._flushing:
            fresh, self._fresh = self._fresh, {}
            if fresh:
                try:
                    if self._after is not None:
                        await self._after.flush()
                    await self._write(fresh)
                except BaseException:
                    # Whoever waits to write after this must not believe that it is written.
                    self._fresh = fresh | self._fresh
                    raise

    async def save(self) -> None:
        """Write what stands, in one record if there are many or something is gone."""
        if self._dropped or len(self._parts) > _MAX_PARTS:
            await self.replace(self._runs)
        else:
            await self.flush()

    async def replace(self, runs: Marked) -> None:
        """Write that these runs are all there are."""
        if self._after is not None:
            await self._after.flush()
        # The new record first: cut off between the two, too much is remembered.
        old, self._parts, self._fresh = self._parts, [], {}
        self._runs = dict(runs)
        if self._runs:
            await self._write(self._runs)
        await self._ledger.delete(old)
        self._dropped = False

    async def _write(self, runs: Marked) -> None:
        entries = {run.run_id: (run.workflow_id, sorted(keys)) for run, keys in runs.items()}
        # A name of its own: others write here too, and not every store keeps the first of two.
        name = f"{self._prefix}{self._next:08d}-{secrets.token_hex(4)}"
        self._next += 1
        await self._ledger.write(name, {"runs": entries})
        self._parts.append(name)


async def kept_days(ledger: Ledger, namespace_id: str) -> list[dt.date]:
    """Return the days of which closed runs are kept, sorted."""
    prefix = f"{_PREFIX}{namespace_id}/"
    windows = {name.removeprefix(prefix).split("/")[0] for name in await ledger.names(prefix)}
    return sorted(dt.date.fromisoformat(window) for window in windows - {BEFORE, KNOWN})
