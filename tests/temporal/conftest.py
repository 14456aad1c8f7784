"""Both doors in turn."""

import pytest

from temporal_claimcheck.temporal.plugin import Door
from tests.temporal.setup import Setup, connect


@pytest.fixture(params=["driver", "codec"])
def door(request: pytest.FixtureRequest) -> Door:
    return request.param


@pytest.fixture
async def setup(temporal_address: str, door: Door) -> Setup:
    """Both doors in turn, with a store of their own."""
    return await connect(temporal_address, door=door)
