"""Payloads in, claims of the SDK's S3 driver out: for readers that have only that driver."""

import copy
import datetime as dt
import hashlib
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final, Self

from cachetools import LRUCache
from temporalio.api.common.v1 import Payload

from temporal_claimcheck.cache import PayloadCache
from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.events import Failed, Observers, Offloaded, OffloadOutcome
from temporal_claimcheck.flow import SingleFlight
from temporal_claimcheck.foreign.s3_driver import S3DriverClaim, S3DriverOwner
from temporal_claimcheck.foreign.sources import Admit, S3DriverTarget
from temporal_claimcheck.loops import LoopLocal
from temporal_claimcheck.payloads import serialize_payload
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.threads import Threads

__all__ = ["S3DriverWriter"]

# SHA-256 may run at no more than a quarter of a gigabyte a second.
_INLINE_DIGEST_BYTES: Final = 131_072
_THREADS: Final = 2
_MAX_KEYS: Final = 100_000


class S3DriverWriter:
    """Stores payloads exactly as the SDK's S3 driver does: its keys, the bare serialized payload.

    Unlike it, an object that is there already is written anew once a day by each process that
    refers to it, in one request and without a look first. So the age of an object that only
    claim checks write never lies about its last use. Safe for concurrent use and several loops.
    """

    def __init__(
        self,
        target: S3DriverTarget,
        *,
        policy: OffloadPolicy,
        hold: Admit,
        cache: PayloadCache,
        observers: Observers,
        clock: Callable[[], dt.datetime] | None = None,
    ) -> None:
        """Write to `target`; `hold` waits until there is room for a size."""
        self._target = target
        self._policy = policy
        self._hold = hold
        self._cache = cache
        self._observers = observers
        self._threads = Threads(_THREADS, name="claimcheck-s3-driver")
        self._written = _WrittenToday(clock or utc_now)
        self._writes: LoopLocal[SingleFlight[None]] = LoopLocal(SingleFlight)

    def with_observers(self, observers: Observers) -> Self:
        """Return a writer that tells others; it shares everything else."""
        other = copy.copy(self)
        other._observers = observers
        return other

    async def offload(
        self,
        payload: Payload,
        *,
        namespace: str | None,
        owner: S3DriverOwner | None,
        mint: bool,
    ) -> S3DriverClaim:
        """Store a payload and return its claim; with `mint` store nothing.

        Raises PayloadTooLarge before anything is stored, StoreError when the bucket fails.
        """
        started = time.perf_counter()
        key: str | None = None
        outcome = OffloadOutcome.MINTED
        try:
            size = payload.ByteSize()
            self._policy.check_size(size)
            async with self._hold(size):
                data = serialize_payload(payload)
                claim = S3DriverClaim.to(
                    bucket=self._target.bucket,
                    namespace=namespace,
                    owner=owner,
                    digest=await self._digest(data),
                )
                key = f"s3://{claim.bucket}/{claim.key}"
                if not mint:
                    outcome = await self._keep(claim, data)
                self._cache.put(claim, data)
        except Exception as error:
            self._observers.observe(
                Failed(
                    namespace=namespace or "",
                    key=key,
                    operation="offload",
                    error=error,
                    seconds=time.perf_counter() - started,
                )
            )
            raise
        self._observers.observe(
            Offloaded(
                namespace=namespace or "",
                key=key,
                outcome=outcome,
                payload_bytes=len(data),
                stored_bytes=len(data) if outcome is OffloadOutcome.STORED else 0,
                seconds=time.perf_counter() - started,
            )
        )
        return claim

    def forget(self, claim: S3DriverClaim) -> None:
        """Write the object anew next time: it turned out to be missing or damaged."""
        self._written.forget(claim.key)

    def release(self) -> None:
        """Let idle threads end; they start anew when they are needed."""
        self._threads.release()

    async def _keep(self, claim: S3DriverClaim, data: bytes) -> OffloadOutcome:
        if self._written.has(claim.key):
            return OffloadOutcome.ALREADY_STORED
        write = partial(self._write, claim.key, data)
        _, began = await self._writes.get().run(claim.key, write)
        return OffloadOutcome.STORED if began else OffloadOutcome.ALREADY_STORED

    async def _write(self, key: str, data: bytes) -> None:
        await self._target.values.write(key, data)
        self._written.add(key)

    async def _digest(self, data: bytes) -> str:
        if len(data) <= _INLINE_DIGEST_BYTES:
            return _sha256(data)
        return await self._threads.run(_sha256, data)


class _WrittenToday:
    """Keys that this process wrote today; what it knows ends with the day."""

    def __init__(self, clock: Callable[[], dt.datetime]) -> None:
        self._clock = clock
        self._day: dt.date | None = None
        self._keys: LRUCache[str, bool] = LRUCache(_MAX_KEYS)
        self._lock = threading.Lock()

    def add(self, key: str) -> None:
        with self._lock:
            self._turn()
            self._keys[key] = True

    def has(self, key: str) -> bool:
        with self._lock:
            self._turn()
            return self._keys.get(key, False)

    def forget(self, key: str) -> None:
        with self._lock:
            self._keys.pop(key, None)

    def _turn(self) -> None:
        today = self._clock().astimezone(dt.UTC).date()
        if today != self._day:
            self._day = today
            self._keys.clear()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
