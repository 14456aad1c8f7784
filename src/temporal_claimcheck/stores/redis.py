"""Redis, and Valkey, through redis-py's asyncio client."""

import datetime as dt
import re
from collections.abc import AsyncIterator, Generator, Iterable
from contextlib import contextmanager
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from temporal_claimcheck.errors import (
    BlobNotFound,
    InvalidKey,
    InvalidSettings,
    MissingExtra,
    StoreDenied,
    StoreError,
    StoreFull,
    StoreUnavailable,
)
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.loops import LoopLocal
from temporal_claimcheck.stores.base import (
    BlobInfo,
    check_blob_key,
    check_blob_prefix,
    is_blob_key,
    too_large,
)

try:
    from redis import exceptions
    from redis.asyncio import BlockingConnectionPool, Redis
except ModuleNotFoundError as error:
    raise MissingExtra(
        "This store needs the package redis.",
        remedy="Run: pip install 'temporal-claimcheck[redis]'",
    ) from error

__all__ = ["RedisStore"]

_PREFIX: Final = "claimcheck/"
_SCAN_BATCH: Final = 1000
_MAX_CONNECTIONS: Final = 32
_WILDCARD: Final = re.compile(r"[*?\[\]\\]")
_DATABASE: Final = re.compile(r"(?:/[0-9]*)?", re.ASCII)


class RedisStore:
    """Keeps each blob in a string value; with `ttl_days`, until that long after its day's end."""

    def __init__(self, url: str, *, ttl_days: int | None = None) -> None:
        """Use the server of a redis:// or rediss:// URL."""
        parts = urlsplit(url)
        if not parts.hostname or not _DATABASE.fullmatch(parts.path):
            raise InvalidSettings(
                "The Redis URL names no server, or no database by its number.",
                remedy="Write it as in redis://host:6379/0, or rediss:// for TLS.",
            )
        self._name = f"{parts.scheme}://{parts.hostname}:{parts.port or 6379}{parts.path}"
        self._ttl = None if ttl_days is None else dt.timedelta(days=ttl_days)
        # redis-py's connections belong to the event loop that made them.
        self._clients = LoopLocal(partial(_connect, url))

    @property
    def name(self) -> str:
        """See BlobStore."""
        return self._name

    async def put(self, key: str, blob: bytes) -> bool:
        """See BlobStore. How safe a crash of the server is depends on its persistence."""
        check_blob_key(key)
        with self._translated(f"store the object under {key}"):
            wrote = await self._clients.get().set(
                _PREFIX + key, blob, nx=True, exat=self._expires(key)
            )
        return wrote is not None

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        """See BlobStore."""
        check_blob_key(key)
        with self._translated(f"read the object under {key}"):
            client = self._clients.get()
            # One byte more than allowed, which tells too large from just right.
            blob = await client.getrange(_PREFIX + key, 0, max_bytes)
            if not blob:
                # Missing, or empty: GET tells them apart in one step. A transaction of EXISTS and
                # GETRANGE would too, but a server without memory refuses even reads in one.
                blob = await client.get(_PREFIX + key)
            if blob is None:
                raise BlobNotFound(
                    f"There is no object under {key} in {self._name}.",
                    remedy="It expired, was evicted or was never there: check CLAIMCHECK_TTL_DAYS "
                    "and the server's maxmemory-policy, and that all processes use one server.",
                )
        if len(blob) > max_bytes:
            raise too_large(key, max_bytes)
        return blob

    async def contains(self, key: str) -> bool:
        """See ProbingStore."""
        check_blob_key(key)
        with self._translated(f"look for the object under {key}"):
            return bool(await self._clients.get().exists(_PREFIX + key))

    async def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        """See CollectableStore."""
        check_blob_prefix(prefix)
        client, cursor = self._clients.get(), 0
        with self._translated("list objects"):
            while True:
                cursor, found = await client.scan(
                    cursor, match=f"{_PREFIX}{_literal(prefix)}*", count=_SCAN_BATCH
                )
                async with client.pipeline(transaction=False) as sizes:
                    for name in found:
                        sizes.exists(name).strlen(name)
                    answers = await sizes.execute()
                for name, there, size in zip(found, answers[::2], answers[1::2], strict=True):
                    key = str(name, "utf-8", "replace").removeprefix(_PREFIX)
                    # What was deleted since has no size; what is no key of ours is not listed.
                    if there and is_blob_key(key):
                        yield BlobInfo(key=key, size_bytes=size, modified=_day_of(key))
                if not cursor:
                    return

    async def delete(self, keys: Iterable[str]) -> None:
        """See CollectableStore."""
        wanted = list(keys)
        for key in wanted:
            check_blob_key(key)
        if wanted:
            with self._translated("delete objects"):
                await self._clients.get().unlink(*(_PREFIX + key for key in wanted))

    async def check(self) -> None:
        """See BlobStore."""
        with self._translated("reach the store"):
            await self._clients.get().ping()

    async def aclose(self) -> None:
        """See BlobStore. Closes the connections of the running loop."""
        await self._clients.get().aclose()

    def _expires(self, key: str) -> dt.datetime | None:
        """Return the time to expire, counted from the end of the day in the key."""
        if self._ttl is None:
            return None
        return _day_of(key) + dt.timedelta(days=1) + self._ttl

    @contextmanager
    def _translated(self, what: str) -> Generator[None]:
        """Turn redis-py's errors into ours."""
        try:
            yield
        except (exceptions.AuthenticationError, exceptions.NoPermissionError) as error:
            raise StoreDenied(
                f"Could not {what}: {self._name} refused the credentials.",
                remedy="Check the user, the password and the ACL.",
            ) from error
        except exceptions.OutOfMemoryError as error:
            raise StoreFull(
                f"Could not {what}: {self._name} has no memory left.",
                remedy="Raise maxmemory or delete what is not needed; nothing was lost.",
            ) from error
        except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
            raise StoreUnavailable(
                f"Could not {what}: {self._name} cannot be reached.",
                remedy="Nothing was lost; the task is tried again.",
            ) from error
        except exceptions.RedisError as error:
            raise StoreError(
                f"Could not {what} in {self._name}.", remedy="The cause says why."
            ) from error


def _connect(url: str) -> Any:  # noqa: ANN401  # redis-py types commands as sync and async at once
    pool: Any = BlockingConnectionPool
    client: Any = Redis
    return client.from_pool(pool.from_url(url, max_connections=_MAX_CONNECTIONS, timeout=None))


def _literal(prefix: str) -> str:
    """Return the pattern that matches just this text; keys may hold Redis's wildcards."""
    return _WILDCARD.sub(r"\\\g<0>", prefix)


def _day_of(key: str) -> dt.datetime:
    """Return the start of the key's day; of today for a key that names none."""
    try:
        day = Key.parse(key).day
    except InvalidKey:
        day = dt.datetime.now(dt.UTC).date()
    return dt.datetime.combine(day, dt.time(), dt.UTC)
