"""ObjectStore against a real S3 server."""

import uuid
from collections.abc import AsyncGenerator
from typing import Any

import aioboto3
import pytest
from temporalio.api.common.v1 import Payload

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.errors import InvalidSettings, StoreDenied
from temporal_claimcheck.stores.object_store import ObjectStore
from temporal_claimcheck.testing import (
    CollectableStoreContract,
    MakeStore,
    RawAccess,
    UnreachableStoreContract,
)
from temporal_claimcheck.testing.servers import S3Server, free_ports

KEY = f"v1/default/2026-03-04/{'ab' * 32}"


def open_store(server: S3Server, prefix: str) -> ObjectStore:
    return ObjectStore.s3(
        server.bucket,
        prefix,
        endpoint=server.endpoint,
        region="us-east-1",
        access_key_id=server.access_key_id,
        secret_access_key=server.secret_access_key,
    )


class RawS3:
    """The objects as another S3 client sees them."""

    def __init__(self, client: Any, prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    async def write(self, key: str, blob: bytes) -> None:
        await self._client.put_object(Bucket="claims", Key=f"{self._prefix}/{key}", Body=blob)

    async def read(self, key: str) -> bytes | None:
        try:
            found = await self._client.get_object(Bucket="claims", Key=f"{self._prefix}/{key}")
        except self._client.exceptions.NoSuchKey:
            return None
        return await found["Body"].read()

    async def keys(self) -> set[str]:
        pages = self._client.get_paginator("list_objects_v2")
        return {
            each["Key"].removeprefix(f"{self._prefix}/")
            async for page in pages.paginate(Bucket="claims", Prefix=f"{self._prefix}/")
            for each in page.get("Contents", [])
        }

    async def remove(self, key: str) -> None:
        await self._client.delete_object(Bucket="claims", Key=f"{self._prefix}/{key}")


@pytest.fixture
async def boto(s3: S3Server) -> AsyncGenerator[Any]:
    session: Any = aioboto3.Session(
        aws_access_key_id=s3.access_key_id,
        aws_secret_access_key=s3.secret_access_key,
        region_name="us-east-1",
    )
    async with session.client("s3", endpoint_url=s3.endpoint) as client:
        yield client


class TestS3(CollectableStoreContract):
    secrets = ("claimcheck-secret",)

    @pytest.fixture
    def place(self) -> str:
        return f"test/{uuid.uuid4()}"

    @pytest.fixture
    def raw(self, boto: Any, place: str) -> RawAccess:
        return RawS3(boto, place)

    @pytest.fixture
    def make_store(self, s3: S3Server, place: str) -> MakeStore:
        return lambda: open_store(s3, place)


class TestUnreachableS3(UnreachableStoreContract):
    secrets = ("a-secret",)

    @pytest.fixture
    def make_store(self) -> MakeStore:
        (nobody,) = free_ports(1)
        return lambda: ObjectStore.s3(
            "claims",
            endpoint=f"http://127.0.0.1:{nobody}",
            region="us-east-1",
            access_key_id="a-key",
            secret_access_key="a-secret",
        )


async def test_refused_credentials_are_named_as_such(s3: S3Server) -> None:
    store = ObjectStore.s3(
        s3.bucket,
        endpoint=s3.endpoint,
        region="us-east-1",
        access_key_id="nobody",
        secret_access_key="wrong",
    )
    with pytest.raises(StoreDenied):
        await store.put(KEY, b"blob")


async def test_r2_settings_of_the_seed_open_a_store(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("R2_BUCKET", s3.bucket)
    monkeypatch.setenv("R2_ENDPOINT", s3.endpoint)
    monkeypatch.setenv("R2_ACCESS_KEY_ID", s3.access_key_id)
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", s3.secret_access_key)
    payload = Payload(metadata={"encoding": b"binary/plain"}, data=bytes(100_000))
    async with ClaimCheckManager.open(cache_bytes=0) as manager:
        stored = await manager.maybe_offload(payload)
        assert stored != payload
        assert await manager.maybe_retrieve(stored) == payload


async def test_s3_url_takes_credentials_from_the_environment(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret_access_key)
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    async with ClaimCheckManager.open(f"s3://{s3.bucket}/by/url") as manager:
        assert (await manager.health()).ok
        claim = await manager.offload(Payload(data=b"small"))
        found = [blob.key async for blob in open_store(s3, "by/url").scan("v1/")]
        assert found == [claim.key]


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "s3://bucket?x=1"])
def test_url_without_a_bucket_is_refused(url: str) -> None:
    with pytest.raises(InvalidSettings, match="bucket/prefix"):
        ClaimCheckManager.open(url)


def test_r2_without_its_endpoint_says_what_to_set() -> None:
    with pytest.raises(InvalidSettings, match="R2_ENDPOINT"):
        ClaimCheckManager.open("r2://bucket")
