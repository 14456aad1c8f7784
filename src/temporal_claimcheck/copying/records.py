"""Which of the claim check's own records a copied store needs, and the order in which they come.

    namespaces/  go along   Where a collector must look. Without one, it would take what that
                            namespace refers to for garbage.
    holds/       go along   What a user wants to keep, and what held workflows referred to.
    gc/passes/   stay       What passes over the source found. Two looks at *this* store are what
                            makes a deletion safe; a look that was taken at another is none.
    gc/runs/     stay       What closed runs refer to, as read from Temporal. A first pass over the
                            destination reads it anew; and parts are numbered by each store's own
                            collector, so that those of two stores would shadow each other.
    gc/lease/    stay       Who collects from the source now. The destination's own collector would
                            be locked out by it.
    gc/clock/    stay       Worth something only at the moment when it was written.
    doctor/      stay       Left by a doctor that might write and not delete.

All that goes along, goes whatever namespaces and days are copied: a namespace that wrote nothing
of that may refer to it, and knowing too much only keeps too much. It goes first, and again
before each batch of objects: a namespace stands in the source before its first object does, so
no object comes to the destination before the namespace that it is of.
"""

from collections.abc import AsyncIterator
from typing import Final, Protocol

from temporal_claimcheck.copying.checking import Checker
from temporal_claimcheck.copying.report import DESTINATION, SOURCE, CopyReport, Finding
from temporal_claimcheck.envelope import ENVELOPE_OVERHEAD_BYTES
from temporal_claimcheck.errors import BlobNotFound, IntegrityError
from temporal_claimcheck.flow import for_each
from temporal_claimcheck.ledger import LEDGER_PREFIX
from temporal_claimcheck.stores.base import BlobInfo, BlobStore, CollectableStore

__all__ = ["GO", "LEDGERS", "STAY", "ListedStore", "Records"]

LEDGERS: Final = f"{LEDGER_PREFIX.partition('/')[0]}/"
"""What the keys of all records begin with, those of later releases too."""
GO: Final = (f"{LEDGER_PREFIX}namespaces/", f"{LEDGER_PREFIX}holds/")
"""What the keys of records begin with that go along."""
STAY: Final = (f"{LEDGER_PREFIX}gc/", f"{LEDGER_PREFIX}doctor/")
"""What the keys of records begin with that belong to one store."""

_UNKNOWN: Final = "unknown-record"


class ListedStore(BlobStore, CollectableStore, Protocol):
    """A store that can be listed."""


class Records:
    """Brings the records of one store to another."""

    def __init__(
        self,
        source: ListedStore,
        destination: ListedStore,
        *,
        checker: Checker,
        report: CopyReport,
        verify: bool,
        at_once: int,
    ) -> None:
        self._source = source
        self._destination = destination
        self._checker = checker
        self._report = report
        self._verify = verify
        self._at_once = at_once
        self._there: set[str] = set()
        self._seen: set[str] = set()

    async def begin(self) -> None:
        """Bring all, and count what stays. Raises as `bring` does."""
        async for info in self._listed(self._destination):
            self._there.add(info.key)
        async for info in self._source.scan(LEDGERS):
            if info.key.startswith(STAY):
                self._report.records_left += 1
            elif not info.key.startswith(GO):
                # Of a later release: what it is for, and what is lost without it, is not known.
                what = "The record is of a kind that this release does not know."
                self._report.note(Finding(key=info.key, where=SOURCE, kind=_UNKNOWN, what=what))
        await self.bring()

    async def bring(self) -> None:
        """Bring what has come up at the source since the last time.

        Raises IntegrityError for a record that is damaged, StoreError for a store that fails:
        without its records, objects would not be safe at the destination.
        """
        await for_each(self._new(), self._bring, at_once=self._at_once)

    async def _new(self) -> AsyncIterator[BlobInfo]:
        async for info in self._listed(self._source):
            if info.key not in self._seen:
                self._seen.add(info.key)
                yield info

    async def _listed(self, store: ListedStore) -> AsyncIterator[BlobInfo]:
        for prefix in GO:
            async for info in store.scan(prefix):
                yield info

    async def _bring(self, info: BlobInfo) -> None:
        if info.key in self._there:
            # Records of one name say the same. One that is damaged there stops the collector of
            # the destination, so it is not needed for safety to look at it now.
            if self._verify:
                await self._read(self._destination, info, DESTINATION)
            self._report.records_present += 1
            return
        if not self._report.dry_run:
            try:
                blob = await self._read(self._source, info, SOURCE)
            except BlobNotFound:
                # A hold that was just removed, or a namespace that was retired.
                return
            await self._destination.put(info.key, blob)
            await self._read(self._destination, info, DESTINATION)
        self._report.records_copied += 1

    async def _read(self, store: BlobStore, info: BlobInfo, where: str) -> bytes:
        limit = info.size_bytes + ENVELOPE_OVERHEAD_BYTES
        blob = await store.get(info.key, max_bytes=limit)
        try:
            await self._checker.record(info.key, blob)
        except IntegrityError as error:
            raise type(error)(
                f"{error.what} It lies in the {where}, and objects need their records first.",
                remedy="Put it back from a backup, or delete it and say it again: a hold by "
                "`claimcheck hold add`; a namespace registers when it next writes.",
            ) from error
        return blob
