"""The claim check itself: Payload in, Claim out, and back."""

import copy
import datetime as dt
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, Unpack

from temporalio.api.common.v1 import Payload

from temporal_claimcheck import payloads, wiring
from temporal_claimcheck.claim import Claim
from temporal_claimcheck.errors import (
    BlobCorrupt,
    ClaimCheckError,
    ForeignNamespace,
    InvalidClaim,
)
from temporal_claimcheck.events import (
    Failed,
    Observer,
    Observers,
    Offloaded,
    OffloadOutcome,
    Retrieved,
)
from temporal_claimcheck.flow import all_or_first_error
from temporal_claimcheck.foreign.reader import ForeignReader
from temporal_claimcheck.foreign.sources import ForeignSources
from temporal_claimcheck.keyspace import Key, check_namespace
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.settings import (
    DEFAULT_CACHE_BYTES,
    DEFAULT_MAX_BYTES_IN_FLIGHT,
    Settings,
    SettingsOverrides,
)
from temporal_claimcheck.stores.base import BlobStore
from temporal_claimcheck.transforms.base import Compression
from temporal_claimcheck.transforms.compression import ZstdCompression
from temporal_claimcheck.vault import Vault

__all__ = ["ClaimCheckManager", "Health"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """What a look at the store found."""

    store: str
    """What and where the store is, without credentials."""
    seconds: float
    """How long the look took."""
    error: ClaimCheckError | None = None
    """Why the store cannot be used; None when all is well."""

    @property
    def ok(self) -> bool:
        """Whether the store can be used."""
        return self.error is None


class ClaimCheckManager:
    """Exchanges payloads for claims and back. Safe for concurrent use and for several loops.

    An `offload` that returned has stored the payload for good. A `retrieve` returns the very
    payload, checked against its digest, or raises; it never returns anything else.

    Usable at once; `async with` (or `aclose`) only releases what the manager opened itself.
    """

    def __init__(
        self,
        store: BlobStore,
        *,
        namespace: str = "default",
        read_namespaces: Iterable[str] = (),
        policy: OffloadPolicy | None = None,
        compression: Compression | None = None,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        max_bytes_in_flight: int = DEFAULT_MAX_BYTES_IN_FLIGHT,
        observers: Iterable[Observer] = (),
        clock: Callable[[], dt.datetime] | None = None,
        foreign: ForeignSources | None = None,
    ) -> None:
        """Build a manager on a store that stays its owner's.

        `namespace` is written to; it and `read_namespaces` may be read, and what `foreign`
        names. `clock` returns an aware time; its UTC day becomes part of every key.
        """
        self._store = store
        self._owns_store = False
        self._replays = False
        self._namespace = namespace
        self._read_namespaces = frozenset((namespace, *read_namespaces))
        for name in self._read_namespaces:
            check_namespace(name)
        self._policy = policy or OffloadPolicy()
        self._observers = Observers(observers)
        self._vault = Vault(
            store,
            compression=compression or ZstdCompression(),
            cache_bytes=cache_bytes,
            max_bytes_in_flight=max_bytes_in_flight,
            clock=clock or _utc_now,
        )
        self._foreign = ForeignReader(
            foreign or ForeignSources(),
            namespace=namespace,
            read_namespaces=self._read_namespaces,
            policy=self._policy,
            hold=self._vault.hold,
            observers=self._observers,
        )

    @classmethod
    def open(cls, url: str | None = None, /, **overrides: Unpack[SettingsOverrides]) -> Self:
        """Build a manager and its store from a URL and the environment.

        The URL and each keyword go before the environment's `CLAIMCHECK_*`. Use it with
        `async with`. Raises ConfigurationError.
        """
        if url is not None:
            overrides["store"] = url
        return cls.from_settings(Settings.load(**overrides))

    @classmethod
    def from_settings(
        cls,
        settings: Settings,
        *,
        store: BlobStore | None = None,
        observers: Iterable[Observer] = (),
    ) -> Self:
        """Build a manager from settings. Raises ConfigurationError.

        A `store` that is given stays its owner's; without one the settings name it.
        """
        manager = cls(
            wiring.build_store(settings) if store is None else store,
            namespace=settings.namespace,
            read_namespaces=settings.read_namespaces,
            policy=wiring.build_policy(settings),
            compression=wiring.build_compression(settings),
            cache_bytes=settings.cache_bytes,
            max_bytes_in_flight=settings.max_bytes_in_flight,
            observers=observers,
            foreign=wiring.build_foreign(settings),
        )
        manager._owns_store = store is None
        return manager

    def for_namespace(self, namespace: str) -> Self:
        """Return a manager that writes to `namespace` and may read it too.

        It shares everything else with this one, which stays the owner of the store.
        """
        if namespace == self._namespace:
            return self
        check_namespace(namespace)
        other = copy.copy(self)
        other._namespace = namespace
        # The namespace that this manager happened to be built with is not the other's to read.
        other._read_namespaces = (self._read_namespaces - {self._namespace}) | {namespace}
        other._foreign = self._foreign.for_namespaces(namespace, other._read_namespaces)
        other._owns_store = False
        return other

    def for_replay(self) -> Self:
        """Return a manager for a `Replayer`: it writes nothing and reads every namespace.

        Its `offload` mints. A history may come from any namespace; since a replayer sends
        nothing anywhere, a forged claim in one cannot carry a payload out.
        """
        other = copy.copy(self)
        other._replays = True
        other._foreign = self._foreign.for_namespaces(self._namespace, None)
        other._owns_store = False
        return other

    @property
    def namespace(self) -> str:
        """The namespace that is written to."""
        return self._namespace

    @property
    def store(self) -> BlobStore:
        """The store."""
        return self._store

    @property
    def policy(self) -> OffloadPolicy:
        """Which payloads are offloaded."""
        return self._policy

    @property
    def foreign(self) -> ForeignReader:
        """Reads what others wrote, as far as that is configured."""
        return self._foreign

    def looks_like_claim(self, payload: Payload) -> bool:
        """Return whether the codec takes the payload for a claim: ours, or one it may read."""
        return payloads.is_claim_payload(payload) or self._foreign.takes(payload)

    async def maybe_offload(self, payload: Payload) -> Payload:
        """Return the payload as it was, or a payload that carries its claim.

        A payload that only looks like a claim or a storage reference is always offloaded, so
        that `maybe_retrieve` gives it back unchanged.
        """
        looks_like_claim = self.looks_like_claim(payload) or payloads.is_storage_reference(payload)
        if not looks_like_claim and not self._policy.should_offload(payload.ByteSize()):
            return payload
        return payloads.claim_payload(await self.offload(payload))

    async def maybe_retrieve(self, payload: Payload) -> Payload:
        """Return the payload as it was, or the payload whose claim it carries.

        Reads both wire forms, and others' if configured; InvalidClaim for other references.
        """
        if payloads.is_claim_payload(payload):
            return await self.retrieve(payloads.claim_from_claim_payload(payload))
        if self._foreign.takes(payload):
            return await self._foreign.resolve(payload)
        if not payloads.is_storage_reference(payload):
            return payload
        claim = payloads.claim_from_reference(payload)
        return await (self.retrieve(claim) if claim else self._foreign.resolve_reference(payload))

    async def maybe_offload_many(self, items: Sequence[Payload]) -> list[Payload]:
        """`maybe_offload` for many at once, in order; all or an error."""
        return await all_or_first_error([self.maybe_offload(item) for item in items])

    async def maybe_retrieve_many(self, items: Sequence[Payload]) -> list[Payload]:
        """`maybe_retrieve` for many at once, in order; all or an error."""
        return await all_or_first_error([self.maybe_retrieve(item) for item in items])

    async def offload_many(self, items: Sequence[Payload]) -> list[Claim]:
        """`offload` for many at once, in order; all or an error."""
        return await all_or_first_error([self.offload(item) for item in items])

    async def mint_many(self, items: Sequence[Payload]) -> list[Claim]:
        """`mint` for many at once, in order; all or an error."""
        return await all_or_first_error([self.mint(item) for item in items])

    async def retrieve_many(self, claims: Sequence[Claim]) -> list[Payload]:
        """`retrieve` for many at once, in order; all or an error."""
        return await all_or_first_error([self.retrieve(claim) for claim in claims])

    async def offload(self, payload: Payload) -> Claim:
        """Store a payload of any size and return its claim.

        The same payload costs one write a day and namespace, however often it comes by.
        Raises PayloadTooLarge before anything is stored, StoreError when the store fails.
        """
        return await self._exchange(payload, mint=self._replays)

    async def mint(self, payload: Payload) -> Claim:
        """Return the claim that `offload` would return, and store nothing.

        For replays, which encode again what an earlier run has stored: Temporal compares the
        kinds of commands and throws their payloads away.
        """
        return await self._exchange(payload, mint=True)

    async def retrieve(self, claim: Claim) -> Payload:
        """Return the payload of a claim, verified.

        Raises a ClaimError for a claim that is refused before any I/O, PayloadTooLarge for one
        over the cap, a StoreError (BlobNotFound and others) or an IntegrityError.
        """
        started = time.perf_counter()
        key_text: str | None = None
        try:
            key = self._accept(claim)
            key_text = claim.key
            data, from_cache = await self._vault.fetch(key, claim.payload_bytes)
            if len(data) != claim.payload_bytes:
                raise InvalidClaim(
                    f"The claim to {key} states another size than the payload has.",
                    remedy="Nothing was handed out. Look for what altered the claim on its way.",
                )
            payload = _parse(data, key)
        except Exception as error:
            self._failed("retrieve", key_text, error, started)
            raise
        self._observers.observe(
            Retrieved(
                namespace=key.namespace,
                key=claim.key,
                from_cache=from_cache,
                payload_bytes=claim.payload_bytes,
                seconds=time.perf_counter() - started,
            )
        )
        return payload

    async def health(self) -> Health:
        """Look at the store, by really using it. Never raises for what is wrong with it."""
        started = time.perf_counter()
        error: ClaimCheckError | None = None
        try:
            await self._store.check()
        except ClaimCheckError as problem:
            error = problem
        return Health(store=self._store.name, seconds=time.perf_counter() - started, error=error)

    async def aclose(self) -> None:
        """Release threads, and the store's connections if this manager opened the store.

        A later call opens anew what it needs: a client may outlive its worker.
        """
        self._vault.release()
        await self._foreign.aclose()
        if self._owns_store:
            await self._store.aclose()

    async def __aenter__(self) -> Self:
        """Return the manager. Opens nothing: the first use does."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Release what was opened."""
        await self.aclose()

    async def _exchange(self, payload: Payload, *, mint: bool) -> Claim:
        started = time.perf_counter()
        key: Key | None = None
        stored_bytes = 0
        try:
            size = payload.ByteSize()
            self._policy.check_size(size)
            async with self._vault.hold(size):
                data = payloads.serialize_payload(payload)
                key = await self._vault.key_for(data, self._namespace)
                outcome = OffloadOutcome.MINTED
                if not mint:
                    stored_bytes = await self._vault.keep(key, data)
                    outcome = (
                        OffloadOutcome.STORED if stored_bytes else OffloadOutcome.ALREADY_STORED
                    )
                self._vault.remember(key, data)
        except Exception as error:
            self._failed("offload", key and str(key), error, started)
            raise
        self._observers.observe(
            Offloaded(
                namespace=self._namespace,
                key=str(key),
                outcome=outcome,
                payload_bytes=len(data),
                stored_bytes=stored_bytes,
                seconds=time.perf_counter() - started,
            )
        )
        return Claim(key=str(key), payload_bytes=len(data))

    def _accept(self, claim: Claim) -> Key:
        """Take an untrusted claim's key apart, or refuse it."""
        key = Key.parse(claim.key)
        if key.namespace not in self._read_namespaces and not self._replays:
            raise ForeignNamespace(
                f"The claim is to namespace {key.namespace!r}, which this process may not read.",
                remedy="If it should, add the namespace to CLAIMCHECK_READ_NAMESPACES "
                "(read_namespaces).",
            )
        self._policy.check_size(claim.payload_bytes)
        return key

    def _failed(self, operation: str, key: str | None, error: Exception, started: float) -> None:
        self._observers.observe(
            Failed(
                namespace=self._namespace,
                key=key,
                operation=operation,
                error=error,
                seconds=time.perf_counter() - started,
            )
        )


def _parse(data: bytes, key: Key) -> Payload:
    try:
        return payloads.parse_payload(data)
    except ValueError as error:
        raise BlobCorrupt(
            f"The object under {key} is whole, but it holds no payload of Temporal's.",
            remedy="Something other than the claim check wrote it; put the right one back.",
        ) from error


def _utc_now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
