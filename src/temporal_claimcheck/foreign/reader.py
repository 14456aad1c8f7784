"""Claims of others in, payloads out: once, verified as far as they can be, and never further."""

import copy
import hashlib
import secrets
import time
from collections.abc import Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, Self

from temporalio.api.common.v1 import Payload

from temporal_claimcheck.access import Access
from temporal_claimcheck.cache import PayloadCache
from temporal_claimcheck.errors import (
    DigestMismatch,
    ForeignBucket,
    InvalidClaim,
)
from temporal_claimcheck.events import Failed, Observers, Retrieved
from temporal_claimcheck.flow import all_or_error
from temporal_claimcheck.foreign.recipe import RecipeClaim, is_recipe_claim
from temporal_claimcheck.foreign.s3_driver import S3_DRIVER_NAME, S3DriverClaim
from temporal_claimcheck.foreign.s3_writer import S3DriverWriter
from temporal_claimcheck.foreign.sources import Admit, ForeignSources, ForeignValues
from temporal_claimcheck.payloads import (
    is_storage_reference,
    parse_payload,
    reference_in,
    serialize_payload,
    stored_payload,
)
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.threads import Threads

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

__all__ = ["ForeignReader"]

_AS_DATA: Final = "temporal-claimcheck-as-data"
# SHA-256 may run at no more than a quarter of a gigabyte a second.
_INLINE_DIGEST_BYTES: Final = 131_072
_THREADS: Final = 2


class ForeignReader:
    """Reads what the recipe and the SDK's S3 driver stored, where that is allowed.

    Safe for concurrent use and for several event loops. Keeps payloads in memory only where the
    bucket of the S3 driver is written to as well: the rest is for the time of a move.
    """

    def __init__(
        self,
        sources: ForeignSources | None,
        access: Access,
        policy: OffloadPolicy,
        hold: Admit,
        observers: Observers,
    ) -> None:
        """Read from `sources`, by default nothing; `hold` waits until there is room for a size."""
        self._sources = sources or ForeignSources()
        self._access = access
        self._policy = policy
        self._hold = hold
        self._observers = observers
        self._threads = Threads(_THREADS, name="claimcheck-foreign")
        target = self._sources.s3_driver_target
        self._cache = PayloadCache(0 if target is None else target.cache_bytes)
        self._writer = target and S3DriverWriter(
            target, policy=policy, hold=hold, cache=self._cache, observers=observers
        )
        # Nobody outside of this process can know it, so nobody can forge what is marked with it.
        self._secret = secrets.token_bytes(16)

    def with_access(self, access: Access) -> Self:
        """Return a reader with other rights; it shares everything else."""
        other = copy.copy(self)
        other._access = access
        return other

    def with_observers(self, observers: Observers) -> Self:
        """Return a reader that tells others; it shares everything else."""
        other = copy.copy(self)
        other._observers = observers
        other._writer = self._writer and self._writer.with_observers(observers)
        return other

    @property
    def reads_s3_driver(self) -> bool:
        """Whether references of the SDK's S3 driver are read."""
        return bool(self._sources.s3_driver_buckets)

    @property
    def s3_driver_writer(self) -> S3DriverWriter | None:
        """What writes as the SDK's S3 driver does; None where that is not configured."""
        return self._writer

    @property
    def is_replay(self) -> bool:
        """Whether this is a replayer's, which stores nothing."""
        return self._access.is_replay

    def takes(self, payload: Payload) -> bool:
        """Return whether `resolve` would not give the payload back as it is.

        Then the doors store one that is user data, so that it comes back unchanged.
        """
        if self._sources.recipe is not None and is_recipe_claim(payload):
            return True
        return payload.metadata.get(_AS_DATA) == self._secret

    async def resolve(self, payload: Payload) -> Payload:
        """Return the payload whose claim this one carries. Raises as `retrieve` does."""
        if payload.metadata.get(_AS_DATA) == self._secret:
            return parse_payload(payload.data)
        return await self.retrieve(RecipeClaim.parse(payload))

    def resolves(self, payload: Payload) -> bool:
        """Return whether the payload is a claim of another's that this reader looks up."""
        if self._sources.recipe is not None and is_recipe_claim(payload):
            return True
        reference = reference_in(payload) if is_storage_reference(payload) else None
        return (
            self.reads_s3_driver
            and reference is not None
            and reference.driver_name == S3_DRIVER_NAME
        )

    async def resolve_reference(self, payload: Payload) -> Payload:
        """Return the payload of another driver's storage reference.

        Raises InvalidClaim for a driver that is not read; otherwise as `retrieve` does.
        """
        reference = reference_in(payload)
        if reference.driver_name != S3_DRIVER_NAME or not self.reads_s3_driver:
            raise InvalidClaim(
                "The payload is a storage reference of another driver.",
                remedy="Configure that driver beside the claim check; its references stay "
                "readable. Those of the SDK's S3 driver can be read without it: "
                "CLAIMCHECK_READ_S3_DRIVER_BUCKETS.",
            )
        return await self.retrieve(S3DriverClaim.parse(dict(reference.claim_data)))

    async def retrieve_many(self, claims: Sequence[S3DriverClaim]) -> list[Payload]:
        """`retrieve` for many at once, in order; all or an error."""
        return await all_or_error([self.retrieve(claim) for claim in claims])

    async def retrieve(self, claim: RecipeClaim | S3DriverClaim) -> Payload:
        """Return the payload of a claim.

        Raises a ClaimError for a claim that is refused before any I/O, PayloadTooLarge, a
        StoreError, or an IntegrityError for an object that is not what the claim says. The
        recipe's claims say nothing of the content.
        """
        started = time.perf_counter()
        place: str | None = None
        cached: bytes | None = None
        try:
            values = self._accept(claim)
            place = f"{values.name.rstrip('/')}/{claim.key}"
            if isinstance(claim, S3DriverClaim):
                cached = self._cache.get(claim)
            if cached is None:
                data = await values.read(claim.key, admit=self._admit)
                payload = await self._open(data, claim, place)
            else:
                data, payload = cached, stored_payload(cached, place)
        except Exception as error:
            if self._writer is not None and isinstance(claim, S3DriverClaim):
                self._writer.forget(claim)
            self._observers.observe(
                Failed(
                    namespace=self._access.namespace,
                    key=place,
                    operation="retrieve",
                    error=error,
                    seconds=time.perf_counter() - started,
                )
            )
            raise
        self._observers.observe(
            Retrieved(
                namespace=_namespace_of(claim) or self._access.namespace,
                key=place,
                from_cache=cached is not None,
                payload_bytes=len(data),
                seconds=time.perf_counter() - started,
            )
        )
        return payload

    def as_data(self, payload: Payload) -> Payload:
        """Return a payload that `resolve` turns back into this very one, in this process only.

        What was read is data, whatever it looks like. The SDK hands what a storage driver read
        to the codec, and there it must not be taken for a claim.
        """
        return Payload(metadata={_AS_DATA: self._secret}, data=serialize_payload(payload))

    async def aclose(self) -> None:
        """Release threads and connections; a later call opens anew what it needs."""
        self._threads.release()
        if self._writer is not None:
            self._writer.release()
        recipe = self._sources.recipe
        for values in (*self._sources.s3_driver_buckets.values(), *([recipe] if recipe else ())):
            await values.aclose()

    def _accept(self, claim: RecipeClaim | S3DriverClaim) -> ForeignValues:
        """Return where an untrusted claim's value lies, or refuse the claim."""
        if isinstance(claim, RecipeClaim):
            if self._sources.recipe is None:
                raise InvalidClaim(
                    "The claim is the recipe's, which this process does not read.",
                    remedy="If it should, set CLAIMCHECK_READ_RECIPE_STORE.",
                )
            return self._sources.recipe
        values = self._sources.s3_driver_buckets.get(claim.bucket)
        if values is None:
            raise ForeignBucket(
                f"The claim is to bucket {claim.bucket!r}, which this process may not read.",
                remedy="If it should, add the bucket to CLAIMCHECK_READ_S3_DRIVER_BUCKETS.",
            )
        if claim.namespace is not None:
            self._access.check(claim.namespace)
        return values

    @asynccontextmanager
    async def _admit(self, size: int) -> "AsyncGenerator[None]":
        self._policy.check_size(size)
        async with self._hold(size):
            yield

    async def _open(self, data: bytes, claim: RecipeClaim | S3DriverClaim, place: str) -> Payload:
        if isinstance(claim, S3DriverClaim):
            if await self._sha256(data) != claim.digest:
                raise DigestMismatch(
                    f"The object at {place} is another than its claim names.",
                    remedy="Put the right one back from a backup or a replica.",
                )
            self._cache.put(claim, data)
        return stored_payload(data, place)

    async def _sha256(self, data: bytes) -> str:
        if len(data) <= _INLINE_DIGEST_BYTES:
            return _sha256(data)
        return await self._threads.run(_sha256, data)


def _namespace_of(claim: RecipeClaim | S3DriverClaim) -> str | None:
    return claim.namespace if isinstance(claim, S3DriverClaim) else None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
