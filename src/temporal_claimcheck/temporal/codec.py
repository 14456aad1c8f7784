"""The second door: a payload codec, for codec servers and for whoever cannot use drivers."""

import copy
from collections.abc import Sequence
from functools import partial
from typing import Self

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec, SerializationContext, WithSerializationContext

from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.payloads import (
    claim_from_claim_payload,
    claim_payload,
    is_claim_payload,
    is_storage_reference,
)
from temporal_claimcheck.temporal.intent import Intent, intent_of
from temporal_claimcheck.temporal.patience import reading, writing

__all__ = ["ClaimCheckCodec"]


class ClaimCheckCodec(PayloadCodec, WithSerializationContext):
    """Puts claims in the place of large payloads, and the payloads back.

    On the wire a claim is a payload of encoding `json/claim-check`. A user payload of that
    encoding is offloaded whatever its size, so that decoding gives it back unchanged.
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
        """Return the payloads in order, the large ones as claims."""
        encoded = list(payloads) if self._inner is None else await self._inner.encode(payloads)
        chosen = [index for index, payload in enumerate(encoded) if self._takes(payload)]
        if chosen:
            taken = [encoded[index] for index in chosen]
            mint = self._intent is Intent.MINT
            exchange = self._manager.mint_many if mint else self._manager.offload_many
            claims = await writing(partial(exchange, taken), place=self._manager.store.name)
            for index, claim in zip(chosen, claims, strict=True):
                encoded[index] = claim_payload(claim)
        return encoded

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        """Return the payloads in order, each claim resolved and verified."""
        decoded = list(payloads)
        chosen = [index for index, payload in enumerate(decoded) if is_claim_payload(payload)]
        if chosen:
            taken = [decoded[index] for index in chosen]
            retrieved = await reading(
                lambda: self._manager.retrieve_many(
                    [claim_from_claim_payload(payload) for payload in taken]
                ),
                place=self._manager.store.name,
            )
            for index, payload in zip(chosen, retrieved, strict=True):
                decoded[index] = payload
        return decoded if self._inner is None else await self._inner.decode(decoded)

    def _takes(self, payload: Payload) -> bool:
        if is_claim_payload(payload):
            return True
        if not self._writes:
            return False
        if is_storage_reference(payload):
            return True
        if self._intent is Intent.KEEP:
            return False
        return self._manager.policy.should_offload(payload.ByteSize())
