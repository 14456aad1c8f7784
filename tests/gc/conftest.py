"""What the tests of the collector share."""

from collections.abc import Generator

import pytest

from tests.gc.scenes import Scene


@pytest.fixture(autouse=True)
def scenes_are_closed() -> Generator[None]:
    """Close the scenes of a test when it is over."""
    yield
    while Scene.opened:
        Scene.opened.pop().close()
