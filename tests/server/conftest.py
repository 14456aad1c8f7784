"""What the tests of the server share."""

import os

import pytest


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Take every setting of whoever runs the tests out of the environment."""
    for name in os.environ:
        if name.startswith(("CLAIMCHECK_", "TEMPORAL_")) and "_TEST_" not in name:
            monkeypatch.delenv(name)
    return monkeypatch
