"""What a store promises that shows how a blob begins."""
# ruff: noqa: S101  # assert is how pytest checks
# ruff: noqa: D102  # the name of a test says the promise

from typing import Protocol, cast

import pytest

from temporal_claimcheck.errors import BlobNotFound, InvalidKey
from temporal_claimcheck.stores.base import BlobStore, PeekingStore
from temporal_claimcheck.testing.keys import HOSTILE_KEYS, key_of
from temporal_claimcheck.testing.stores import BLOBS, StoreContract

__all__ = ["PeekingBlobStore", "PeekingStoreContract"]


class PeekingBlobStore(BlobStore, PeekingStore, Protocol):
    """A store that can show how a blob begins."""


@pytest.mark.asyncio
class PeekingStoreContract(StoreContract):
    """The promises of a store that is also a `PeekingStore`."""

    checks_peeking = True

    @pytest.fixture
    def peeking(self, store: BlobStore) -> PeekingBlobStore:
        """Return the store, known to be one that shows heads."""
        assert isinstance(store, PeekingStore)
        return cast("PeekingBlobStore", store)

    @pytest.mark.parametrize("blob", BLOBS.values(), ids=BLOBS)
    @pytest.mark.parametrize("head_bytes", [1, 100, 10_000_000])
    async def test_a_head_is_the_beginning_of_what_get_returns(
        self, peeking: PeekingBlobStore, blob: bytes, head_bytes: int
    ) -> None:
        await peeking.put(key_of(1), blob)
        found = await peeking.peek(key_of(1), head_bytes=head_bytes)
        assert found.head == blob[:head_bytes]
        assert found.size_bytes == len(blob)

    async def test_the_head_of_a_missing_blob_is_not_found(self, peeking: PeekingBlobStore) -> None:
        with pytest.raises(BlobNotFound, match=key_of(1)):
            await peeking.peek(key_of(1), head_bytes=100)

    @pytest.mark.parametrize("key", HOSTILE_KEYS.values(), ids=HOSTILE_KEYS)
    async def test_peek_refuses_a_hostile_key(self, peeking: PeekingBlobStore, key: str) -> None:
        with pytest.raises(InvalidKey):
            await peeking.peek(key, head_bytes=100)
