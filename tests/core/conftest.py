"""What the tests of the core share."""

import os

import pytest
from hypothesis import settings

# How long an example takes says how busy the machine is, and nothing about the code.
settings.register_profile("core", deadline=None)
settings.load_profile("core")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Take every setting of whoever runs the tests out of the environment."""
    for name in os.environ:
        if name.upper().startswith(("CLAIMCHECK_", "R2_", "REDIS_")):
            monkeypatch.delenv(name)
    return monkeypatch
