"""Object stores through obstore: S3 and all that speaks it, Cloudflare R2, GCS, Azure.

One request writes and one reads; neither needs permission to list. Retries are the client
library's alone.
"""

import datetime as dt
import os
from collections.abc import AsyncIterator, Generator, Iterable, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from temporal_claimcheck.errors import BlobNotFound, MissingExtra, StoreDenied
from temporal_claimcheck.stores.base import (
    BlobHead,
    BlobInfo,
    check_blob_key,
    check_blob_prefix,
)

try:
    import obstore
    from obstore import exceptions
    from obstore.store import AzureStore, GCSStore, S3Store
except ModuleNotFoundError as error:
    raise MissingExtra(
        "This store needs the package obstore.",
        remedy="Run: pip install 'temporal-claimcheck[s3]'",
    ) from error

from temporal_claimcheck.stores.object_errors import (
    is_missing_place,
    refuses_condition,
    refuses_range,
    translated,
)
from temporal_claimcheck.stores.object_reading import (
    ONE_REQUEST_BYTES,
    PART_BYTES,
    PARTS_AT_ONCE,
    ObjectReader,
)

if TYPE_CHECKING:
    from obstore import ObjectMeta
    from obstore.store import ClientConfig, RetryConfig
    from obstore.store import ObjectStore as Client

__all__ = ["ObjectStore", "Patience"]

# Not below v1/, where claims are.
_PROBE_KEY: Final = "v1-check"
_PROBE: Final = b"temporal-claimcheck was here to see whether it may read and write.\n"
# What the client calls the timeout holds for a whole download, however well it moves on.
_LONGEST_DOWNLOAD: Final = dt.timedelta(hours=1)
_FIRST_PAUSE: Final = dt.timedelta(milliseconds=100)
_LONGEST_PAUSE: Final = dt.timedelta(seconds=2)
_MAX_RETRIES: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a store is waited for."""

    connect_seconds: float = 5.0
    """Time to connect."""
    request_seconds: float = 30.0
    """Time for one request until it is answered, and then for any silence in the answer."""
    retry_seconds: float = 10.0
    """After this time no request is tried again; 0 tries each once."""

    def __post_init__(self) -> None:
        if self.connect_seconds <= 0 or self.request_seconds <= 0 or self.retry_seconds < 0:
            raise ValueError("only retry_seconds may be 0, and nothing may be negative")


_DEFAULT_PATIENCE: Final = Patience()


class ObjectStore:
    """Keeps each blob in an object of a bucket or container, under an optional prefix."""

    def __init__(self, client: "Client", *, name: str) -> None:
        """Use an obstore client; its prefix, if it has one, goes before every key."""
        self._client = client
        self._name = name
        self._is_conditional = True
        self._reader = ObjectReader(client)

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
        ca_certificates: bytes | None = None,
        patience: Patience = _DEFAULT_PATIENCE,
    ) -> "ObjectStore":
        """Return a store in an S3 bucket.

        What is not given comes from the environment (`AWS_*`) and from the machine's identity.
        `ca_certificates` are PEM, trusted besides the system's.
        """
        given: dict[str, Any] = {
            "endpoint": endpoint,
            "region": region,
            "access_key_id": access_key_id,
            "secret_access_key": secret_access_key,
        }
        config = {name: value for name, value in given.items() if value is not None}
        options = _client_options("AWS", patience)
        if ca_certificates is not None:
            options["root_certificate"] = ca_certificates
        if endpoint is not None:
            config["virtual_hosted_style_request"] = False
            # TLS protects the body already, and hashing it costs more than all the rest.
            config["unsigned_payload"] = endpoint.startswith("https://")
            # Who names an http endpoint means it; for the rest, AWS_ALLOW_HTTP decides.
            options["allow_http"] = endpoint.startswith("http://")
        elif not options.get("allow_http"):
            config["unsigned_payload"] = True
        client = S3Store(
            bucket,
            prefix=prefix or None,
            client_options=options,
            retry_config=_retries(patience),
            **config,
        )
        return cls(client, name=f"s3://{bucket}/{prefix}")

    @classmethod
    def gcs(
        cls, bucket: str, prefix: str = "", *, patience: Patience = _DEFAULT_PATIENCE
    ) -> "ObjectStore":
        """Return a store in a Google Cloud Storage bucket, with Google's default credentials."""
        client = GCSStore(
            bucket,
            prefix=prefix or None,
            client_options=_client_options("GOOGLE", patience),
            retry_config=_retries(patience),
        )
        return cls(client, name=f"gs://{bucket}/{prefix}")

    @classmethod
    def azure(
        cls, container: str, prefix: str = "", *, patience: Patience = _DEFAULT_PATIENCE
    ) -> "ObjectStore":
        """Return a store in an Azure container, with credentials from `AZURE_STORAGE_*`."""
        client = AzureStore(
            container,
            prefix=prefix or None,
            client_options=_client_options("AZURE", patience),
            retry_config=_retries(patience),
        )
        return cls(client, name=f"az://{container}/{prefix}")

    @property
    def name(self) -> str:
        """See BlobStore."""
        return self._name

    @property
    def client(self) -> "Client":
        """The obstore client, for what is not the claim check's own."""
        return self._client

    async def put(self, key: str, blob: bytes) -> bool:
        """See BlobStore.

        A server without conditional writes replaces the object by an equal one: a key names
        one payload, so that loses nothing. The same holds for objects over 16 MiB, which go in
        parts, if two processes store one at the same moment.
        """
        check_blob_key(key)
        with translated(f"store the object under {key}", place=self._name):
            if len(blob) > ONE_REQUEST_BYTES:
                return await self._put_in_parts(key, blob)
            if self._is_conditional:
                try:
                    await obstore.put_async(self._client, key, blob, mode="create")
                except exceptions.AlreadyExistsError:
                    return False
                except exceptions.PermissionDeniedError:
                    # Who may create but not replace can be refused before the condition counts.
                    if await self._is_there(key):
                        return False
                    raise
                except (exceptions.BaseError, NotImplementedError) as error:
                    if not refuses_condition(error):
                        raise
                else:
                    return True
            await obstore.put_async(self._client, key, blob, use_multipart=False)
            # Only now it is certain that the condition was what the server did not like.
            self._is_conditional = False
        return True

    async def _put_in_parts(self, key: str, blob: bytes) -> bool:
        # One small request more saves sending the parts again when the object is there.
        if await self._is_there(key):
            return False
        await obstore.put_async(
            self._client,
            key,
            blob,
            use_multipart=True,
            chunk_size=PART_BYTES,
            max_concurrency=PARTS_AT_ONCE,
        )
        return True

    async def _is_there(self, key: str) -> bool:
        # To who may not list, what is missing may look like a refusal.
        with suppress(FileNotFoundError, exceptions.PermissionDeniedError):
            await obstore.head_async(self._client, key)
            return True
        return False

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """See BlobStore."""
        return bytes(await self.view(key, max_bytes=max_bytes))

    async def view(self, key: str, *, max_bytes: int) -> memoryview:
        """See ViewingStore."""
        check_blob_key(key)
        with self._reading(key):
            return await self._reader.read(key, max_bytes)

    async def peek(self, key: str, *, head_bytes: int) -> BlobHead:
        """See PeekingStore."""
        check_blob_key(key)
        with self._reading(key):
            try:
                found = await obstore.get_async(
                    self._client, key, options={"range": (0, head_bytes)}
                )
            except exceptions.BaseError as error:
                if not refuses_range(error):
                    raise
                # Of what is empty there is no range either.
                found = await obstore.get_async(self._client, key)
            head = bytes(await found.bytes_async())[:head_bytes]
        return BlobHead(head=head, size_bytes=found.meta["size"])

    @contextmanager
    def _reading(self, key: str) -> Generator[None]:
        with translated(f"read the object under {key}", place=self._name, reading=True):
            try:
                yield
            except FileNotFoundError as error:
                if is_missing_place(error):
                    raise
                raise BlobNotFound(
                    f"There is no object under {key} in {self._name}.",
                    remedy="Check that every process uses the same store, and restore the object "
                    "if a lifecycle rule deleted it; the workflow then goes on.",
                ) from error

    async def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        """See CollectableStore."""
        check_blob_prefix(prefix)
        folder, _, _ = prefix.rpartition("/")
        with translated("list objects", place=self._name):
            listing: AsyncIterator[Sequence[ObjectMeta]] = obstore.list(  # pyright: ignore[reportUnknownMemberType]
                self._client, prefix=folder or None
            )
            async for batch in listing:
                for found in batch:
                    if found["path"].startswith(prefix) and found["path"] != _PROBE_KEY:
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
        with translated("delete objects", place=self._name):
            # S3 and R2 answer success for a key that is not there; Google and Azure say so, and
            # then the rest is still to be deleted.
            try:
                await obstore.delete_async(self._client, wanted)
            except FileNotFoundError:
                for key in wanted:
                    with suppress(FileNotFoundError):
                        await obstore.delete_async(self._client, key)

    async def check(self) -> None:
        """See BlobStore. Needs no more permissions than reading and writing do.

        Reads an object that is not there. To who may not list, that looks like a refusal; then
        the object is written, once for all processes, so that it can be read.
        """
        try:
            await self._read_probe()
        except StoreDenied:
            await self.put(_PROBE_KEY, _PROBE)
            await self._read_probe()

    async def _read_probe(self) -> None:
        with translated("reach the store", place=self._name, reading=True):
            try:
                found = await obstore.get_async(self._client, _PROBE_KEY)
                await found.bytes_async()
            except FileNotFoundError as error:
                if is_missing_place(error):
                    raise

    async def aclose(self) -> None:
        """See BlobStore. The client holds nothing that needs closing."""


def _client_options(cloud: str, patience: Patience) -> "ClientConfig":
    # Options that are given keep the client from reading this one by itself.
    allow_http = os.environ.get(f"{cloud}_ALLOW_HTTP", "").lower()
    return {
        "allow_http": allow_http in {"1", "true", "on", "yes", "y"},
        "connect_timeout": dt.timedelta(seconds=patience.connect_seconds),
        "read_timeout": dt.timedelta(seconds=patience.request_seconds),
        "timeout": _LONGEST_DOWNLOAD,
    }


def _retries(patience: Patience) -> "RetryConfig":
    return {
        "max_retries": _MAX_RETRIES if patience.retry_seconds else 0,
        "retry_timeout": dt.timedelta(seconds=patience.retry_seconds),
        "backoff": {"init_backoff": _FIRST_PAUSE, "max_backoff": _LONGEST_PAUSE, "base": 2},
    }
