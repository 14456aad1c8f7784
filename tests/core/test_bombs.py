"""Objects of a few kilobytes that unpack to gigabytes cost neither memory nor the process."""

import json
import os
import subprocess
import sys

import pytest

from tests.core import bomb_program
from tests.core.bomb_program import STATED


@pytest.fixture(scope="module")
def said() -> dict[str, tuple[str, int]]:
    finished = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-m", bomb_program.__name__],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        check=True,
        timeout=120,
    )
    return json.loads(finished.stdout)


@pytest.mark.parametrize(
    ("bomb", "code"),
    [
        ("zstd", "blob-too-large"),
        ("gzip", "blob-too-large"),
        ("stated", "blob-too-large"),
        ("zstd-window", "blob-corrupt"),
    ],
)
def test_a_bomb_is_refused_and_takes_little_more_memory_than_was_stated(
    said: dict[str, tuple[str, int]], bomb: str, code: str
) -> None:
    refused_as, peak_bytes = said[bomb]
    assert refused_as == code
    assert peak_bytes < STATED + 16 * 1024**2
