"""Whom to compare: a bare client, the SDK's own S3 driver, and the claim check in its variants."""

import dataclasses
from collections.abc import AsyncGenerator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import aioboto3
from temporalio.client import Client
from temporalio.contrib.aws.s3driver import S3StorageDriver, S3StorageDriverClient
from temporalio.contrib.aws.s3driver.aioboto3 import new_aioboto3_client
from temporalio.converter import DataConverter, ExternalStorage
from temporalio.runtime import LoggingConfig, Runtime, TelemetryConfig

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.policy import DEFAULT_THRESHOLD_BYTES
from temporal_claimcheck.stores.base import CollectableStore
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.stores.object_store import ObjectStore
from temporal_claimcheck.temporal.plugin import Door
from temporal_claimcheck.testing.servers import S3Server

__all__ = [
    "BUILT_IN",
    "NAMES",
    "NOTHING",
    "Candidate",
    "StoredTotals",
    "built_in_client",
    "built_in_driver",
    "connect",
    "object_store",
]

NOTHING: Final = "nothing"
BUILT_IN: Final = "built-in"
NAMES: Final = (NOTHING, BUILT_IN, "s3", "s3-no-cache", "folder", "codec-s3")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredTotals:
    """What a candidate has in its store."""

    objects: int
    total_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A client, whose workers carry payloads in one way."""

    name: str
    client: Client
    store: CollectableStore | None = None
    """Where its objects are; None for the candidate that stores nothing."""
    prefix: str = "v1/"

    async def stored(self) -> StoredTotals:
        """Count what is stored."""
        sizes = (
            [blob.size_bytes async for blob in self.store.scan(self.prefix)] if self.store else []
        )
        return StoredTotals(objects=len(sizes), total_bytes=sum(sizes))


@asynccontextmanager
async def built_in_client(server: S3Server) -> AsyncGenerator[S3StorageDriverClient]:
    """Run the client of the SDK's own S3 driver as its documentation shows it."""
    # Cast: the stubs of this one method name every service of AWS, installed or not.
    session = cast("Any", aioboto3.Session())
    async with session.client(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        verify=None if server.ca is None else str(server.ca),
    ) as client:
        yield new_aioboto3_client(client)


@asynccontextmanager
async def built_in_driver(server: S3Server) -> AsyncGenerator[S3StorageDriver]:
    """Run the SDK's own S3 driver."""
    async with built_in_client(server) as client:
        yield S3StorageDriver(client=client, bucket=server.bucket)


def object_store(server: S3Server, prefix: str) -> ObjectStore:
    """Return a store of ours on the same server."""
    return ObjectStore.s3(
        server.bucket,
        prefix,
        endpoint=server.endpoint,
        region="us-east-1",
        access_key_id=server.access_key_id,
        secret_access_key=server.secret_access_key,
        ca_certificates=None if server.ca is None else server.ca.read_bytes(),
    )


@asynccontextmanager
async def connect(
    address: str, s3: S3Server, folder: Path, names: Collection[str]
) -> AsyncGenerator[Sequence[Candidate]]:
    """Connect a client for each of the named candidates, all in this process."""
    # Temporal warns of every payload over half a megabyte that goes through it.
    runtime = Runtime(telemetry=TelemetryConfig(logging=LoggingConfig(filter="error")))

    async def ours(
        name: str,
        store: ObjectStore | FileSystemStore,
        *,
        door: Door = "driver",
        manager: ClaimCheckManager | None = None,
    ) -> Candidate:
        plugin = ClaimCheckPlugin(manager or ClaimCheckManager(store), door=door)
        client = await Client.connect(address, plugins=[plugin], runtime=runtime)
        return Candidate(name=name, client=client, store=store)

    async with AsyncExitStack() as stack:
        candidates: list[Candidate] = []
        for name in names:
            match name:
                case "nothing":
                    client = await Client.connect(address, runtime=runtime)
                    candidate = Candidate(name=name, client=client)
                case "built-in":
                    driver = await stack.enter_async_context(built_in_driver(s3))
                    converter = dataclasses.replace(
                        DataConverter.default,
                        external_storage=ExternalStorage(
                            drivers=[driver],
                            # As ours, so that both store the same payloads.
                            payload_size_threshold=DEFAULT_THRESHOLD_BYTES,
                        ),
                    )
                    client = await Client.connect(
                        address, data_converter=converter, runtime=runtime
                    )
                    candidate = Candidate(
                        name=name,
                        client=client,
                        store=object_store(s3, ""),
                        prefix="v0/",
                    )
                case "s3":
                    candidate = await ours(name, object_store(s3, name))
                case "s3-no-cache":
                    store = object_store(s3, name)
                    uncached = ClaimCheckManager(store, cache_bytes=0)
                    candidate = await ours(name, store, manager=uncached)
                case "folder":
                    candidate = await ours(name, FileSystemStore(folder / "claims"))
                case "codec-s3":
                    candidate = await ours(name, object_store(s3, name), door="codec")
                case _:
                    raise ValueError(f"There is no candidate {name!r}; there are {NAMES}.")
            candidates.append(candidate)
        yield candidates
