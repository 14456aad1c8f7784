"""Stores with something in them, and a look at what lies there."""

import datetime as dt

from temporalio.api.common.v1 import Payload

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.stores.base import BlobStore, CollectableStore

DAY = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)


async def stock(
    store: BlobStore,
    count: int,
    *,
    namespace: str = "default",
    day: dt.datetime = DAY,
    keys: object = None,
    seed: str = "",
) -> list[str]:
    """Store payloads as a worker does on that day, and return their keys."""
    manager = ClaimCheckManager(
        store,
        namespace=namespace,
        clock=lambda: day,
        keys=keys,  # pyright: ignore[reportArgumentType]
    )
    async with manager:
        payloads = [Payload(data=f"{seed}{number} ".encode() * 300) for number in range(count)]
        return [claim.key for claim in await manager.offload_many(payloads)]


async def everything(store: BlobStore, prefix: str = "") -> dict[str, bytes]:
    """Return all that lies in a store."""
    assert isinstance(store, CollectableStore)
    keys = [info.key async for info in store.scan(prefix)]
    return {key: await store.get(key, max_bytes=10**9) for key in keys}
