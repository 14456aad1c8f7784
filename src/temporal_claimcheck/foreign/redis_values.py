"""Values of others in Redis."""

import re
from collections.abc import Generator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final
from urllib.parse import urlsplit

from temporal_claimcheck.errors import (
    BlobNotFound,
    InvalidSettings,
    MissingExtra,
    StoreDenied,
    StoreError,
    StoreUnavailable,
)
from temporal_claimcheck.foreign.sources import Admit
from temporal_claimcheck.loops import LoopLocal

try:
    from redis import exceptions
    from redis.asyncio import BlockingConnectionPool, Redis
except ModuleNotFoundError as error:
    raise MissingExtra(
        "Reading from Redis needs the package redis.",
        remedy="Run: pip install 'temporal-claimcheck[redis]'",
    ) from error

__all__ = ["RedisValues"]

_MAX_CONNECTIONS: Final = 32
_DATABASE: Final = re.compile(r"(?:/[0-9]*)?", re.ASCII)


class RedisValues:
    """Reads the string values of a database under whatever keys they have."""

    def __init__(self, url: str, *, connect_seconds: float, request_seconds: float) -> None:
        """Use the server of a redis:// or rediss:// URL."""
        self._name = _name_of(url)
        # redis-py's connections belong to the event loop that made them.
        times = {"socket_connect_timeout": connect_seconds, "socket_timeout": request_seconds}
        self._clients = LoopLocal(partial(_connect, url, **times))

    @property
    def name(self) -> str:
        """See ForeignValues."""
        return self._name

    async def read(self, key: str, *, admit: Admit) -> bytes:
        """See ForeignValues."""
        with self._translated(key):
            client = self._clients.get()
            size: int = await client.strlen(key)
            # Missing and empty are both of size 0.
            if not size and not await client.exists(key):
                raise BlobNotFound(
                    f"There is no value under {key} in {self._name}.",
                    remedy="It expired, was evicted or lies in another database: look at the "
                    "server's maxmemory-policy and at CLAIMCHECK_READ_RECIPE_STORE.",
                )
            async with admit(size):
                # Not GET: no more is read than was admitted.
                value: bytes = await client.getrange(key, 0, size - 1) if size else b""
        if len(value) != size:
            raise StoreError(
                f"The value under {key} in {self._name} changed while it was read.",
                remedy="Look for what else writes there; the task is tried again.",
            )
        return value

    async def aclose(self) -> None:
        """See ForeignValues."""
        await self._clients.get().aclose()

    @contextmanager
    def _translated(self, key: str) -> Generator[None]:
        try:
            yield
        except (exceptions.AuthenticationError, exceptions.NoPermissionError) as error:
            raise StoreDenied(
                f"Could not read the value under {key}: {self._name} refused the credentials.",
                remedy="Check the user, the password and the ACL: STRLEN, EXISTS and GETRANGE.",
            ) from error
        except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
            raise StoreUnavailable(
                f"Could not read the value under {key}: {self._name} cannot be reached.",
                remedy="Nothing was lost; the task is tried again.",
            ) from error
        except exceptions.RedisError as error:
            raise StoreError(
                f"Could not read the value under {key} in {self._name}.",
                remedy="The cause says why.",
            ) from error


def _name_of(url: str) -> str:
    """Return the URL without credentials. Raises InvalidSettings."""
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.hostname and _DATABASE.fullmatch(parts.path):
            return f"{parts.scheme}://{parts.hostname}:{parts.port or 6379}{parts.path}"
    raise InvalidSettings(
        "The Redis URL names no server, or no database by its number.",
        remedy="Write it as in redis://host:6379/0, or rediss:// for TLS.",
    )


def _connect(url: str, **options: float) -> Any:  # noqa: ANN401  # redis-py types commands as sync and async at once
    pool: Any = BlockingConnectionPool
    client: Any = Redis
    return client.from_pool(
        pool.from_url(url, max_connections=_MAX_CONNECTIONS, timeout=None, **options)
    )
