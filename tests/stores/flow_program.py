"""Hands many payloads to a store at once, or reads them all at once, and says what that took.

Run as `python -m tests.stores.flow_program write|read URL LIMIT_BYTES CACHE_BYTES`. Writing prints
the claims, which reading takes from standard input; each direction has its own process, because
memory that was used once stays with a process.
"""

import asyncio
import json
import random
import resource
import sys
from collections.abc import Awaitable

from temporalio.api.common.v1 import Payload

from temporal_claimcheck import BlobStore, Claim, ClaimCheckManager
from temporal_claimcheck.envelope import ENVELOPE_OVERHEAD_BYTES
from temporal_claimcheck.ledger import LEDGER_PREFIX
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.wiring import build_store

PAYLOADS = 200
PAYLOAD_BYTES = 1_000_000


class Watched:
    """A store that cannot be asked what it has, and that notes how much it is busy with."""

    def __init__(self, store: BlobStore) -> None:
        self._store = store
        self._busy_bytes = 0
        self.most_bytes = 0
        self.calls = 0

    @property
    def name(self) -> str:
        return self._store.name

    async def put(self, key: str, blob: bytes) -> bool:
        if key.startswith(LEDGER_PREFIX):
            return await self._store.put(key, blob)
        self._begin(len(blob))
        try:
            return await self._store.put(key, blob)
        finally:
            self._busy_bytes -= len(blob)

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        self._begin(max_bytes - ENVELOPE_OVERHEAD_BYTES)
        try:
            return await self._store.get(key, max_bytes=max_bytes)
        finally:
            self._busy_bytes -= max_bytes - ENVELOPE_OVERHEAD_BYTES

    async def check(self) -> None:
        await self._store.check()

    async def aclose(self) -> None:
        await self._store.aclose()

    def _begin(self, count: int) -> None:
        self.calls += 1
        self._busy_bytes += count
        self.most_bytes = max(self.most_bytes, self._busy_bytes)


def peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


async def main(direction: str, url: str, limit: int, cache: int) -> None:
    store = build_store(Settings.load(store=url))
    # Connections, threads and lazily loaded code come first: they are there with any limit.
    async with ClaimCheckManager(store, cache_bytes=0) as first:
        await first.retrieve(await first.offload(Payload(data=bytes(PAYLOAD_BYTES))))
    watched = Watched(store)
    manager = ClaimCheckManager(watched, cache_bytes=cache, max_bytes_in_flight=limit)
    if direction == "write":
        dice = random.Random(20261122)  # noqa: S311  # not a secret
        payloads = [Payload(data=dice.randbytes(PAYLOAD_BYTES)) for _ in range(PAYLOADS)]
        before = peak_bytes()
        claims = await manager.offload_many(payloads)
    else:
        claims = [Claim.parse(each) for each in json.load(sys.stdin)]
        before = peak_bytes()
        sizes = await asyncio.gather(*(size_of(manager.retrieve(claim)) for claim in claims))
        assert set(sizes) == {PAYLOAD_BYTES}
    said = {
        "claims": [claim.dump() for claim in claims],
        "calls": watched.calls,
        "most_bytes": watched.most_bytes,
        "memory_bytes": peak_bytes() - before,
    }
    await manager.aclose()
    await store.aclose()
    print(json.dumps(said))  # noqa: T201


async def size_of(retrieval: Awaitable[Payload]) -> int:
    """Drop each payload as soon as it is there: what a caller keeps is the caller's."""
    return len((await retrieval).data)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
