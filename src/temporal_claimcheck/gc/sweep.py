"""Deletes what a pass has condemned: once, in small batches, each checked right before.

A deletion that fails or is cut off only keeps too much; the next pass finds it again.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from temporal_claimcheck.gc.holds import Holds
from temporal_claimcheck.gc.lease import Lease, Leases
from temporal_claimcheck.gc.passes import Passes
from temporal_claimcheck.gc.shelves import Judgement
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.stores.base import CollectableStore

__all__ = ["Sweeper"]

_BATCH: Final = 500


class Sweeper:
    """Deletes for one pass, as long as its lease holds."""

    def __init__(
        self, store: CollectableStore, *, passes: Passes, holds: Holds, leases: Leases
    ) -> None:
        self._store = store
        self._passes = passes
        self._holds = holds
        self._leases = leases

    async def sweep(self, pass_id: str, lease: Lease, judgement: Judgement) -> None:
        """Delete what was condemned on a shelf, and count it in its report.

        Raises CollectorBusy when another collector took over, after which nothing is deleted.
        """
        for batch in _batches(judgement.condemned):
            await self._leases.check(lease)
            held = await self._holds.load()
            doomed = [key for key in batch if not held.keeps(key)]
            if doomed:
                keys = [str(key) for key in doomed]
                await self._passes.announce(pass_id, judgement.shelf, keys)
                await self._store.delete(keys)
            for key in doomed:
                judgement.report.deleted.add(judgement.condemned[key].size_bytes)


def _batches(keys: Iterable[Key]) -> Iterator[Sequence[Key]]:
    rest = iter(keys)
    while batch := tuple(islice(rest, _BATCH)):
        yield batch
