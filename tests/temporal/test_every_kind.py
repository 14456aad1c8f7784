"""10 MB travel through everything that carries a payload, by both doors, a row each.

Each kind passes a value larger than gRPC's 4 MB and Temporal's 2 MB, checks that it arrives
whole, and returns the workflows to look at; the test then makes sure that no history holds
anything but claims.
"""

import uuid

import pytest

from tests.temporal import kinds
from tests.temporal.counting import claim_in, history_payloads
from tests.temporal.exchanges import KINDS, SMALL_BYTES, Exchange
from tests.temporal.setup import Setup, big


@pytest.mark.parametrize("kind", KINDS)
async def test_ten_megabytes_travel_through(kind: str, setup: Setup) -> None:
    value = big(f"{kind} {uuid.uuid4()}")
    async with setup.worker(kinds.WORKFLOWS, kinds.ACTIVITIES):
        handles = await KINDS[kind](Exchange(setup, value))
    claims = 0
    for handle in handles:
        for payload in await history_payloads(handle):
            assert payload.ByteSize() < SMALL_BYTES
            claims += claim_in(payload) is not None
    assert claims, "the value never came by as a claim"
