"""The default door: a storage driver, on the wire as Temporal's own storage reference."""

from collections.abc import Iterable, Sequence
from functools import partial

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ExternalStorage,
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from temporal_claimcheck.claim import Claim
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.payloads import DRIVER_NAME, is_encrypted_payload, is_storage_reference
from temporal_claimcheck.temporal.intent import Intent, intent_of
from temporal_claimcheck.temporal.patience import reading, writing

__all__ = ["ClaimCheckDriver"]


class ClaimCheckDriver(StorageDriver):
    """Stores and retrieves for Temporal's external storage.

    `ClaimCheckPlugin` wires it. By hand: `DataConverter(external_storage=
    ClaimCheckDriver(manager).external_storage())`; a replay then stores again, at most once a day.
    If the manager has keys, add `payload_codec=ClaimCheckCodec(manager, writes=False)`: it
    encrypts what is too small for the store.
    """

    def __init__(self, manager: ClaimCheckManager) -> None:
        self._manager = manager

    @property
    def manager(self) -> ClaimCheckManager:
        """The manager behind this door."""
        return self._manager

    def name(self) -> str:
        """Return the name that stands in every reference."""
        return DRIVER_NAME

    def type(self) -> str:
        """Return the driver's type, the same in every language."""
        return DRIVER_NAME

    def external_storage(
        self, *, others: Iterable[StorageDriver] = (), writes: bool = True
    ) -> ExternalStorage:
        """Return the SDK's configuration: this driver writes; `others` stay readable.

        With `writes` False nothing is stored, and claims are still resolved.
        """
        return ExternalStorage(
            drivers=[self, *others],
            driver_selector=self.select if writes else _select_none,
            # The selector decides alone; the SDK's own threshold would hide small payloads
            # that look like references from it.
            payload_size_threshold=0,
        )

    def select(self, context: object, payload: Payload) -> StorageDriver | None:
        """Return this driver for a payload that goes to the store, None for one that stays.

        A payload that looks like a storage reference always goes: it comes back as it was,
        and is never resolved in another's name.
        """
        if is_storage_reference(payload):
            return self
        if intent_of(getattr(context, "target", None)) is Intent.KEEP:
            return None
        if self._manager.encrypts and is_encrypted_payload(payload):
            # The codec before this driver decided already that it stays; since then it grew.
            return None
        return self if self._manager.policy.should_offload(payload.ByteSize()) else None

    async def store(
        self, context: StorageDriverStoreContext, payloads: Sequence[Payload]
    ) -> list[StorageDriverClaim]:
        """Store payloads, unless a replay encodes them again; return their claims in order."""
        mint = intent_of(context.target) is Intent.MINT
        exchange = self._manager.mint_many if mint else self._manager.offload_many
        claims = await writing(partial(exchange, payloads), place=self._manager.store.name)
        return [StorageDriverClaim(claim_data=claim.dump()) for claim in claims]

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        """Return the payloads of claims, verified, in order."""
        del context  # Empty in every release so far.
        return await reading(
            lambda: self._manager.retrieve_many(
                [Claim.parse(claim.claim_data) for claim in claims]
            ),
            place=self._manager.store.name,
        )


def _select_none(context: object, payload: Payload) -> StorageDriver | None:
    del context, payload
    return None
