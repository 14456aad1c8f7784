"""What writes and reads a payload without Temporal: the built-in's way, the recipe's, and ours."""

import datetime as dt
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPSConnection
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

import obstore
from obstore.store import S3Store
from temporalio.api.common.v1 import Payload
from temporalio.contrib.aws.s3driver import S3StorageDriver, S3StorageDriverClient
from temporalio.converter import (
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
    StorageDriverWorkflowInfo,
)

from benchmarks.candidates import BUILT_IN
from temporal_claimcheck import BlobStore, ClaimCheckManager
from temporal_claimcheck.stores.base import ViewingStore
from temporal_claimcheck.testing.servers import S3Server

__all__ = [
    "BareSocket",
    "Bench",
    "BuiltInClient",
    "BuiltInDriver",
    "Item",
    "OurManager",
    "OurStore",
    "RecipeRedis",
    "RedisClient",
]

_SIGNED_FOR: Final = dt.timedelta(hours=1)

Written = Any
"""What `write` returned, for `read`: each candidate has its own."""
RedisClient = Any
"""redis-py types its commands as sync and async at once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A payload to write, in the forms that candidates take."""

    key: str
    blob: bytes
    payload: Payload


class Bench(Protocol):
    """Writes and reads in one way, and drops what was written where it takes memory."""

    @property
    def name(self) -> str: ...

    @property
    def reference(self) -> str | None: ...

    async def write(self, item: Item) -> Written: ...

    async def read(self, written: Written) -> object: ...

    async def clear(self) -> None: ...


class BuiltInClient:
    """The calls that the SDK's S3 driver makes, in its order."""

    name = "aioboto3"
    reference = None

    def __init__(self, client: S3StorageDriverClient, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    async def write(self, item: Item) -> str:
        if not await self._client.object_exists(bucket=self._bucket, key=item.key):
            await self._client.put_object(bucket=self._bucket, key=item.key, data=item.blob)
        return item.key

    async def read(self, written: str) -> bytes:
        return await self._client.get_object(bucket=self._bucket, key=written)

    async def clear(self) -> None: ...


class BareSocket:
    """A client that does next to nothing: one connection, one call at a time, all else waits.

    What is left is the server's time, the kernel's and that of TLS.
    """

    name = "bare socket"
    reference = "aioboto3"

    def __init__(self, server: S3Server) -> None:
        trusted = ssl.create_default_context(cafile=server.ca)
        self._connection = HTTPSConnection("127.0.0.1", server.port, context=trusted)
        self._client = S3Store(
            server.bucket,
            prefix="bare",
            endpoint=server.endpoint,
            region="us-east-1",
            access_key_id=server.access_key_id,
            secret_access_key=server.secret_access_key,
            virtual_hosted_style_request=False,
        )

    async def write(self, item: Item) -> str:
        put = obstore.sign(self._client, "PUT", item.key, _SIGNED_FOR)
        get = obstore.sign(self._client, "GET", item.key, _SIGNED_FOR)
        self._ask("PUT", put, item.blob)
        return get

    async def read(self, written: str) -> bytearray:
        return self._ask("GET", written, None)

    async def clear(self) -> None: ...

    def _ask(self, verb: str, url: str, body: bytes | None) -> bytearray:
        parts = urlsplit(url)
        self._connection.request(verb, f"{parts.path}?{parts.query}", body)
        answer = self._connection.getresponse()
        if answer.status != HTTPStatus.OK:
            raise AssertionError(f"the server answered {answer.status}")
        found = bytearray(int(answer.headers["Content-Length"]))
        free = memoryview(found)
        while free:
            free = free[answer.readinto(free) :]
        answer.close()
        return found


class RecipeRedis:
    """The calls of the published recipe: SET and GET."""

    name = "plain redis"
    reference = None

    def __init__(self, client: RedisClient) -> None:
        self._client = client

    async def write(self, item: Item) -> str:
        await self._client.set(item.key, item.blob)
        return item.key

    async def read(self, written: str) -> bytes:
        return await self._client.get(written)

    async def clear(self) -> None:
        await self._client.flushdb()


class OurStore:
    """A store of ours."""

    def __init__(
        self,
        name: str,
        store: BlobStore,
        reference: str,
        clear: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self.name = name
        self.reference = reference
        self._store = store
        self._clear = clear

    async def write(self, item: Item) -> tuple[str, int]:
        await self._store.put(item.key, item.blob)
        return item.key, len(item.blob)

    async def read(self, written: tuple[str, int]) -> object:
        key, size = written
        if isinstance(self._store, ViewingStore):  # As the vault reads.
            return await self._store.view(key, max_bytes=size)
        return await self._store.get(key, max_bytes=size)

    async def clear(self) -> None:
        if self._clear:
            await self._clear()


class BuiltInDriver:
    """The SDK's S3 driver, digest and check included."""

    name = BUILT_IN
    reference = None

    def __init__(self, driver: S3StorageDriver) -> None:
        self._driver = driver
        self._target = StorageDriverWorkflowInfo(
            namespace="default", id="benchmark", run_id="benchmark", type="Benchmark"
        )

    async def write(self, item: Item) -> Written:
        context = StorageDriverStoreContext(target=self._target)
        return await self._driver.store(context, [item.payload])

    async def read(self, written: Written) -> object:
        return await self._driver.retrieve(StorageDriverRetrieveContext(), written)

    async def clear(self) -> None: ...


class OurManager:
    """Our manager without its cache: digest, compression, envelope and check included."""

    def __init__(
        self,
        name: str,
        store: BlobStore,
        reference: str | None,
        *,
        clear: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        self.name = name
        self.reference = reference
        self._manager = ClaimCheckManager(store, cache_bytes=0)
        self._clear = clear

    async def write(self, item: Item) -> Written:
        return await self._manager.offload(item.payload)

    async def read(self, written: Written) -> object:
        return await self._manager.retrieve(written)

    async def clear(self) -> None:
        if self._clear:
            await self._clear()
