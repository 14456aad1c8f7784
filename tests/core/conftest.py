"""What the tests of the core share."""

import os

import pytest


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Take every setting of whoever runs the tests out of the environment."""
    for name in os.environ:
        if name.upper().startswith(("CLAIMCHECK_", "R2_", "REDIS_")):
            monkeypatch.delenv(name)
    return monkeypatch
