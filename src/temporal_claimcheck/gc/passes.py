"""Passes in the ledger: what one leaves for the next, and what people may want to read later."""

import datetime as dt
import secrets
from collections.abc import Iterable, Mapping
from typing import Final, cast

from temporal_claimcheck.errors import BlobNotFound, CollectionIncomplete
from temporal_claimcheck.gc.marks import Shelf
from temporal_claimcheck.gc.report import PassReport, ShelfReport
from temporal_claimcheck.keyspace import escape_namespace
from temporal_claimcheck.ledger import Ledger, Record

__all__ = ["Passes", "Suspects"]

_PREFIX: Final = "gc/passes/"
_COMPLETED: Final = "completed"
_SWEPT: Final = "swept"
_REPORTS: Final = 100
_DELETING: Final = "deleting"
_LASTING: Final = frozenset({_COMPLETED, _SWEPT, _DELETING})

Suspects = Mapping[str, dt.datetime]
"""Digests of objects that nothing refers to, and since when."""


class Passes:
    """Writes and reads the records of passes.

    A pass counts from the moment its report stands; all it has written before is nothing without.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def latest(self) -> str | None:
        """Return the id of the latest completed pass."""
        completed = await self._ids(_COMPLETED)
        return completed[-1] if completed else None

    async def mark(self, pass_id: str, source: str, shelf: Shelf, digests: Iterable[str]) -> None:
        """Write what a source refers to on a shelf."""
        name = f"{_place(pass_id, 'marks', shelf)}/{source}"
        await self._ledger.write(name, {"digests": sorted(digests)})

    async def marks(self, pass_id: str, source: str, shelf: Shelf) -> list[str]:
        """Return what `mark` wrote. Raises CollectionIncomplete if it is gone."""
        name = f"{_place(pass_id, 'marks', shelf)}/{source}"
        try:
            return cast("list[str]", (await self._ledger.read(name))["digests"])
        except BlobNotFound as error:
            # Without it, what is in use would look as if it were not.
            raise CollectionIncomplete(
                "What this pass has marked is gone from the store.",
                remedy="Nothing was deleted. Look for who deletes below ledger/ in the store.",
            ) from error

    async def judge(
        self, pass_id: str, shelf: Shelf, report: ShelfReport, suspects: Suspects
    ) -> None:
        """Write what was found on a shelf, and what is suspected there."""
        since = {digest: moment.isoformat() for digest, moment in suspects.items()}
        await self._ledger.write(
            _place(pass_id, "judged", shelf), {"report": report.dump(), "since": since}
        )

    async def judged(self, pass_id: str, shelf: Shelf) -> ShelfReport:
        """Return what was found on a shelf."""
        record = await self._ledger.read(_place(pass_id, "judged", shelf))
        return ShelfReport.parse(cast("Record", record["report"]))

    async def suspects(self, pass_id: str | None, shelf: Shelf) -> Suspects:
        """Return what a completed pass suspected on a shelf."""
        if pass_id is None:
            return {}
        try:
            record = await self._ledger.read(_place(pass_id, "judged", shelf))
        except BlobNotFound:
            # The shelf was too young then. If the record was lost, suspicion begins anew, and
            # what could be deleted now is deleted later.
            return {}
        since = cast("Mapping[str, str]", record["since"])
        return {digest: dt.datetime.fromisoformat(text) for digest, text in since.items()}

    async def sweep(self, pass_id: str, shelf: Shelf, report: ShelfReport) -> None:
        """Write what was deleted on a shelf."""
        await self._ledger.write(_place(pass_id, "deleted", shelf), report.dump())

    async def swept_shelf(self, pass_id: str, shelf: Shelf) -> ShelfReport:
        """Return what was deleted on a shelf."""
        return ShelfReport.parse(await self._ledger.read(_place(pass_id, "deleted", shelf)))

    async def complete(self, report: PassReport) -> None:
        """Let the pass count."""
        await self._ledger.write(f"{_PREFIX}{report.id}/{_COMPLETED}", report.dump())

    async def completed(self, pass_id: str) -> PassReport:
        """Return the report of a completed pass."""
        return PassReport.parse(await self._ledger.read(f"{_PREFIX}{pass_id}/{_COMPLETED}"))

    async def announce(self, pass_id: str, shelf: Shelf, keys: Iterable[str]) -> None:
        """Write what is about to be deleted, for who looks for it later."""
        # Who does it again after a crash writes again, beside what was written before.
        name = f"{_place(pass_id, _DELETING, shelf)}/{secrets.token_hex(4)}"
        await self._ledger.write(name, {"keys": sorted(keys)})

    async def swept(self, report: PassReport) -> None:
        """Write what was deleted."""
        await self._ledger.write(f"{_PREFIX}{report.id}/{_SWEPT}", report.dump())

    async def latest_report(self) -> PassReport | None:
        """Return the report of the latest completed pass."""
        completed = await self._ids(_COMPLETED)
        if not completed:
            return None
        name = _SWEPT if completed[-1] in await self._ids(_SWEPT) else _COMPLETED
        return PassReport.parse(await self._ledger.read(f"{_PREFIX}{completed[-1]}/{name}"))

    async def reports(self) -> list[PassReport]:
        """Return the reports of the passes that are remembered, the oldest first."""
        swept = set(await self._ids(_SWEPT))
        return [
            PassReport.parse(
                await self._ledger.read(
                    f"{_PREFIX}{pass_id}/{_SWEPT if pass_id in swept else _COMPLETED}"
                )
            )
            for pass_id in await self._ids(_COMPLETED)
        ]

    async def forget_before(self, pass_id: str) -> None:
        """Delete what a later pass has no use for; reports of the last hundred passes stay."""
        names = await self._ledger.names(_PREFIX)
        earlier = [name for name in names if name.split("/")[2] < pass_id]
        reported = set(sorted({name.split("/")[2] for name in earlier})[-_REPORTS:])
        await self._ledger.delete(
            name
            for name in earlier
            if name.split("/")[2] not in reported or name.split("/")[3] not in _LASTING
        )

    async def _ids(self, record: str) -> list[str]:
        names = await self._ledger.names(_PREFIX)
        return [name.split("/")[2] for name in names if name.endswith(f"/{record}")]


def _place(pass_id: str, kind: str, shelf: Shelf) -> str:
    namespace, day = shelf
    return f"{_PREFIX}{pass_id}/{kind}/{escape_namespace(namespace)}/{day.isoformat()}"
