"""Two ways to the same objects: the store under test, and boto."""

from typing import Any

from temporal_claimcheck.stores.object_store import ObjectStore, Patience
from temporal_claimcheck.testing.servers import S3Server

IMPATIENT = Patience(connect_seconds=1, request_seconds=1, retry_seconds=0)


def open_store(
    server: S3Server,
    prefix: str = "",
    *,
    endpoint: str | None = None,
    identity: str | None = None,
    patience: Patience = IMPATIENT,
) -> ObjectStore:
    """Open a store; the secret of an identity is its name and `-secret`."""
    identity = identity or server.access_key_id
    return ObjectStore.s3(
        server.bucket,
        prefix,
        endpoint=endpoint or server.endpoint,
        region="us-east-1",
        access_key_id=identity,
        secret_access_key=f"{identity}-secret",
        patience=patience,
    )


class RawS3:
    """The objects as another S3 client sees them."""

    def __init__(self, client: Any, bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    async def write(self, key: str, blob: bytes) -> None:
        await self._client.put_object(Body=blob, **self._place(key))

    async def read(self, key: str) -> bytes | None:
        try:
            found = await self._client.get_object(**self._place(key))
        except self._client.exceptions.NoSuchKey:
            return None
        return await found["Body"].read()

    async def keys(self) -> set[str]:
        pages = self._client.get_paginator("list_objects_v2")
        return {
            each["Key"].removeprefix(f"{self._prefix}/")
            async for page in pages.paginate(Bucket=self._bucket, Prefix=f"{self._prefix}/")
            for each in page.get("Contents", [])
        }

    async def remove(self, key: str) -> None:
        await self._client.delete_object(**self._place(key))

    def _place(self, key: str) -> dict[str, str]:
        return {"Bucket": self._bucket, "Key": f"{self._prefix}/{key}"}
