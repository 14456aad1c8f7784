"""Who writes to a keyspace: each namespace stands in it before its first object does.

A collector must look into every namespace that may refer to an object. A namespace's name is not
enough to find it: two Temporal clusters may each have one of that name and share a store. So a
process that has a client also notes the id that the cluster gave its namespace.
"""

import datetime as dt
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

from temporal_claimcheck.errors import StoreError
from temporal_claimcheck.flow import SingleFlight
from temporal_claimcheck.keyspace import escape_namespace, unescape_namespace
from temporal_claimcheck.ledger import Ledger
from temporal_claimcheck.loops import LoopLocal

__all__ = ["Registered", "Registry"]

logger = logging.getLogger(__name__)

_PREFIX: Final = "namespaces/"
_UNKNOWN: Final = "unknown"
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,100}", re.ASCII)
# A cluster that could not be asked is asked again so much later.
_ASK_AGAIN: Final = dt.timedelta(minutes=5)

Identify = Callable[[], Awaitable[str | None]]
"""Asks the cluster for a namespace's id; None when it does not answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A namespace that wrote to the keyspace, or read another's payloads in it."""

    namespace: str
    namespace_id: str | None
    """What its cluster calls it; None if the writer had no client to ask."""

    @property
    def record(self) -> str:
        """Name of the record in the ledger."""
        return f"{_PREFIX}{escape_namespace(self.namespace)}/{self.namespace_id or _UNKNOWN}"


class Registry:
    """Registers namespaces, each once a day and process. Safe for concurrent use."""

    def __init__(self, ledger: Ledger, clock: Callable[[], dt.datetime]) -> None:
        self._ledger = ledger
        self._clock = clock
        self._identify: dict[str, dict[str, Identify]] = {}
        self._until: dict[str, dt.datetime] = {}
        self._flights: LoopLocal[SingleFlight[None]] = LoopLocal(SingleFlight)

    def identify_by(self, namespace: str, cluster: str, identify: Identify) -> None:
        """Ask this function for the id that a cluster, named by its address, gave the namespace.

        A process may have clients of several clusters with a namespace of that name; each counts.
        """
        self._identify.setdefault(namespace, {})[cluster] = identify
        self._until.pop(namespace, None)

    async def ensure(self, namespace: str) -> None:
        """Return when the namespace is registered. Raises StoreError."""
        until = self._until.get(namespace)
        if until is None or self._clock() >= until:
            await self._flights.get().run(namespace, partial(self._register, namespace))

    async def ensure_reader(self, namespace: str) -> None:
        """Register a namespace that reads another's payloads, if this process may write."""
        try:
            await self.ensure(namespace)
        except StoreError as error:
            logger.warning(
                "Namespace %r reads payloads of another and could not be registered for the "
                "collector, which may not look there; let this process write below ledger/: %s",
                namespace,
                error,
            )
            self._until[namespace] = self._clock() + _ASK_AGAIN

    async def registered(self) -> list[Registered]:
        """Return all that ever registered, sorted. Needs a store that can be listed."""
        found: list[Registered] = []
        for name in await self._ledger.names(_PREFIX):
            escaped, _, namespace_id = name.removeprefix(_PREFIX).rpartition("/")
            found.append(
                Registered(
                    namespace=unescape_namespace(escaped),
                    namespace_id=None if namespace_id == _UNKNOWN else namespace_id,
                )
            )
        return found

    async def retire(self, registered: Registered) -> None:
        """Forget a namespace that is gone for good; who writes again registers again."""
        await self._ledger.delete([registered.record])

    async def _register(self, namespace: str) -> None:
        now = self._clock()
        found = [await ask() for ask in list(self._identify.get(namespace, {}).values())]
        ids = {each if each and _ID.fullmatch(each) else None for each in found} or {None}
        for namespace_id in ids:
            entry = Registered(namespace=namespace, namespace_id=namespace_id)
            await self._ledger.write(entry.record, {"since": now.isoformat(timespec="seconds")})
        # Every day anew, so that one who was retired by mistake comes back by itself.
        midnight = dt.datetime.combine(now.astimezone(dt.UTC).date(), dt.time(), dt.UTC)
        tomorrow = midnight + dt.timedelta(days=1)
        asked = not found or None not in ids
        self._until[namespace] = tomorrow if asked else min(tomorrow, now + _ASK_AGAIN)
