"""What payloads cost in memory, as the operating system counts it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from temporal_claimcheck.testing.servers import S3Server, ServerProcess
from tests.stores import flow_program, memory_program
from tests.stores.conftest import PASSWORD
from tests.stores.flow_program import PAYLOAD_BYTES, PAYLOADS
from tests.stores.programs import environment_of, said_by

MIB = 1024**2
HUGE_BYTES = 512 * MIB
LIMIT_BYTES = 32 * MIB
CACHE_BYTES = 32 * MIB
# The allocator's gaps, connections, and what the HTTP client buffers.
ALLOWANCE_BYTES = 32 * MIB


@pytest.fixture
def urls(tmp_path: Path, redis: ServerProcess) -> Mapping[str, str]:
    return {
        "folder": (tmp_path / "claims").as_uri(),
        "s3": f"s3://claims/{tmp_path.name}",
        "redis": f"redis://:{PASSWORD}@127.0.0.1:{redis.port}/0",
    }


# A value in Redis ends at 512 MiB, so there the payload must be one that packs.
@pytest.mark.parametrize(
    ("store", "kind"), [("folder", "random"), ("s3", "random"), ("redis", "text")]
)
async def test_half_a_gigabyte_goes_in_and_out_in_less_than_four_times_its_size(
    store: str, kind: str, urls: Mapping[str, str], s3: S3Server
) -> None:
    peaks = await said_by(
        memory_program.__name__,
        *(urls[store], HUGE_BYTES, kind),
        environment=environment_of(s3),
    )
    assert peaks["same"]
    assert HUGE_BYTES < peaks["in"] < 4 * HUGE_BYTES
    assert HUGE_BYTES < peaks["out"] < 4 * HUGE_BYTES


@pytest.mark.parametrize("store", ["folder", "s3"])
async def test_200_payloads_at_once_take_no_more_memory_than_the_limit_and_the_cache(
    store: str, urls: Mapping[str, str], s3: S3Server
) -> None:
    async def run(direction: str, claims: object = None) -> Any:
        return await said_by(
            flow_program.__name__,
            *(direction, urls[store], LIMIT_BYTES, CACHE_BYTES),
            environment=environment_of(s3),
            said_to=claims,
        )

    writing = await run("write")
    reading = await run("read", writing["claims"])
    for said in (writing, reading):
        assert said["calls"] == PAYLOADS
        # More than one at a time, so that there was something to limit.
        assert 2 * PAYLOAD_BYTES <= said["most_bytes"] <= LIMIT_BYTES
        assert said["memory_bytes"] < LIMIT_BYTES + CACHE_BYTES + ALLOWANCE_BYTES
