"""ObjectStore against Azurite, where it is installed: `npm install azurite`."""

import os
import uuid
from collections.abc import AsyncGenerator

import pytest
import pytest_asyncio
from obstore.store import AzureStore

from temporal_claimcheck.errors import StoreUnavailable
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.testing import CollectableStoreContract, MakeStore, RawAccess
from temporal_claimcheck.testing.servers import AzureServer, ProgramMissing, azurite, find_program
from temporal_claimcheck.wiring import build_store
from tests.stores.test_wrappers import RawBucket


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def azure(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[AzureServer]:
    try:
        find_program("azurite-blob")
    except ProgramMissing:
        if os.environ.get("CI"):
            raise
        pytest.skip("azurite-blob is not on the PATH; npm install azurite brings it")
    async with azurite(tmp_path_factory.mktemp("azure"), container="claims") as server:
        yield server


@pytest.fixture(autouse=True)
def environment(azure: AzureServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in azure.environment.items():
        monkeypatch.setenv(name, value)


class TestAzure(CollectableStoreContract):
    # Above what goes in one request.
    large_bytes = 20 * 1024**2

    @pytest.fixture
    def place(self) -> str:
        return f"test/{uuid.uuid4()}"

    @pytest.fixture
    def make_store(self, place: str) -> MakeStore:
        settings = Settings.load(store=f"az://claims/{place}")
        return lambda: build_store(settings)

    @pytest.fixture
    def raw(self, place: str) -> RawAccess:
        # Credentials and endpoint come from the environment, as for the store.
        return RawBucket(AzureStore("claims", prefix=place, client_options={"allow_http": True}))


async def test_missing_container_is_named_as_such() -> None:
    with pytest.raises(StoreUnavailable, match="nowhere/ does not exist"):
        await build_store(Settings.load(store="az://nowhere")).check()
