"""Real servers, one of each for the whole run."""

import json
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio

from temporal_claimcheck.testing.servers import S3Server, seaweedfs
from tests.doctor.bench import Bench


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def s3(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[S3Server]:
    """Run SeaweedFS, where `narrow` may not list, and `reader` may not write."""
    folder = tmp_path_factory.mktemp("s3")
    identities = folder / "identities.json"
    actions = {
        "claimcheck": ["Admin", "Read", "Write", "List"],
        "narrow": ["Read:claims", "Write:claims"],
        "reader": ["Read:claims", "List:claims"],
    }
    entries = [
        {
            "name": name,
            "credentials": [{"accessKey": name, "secretKey": f"{name}-secret"}],
            "actions": allowed,
        }
        for name, allowed in actions.items()
    ]
    identities.write_text(json.dumps({"identities": entries}))
    arguments = (f"-s3.config={identities}",)
    async with seaweedfs(folder, bucket="claims", arguments=arguments) as server:
        yield server


@pytest.fixture
def bench(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, s3: S3Server, temporal_address: str
) -> Bench:
    made = Bench(environ=monkeypatch, folder=tmp_path, s3=s3, temporal=temporal_address)
    made.be_well()
    return made
