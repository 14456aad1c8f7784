"""How Redis's servers are connected to: timeouts, credentials, TLS, Sentinels."""

import contextlib
import importlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis.asyncio import Connection, ConnectionPool, Redis, SSLConnection
from redis.asyncio.retry import Retry
from redis.asyncio.sentinel import (
    Sentinel,
    SentinelConnectionPool,
    SentinelManagedConnection,
    SentinelManagedSSLConnection,
)
from redis.backoff import NoBackoff

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.stores.redis_urls import RedisPlace

# A pool imports it when it is collected. In the sandbox of a workflow, where that may happen, it
# has to be there already. Releases before 7 have none.
with contextlib.suppress(ModuleNotFoundError):
    importlib.import_module("redis.observability.recorder")

__all__ = ["Address", "RedisOptions", "how_to_connect", "pool_of", "watched_pool"]

Address = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisOptions:
    """How servers are connected to, beyond what a URL says."""

    ca_file: Path | None = None
    """PEM file of authorities to trust, besides those that the system trusts."""
    certificate_file: Path | None = None
    """PEM file of the certificate to show, for servers that ask for one."""
    key_file: Path | None = None
    """PEM file of its key, if that is not in the same file."""
    sentinel_username: str | None = None
    """Whom Sentinels know us as; the URL's user is for the servers behind."""
    sentinel_password: str | None = field(default=None, repr=False)
    """Password for the Sentinels."""
    connect_seconds: float = 5.0
    """Time to connect."""
    request_seconds: float = 30.0
    """Time to send a request, and again to answer it."""
    retry_seconds: float = 10.0
    """After this time no request is tried again; 0 tries each once."""

    def __post_init__(self) -> None:
        if self.ca_file is not None or self.certificate_file is not None:
            self.tls_context()

    def tls_context(self) -> ssl.SSLContext:
        """Return how TLS is spoken. Raises InvalidSettings for a file that is no good."""
        context = ssl.create_default_context()
        try:
            if self.ca_file is not None:
                context.load_verify_locations(self.ca_file)
            if self.certificate_file is not None:
                context.load_cert_chain(self.certificate_file, self.key_file)
        except OSError as error:
            raise InvalidSettings(
                "A file of certificates for Redis cannot be read, or is not what it should be.",
                remedy="Correct CLAIMCHECK_REDIS_CA_FILE, CLAIMCHECK_REDIS_CERTIFICATE_FILE and "
                "CLAIMCHECK_REDIS_KEY_FILE: files in PEM, the key without a password.",
            ) from error
        return context


def how_to_connect(place: RedisPlace, options: RedisOptions) -> dict[str, Any]:
    """Return what every connection is made with."""
    how: dict[str, Any] = {
        "username": place.username,
        "password": place.password,
        "db": place.database,
        "socket_connect_timeout": options.connect_seconds,
        "socket_timeout": options.request_seconds,
        "retry": Retry(NoBackoff(), 0),
        # Answers look the same from every server and through every release of redis-py.
        "protocol": 2,
    }
    return how | {"tls": options.tls_context()} if place.tls else how


def pool_of(how: dict[str, Any], address: Address) -> ConnectionPool:
    """Return connections to one server, which are made when they are needed."""
    pool: Any = ConnectionPool
    kind = _TlsConnection if "tls" in how else Connection
    return pool(connection_class=kind, host=address[0], port=address[1], **how)


def watched_pool(
    place: RedisPlace, options: RedisOptions, how: dict[str, Any]
) -> tuple[ConnectionPool, Sequence[ConnectionPool]]:
    """Return connections to the master that the Sentinels name, and those to the Sentinels."""
    to_sentinels = how | {
        "username": options.sentinel_username,
        "password": options.sentinel_password,
        "db": 0,
    }
    pools = [pool_of(to_sentinels, address) for address in place.hosts]
    make_sentinel: Any = Sentinel
    make_client: Any = Redis
    make_pool: Any = SentinelConnectionPool
    sentinels: Any = make_sentinel(())
    sentinels.sentinels = [make_client(connection_pool=pool) for pool in pools]
    kind = _WatchedTlsConnection if place.tls else SentinelManagedConnection
    return make_pool(place.master, sentinels, connection_class=kind, **how), pools


class _SharedTls:
    """Takes the context that all connections share: to make one reads every authority anew."""

    def __init__(self, *, tls: ssl.SSLContext, **how: Any) -> None:  # noqa: ANN401  # redis-py's
        super().__init__(**how)
        this: Any = self
        this.ssl_context.context = tls


class _TlsConnection(_SharedTls, SSLConnection):
    pass


class _WatchedTlsConnection(_SharedTls, SentinelManagedSSLConnection):
    pass
