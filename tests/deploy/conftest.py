"""What the tests of the deployment share."""

import os

import pytest

from tests.deploy.manifests import VARIANTS, Object, variant


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Take every setting of whoever runs the tests out of the environment."""
    for name in os.environ:
        if name.startswith(("CLAIMCHECK_", "TEMPORAL_", "R2_", "REDIS_", "AWS_")):
            monkeypatch.delenv(name)
    return monkeypatch


@pytest.fixture(params=sorted(VARIANTS), ids=str)
def objects(request: pytest.FixtureRequest) -> list[Object]:
    """Return the objects of each variant in turn."""
    return variant(request.param)
