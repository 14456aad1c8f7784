"""What redis-py raises and Redis answers -> our errors. Their texts stay in the cause."""

import ssl
from collections.abc import Generator
from contextlib import contextmanager

from redis import exceptions

from temporal_claimcheck.errors import StoreDenied, StoreError, StoreFull, StoreUnavailable

__all__ = ["PASSING", "translated"]

PASSING = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.AskError,
    exceptions.ClusterDownError,
    exceptions.TryAgainError,
    exceptions.ReadOnlyError,
    OSError,
)
"""What ends by itself: a server that starts, a failover, a slot that moves."""


@contextmanager
def translated(what: str, *, place: str) -> Generator[None]:
    """Raise the StoreError for what redis-py raises in the block."""
    try:
        yield
    except (exceptions.AuthenticationError, exceptions.NoPermissionError) as error:
        raise StoreDenied(
            f"Could not {what}: {place} refused the credentials.",
            remedy="Check the user, the password and the ACL.",
        ) from error
    except exceptions.OutOfMemoryError as error:
        raise StoreFull(
            f"Could not {what}: {place} has no memory left.",
            remedy="Raise maxmemory or delete what is not needed; nothing was lost.",
        ) from error
    except PASSING as error:
        if isinstance(error.__cause__, ssl.SSLError):
            raise StoreUnavailable(
                f"Could not {what}: no trusted TLS connection to {place} came about.",
                remedy="Check CLAIMCHECK_REDIS_CA_FILE, the names in the server's certificate, "
                "and whether the server wants a certificate from its clients.",
            ) from error
        raise StoreUnavailable(
            f"Could not {what}: {place} cannot be reached.",
            remedy="Nothing was lost; the task is tried again.",
        ) from error
    except exceptions.RedisError as error:
        if str(error).startswith(("NOREPLICAS", "MISCONF")):
            raise StoreUnavailable(
                f"Could not {what}: {place} takes no writes now.",
                remedy="The cause says why: too few replicas, or a disk that it cannot write to. "
                "Nothing was lost; the task is tried again.",
            ) from error
        raise StoreError(f"Could not {what} in {place}.", remedy="The cause says why.") from error
