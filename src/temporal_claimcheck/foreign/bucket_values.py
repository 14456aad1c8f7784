"""Objects of others in a bucket."""

import obstore

from temporal_claimcheck.errors import BlobNotFound
from temporal_claimcheck.foreign.sources import Admit
from temporal_claimcheck.stores.object_errors import is_missing_place, translated
from temporal_claimcheck.stores.object_store import ObjectStore

__all__ = ["BucketValues"]


class BucketValues:
    """Reads and writes objects under whatever keys they have, in one request each.

    Not through the store's `get` and `put`: the S3 driver's keys may be longer than ours can be,
    and have segments that begin with a dot.
    """

    def __init__(self, store: ObjectStore) -> None:
        self._client = store.client
        self._name = store.name

    @property
    def name(self) -> str:
        """See ForeignValues."""
        return self._name

    async def read(self, key: str, *, admit: Admit) -> bytes:
        """See ForeignValues."""
        with translated(f"read the object under {key}", place=self._name, reading=True):
            try:
                found = await obstore.get_async(self._client, key)
                async with admit(found.meta["size"]):
                    return bytes(await found.bytes_async())
            except FileNotFoundError as error:
                if is_missing_place(error):
                    raise
                raise BlobNotFound(
                    f"There is no object under {key} in {self._name}.",
                    remedy="Look whether a lifecycle rule deleted it and restore it; the workflow "
                    "then goes on.",
                ) from error

    async def write(self, key: str, data: bytes) -> None:
        """See ForeignBucket."""
        with translated(f"store the object under {key}", place=self._name):
            await obstore.put_async(self._client, key, data)

    async def aclose(self) -> None:
        """See ForeignValues. The client holds nothing that needs closing."""
