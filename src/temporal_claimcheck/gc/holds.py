"""What a user wants to keep, whatever Temporal refers to: an object, a day, or a workflow."""

import contextlib
import datetime as dt
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, cast

from temporal_claimcheck.envelope import digest_of
from temporal_claimcheck.errors import BlobNotFound, InvalidSettings
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.ledger import Ledger, Record

__all__ = ["Hold", "Holds"]

_PREFIX: Final = "holds/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """One hold. Says exactly one of: a key, a namespace's day, a workflow."""

    id: str
    reason: str
    created: dt.datetime
    namespace: str
    key: str | None = None
    day: dt.date | None = None
    workflow_id: str | None = None
    """Keeps what its runs referred to when a collector last saw them, also after they are gone."""

    @property
    def what(self) -> str:
        """What is kept, for people to read."""
        if self.key is not None:
            return f"object {self.key}"
        if self.day is not None:
            return f"day {self.day} of namespace {self.namespace}"
        return f"workflow {self.workflow_id} of namespace {self.namespace}"

    def dump(self) -> Record:
        """Return the record of this hold."""
        return {
            "reason": self.reason,
            "created": self.created.isoformat(timespec="seconds"),
            "namespace": self.namespace,
            "key": self.key,
            "day": None if self.day is None else self.day.isoformat(),
            "workflow_id": self.workflow_id,
        }


class Holds:
    """Places, lists and removes holds, and says what they keep."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def place(
        self,
        *,
        reason: str,
        now: dt.datetime,
        key: str | None = None,
        namespace: str | None = None,
        day: dt.date | None = None,
        workflow_id: str | None = None,
    ) -> Hold:
        """Place a hold and return it. Raises InvalidSettings, InvalidKey."""
        if sum(value is not None for value in (key, day, workflow_id)) != 1:
            raise InvalidSettings(
                "A hold keeps one thing.", remedy="Name a key, a day, or a workflow."
            )
        if key is not None:
            namespace = Key.parse(key).namespace
        if namespace is None:
            raise InvalidSettings(
                "A hold on a day or a workflow needs its namespace.", remedy="Name the namespace."
            )
        hold = Hold(
            id=f"{now:%Y%m%d}-{secrets.token_hex(4)}",
            reason=reason,
            created=now,
            namespace=namespace,
            key=key,
            day=day,
            workflow_id=workflow_id,
        )
        await self._ledger.write(f"{_PREFIX}{hold.id}/hold", hold.dump())
        return hold

    async def list(self) -> list[Hold]:
        """Return all holds, the oldest first."""
        return await self._read(await self._ledger.names(_PREFIX))

    async def remove(self, id: str) -> bool:  # noqa: A002
        """Remove a hold; return whether there was one."""
        names = await self._ledger.names(f"{_PREFIX}{id}/")
        # What it keeps goes first: if this is cut off, the hold still stands and can be removed.
        await self._ledger.delete(sorted(names, key=lambda name: name.endswith("/hold")))
        return bool(names)

    async def load(self) -> "Kept":
        """Return what all holds keep now."""
        names = await self._ledger.names(_PREFIX)
        holds = await self._read(names)
        keys = {hold.key for hold in holds if hold.key is not None}
        standing = {hold.id for hold in holds}
        for name in names:
            # A collector may have noted something for a hold that was removed meanwhile.
            if not name.endswith("/hold") and name.split("/")[1] in standing:
                with contextlib.suppress(BlobNotFound):
                    keys |= set(cast("list[str]", (await self._ledger.read(name))["keys"]))
        workflows: dict[tuple[str, str], list[str]] = {}
        for hold in holds:
            if hold.workflow_id is not None:
                workflows.setdefault((hold.namespace, hold.workflow_id), []).append(hold.id)
        return Kept(
            keys=frozenset(keys),
            days=frozenset((hold.namespace, hold.day) for hold in holds if hold.day),
            workflows=workflows,
        )

    async def note(self, ids: Iterable[str], run_id: str, keys: frozenset[str]) -> None:
        """Remember what a run of held workflows refers to, for when the run is gone."""
        for hold_id in ids:
            # Named for what it says: a run that refers to something else makes another record.
            text = sorted(keys)
            name = f"{_PREFIX}{hold_id}/{run_id}.{digest_of(' '.join(text).encode())[:32]}"
            await self._ledger.write(name, {"keys": text})

    async def _read(self, names: Iterable[str]) -> "list[Hold]":
        holds: list[Hold] = []
        for name in names:
            if name.endswith("/hold"):
                # One that is removed at this moment is none.
                with contextlib.suppress(BlobNotFound):
                    holds.append(_parse(name.split("/")[1], await self._ledger.read(name)))
        return holds


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What holds keep."""

    keys: frozenset[str]
    days: frozenset[tuple[str, dt.date | None]]
    workflows: dict[tuple[str, str], list[str]]
    """The holds on each workflow, by namespace and workflow id."""

    def keeps(self, key: Key) -> bool:
        """Return whether a hold keeps the object."""
        return (key.namespace, key.day) in self.days or str(key) in self.keys


def _parse(hold_id: str, record: Record) -> Hold:
    key, day, workflow_id = record["key"], record["day"], record["workflow_id"]
    return Hold(
        id=hold_id,
        reason=str(record["reason"]),
        created=dt.datetime.fromisoformat(str(record["created"])),
        namespace=str(record["namespace"]),
        key=None if key is None else str(key),
        day=None if day is None else dt.date.fromisoformat(str(day)),
        workflow_id=None if workflow_id is None else str(workflow_id),
    )
