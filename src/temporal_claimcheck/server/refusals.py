"""How the server says no: a status, a stable code, what is wrong and what to do."""

from typing import Final

from temporal_claimcheck.errors import (
    BlobNotFound,
    ClaimCheckError,
    ClaimError,
    ForeignNamespace,
    PayloadTooLarge,
    StoreUnavailable,
)

__all__ = ["RETRY_AFTER_SECONDS", "Refused", "refusal_of"]

RETRY_AFTER_SECONDS: Final = 5


class Refused(Exception):
    """A request that is not served. The message is shown to the caller."""

    def __init__(self, status: int, code: str, what: str, *, remedy: str) -> None:
        super().__init__(f"[{code}] {what} {remedy}")
        self.status = status
        self.code = code
        self.what = what
        self.remedy = remedy


# The Web UI reads 404 on /download as "this server cannot do it", so what is missing is gone.
_STATUSES: Final[tuple[tuple[type[ClaimCheckError], int], ...]] = (
    (ForeignNamespace, 403),
    (ClaimError, 400),
    (PayloadTooLarge, 413),
    (BlobNotFound, 410),
    (StoreUnavailable, 503),
)
_ANY_OTHER: Final = 502


def refusal_of(error: ClaimCheckError) -> Refused:
    """Return what a caller is told of an error of the claim check."""
    statuses = (status for kind, status in _STATUSES if isinstance(error, kind))
    status = next(statuses, _ANY_OTHER)
    return Refused(status, error.code, error.what, remedy=error.remedy)
