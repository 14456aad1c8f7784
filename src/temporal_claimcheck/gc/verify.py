"""Reads what is stored and says what is wrong with it. Changes nothing.

Objects are opened as a reader opens them: envelope, decryption, digest. What vanishes meanwhile
is no error, since collection and expiry go on.
"""

import datetime as dt
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Final

from temporal_claimcheck.errors import (
    BlobNotFound,
    BlobTooLarge,
    ClaimCheckError,
    ClaimError,
    InvalidKey,
    InvalidSettings,
    StoreError,
)
from temporal_claimcheck.flow import ByteBudget, for_each
from temporal_claimcheck.keyspace import KEYSPACE_VERSION, Key, day_prefix, namespace_prefix
from temporal_claimcheck.ledger import LEDGER_PREFIX
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.stores.base import BlobInfo, BlobStore, CollectableStore, ProbingStore

__all__ = ["Finding", "References", "Selection", "Verification", "check_references", "verify"]

_AT_ONCE: Final = 16
_MAX_STORED_BYTES_AT_ONCE: Final = 256 * 1024**2
# Counting goes on beyond; a store that lost everything must not fill our memory with its keys.
_MAX_FINDINGS: Final = 1000
# One object that the store does not give is a finding. So many in a row are a store that is down.
_STORE_IS_DOWN_AFTER: Final = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which objects are read; by default all."""

    namespace: str | None = None
    day: dt.date | None = None
    sample: int | None = None
    """So many payloads, drawn from all that are selected; each with the same chance."""

    @property
    def prefix(self) -> str:
        """What the keys of all that is selected begin with."""
        if self.namespace is None:
            return "" if self.day is None else f"{KEYSPACE_VERSION}/"
        if self.day is None:
            return namespace_prefix(self.namespace)
        return day_prefix(self.namespace, self.day)

    def takes(self, key: Key) -> bool:
        """Return whether a payload is selected."""
        return (self.day is None or key.day == self.day) and (
            self.namespace is None or key.namespace == self.namespace
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that is wrong."""

    key: str
    kind: str
    """The code of the error, as in the reference of errors."""
    what: str


@dataclass(slots=True, kw_only=True)
class Verification:
    """What was found, so far or in the end."""

    store: str
    listed: int = 0
    """Payloads that were selected, before a sample was drawn."""
    sound: int = 0
    """Payloads that are what their keys promise."""
    sound_bytes: int = 0
    """Their size in the store."""
    records: int = 0
    """Records of the claim check's own that open."""
    foreign: int = 0
    """Objects that nothing of the claim check's made."""
    vanished: int = 0
    """Objects that were deleted, or expired, before they were read."""
    wrong: Counter[str] = field(default_factory=Counter[str])
    """How many there are of each kind of what is wrong."""
    findings: list[Finding] = field(default_factory=list[Finding])
    """The first thousand of them."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong

    @property
    def read(self) -> int:
        """How many objects were read."""
        return self.sound + self.records + self.wrong.total()


@dataclass(slots=True, kw_only=True)
class References:
    """Whether objects are there that something refers to."""

    present: int = 0
    missing: int = 0
    missing_keys: list[str] = field(default_factory=list[str])
    """The first thousand of them."""
    unreadable: int = 0
    """Keys that no keyspace ever made; nothing can be stored under them."""

    @property
    def all_resolve(self) -> bool:
        """Whether every reference leads to an object."""
        return not (self.missing or self.unreadable)


async def verify(
    manager: ClaimCheckManager,
    selection: Selection,
    *,
    progress: Callable[[Verification], None] | None = None,
) -> Verification:
    """Read the selected objects of the manager's store, of every namespace.

    Records are read unless a namespace or a day is selected. `progress` is called after each
    object. Raises StoreError for a store that cannot be listed or is down.
    """
    store = manager.store
    if not isinstance(store, CollectableStore):
        raise InvalidSettings(
            f"The store {store.name} cannot be listed.",
            remedy="Verify a store that can list (CollectableStore).",
        )
    run = _Run(manager.for_replay(), Verification(store=store.name), progress)
    await for_each(_selected(store, selection, run.found), run.check, at_once=_AT_ONCE)
    return run.found


async def check_references(store: BlobStore, keys: AsyncIterator[str]) -> References:
    """Ask the store for every object that something refers to, and read none.

    Whether an object is sound is what `verify` says. Raises StoreError for a store that fails:
    no answer is not the answer that something is missing.
    """
    found = References()

    async def look(key: str) -> None:
        try:
            Key.parse(key)
        except InvalidKey:
            found.unreadable += 1
            return
        if await _is_there(store, key):
            found.present += 1
            return
        found.missing += 1
        if len(found.missing_keys) < _MAX_FINDINGS:
            found.missing_keys.append(key)

    await for_each(keys, look, at_once=_AT_ONCE)
    return found


class _Run:
    """One pass over a store."""

    def __init__(
        self,
        manager: ClaimCheckManager,
        found: Verification,
        progress: Callable[[Verification], None] | None,
    ) -> None:
        self.found = found
        self._manager = manager
        self._progress = progress
        self._budget = ByteBudget(_MAX_STORED_BYTES_AT_ONCE)
        self._failed_in_a_row = 0

    async def check(self, info: BlobInfo) -> None:
        try:
            async with self._budget.hold(info.size_bytes):
                await self._open(info)
        except BlobNotFound:
            self.found.vanished += 1
        except ClaimCheckError as error:
            self._note(info, error)
        else:
            self._failed_in_a_row = 0
        if self._progress is not None:
            self._progress(self.found)

    async def _open(self, info: BlobInfo) -> None:
        if info.key.startswith(LEDGER_PREFIX):
            await self._manager.ledger.read(info.key.removeprefix(LEDGER_PREFIX))
            self.found.records += 1
            return
        await self._manager.inspect(info.key)
        self.found.sound += 1
        self.found.sound_bytes += info.size_bytes

    def _note(self, info: BlobInfo, error: ClaimCheckError) -> None:
        is_of_store = isinstance(error, StoreError)
        self._failed_in_a_row = self._failed_in_a_row + 1 if is_of_store else 0
        if self._failed_in_a_row >= _STORE_IS_DOWN_AFTER:
            raise error
        self.found.wrong[error.code] += 1
        if len(self.found.findings) < _MAX_FINDINGS:
            self.found.findings.append(Finding(key=info.key, kind=error.code, what=error.what))


async def _selected(
    store: CollectableStore, selection: Selection, found: Verification
) -> AsyncIterator[BlobInfo]:
    """Yield what is to be read, and count the rest."""
    drawn: list[BlobInfo] = []
    chance = random.Random()  # noqa: S311  # no secret
    async for info in store.scan(selection.prefix):
        if info.key.startswith(LEDGER_PREFIX):
            yield info
            continue
        try:
            key = Key.parse(info.key)
        except ClaimError:
            found.foreign += 1
            continue
        if not selection.takes(key):
            continue
        found.listed += 1
        if selection.sample is None:
            yield info
        elif len(drawn) < selection.sample:
            drawn.append(info)
        elif (place := chance.randrange(found.listed)) < selection.sample:
            # Reservoir sampling: each has the same chance, and the listing is never kept.
            drawn[place] = info
    for info in drawn:
        yield info


async def _is_there(store: BlobStore, key: str) -> bool:
    if isinstance(store, ProbingStore):
        return await store.contains(key)
    # Cheaper than reading it: a store refuses what is larger than allowed before it reads it.
    try:
        await store.get(key, max_bytes=0)
    except BlobTooLarge:
        return True
    except BlobNotFound:
        return False
    return True
