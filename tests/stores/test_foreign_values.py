"""What others stored, read from real servers: Redis, and the SDK's own S3 driver on SeaweedFS."""

import dataclasses
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import aioboto3
import pytest
from aiohttp import web
from redis.asyncio import Redis
from temporalio.api.common.v1 import Payload
from temporalio.contrib.aws.s3driver import S3StorageDriver
from temporalio.contrib.aws.s3driver.aioboto3 import new_aioboto3_client
from temporalio.converter import (
    StorageDriverActivityInfo,
    StorageDriverStoreContext,
    StorageDriverWorkflowInfo,
)

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.errors import (
    BlobNotFound,
    DigestMismatch,
    PayloadTooLarge,
    StoreDenied,
    StoreError,
    StoreUnavailable,
)
from temporal_claimcheck.foreign.bucket_values import BucketValues
from temporal_claimcheck.foreign.redis_values import RedisValues
from temporal_claimcheck.foreign.s3_driver import S3DriverClaim
from temporal_claimcheck.foreign.sources import ForeignSources, ForeignValues
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.testing.servers import S3Server, ServerProcess, free_ports
from tests.stores.conftest import PASSWORD
from tests.stores.go_between import go_between
from tests.stores.s3_clients import open_store

UUID: Final = "0f8fad5b-d9cb-469f-a165-70867728950e"
Write = Callable[[str, bytes], Awaitable[object]]


def values_in_redis(url: str) -> RedisValues:
    return RedisValues(url, connect_seconds=1, request_seconds=1)


class Gate:
    """Admits up to a size, and remembers what it was asked."""

    def __init__(self, max_bytes: int = 1_000_000) -> None:
        self.asked: list[int] = []
        self._max_bytes = max_bytes

    @asynccontextmanager
    async def __call__(self, size: int) -> AsyncGenerator[None]:
        self.asked.append(size)
        if size > self._max_bytes:
            raise PayloadTooLarge("Too large.", remedy="Pass less.")
        yield


@asynccontextmanager
async def boto(server: S3Server) -> AsyncGenerator[Any]:
    session: Any = aioboto3.Session(
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        region_name="us-east-1",
    )
    async with session.client("s3", endpoint_url=server.endpoint) as client:
        yield client


class ForeignValuesContract:
    """What both kinds promise."""

    @pytest.mark.parametrize("size", [0, 1, 1_000_000])
    async def test_a_value_comes_back_after_its_size_was_admitted(
        self, values: ForeignValues, write: Write, size: int
    ) -> None:
        data, gate = bytes(range(256)) * (size // 256 + 1), Gate()
        await write(UUID, data[:size])
        assert await values.read(UUID, admit=gate) == data[:size]
        assert gate.asked == [size]

    async def test_a_missing_value_is_named(self, values: ForeignValues) -> None:
        with pytest.raises(BlobNotFound, match=UUID.replace("0", "f")):
            await values.read(UUID.replace("0", "f"), admit=Gate())

    async def test_a_value_that_is_not_admitted_is_not_read(
        self, values: ForeignValues, write: Write
    ) -> None:
        await write(UUID, bytes(1001))
        with pytest.raises(PayloadTooLarge):
            await values.read(UUID, admit=Gate(1000))

    async def test_values_are_ready_again_after_closing(
        self, values: ForeignValues, write: Write
    ) -> None:
        await write(UUID, b"value")
        for _ in range(2):
            assert await values.read(UUID, admit=Gate()) == b"value"
            await values.aclose()


class TestRedisValues(ForeignValuesContract):
    @pytest.fixture
    async def values(self, url: str) -> AsyncGenerator[ForeignValues]:
        values = values_in_redis(url)
        yield values
        await values.aclose()

    @pytest.fixture
    async def write(self, url: str) -> AsyncGenerator[Write]:
        client: Redis = Redis.from_url(url)  # pyright: ignore[reportUnknownMemberType]
        yield client.set
        await client.aclose()

    async def test_a_value_of_another_type_is_an_error(
        self, values: ForeignValues, url: str
    ) -> None:
        async with Redis.from_url(url) as client:
            await client.lpush(UUID, "item")
        with pytest.raises(StoreError, match=UUID):
            await values.read(UUID, admit=Gate())

    async def test_a_value_that_grows_meanwhile_is_not_read_beyond_its_admission(
        self, values: ForeignValues, write: Write
    ) -> None:
        await write(UUID, b"value")

        @asynccontextmanager
        async def admit(size: int) -> AsyncGenerator[None]:
            del size
            await write(UUID, b"value and more")
            yield

        assert await values.read(UUID, admit=admit) == b"value"

    async def test_a_value_that_shrinks_meanwhile_is_an_error(
        self, values: ForeignValues, write: Write
    ) -> None:
        await write(UUID, b"value")

        @asynccontextmanager
        async def admit(size: int) -> AsyncGenerator[None]:
            del size
            await write(UUID, b"v")
            yield

        with pytest.raises(StoreError, match="changed"):
            await values.read(UUID, admit=admit)

    async def test_a_wrong_password_is_named_as_such(self, redis: ServerProcess) -> None:
        values = values_in_redis(f"redis://:wrong@127.0.0.1:{redis.port}/0")
        with pytest.raises(StoreDenied):
            await values.read(UUID, admit=Gate())
        await values.aclose()

    async def test_a_server_that_is_away_is_unavailable(self) -> None:
        (nobody,) = free_ports(1)
        values = values_in_redis(f"redis://:{PASSWORD}@127.0.0.1:{nobody}/0")
        with pytest.raises(StoreUnavailable) as caught:
            await values.read(UUID, admit=Gate())
        assert PASSWORD not in str(caught.value)


class TestBucketValues(ForeignValuesContract):
    @pytest.fixture
    def values(self, s3: S3Server) -> ForeignValues:
        return BucketValues(open_store(s3))

    @pytest.fixture
    async def write(self, s3: S3Server) -> AsyncGenerator[Write]:
        async with boto(s3) as client:
            yield lambda key, data: client.put_object(Bucket=s3.bucket, Key=key, Body=data)

    async def test_who_may_only_read_can_read(self, s3: S3Server, write: Write) -> None:
        await write(UUID, b"value")
        values = BucketValues(open_store(s3, identity="reader"))
        assert await values.read(UUID, admit=Gate()) == b"value"

    async def test_wrong_credentials_are_named_as_such(self, s3: S3Server) -> None:
        with pytest.raises(StoreDenied):
            await BucketValues(open_store(s3, identity="nobody")).read(UUID, admit=Gate())

    async def test_a_server_that_is_away_is_unavailable(self, s3: S3Server) -> None:
        (nobody,) = free_ports(1)
        values = BucketValues(open_store(s3, endpoint=f"http://127.0.0.1:{nobody}"))
        with pytest.raises(StoreUnavailable):
            await values.read(UUID, admit=Gate())

    async def test_a_read_is_one_request(self, s3: S3Server, write: Write) -> None:
        await write(UUID, b"value")
        async with go_between(s3) as middle:
            values = BucketValues(open_store(s3, endpoint=middle.endpoint))
            assert await values.read(UUID, admit=Gate()) == b"value"
        assert [request.method for request in middle.asked] == ["GET"]


ODD: Final = "order/1 \u00e9%2F~!*'()[x]?&=+#\\"
TARGETS: Final = {
    "a workflow": StorageDriverWorkflowInfo(
        namespace="default", id="order-1", run_id=UUID, type="Pipeline"
    ),
    "a workflow with odd names": StorageDriverWorkflowInfo(namespace="default", id=ODD, type=ODD),
    "a workflow with dots": StorageDriverWorkflowInfo(namespace="default", id=".a..", type="..."),
    "a workflow with a long id": StorageDriverWorkflowInfo(namespace="default", id="w" * 900),
    "a workflow with a very long id": StorageDriverWorkflowInfo(namespace="default", id="/" * 900),
    "an activity": StorageDriverActivityInfo(namespace="default", id="7", type="transform"),
    "nobody": None,
}
PAYLOAD: Final = Payload(metadata={"encoding": b"json/plain"}, data=b'"%s"' % (b"d" * 400_000))


def reader(server: S3Server, *, endpoint: str | None = None) -> ClaimCheckManager:
    values = BucketValues(open_store(server, endpoint=endpoint))
    return ClaimCheckManager(
        MemoryStore(), foreign=ForeignSources(s3_driver_buckets={server.bucket: values})
    )


async def store_as_the_sdk(
    server: S3Server, target: StorageDriverWorkflowInfo | StorageDriverActivityInfo | None
) -> S3DriverClaim:
    async with boto(server) as client:
        driver = S3StorageDriver(client=new_aioboto3_client(client), bucket=server.bucket)
        [claim] = await driver.store(StorageDriverStoreContext(target=target), [PAYLOAD])
    return S3DriverClaim.parse(claim.claim_data)


@pytest.mark.parametrize("target", TARGETS.values(), ids=TARGETS)
async def test_what_the_sdks_driver_stored_is_read(
    s3: S3Server, target: StorageDriverWorkflowInfo | StorageDriverActivityInfo | None
) -> None:
    claim = await store_as_the_sdk(s3, target)
    assert await reader(s3).foreign.retrieve(claim) == PAYLOAD


async def test_a_flipped_byte_on_the_way_is_a_wrong_digest(s3: S3Server) -> None:
    claim = await store_as_the_sdk(s3, TARGETS["a workflow"])

    def flipped(request: web.Request, answer: web.Response) -> web.Response:
        if request.method == "GET" and isinstance(answer.body, bytes):
            answer.body = answer.body[:-1] + bytes([answer.body[-1] ^ 1])
        return answer

    async with go_between(s3, after=flipped) as middle:
        with pytest.raises(DigestMismatch):
            await reader(s3, endpoint=middle.endpoint).foreign.retrieve(claim)


async def test_an_object_of_another_key_is_a_wrong_digest(s3: S3Server) -> None:
    claim = await store_as_the_sdk(s3, TARGETS["an activity"])
    moved = dataclasses.replace(claim, digest="ab" * 32, key=claim.key[:-64] + "ab" * 32)
    async with boto(s3) as client:
        await client.put_object(Bucket=s3.bucket, Key=moved.key, Body=b"another")
    with pytest.raises(DigestMismatch):
        await reader(s3).foreign.retrieve(moved)


async def test_a_missing_object_of_the_sdks_driver_is_named(s3: S3Server) -> None:
    claim = await store_as_the_sdk(s3, TARGETS["nobody"])
    async with boto(s3) as client:
        await client.delete_object(Bucket=s3.bucket, Key=claim.key)
    with pytest.raises(BlobNotFound, match="lifecycle"):
        await reader(s3).foreign.retrieve(claim)
