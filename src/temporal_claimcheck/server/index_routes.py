"""`/`: what is stored, how the server fares, and whether the store is well."""

import asyncio
import time
from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry
from starlette.requests import Request
from starlette.responses import Response

from temporal_claimcheck.errors import StoreError
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.metrics import catalogue
from temporal_claimcheck.server.callers import EVERY_NAMESPACE
from temporal_claimcheck.server.inventory import Inventory, take_inventory
from temporal_claimcheck.server.links import ViewLinks
from temporal_claimcheck.server.pages import page, wants_page
from temporal_claimcheck.server.refusals import Refused
from temporal_claimcheck.server.rights import Rights
from temporal_claimcheck.stores.base import CollectableStore

__all__ = ["IndexRoutes"]

_MAX_OBJECTS: Final = 100_000
_SECONDS: Final = 5.0
_FRESH_SECONDS: Final = 15.0
_MAX_KEPT: Final = 32
_MAX_SHELVES: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class _Counted:
    at: float
    inventory: Inventory


class IndexRoutes:
    """One page, which only reads."""

    def __init__(
        self,
        manager: ClaimCheckManager,
        rights: Rights,
        links: ViewLinks,
        registry: CollectorRegistry,
        *,
        signs_links: bool,
    ) -> None:
        """`signs_links`: whether a link has to say that its holder may follow it."""
        self._manager = manager
        self._rights = rights
        self._links = links
        self._registry = registry
        self._signs_links = signs_links
        self._counted: dict[frozenset[str], _Counted] = {}
        self._counting = asyncio.Lock()

    async def index(self, request: Request) -> Response:
        """Return the page, with the caller's namespaces only."""
        try:
            caller = await self._rights.reader(request)
        except Refused as refused:
            raise _explained(refused) if wants_page(request) else refused from None
        health = await self._manager.health()
        inventory, problem = None, None
        if isinstance(self._manager.store, CollectableStore):
            try:
                inventory = await self._inventory(self._manager.store, caller.reads)
            except StoreError as error:
                problem = error
        everything = EVERY_NAMESPACE in caller.reads
        return page(
            request,
            "index.html",
            {
                "health": health,
                "lists": isinstance(self._manager.store, CollectableStore),
                "inventory": inventory,
                "problem": problem,
                "max_shelves": _MAX_SHELVES,
                "namespaces": None if everything else sorted(caller.reads),
                "figures": self._figures(),
                "link": self._link,
            },
        )

    async def _inventory(self, store: CollectableStore, reads: frozenset[str]) -> Inventory:
        """Return what was counted a moment ago, or count; never twice at the same time."""
        async with self._counting:
            known = self._counted.get(reads)
            if known is not None and time.monotonic() - known.at < _FRESH_SECONDS:
                return known.inventory
            inventory = await take_inventory(
                store,
                None if EVERY_NAMESPACE in reads else reads,
                max_objects=_MAX_OBJECTS,
                seconds=_SECONDS,
            )
            while len(self._counted) >= _MAX_KEPT:
                del self._counted[next(iter(self._counted))]
            self._counted[reads] = _Counted(at=time.monotonic(), inventory=inventory)
            return inventory

    def _link(self, key: object) -> str:
        """Return the way from the index to the page of a payload."""
        path = self._links.path_to(str(key)) if self._signs_links else f"/view/{key}"
        return path.removeprefix("/")

    def _figures(self) -> dict[str, object]:
        """Return what the metrics of this process say since its start."""
        retrievals = {"cache": 0.0, "store": 0.0}
        errors: dict[str, float] = {}
        answers = failures = 0.0
        for metric in self._registry.collect():
            for sample in metric.samples:
                match sample.name:
                    case catalogue.RETRIEVALS.name:
                        retrievals[sample.labels["source"]] += sample.value
                    case catalogue.ERRORS.name:
                        code = sample.labels["code"]
                        errors[code] = errors.get(code, 0.0) + sample.value
                    case catalogue.SERVER_REQUESTS.name:
                        answers += sample.value
                        failures += sample.value if sample.labels["status"] >= "500" else 0.0
                    case _:
                        pass
        read = sum(retrievals.values())
        return {
            "answers": answers,
            "failures": failures,
            "retrievals": read,
            "from_cache": retrievals["cache"] / read if read else None,
            "errors": sorted(errors.items()),
        }


def _explained(refused: Refused) -> Refused:
    if refused.code != "token-missing":
        return refused
    return Refused(
        refused.status,
        refused.code,
        "The index is for callers with a token, and a browser sends none by itself.",
        remedy="To look at a payload, follow its link in Temporal's Web UI: such a link opens the "
        "page by itself. To read the index, send an Authorization header with a bearer token.",
    )
