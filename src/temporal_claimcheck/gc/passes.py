"""Passes in the ledger: what one leaves for the next, and what people may want to read later."""

import datetime as dt
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final, cast

from temporal_claimcheck.errors import BlobNotFound
from temporal_claimcheck.gc.marks import Shelf
from temporal_claimcheck.gc.report import PassReport
from temporal_claimcheck.keyspace import escape_namespace
from temporal_claimcheck.ledger import Ledger

__all__ = ["Pass", "Passes", "Suspects"]

_PREFIX: Final = "gc/passes/"
_COMPLETED: Final = "completed"
_SWEPT: Final = "swept"
_REPORTS: Final = 100

Suspects = Mapping[str, dt.datetime]
"""Digests of objects that nothing refers to, and since when."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """One pass; its id sorts by time."""

    id: str
    began: dt.datetime

    @classmethod
    def begin(cls, now: dt.datetime) -> "Pass":
        """Return a pass that begins now."""
        return cls(id=f"{now:%Y%m%dT%H%M%S}-{secrets.token_hex(4)}", began=now)


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

    async def suspects(self, pass_id: str | None, shelf: Shelf) -> Suspects:
        """Return what a completed pass suspected on a shelf."""
        if pass_id is None:
            return {}
        try:
            record = await self._ledger.read(_suspects(pass_id, shelf))
        except BlobNotFound:
            # It suspected nothing there, and wrote nothing. If the record was lost: suspicion
            # begins anew, and what could be deleted now is deleted later.
            return {}
        since = cast("Mapping[str, str]", record["since"])
        return {digest: dt.datetime.fromisoformat(text) for digest, text in since.items()}

    async def suspect(self, this: Pass, shelf: Shelf, suspects: Suspects) -> None:
        """Write what a pass suspects on a shelf."""
        if suspects:
            since = {digest: moment.isoformat() for digest, moment in suspects.items()}
            await self._ledger.write(_suspects(this.id, shelf), {"since": since})

    async def complete(self, report: PassReport) -> None:
        """Let the pass count."""
        await self._ledger.write(f"{_PREFIX}{report.id}/{_COMPLETED}", report.dump())

    async def announce(self, this: Pass, number: int, keys: Iterable[str]) -> None:
        """Write what is about to be deleted, for who looks for it later."""
        await self._ledger.write(
            f"{_PREFIX}{this.id}/deleting/{number:06d}", {"keys": sorted(keys)}
        )

    async def swept(self, report: PassReport) -> None:
        """Write what was deleted."""
        await self._ledger.write(f"{_PREFIX}{report.id}/{_SWEPT}", report.dump())

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

    async def forget_before(self, this: Pass) -> None:
        """Delete what a later pass has no use for; reports of the last hundred passes stay."""
        names = [name for name in await self._ledger.names(_PREFIX) if name.split("/")[2] < this.id]
        passes = sorted({name.split("/")[2] for name in names})
        reported = set(passes[-_REPORTS:])
        await self._ledger.delete(
            name
            for name in names
            if name.split("/")[2] not in reported or name.split("/")[3] == "suspects"
        )

    async def _ids(self, record: str) -> list[str]:
        names = await self._ledger.names(_PREFIX)
        return [name.split("/")[2] for name in names if name.endswith(f"/{record}")]


def _suspects(pass_id: str, shelf: Shelf) -> str:
    namespace, day = shelf
    return f"{_PREFIX}{pass_id}/suspects/{escape_namespace(namespace)}/{day.isoformat()}"
