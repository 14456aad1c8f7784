"""A stand-in for the published claim-check recipe, in our own words.

It stands for the `ClaimCheckCodec` of the recipe "Claim Check Pattern with Temporal" in Temporal's
AI cookbook, and writes and reads what that writes and reads: the serialized Payload under a random
UUID, and in its place a payload with two metadata entries and the UUID. The first version kept
every payload in Redis. The later ones keep those with more than 20 KiB of data in S3.
"""

import uuid
from collections.abc import Awaitable, Callable, Sequence

from temporalio.api.common.v1 import Payload
from temporalio.converter import PayloadCodec

MARK = "temporal.io/claim-check-codec"


class RecipeCodec(PayloadCodec):
    def __init__(
        self,
        write: Callable[[str, bytes], Awaitable[object]],
        read: Callable[[str], Awaitable[bytes]],
        *,
        max_inline_bytes: int = -1,
    ) -> None:
        self._write = write
        self._read = read
        self._max_inline_bytes = max_inline_bytes

    async def encode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [await self._checked(payload) for payload in payloads]

    async def decode(self, payloads: Sequence[Payload]) -> list[Payload]:
        return [
            Payload.FromString(await self._read(payload.data.decode()))
            if payload.metadata.get(MARK) == b"v1"
            else payload
            for payload in payloads
        ]

    async def _checked(self, payload: Payload) -> Payload:
        if len(payload.data) <= self._max_inline_bytes:
            return payload
        key = str(uuid.uuid4())
        await self._write(key, payload.SerializeToString())
        return Payload(
            metadata={"encoding": b"claim-checked", MARK: b"v1"},
            data=key.encode(),
        )
