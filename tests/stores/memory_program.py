"""Takes one huge payload into a store and out again, and says the memory at its highest.

Run as `python -m tests.stores.memory_program URL BYTES text|random`, so that the peak is this
process's own.
"""

import asyncio
import io
import json
import random
import resource
import sys

from blake3 import blake3
from temporalio.api.common.v1 import Payload

from temporal_claimcheck import Claim, ClaimCheckManager

_PIECE_BYTES = 1024**2


def data_of(kind: str, size: int) -> bytes:
    """Return text that packs or bytes that do not pack, and never hold them twice."""
    dice = random.Random(20261122)  # noqa: S311  # not a secret
    # Longer than the window of the compression, which so does not see that it comes again.
    lines = b"".join(b'{"id":%d,"hash":"%x"},' % (n, n * 2654435761) for n in range(300_000))
    data = io.BytesIO()
    while data.tell() < size:
        piece = lines if kind == "text" else dice.randbytes(_PIECE_BYTES)
        data.write(piece[: size - data.tell()])
    return data.getvalue()


def peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


async def take_in(manager: ClaimCheckManager, kind: str, size: int) -> tuple[Claim, bytes]:
    payload = Payload(metadata={"encoding": b"binary/plain"}, data=data_of(kind, size))
    return await manager.offload(payload), blake3(payload.data).digest()


async def main(url: str, size: int, kind: str) -> None:
    async with ClaimCheckManager.open(url, max_payload_bytes=2**31 - 1) as manager:
        claim, digest = await take_in(manager, kind, size)
        taken_in = peak_bytes()
    async with ClaimCheckManager.open(url, max_payload_bytes=2**31 - 1) as manager:
        payload = await manager.retrieve(claim)
        taken_out = peak_bytes()
    same = blake3(payload.data).digest() == digest
    print(json.dumps({"in": taken_in, "out": taken_out, "same": same}))  # noqa: T201


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
