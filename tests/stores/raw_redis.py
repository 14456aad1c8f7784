"""A way around RedisStore, written from its documents and not from its code."""

import re
import zlib
from typing import Any

from redis.asyncio import Redis, RedisCluster


class RawRedis:
    """The layout as the documents have it, through redis-py alone."""

    def __init__(self, url: str, *, prefix: str = "") -> None:
        self._url = url
        self._prefix = prefix

    async def write(self, key: str, blob: bytes) -> None:
        bucket, folder, name = parts_of(self._prefix + key)
        async with self._client() as client, client.pipeline() as transaction:
            transaction.set(f"{bucket}blob/{folder}{name}", blob)
            transaction.sadd(f"{bucket}index/{folder}", name)
            transaction.zadd(f"{bucket}folders", {folder: "inf"})
            await transaction.execute()

    async def read(self, key: str) -> bytes | None:
        async with self._client() as client:
            return await client.get(blob_name(self._prefix + key))

    async def keys(self) -> set[str]:
        async with self._client() as client:
            found = [name.decode() async for name in client.scan_iter("*")]
        blobs = [re.fullmatch(r"claimcheck/\{[0-9a-f]{2}\}/blob/(.*)", name) for name in found]
        keys = [match[1] for match in blobs if match]
        return {key.removeprefix(self._prefix) for key in keys if key.startswith(self._prefix)}

    async def remove(self, key: str) -> None:
        async with self._client() as client:
            await client.delete(blob_name(self._prefix + key))

    def _client(self) -> Any:
        client: Any = Redis
        return client.from_url(self._url)


def parts_of(key: str) -> tuple[str, str, str]:
    """Return what names begin with in the key's bucket, its folder, and its name in there."""
    folder, slash, name = key.rpartition("/")
    return f"claimcheck/{{{zlib.crc32(key.encode()) % 256:02x}}}/", folder + slash, name


def blob_name(key: str) -> str:
    bucket, folder, name = parts_of(key)
    return f"{bucket}blob/{folder}{name}"


class RawRedisCluster(RawRedis):
    """The same on a cluster, where each command goes its own way."""

    async def write(self, key: str, blob: bytes) -> None:
        bucket, folder, name = parts_of(self._prefix + key)
        async with self._client() as client:
            await client.set(f"{bucket}blob/{folder}{name}", blob)
            await client.sadd(f"{bucket}index/{folder}", name)
            await client.zadd(f"{bucket}folders", {folder: "inf"})

    def _client(self) -> Any:
        client: Any = RedisCluster
        return client.from_url(self._url)
