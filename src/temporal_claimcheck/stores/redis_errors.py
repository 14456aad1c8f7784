"""What redis-py raises and Redis answers -> our errors. Their texts stay in the cause."""

import ssl
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

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
    except exceptions.OutOfMemoryError as error:
        raise StoreFull(
            f"Could not {what}: {place} has no memory left.",
            remedy="Raise maxmemory or delete what is not needed; nothing was lost.",
        ) from error
    except (exceptions.RedisError, OSError) as error:
        if _is_denied(error):
            raise StoreDenied(
                f"Could not {what}: {place} refused the credentials.",
                remedy="Check the user, the password and the ACL.",
            ) from error
        if isinstance(error, PASSING) and _is_about_tls(error):
            raise StoreUnavailable(
                f"Could not {what}: no trusted TLS connection to {place} came about.",
                remedy="Check CLAIMCHECK_REDIS_CA_FILE, the names in the server's certificate, "
                "and whether the server wants a certificate from its clients.",
            ) from error
        if isinstance(error, PASSING):
            raise StoreUnavailable(
                f"Could not {what}: {place} cannot be reached.",
                remedy="Nothing was lost; the task is tried again.",
            ) from error
        if str(error).startswith(("NOREPLICAS", "MISCONF")):
            raise StoreUnavailable(
                f"Could not {what}: {place} takes no writes now.",
                remedy="The cause says why: too few replicas, or a disk that it cannot write to. "
                "Nothing was lost; the task is tried again.",
            ) from error
        raise StoreError(f"Could not {what} in {place}.", remedy="The cause says why.") from error


def _is_denied(error: BaseException) -> bool:
    # What the end of a transaction, and a script, say of a right that is missing has no type.
    return isinstance(error, exceptions.AuthenticationError | exceptions.NoPermissionError) or any(
        words in str(error) for words in _DENIALS
    )


def _is_about_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


_DENIALS: Final = ("NOPERM", "ACL failure in script", "can't run this command")
