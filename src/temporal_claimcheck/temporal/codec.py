"""The second door: a payload codec, for codec servers and for whoever cannot use drivers."""

import copy
from collections.abc import Sequence
from functools import partial
from typing import Self

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec, SerializationContext, WithSerializationContext

from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.payloads import claim_payload, is_claim_payload, is_storage_reference
from temporal_claimcheck.temporal.intent import Intent, intent_of
from temporal_claimcheck.temporal.patience import reading, writing

__all__ = ["ClaimCheckCodec"]


class ClaimCheckCodec(PayloadCodec, WithSerializationContext):
    """Puts claims in the place of large payloads, and the payloads back.

    On the wire a claim is a payload of encoding `json/claim-check`. When the manager has keys,
    what is not offloaded is encrypted in place, as `binary/claim-check-encrypted`. A user payload
    of one of these encodings is offloaded whatever its size, so that decoding gives it back
    unchanged.
    """

    def __init__(
        self,
        manager: ClaimCheckManager,
        *,
        inner: PayloadCodec | None = None,
        writes: bool = True,
    ) -> None:
        """Build the codec.

        `inner` is a codec of the user's, such as encryption: it encodes before payloads are
        stored and decodes after they came back. With `writes` False large payloads are left
        in place (a storage driver takes them), and claims are still resolved.
        """
        self._manager = manager
        self._inner = inner
        self._writes = writes
        self._intent = Intent.STORE

    @property
    def manager(self) -> ClaimCheckManager:
        """The manager behind this door."""
        return self._manager

    @property
    def inner(self) -> PayloadCodec | None:
        """The user's own codec."""
        return self._inner

    def with_context(self, context: SerializationContext) -> Self:
        """Return the codec for one use; the user's own codec gets the context as well."""
        inner = self._inner
        if isinstance(inner, WithSerializationContext):
            inner = inner.with_context(context)
        intent = intent_of(context)
        if inner is self._inner and intent is self._intent:
            return self
        other = copy.copy(self)
        other._inner = inner
        other._intent = intent
        return other

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads in order: claims, encrypted ones, or as they were."""
        encoded = list(payloads) if self._inner is None else await self._inner.encode(payloads)
        chosen = [index for index, payload in enumerate(encoded) if self._takes(payload)]
        if chosen:
            taken = [encoded[index] for index in chosen]
            mint = self._intent is Intent.MINT
            exchange = self._manager.mint_many if mint else self._manager.offload_many
            claims = await writing(partial(exchange, taken), place=self._manager.store.name)
            for index, claim in zip(chosen, claims, strict=True):
                encoded[index] = claim_payload(claim)
        if self._manager.encrypts and self._intent is not Intent.KEEP:
            for index in set(range(len(encoded))).difference(chosen):
                if not self._leaves_to_driver(encoded[index]):
                    encoded[index] = await self._manager.encrypt(encoded[index])
        return encoded

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads in order, each claim resolved and verified, each one decrypted."""
        decoded = await reading(partial(self._decode, payloads), place=self._manager.store.name)
        return decoded if self._inner is None else await self._inner.decode(decoded)

    async def _decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        decoded = list(payloads)
        # Never a storage reference: one that gets here was stored as data.
        chosen = [
            index
            for index, payload in enumerate(decoded)
            if is_claim_payload(payload) or self._manager.foreign.takes(payload)
        ]
        if chosen:
            found = await self._manager.maybe_retrieve_many([decoded[index] for index in chosen])
            for index, payload in zip(chosen, found, strict=True):
                decoded[index] = payload
        for index in set(range(len(decoded))).difference(chosen):
            decoded[index] = await self._manager.decrypt(decoded[index])
        return decoded

    def _takes(self, payload: Payload) -> bool:
        """Return whether a payload goes to the store through this door."""
        if self._manager.looks_like_claim(payload):
            return True
        if not self._writes:
            return False
        if is_storage_reference(payload):
            return True
        if self._intent is Intent.KEEP:
            return False
        return self._manager.policy.should_offload(payload.ByteSize())

    def _leaves_to_driver(self, payload: Payload) -> bool:
        """Return whether the storage driver behind this codec stores the payload, encrypted."""
        return not self._writes and (
            is_storage_reference(payload) or self._manager.policy.should_offload(payload.ByteSize())
        )
