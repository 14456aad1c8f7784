"""Object stores through obstore: S3 and all that speaks it, Cloudflare R2, GCS, Azure.

One request writes and one reads; neither needs permission to list. Retries are the client
library's alone.
"""

import datetime as dt
from collections.abc import AsyncIterator, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from temporal_claimcheck.errors import (
    BlobNotFound,
    MissingExtra,
    StoreDenied,
    StoreError,
    StoreUnavailable,
)
from temporal_claimcheck.stores.base import BlobInfo, check_blob_key, check_blob_prefix, too_large

try:
    import obstore
    from obstore import exceptions
    from obstore.store import AzureStore, GCSStore, S3Store
except ModuleNotFoundError as error:
    raise MissingExtra(
        "This store needs the package obstore.",
        remedy="Run: pip install 'temporal-claimcheck[s3]'",
    ) from error

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig
    from obstore.store import ObjectStore as Client

__all__ = ["ObjectStore"]

_PROBE_KEY: Final = "v1/check"


class ObjectStore:
    """Keeps each blob in an object of a bucket or container, under an optional prefix."""

    def __init__(self, client: "Client", *, name: str) -> None:
        """Use an obstore client; its prefix, if it has one, goes before every key."""
        self._client = client
        self._name = name

    @classmethod
    def s3(
        cls,
        bucket: str,
        prefix: str = "",
        *,
        endpoint: str | None = None,
        region: str | None = None,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
    ) -> "ObjectStore":
        """Return a store in an S3 bucket.

        What is not given comes from the environment (`AWS_*`) and from the machine's identity.
        """
        given: dict[str, Any] = {
            "endpoint": endpoint,
            "region": region,
            "access_key_id": access_key_id,
            "secret_access_key": secret_access_key,
        }
        config = {name: value for name, value in given.items() if value is not None}
        if endpoint is not None:
            config["virtual_hosted_style_request"] = False
        # Who names an http endpoint means it; for the rest, AWS_ALLOW_HTTP decides.
        plain = endpoint is not None and endpoint.startswith("http://")
        options: ClientConfig | None = {"allow_http": True} if plain else None
        client = S3Store(bucket, prefix=prefix or None, client_options=options, **config)
        return cls(client, name=f"s3://{bucket}/{prefix}")

    @classmethod
    def gcs(cls, bucket: str, prefix: str = "") -> "ObjectStore":
        """Return a store in a Google Cloud Storage bucket, with Google's default credentials."""
        return cls(GCSStore(bucket, prefix=prefix or None), name=f"gs://{bucket}/{prefix}")

    @classmethod
    def azure(cls, container: str, prefix: str = "") -> "ObjectStore":
        """Return a store in an Azure container, with credentials from `AZURE_STORAGE_*`."""
        return cls(AzureStore(container, prefix=prefix or None), name=f"az://{container}/{prefix}")

    @property
    def name(self) -> str:
        """See BlobStore."""
        return self._name

    async def put(self, key: str, blob: bytes) -> bool:
        """See BlobStore.

        A server without conditional writes replaces the object by an equal one: a key names
        one payload, so that loses nothing.
        """
        check_blob_key(key)
        with self._translated(f"store the object under {key}"):
            try:
                await obstore.put_async(self._client, key, blob, mode="create")
            except exceptions.AlreadyExistsError:
                return False
            except exceptions.NotSupportedError:
                await obstore.put_async(self._client, key, blob)
        return True

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """See BlobStore."""
        check_blob_key(key)
        with self._translated(f"read the object under {key}"):
            try:
                found = await obstore.get_async(self._client, key)
                if found.meta["size"] > max_bytes:
                    raise too_large(key, max_bytes)
                return bytes(await found.bytes_async())
            except FileNotFoundError as error:
                raise BlobNotFound(
                    f"There is no object under {key} in {self._name}.",
                    remedy="Check that every process uses the same store, and restore the object "
                    "if a lifecycle rule deleted it; the workflow then goes on.",
                ) from error

    async def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        """See CollectableStore."""
        check_blob_prefix(prefix)
        folder, _, _ = prefix.rpartition("/")
        with self._translated("list objects"):
            listing: AsyncIterator[Sequence[ObjectMeta]] = obstore.list(  # pyright: ignore[reportUnknownMemberType]
                self._client, prefix=folder or None
            )
            async for batch in listing:
                for found in batch:
                    if found["path"].startswith(prefix):
                        yield BlobInfo(
                            key=found["path"],
                            size_bytes=found["size"],
                            modified=found["last_modified"].astimezone(dt.UTC),
                        )

    async def delete(self, keys: Iterable[str]) -> None:
        """See CollectableStore."""
        wanted = list(keys)
        for key in wanted:
            check_blob_key(key)
        with self._translated("delete objects"):
            # S3 and R2 answer success for a key that is not there; Google and Azure say so, and
            # then the rest is still to be deleted.
            try:
                await obstore.delete_async(self._client, wanted)
            except FileNotFoundError:
                for key in wanted:
                    with suppress(FileNotFoundError):
                        await obstore.delete_async(self._client, key)

    async def check(self) -> None:
        """See BlobStore. Asks for an object that is not there."""
        with self._translated("reach the store"):
            try:
                await obstore.head_async(self._client, _PROBE_KEY)
            except FileNotFoundError:
                return

    async def aclose(self) -> None:
        """See BlobStore. The client holds nothing that needs closing."""

    @contextmanager
    def _translated(self, what: str) -> Generator[None]:
        """Turn obstore's errors into ours; its texts stay in the cause."""
        try:
            yield
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError) as error:
            raise StoreDenied(
                f"Could not {what}: {self._name} refused the credentials.",
                remedy="Check the credentials and that they may read and write there.",
            ) from error
        except FileNotFoundError as error:
            raise StoreUnavailable(
                f"Could not {what}: {self._name} does not exist.",
                remedy="Create the bucket, or correct the store's URL.",
            ) from error
        except (exceptions.GenericError, OSError, TimeoutError) as error:
            raise StoreUnavailable(
                f"Could not {what}: {self._name} did not answer as it should.",
                remedy="Nothing was lost; the task is tried again.",
            ) from error
        except exceptions.BaseError as error:
            raise StoreError(
                f"Could not {what} in {self._name}.", remedy="The cause says why."
            ) from error
