"""What object stores answer -> our errors. Their texts stay in the cause."""

import re
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from obstore import exceptions

from temporal_claimcheck.errors import StoreDenied, StoreError, StoreUnavailable

__all__ = ["is_missing_place", "refuses_condition", "refuses_range", "translated"]

# The client library tells these apart in its text only. S3's, then Azure's words.
_MISSING_PLACE: Final = frozenset({"NoSuchBucket", "ContainerNotFound"})
_WRONG_CREDENTIALS: Final = frozenset(
    {
        *("ExpiredToken", "InvalidAccessKeyId", "InvalidToken", "RequestExpired"),
        *("SignatureDoesNotMatch", "TokenRefreshRequired", "AuthenticationFailed"),
    }
)
_CODE: Final = re.compile(r"<Code>(\w+)</Code>|\(code: (\w+)\)")
_WHOLE_ANSWER: Final = re.compile(r"non-partial response|CONTENT_RANGE|Invalid range")
_STATUS: Final = re.compile(r"status code: (\d{3})")


def is_missing_place(error: BaseException) -> bool:
    """Return whether it is the bucket or container that is not there, not an object in it."""
    return _code(error) in _MISSING_PLACE


def refuses_condition(error: BaseException) -> bool:
    """Return whether a server that knows no conditional writes may have answered so."""
    if isinstance(error, exceptions.NotSupportedError | NotImplementedError):
        return True
    return _status(error) in {400, 501} and not _is_denied(error)


def refuses_range(error: BaseException) -> bool:
    """Return whether a server may have answered so that gives objects whole or not at all."""
    if isinstance(error, exceptions.NotSupportedError) or _WHOLE_ANSWER.search(str(error)):
        return True
    return _status(error) in {400, 416, 501} and not _is_denied(error)


@contextmanager
def translated(what: str, *, place: str, reading: bool = False) -> Generator[None]:
    """Raise the StoreError for what the client library raises in the block."""
    try:
        yield
    except FileNotFoundError as error:
        raise StoreUnavailable(
            f"Could not {what}: {place} does not exist.",
            remedy="Create it, or correct the store's URL.",
        ) from error
    except (exceptions.BaseError, OSError, TimeoutError) as error:
        if _is_denied(error):
            raise _denied(what, place, error, reading=reading) from error
        if isinstance(error, exceptions.GenericError | OSError | TimeoutError):
            raise StoreUnavailable(
                f"Could not {what}: {place} did not answer as it should.",
                remedy="Nothing was lost; the task is tried again.",
            ) from error
        raise StoreError(f"Could not {what} in {place}.", remedy="The cause says why.") from error


def _denied(what: str, place: str, error: BaseException, *, reading: bool) -> StoreDenied:
    if _code(error) in _WRONG_CREDENTIALS:
        return StoreDenied(
            f"Could not {what}: {place} refused the credentials.",
            remedy="Correct or renew the credentials of this process.",
        )
    if reading:
        # To who may not list, S3 and Google do not say what exists.
        return StoreDenied(
            f"Could not {what}: {place} refused. Either this process may not read there, or the "
            "object is missing and this process may not know that.",
            remedy="Allow reading (s3:GetObject). If that is allowed, look for the object; with "
            "s3:ListBucket a missing one is named as such.",
        )
    return StoreDenied(
        f"Could not {what}: {place} refused.",
        remedy="Check the credentials, and what they allow there.",
    )


def _is_denied(error: BaseException) -> bool:
    denied = exceptions.PermissionDeniedError | exceptions.UnauthenticatedError
    return (
        isinstance(error, denied)
        # Listing and deleting many at once are refused in the text only.
        or _status(error) in {401, 403}
        or _code(error) in {"AccessDenied", *_WRONG_CREDENTIALS}
    )


def _code(error: BaseException) -> str | None:
    found = _CODE.search(str(error))
    return None if found is None else found[1] or found[2]


def _status(error: BaseException) -> int | None:
    found = _STATUS.search(str(error))
    return None if found is None else int(found[1])
