"""Deletes what a pass has condemned: once, in small batches, each checked right before.

A deletion that fails or is cut off only keeps too much; the next pass finds it again.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from temporal_claimcheck.gc.holds import Holds
from temporal_claimcheck.gc.lease import Lease
from temporal_claimcheck.gc.marks import Marks
from temporal_claimcheck.gc.passes import Pass, Passes
from temporal_claimcheck.gc.shelves import Judgement, objects_on
from temporal_claimcheck.keyspace import Key, day_prefix
from temporal_claimcheck.stores.base import BlobInfo, CollectableStore

__all__ = ["sweep"]

_BATCH: Final = 500


async def sweep(
    store: CollectableStore,
    judgements: Sequence[Judgement],
    *,
    this: Pass,
    passes: Passes,
    marks: Marks,
    holds: Holds,
    lease: Lease,
) -> None:
    """Delete what is still condemned, and count it in the reports.

    Raises CollectorBusy when another collector took over; what was deleted until then is counted.
    """
    number = 0
    for judgement in judgements:
        condemned = await _unchanged(store, judgement)
        for batch in _batches(condemned):
            await lease.check()
            held = await holds.load()
            doomed = [key for key in batch if not marks.has(key) and not held.keeps(key)]
            if doomed:
                keys = [str(key) for key in doomed]
                await passes.announce(this, number, keys)
                await store.delete(keys)
                number += 1
            for key in doomed:
                judgement.report.deleted.add(condemned[key].size_bytes)


async def _unchanged(store: CollectableStore, judgement: Judgement) -> dict[Key, BlobInfo]:
    """Return the condemned objects that are still the ones that were judged."""
    if not judgement.condemned:
        return {}
    namespace, day = judgement.shelf
    return {
        key: info
        async for key, info in objects_on(store, day_prefix(namespace, day))
        if judgement.condemned.get(key) == info
    }


def _batches(keys: Iterable[Key]) -> Iterator[Sequence[Key]]:
    rest = iter(keys)
    while batch := tuple(islice(rest, _BATCH)):
        yield batch
