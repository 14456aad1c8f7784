"""The claim check itself: Payload in, Claim out, and back."""

import copy
import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Self, Unpack

from temporalio.api.common.v1 import Payload

from temporal_claimcheck import payloads, wiring
from temporal_claimcheck.access import Access
from temporal_claimcheck.claim import DIGEST_ALGORITHM, KEYED_DIGEST_ALGORITHM, Claim
from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.errors import InvalidClaim
from temporal_claimcheck.events import Observer, Observers, OffloadOutcome
from temporal_claimcheck.flow import all_or_error
from temporal_claimcheck.foreign.reader import ForeignReader
from temporal_claimcheck.foreign.sources import ForeignSources
from temporal_claimcheck.health import Health, look_at
from temporal_claimcheck.inline import InlineEncryption
from temporal_claimcheck.keychain import Keychain
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.ledger import Ledger
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.registry import Registry
from temporal_claimcheck.reports import Exchange
from temporal_claimcheck.settings import (
    DEFAULT_CACHE_BYTES,
    DEFAULT_MAX_BYTES_IN_FLIGHT,
    Settings,
    SettingsOverrides,
)
from temporal_claimcheck.stores.base import BlobStore
from temporal_claimcheck.transforms.base import Compression
from temporal_claimcheck.transforms.compression import ZstdCompression
from temporal_claimcheck.vault import StoredObject, Vault

if TYPE_CHECKING:
    # The package behind it is optional.
    from temporal_claimcheck.transforms.encryption import KeyRing

__all__ = ["ClaimCheckManager", "Health"]


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
        keys: "KeyRing | Callable[[], KeyRing] | None" = None,
        cache_bytes: int = DEFAULT_CACHE_BYTES,
        max_bytes_in_flight: int = DEFAULT_MAX_BYTES_IN_FLIGHT,
        observers: Iterable[Observer] = (),
        clock: Callable[[], dt.datetime] | None = None,
        foreign: ForeignSources | None = None,
    ) -> None:
        """Build a manager on a store that stays its owner's.

        `namespace` is written to; it and `read_namespaces` may be read. With `keys` all that
        leaves is encrypted; a function is called for them now, and again when a key is missing.
        `clock` returns an aware time; its UTC day becomes part of keys. `foreign` is read too.
        """
        self._store = store
        self._owns_store = False
        self._access = Access.to(namespace, read_namespaces)
        self._policy = policy or OffloadPolicy()
        self._observers = Observers(observers)
        keychain = None if keys is None else Keychain.of(keys)
        self._ledger = Ledger(store, keychain)
        self._registry = Registry(self._ledger, clock or utc_now)
        self._inline = InlineEncryption(keychain)
        self._vault = Vault(
            store,
            compression=compression or ZstdCompression(),
            cache_bytes=cache_bytes,
            max_bytes_in_flight=max_bytes_in_flight,
            keychain=keychain,
            clock=clock or utc_now,
            observers=self._observers,
        )
        self._foreign = ForeignReader(
            foreign, self._access, self._policy, self._vault.hold, self._observers
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
        keys: "KeyRing | Callable[[], KeyRing] | None" = None,
        observers: Iterable[Observer] = (),
    ) -> Self:
        """Build a manager from settings. Raises ConfigurationError.

        A `store` that is given stays its owner's; without one the settings name it. So it is
        with `keys`.
        """
        manager = cls(
            wiring.build_store(settings) if store is None else store,
            namespace=settings.namespace,
            read_namespaces=settings.read_namespaces,
            policy=wiring.build_policy(settings),
            compression=wiring.build_compression(settings),
            keys=wiring.build_keys(settings) if keys is None else keys,
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
        if namespace == self.namespace:
            return self
        other = copy.copy(self)
        other._access = self._access.turned_to(namespace)
        other._foreign = self._foreign.with_access(other._access)
        other._owns_store = False
        return other

    def for_replay(self) -> Self:
        """Return a manager for a `Replayer`: `offload` mints, and every namespace is read."""
        other = copy.copy(self)
        other._access = self._access.for_replay()
        other._foreign = self._foreign.with_access(other._access)
        other._owns_store = False
        return other

    def observed_by(self, observer: Observer) -> Self:
        """Return a manager that tells `observer` too, and shares everything else with this one.

        What memory is taken the observer hears from now on, whoever takes it.
        """
        other = copy.copy(self)
        other._observers = self._observers.including(observer)
        other._foreign = self._foreign.with_observers(other._observers)
        other._owns_store = False
        self._vault.tell_also(observer)
        return other

    @property
    def observers(self) -> Observers:
        """Who is told what happens."""
        return self._observers

    @property
    def namespace(self) -> str:
        """The namespace that is written to."""
        return self._access.namespace

    @property
    def store(self) -> BlobStore:
        """The store."""
        return self._store

    @property
    def ledger(self) -> Ledger:
        """The claim check's own records in the store."""
        return self._ledger

    @property
    def registry(self) -> Registry:
        """Who writes to the keyspace."""
        return self._registry

    @property
    def policy(self) -> OffloadPolicy:
        """Which payloads are offloaded."""
        return self._policy

    @property
    def foreign(self) -> ForeignReader:
        """Reads what others wrote, as far as that is configured."""
        return self._foreign

    @property
    def encrypts(self) -> bool:
        """Whether there are keys, so that nothing leaves in the clear."""
        return self._inline.is_on

    def looks_like_claim(self, payload: Payload) -> bool:
        """Return whether a reader takes the payload for ours, or for one of others it may read."""
        return payloads.looks_like_ours(payload) or self._foreign.takes(payload)

    async def maybe_offload(self, payload: Payload) -> Payload:
        """Return the payload as it was, or a payload that carries its claim.

        A payload that only looks like one of ours, or like a storage reference, is always
        offloaded, so that `maybe_retrieve` gives it back unchanged. With keys, a payload that
        is not offloaded is encrypted in place.
        """
        if self.looks_like_claim(payload) or payloads.is_storage_reference(payload):
            return payloads.claim_payload(await self.offload(payload))
        if self._policy.should_offload(payload.ByteSize()):
            return payloads.claim_payload(await self.offload(payload))
        return await self.encrypt(payload)

    async def maybe_retrieve(self, payload: Payload) -> Payload:
        """Return the payload as it was, or the payload whose claim it carries.

        Reads all configured wire forms, and decrypts. Raises InvalidClaim for other references.
        """
        if payloads.is_claim_payload(payload):
            return await self.retrieve(payloads.claim_from_claim_payload(payload))
        if self._foreign.takes(payload):
            return await self._foreign.resolve(payload)
        if not payloads.is_storage_reference(payload):
            return await self.decrypt(payload)
        claim = payloads.claim_from_reference(payload)
        return await (self.retrieve(claim) if claim else self._foreign.resolve_reference(payload))

    async def encrypt(self, payload: Payload) -> Payload:
        """Return the payload encrypted in place, or as it was when there are no keys."""
        return await self._inline.apply(payload, self.namespace)

    async def decrypt(self, payload: Payload) -> Payload:
        """Return the payload that was encrypted in place; any other as it was.

        Raises ForeignNamespace, EncryptionKeyMissing, DecryptionFailed.
        """
        exchange = Exchange.begin(self._observers, self.namespace)
        try:
            return await self._inline.undo(payload, self._access.check)
        except Exception as error:
            exchange.failed("decrypt", None, error)
            raise

    async def maybe_offload_many(self, items: Sequence[Payload]) -> list[Payload]:
        """`maybe_offload` for many at once, in order; all or an error."""
        return await all_or_error([self.maybe_offload(item) for item in items])

    async def maybe_retrieve_many(self, items: Sequence[Payload]) -> list[Payload]:
        """`maybe_retrieve` for many at once, in order; all or an error."""
        return await all_or_error([self.maybe_retrieve(item) for item in items])

    async def offload_many(self, items: Sequence[Payload]) -> list[Claim]:
        """`offload` for many at once, in order; all or an error."""
        return await all_or_error([self.offload(item) for item in items])

    async def mint_many(self, items: Sequence[Payload]) -> list[Claim]:
        """`mint` for many at once, in order; all or an error."""
        return await all_or_error([self.mint(item) for item in items])

    async def retrieve_many(self, claims: Sequence[Claim]) -> list[Payload]:
        """`retrieve` for many at once, in order; all or an error."""
        return await all_or_error([self.retrieve(claim) for claim in claims])

    async def offload(self, payload: Payload) -> Claim:
        """Store a payload of any size and return its claim.

        The same payload costs one write a day and namespace, however often it comes by.
        Raises PayloadTooLarge before anything is stored, StoreError when the store fails.
        """
        return await self._exchange(payload, mint=self._access.is_replay)

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
        exchange = Exchange.begin(self._observers, self.namespace)
        key_text: str | None = None
        try:
            key = self.check_claim(claim)
            key_text = claim.key
            if key.namespace != self.namespace and not self._access.is_replay:
                await self._registry.ensure_reader(self.namespace)
            data, from_cache = await self._vault.fetch(
                key, claim.payload_bytes, keyed=claim.is_keyed
            )
            if len(data) != claim.payload_bytes:
                raise InvalidClaim(
                    f"The claim to {key} states another size than the payload has.",
                    remedy="Nothing was handed out. Look for what altered the claim on its way.",
                )
            payload = payloads.stored_payload(data, str(key))
        except Exception as error:
            exchange.failed("retrieve", key_text, error)
            raise
        exchange.retrieved(key, len(data), from_cache=from_cache)
        return payload

    async def inspect(self, key: str) -> tuple[StoredObject, Payload]:
        """Return what lies under a key, and its payload, verified: for who has no claim to it.

        The store is read once, and `retrieve` finds the payload in memory. Raises as it does.
        """
        exchange = Exchange.begin(self._observers, self.namespace)
        parsed: Key | None = None
        try:
            parsed = Key.parse(key)
            self._access.check(parsed.namespace)
            found, data = await self._vault.examine(parsed, self._policy)
            payload = payloads.stored_payload(data, key)
        except Exception as error:
            exchange.failed("retrieve", parsed and key, error)
            raise
        exchange.retrieved(parsed, len(data), from_cache=False)
        return found, payload

    def check_claim(self, claim: Claim) -> Key:
        """Take an untrusted claim's key apart; no I/O. Raises ClaimError, PayloadTooLarge."""
        key = Key.parse(claim.key)
        self._access.check(key.namespace)
        self._policy.check_size(claim.payload_bytes)
        return key

    async def health(self) -> Health:
        """Look at the store, by really using it. Never raises for what is wrong with it."""
        return await look_at(self._store)

    async def aclose(self) -> None:
        """Release threads, and the store's connections if this manager opened the store.

        A later call opens anew what it needs: a client may outlive its worker.
        """
        self._vault.release()
        self._ledger.release()
        self._inline.release()
        await self._foreign.aclose()
        if self._owns_store:
            await self._store.aclose()

    async def __aenter__(self) -> Self:
        """Return the manager. Opens nothing: the first use does."""
        return self

    async def __aexit__(self, *error: object) -> None:
        """Release what was opened."""
        await self.aclose()

    async def _exchange(self, payload: Payload, *, mint: bool) -> Claim:
        exchange = Exchange.begin(self._observers, self.namespace)
        key: Key | None = None
        stored_bytes = 0
        try:
            size = payload.ByteSize()
            self._policy.check_size(size)
            async with self._vault.hold(size):
                data = payloads.serialize_payload(payload)
                place = await self._vault.place_for(data, self.namespace)
                key = place.key
                outcome = OffloadOutcome.MINTED
                if not mint:
                    await self._registry.ensure(self.namespace)
                    stored_bytes = await self._vault.keep(place, data)
                    outcome = (
                        OffloadOutcome.STORED if stored_bytes else OffloadOutcome.ALREADY_STORED
                    )
                self._vault.remember(key, data)
        except Exception as error:
            exchange.failed("offload", key and str(key), error)
            raise
        exchange.offloaded(key, outcome, payload_bytes=len(data), stored_bytes=stored_bytes)
        return Claim(
            key=str(key),
            payload_bytes=len(data),
            digest=KEYED_DIGEST_ALGORITHM if place.encryption_key else DIGEST_ALGORITHM,
        )
