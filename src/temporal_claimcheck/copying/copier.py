"""Copies objects from one store to another, as they are.

Keys stay the same and so do the bytes: nothing is encrypted anew, and what binds an object to its
key goes on to hold. There is no file that says how far it is. What is at the destination says it:
a store has an object whole or not at all, so whoever was killed runs it again.

The new object is younger than the old one in the destination's eyes, and of the same day in its
key. A collector asks both and judges nothing that is too young by either, so a copy only ever
delays what it deletes; so does a bucket's own rule, which goes by age. Redis drops by the day in
the key, as for what is written there.
"""

import datetime as dt
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Final, Protocol, runtime_checkable

from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.copying.checking import Checker
from temporal_claimcheck.copying.plan import Selection, Step, decide
from temporal_claimcheck.copying.records import LEDGERS, ListedStore, Records
from temporal_claimcheck.copying.report import (
    DESTINATION,
    SOURCE,
    CopyReport,
    Finding,
    ShelfCopy,
)
from temporal_claimcheck.errors import (
    BlobNotFound,
    ClaimCheckError,
    ClaimError,
    EncryptionKeyMissing,
    InvalidSettings,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreUnsafe,
)
from temporal_claimcheck.flow import ByteBudget, for_each
from temporal_claimcheck.keyspace import Key, day_prefix
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.settings import DEFAULT_MAX_BYTES_IN_FLIGHT
from temporal_claimcheck.stores.base import BlobInfo, BlobStore, CollectableStore

if TYPE_CHECKING:
    # The package behind it is optional.
    from temporal_claimcheck.transforms.encryption import KeyRing

__all__ = ["DEFAULT_AT_ONCE", "Copier", "ExpiringStore"]

DEFAULT_AT_ONCE: Final = 32

_BATCH: Final = 1000
# What is read, and what is read back.
_COPIES: Final = 2
# One object that a store does not take or give is a finding. So many in a row are a store that
# is down.
_STORE_IS_DOWN_AFTER: Final = 20
# No other object would fare better.
_HOPELESS: Final = (StoreDenied, StoreFull, StoreUnsafe)

Progress = Callable[[CopyReport], None]


@runtime_checkable
class ExpiringStore(Protocol):
    """A store that drops objects by itself, by what their keys say."""

    def expires_at(self, key: str) -> dt.datetime | None:
        """Return when an object that is stored now would be dropped; None for never."""
        ...


class Copier:
    """One run of a copy."""

    def __init__(
        self,
        source: BlobStore,
        destination: BlobStore,
        selection: Selection,
        *,
        names: tuple[str, str] | None = None,
        keys: "KeyRing | None" = None,
        policy: OffloadPolicy | None = None,
        verify: bool = False,
        dry_run: bool = False,
        at_once: int = DEFAULT_AT_ONCE,
        max_bytes_in_flight: int = DEFAULT_MAX_BYTES_IN_FLIGHT,
        clock: Callable[[], dt.datetime] = utc_now,
        progress: Progress | None = None,
    ) -> None:
        """Prepare; stores stay their owners'. Raises InvalidSettings for one without a listing.

        `names` are how the report calls the two. With `verify` what is at the destination
        already is read too. `progress` is called after each object.
        """
        self._source = _listed(source)
        self._destination = _listed(destination)
        self._selection = selection
        self._verify = verify
        self._at_once = at_once
        self._clock = clock
        self._progress = progress
        name, other = names or (source.name, destination.name)
        self.report = CopyReport(source=name, destination=other, dry_run=dry_run)
        self._checker = Checker(
            keys=keys, policy=policy or OffloadPolicy(), max_bytes_in_flight=max_bytes_in_flight
        )
        self._records = Records(
            self._source,
            self._destination,
            checker=self._checker,
            report=self.report,
            verify=verify,
            at_once=at_once,
        )
        self._budget = ByteBudget(max_bytes_in_flight)
        self._failed_in_a_row = {SOURCE: 0, DESTINATION: 0}

    async def run(self) -> CopyReport:
        """Copy. Raises StoreError for a store that is down or takes nothing.

        Raises IntegrityError for a damaged record, after which nothing more is copied, and
        InvalidSettings for a source that the claim check never wrote to.
        """
        try:
            if not self.report.dry_run:
                await self._destination.check()
            await self._records.begin()
            await self._count()
            if not (self.report.shelves or self.report.has_records):
                raise InvalidSettings(
                    f"Nothing of the claim check's is in {self.report.source}: no object and no "
                    "record.",
                    remedy="Check its URL, and the prefix or the database in it.",
                )
            # The oldest first: where the source expires, they are the next to go.
            for shelf in sorted(self.report.shelves.values(), key=lambda shelf: shelf.day):
                await self._copy_shelf(shelf)
            # What was registered or held at the source meanwhile.
            await self._records.bring()
        finally:
            self._checker.release()
        self.report.finished = True
        return self.report

    async def _count(self) -> None:
        async for info in self._source.scan(self._selection.prefix):
            try:
                key = Key.parse(info.key)
            except ClaimError:
                self.report.foreign += not info.key.startswith(LEDGERS)
                continue
            if self._selection.takes(key):
                place = (key.namespace, key.day)
                shelf = self.report.shelves.get(place)
                if shelf is None:
                    shelf = ShelfCopy(namespace=key.namespace, day=key.day)
                    self.report.shelves[place] = shelf
                shelf.listed += 1
                shelf.listed_bytes += info.size_bytes

    async def _copy_shelf(self, shelf: ShelfCopy) -> None:
        prefix = day_prefix(shelf.namespace, shelf.day)
        there = {info.key: info.size_bytes async for info in self._destination.scan(prefix)}

        async def one(info: BlobInfo) -> None:
            key = Key.parse(info.key)
            step = decide(
                info.size_bytes,
                there_bytes=there.get(info.key),
                expires=self._expires(info.key),
                now=self._clock(),
                verify=self._verify,
            )
            await self._take(step, key, info, there.get(info.key, 0), shelf)
            shelf.done_bytes += info.size_bytes
            if self._progress is not None:
                self._progress(self.report)

        await for_each(self._after_records(prefix), one, at_once=self._at_once)

    async def _after_records(self, prefix: str) -> AsyncIterator[BlobInfo]:
        """Yield what lies on a shelf of the source, each after the records that it needs."""
        batch: list[BlobInfo] = []
        async for info in self._source.scan(prefix):
            try:
                Key.parse(info.key)
            except ClaimError:
                continue
            batch.append(info)
            if len(batch) >= _BATCH:
                await self._records.bring()
                for each in batch:
                    yield each
                batch = []
        if batch:
            await self._records.bring()
        for each in batch:
            yield each

    def _expires(self, key: str) -> dt.datetime | None:
        store = self._destination
        return store.expires_at(key) if isinstance(store, ExpiringStore) else None

    async def _take(
        self, step: Step, key: Key, info: BlobInfo, there_bytes: int, shelf: ShelfCopy
    ) -> None:
        match step:
            case Step.EXPIRED:
                shelf.expired += 1
            case Step.TRUST:
                shelf.present += 1
            case Step.COPY if self.report.dry_run:
                shelf.copied += 1
                shelf.copied_bytes += info.size_bytes
            case Step.COPY:
                async with self._budget.hold(info.size_bytes * _COPIES):
                    await self._copy(key, info, shelf)
            case Step.COMPARE:  # in a dry run too: it only reads
                async with self._budget.hold(info.size_bytes + there_bytes):
                    await self._compare(key, info, there_bytes, shelf)

    async def _copy(self, key: Key, info: BlobInfo, shelf: ShelfCopy) -> None:
        try:
            blob = await self._source.get(info.key, max_bytes=info.size_bytes)
            # Nothing damaged is carried on: at the destination it would look like a copy.
            proven = await self._checker.payload(key, blob)
        except BlobNotFound:
            shelf.vanished += 1
            return
        except ClaimCheckError as error:
            self._note(key, SOURCE, error, shelf)
            return
        self._failed_in_a_row[SOURCE] = 0
        try:
            await self._destination.put(info.key, blob)
            back = await self._destination.get(info.key, max_bytes=info.size_bytes)
            if back != blob and not await self._checker.payload(key, back):
                raise _other_object(info.key)
        except ClaimCheckError as error:
            self._note(key, DESTINATION, error, shelf)
            return
        self._failed_in_a_row[DESTINATION] = 0
        self.report.unproven += not proven
        shelf.copied += 1
        shelf.copied_bytes += info.size_bytes

    async def _compare(self, key: Key, info: BlobInfo, there_bytes: int, shelf: ShelfCopy) -> None:
        """Read what is at the destination, and count it as present if it is the payload."""
        try:
            there = await self._destination.get(info.key, max_bytes=there_bytes)
            proven = await self._checker.payload(key, there)
        except ClaimCheckError as error:
            self._note(key, DESTINATION, error, shelf)
            return
        self._failed_in_a_row[DESTINATION] = 0
        if not proven:
            # Two objects of one payload, each under its own nonce, look as different as two
            # payloads do. So only the very same bytes count.
            try:
                blob = await self._source.get(info.key, max_bytes=info.size_bytes)
            except BlobNotFound:
                shelf.vanished += 1
                return
            except ClaimCheckError as error:
                self._note(key, SOURCE, error, shelf)
                return
            if blob != there:
                self._note(key, DESTINATION, _other_object(info.key), shelf)
                return
        self.report.unproven += not proven
        shelf.present += 1

    def _note(self, key: Key, where: str, error: ClaimCheckError, shelf: ShelfCopy) -> None:
        if where == DESTINATION and isinstance(error, _HOPELESS):
            raise error
        in_a_row = self._failed_in_a_row[where] + 1 if isinstance(error, StoreError) else 0
        self._failed_in_a_row[where] = in_a_row
        if in_a_row >= _STORE_IS_DOWN_AFTER:
            raise error
        shelf.wrong += 1
        self.report.note(Finding(key=str(key), where=where, kind=error.code, what=error.what))


def _other_object(key: str) -> EncryptionKeyMissing:
    return EncryptionKeyMissing(
        f"The object under {key} is whole and not the same, and only its key could tell whether "
        "it holds the same payload.",
        remedy="Give this process the encryption keys (CLAIMCHECK_ENCRYPTION_KEYS).",
    )


def _listed(store: BlobStore) -> ListedStore:
    if not isinstance(store, CollectableStore):
        raise InvalidSettings(
            f"The store {store.name} cannot be listed.",
            remedy="Copy between stores that can list (CollectableStore).",
        )
    return store  # pyright: ignore[reportReturnType]  # it is both
