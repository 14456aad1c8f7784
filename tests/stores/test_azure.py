"""ObjectStore against Azurite, where it is installed: `npm install azurite`."""

import uuid

import pytest
from obstore.store import AzureStore

from temporal_claimcheck.errors import StoreUnavailable
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.testing import (
    CollectableStoreContract,
    MakeStore,
    PeekingStoreContract,
    RawAccess,
    ViewingStoreContract,
)
from temporal_claimcheck.testing.servers import AzureServer
from temporal_claimcheck.wiring import build_store
from tests.stores.test_wrappers import RawBucket


@pytest.fixture(autouse=True)
def environment(azure: AzureServer, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in azure.environment.items():
        monkeypatch.setenv(name, value)


class TestAzure(ViewingStoreContract, CollectableStoreContract, PeekingStoreContract):
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
