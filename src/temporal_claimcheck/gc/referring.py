"""Everything in Temporal that refers to an object, and which of it leads nowhere. Changes nothing.

Read as a pass of the collector reads it, so a reference is missed here if it is missed there.
"""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.errors import CollectionIncomplete, InvalidKey
from temporal_claimcheck.gc.cluster import Cluster, Kind, Run
from temporal_claimcheck.gc.coverage import cover
from temporal_claimcheck.gc.holds import Holds, Kept
from temporal_claimcheck.gc.marking import NamespaceReader
from temporal_claimcheck.gc.marks import Marks
from temporal_claimcheck.gc.steps import Progress, tell_nobody
from temporal_claimcheck.gc.verify import Selection, check_references
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.ledger import Ledger, Record
from temporal_claimcheck.manager import ClaimCheckManager

__all__ = ["Dangling", "LiveReferences", "check_live_references"]

_NO_HOLDS = Kept(keys=frozenset(), days=frozenset(), workflows={})


@dataclass(frozen=True, slots=True, kw_only=True)
class Dangling:
    """A reference that leads nowhere."""

    key: str
    referrer: str
    """One of those that refer to it, in words: `workflow order-17, run 0192… in default`."""


@dataclass(slots=True, kw_only=True)
class LiveReferences:
    """Whether all that Temporal refers to is stored."""

    runs: int = 0
    """How many runs were read; what other things refer to is checked too."""
    present: int = 0
    """Keys that something refers to, and that the store has."""
    missing: int = 0
    """Keys that something refers to, and that the store does not have."""
    dangling: list[Dangling] = field(default_factory=list[Dangling])
    """The first thousand of the missing ones."""

    @property
    def all_resolve(self) -> bool:
        """Whether every reference leads to an object."""
        return not self.missing


async def check_live_references(
    manager: ClaimCheckManager,
    clusters: Sequence[Cluster],
    selection: Selection,
    *,
    at_once: int = 8,
    clock: Callable[[], dt.datetime] = utc_now,
    progress: Progress = tell_nobody,
) -> LiveReferences:
    """Ask the store for all that Temporal refers to, of the selected namespace and day.

    Keeps every such key in memory. Raises CollectionRefused if a namespace that writes to the
    store is not among the clusters', CollectionIncomplete if Temporal cannot be read in full or no
    namespace has registered,
    namespace has registered, and StoreError.
    """
    registered = await manager.registry.registered()
    if not registered:
        raise CollectionIncomplete(
            f"No namespace has registered in {manager.store.name}, so nothing says where to look.",
            remedy="If something was stored there, the store has lost it all: restore it.",
        )
    ledger = _OnlyRead(manager.ledger)
    referrers: dict[str, str] = {}
    found = LiveReferences()
    for source in await cover(clusters, registered, ()):
        where = source.namespace.name
        reader = NamespaceReader(
            source,
            ledger=ledger,
            marks=Marks([]),
            began=clock(),
            at_once=at_once,
            holds=Holds(ledger),
            held=_NO_HOLDS,
            tell=progress,
            taken=_run_taker(referrers, where),
            other_taken=_other_taker(referrers, where),
        )
        await reader.read()
        found.runs += reader.runs
    progress("Looking for objects", len(referrers))
    checked = await check_references(manager.store, _selected(referrers, selection))
    found.present, found.missing = checked.present, checked.missing
    found.dangling = [
        Dangling(key=key, referrer=referrers[key]) for key in sorted(checked.missing_keys)
    ]
    return found


class _OnlyRead(Ledger):
    """A ledger of which what earlier passes kept can be read, and nothing be changed."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def read(self, name: str) -> Record:
        return await self._ledger.read(name)

    async def names(self, prefix: str = "") -> list[str]:
        return await self._ledger.names(prefix)

    async def write(self, name: str, record: Record) -> bool:
        del name, record
        return True

    async def delete(self, names: Iterable[str]) -> None:
        del names


def _run_taker(referrers: dict[str, str], namespace: str) -> Callable[[Run, frozenset[str]], None]:
    def take(run: Run, keys: frozenset[str]) -> None:
        who = f"workflow {run.workflow_id}, run {run.run_id} in {namespace}"
        for key in keys:
            referrers.setdefault(key, who)

    return take


def _other_taker(
    referrers: dict[str, str], namespace: str
) -> Callable[[Kind, str, frozenset[str]], None]:
    def take(kind: Kind, name: str, keys: frozenset[str]) -> None:
        who = f"{kind.value.replace('-', ' ')} {name} in {namespace}"
        for key in keys:
            referrers.setdefault(key, who)

    return take


async def _selected(referrers: Mapping[str, str], selection: Selection) -> AsyncIterator[str]:
    for text in referrers:
        try:
            key = Key.parse(text)
        except InvalidKey:
            # Text of a user's that only looks like a key: nothing was ever stored under it.
            continue
        if selection.takes(key):
            yield text
