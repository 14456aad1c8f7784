"""Errors of a store -> findings: what kind of trouble it is, and what helps."""

import re
import ssl
from collections.abc import Iterator
from typing import Final

from temporal_claimcheck.doctor import catalogue
from temporal_claimcheck.doctor.findings import Finding
from temporal_claimcheck.errors import (
    ClaimCheckError,
    ConfigurationError,
    IntegrityError,
    MissingExtra,
    StoreDenied,
    StoreFull,
    StoreUnavailable,
)

__all__ = ["is_about_tls", "trouble_with"]

_TLS: Final = (
    "certificate",
    "unknownissuer",
    "invalid peer",
    "invalidcontenttype",
    "corrupt message",
    "handshake",
    "tls",
)
"""What the client libraries write, in small letters; they have no types for it."""
_URL: Final = re.compile(r"https?://\S+")


def is_about_tls(error: BaseException) -> bool:
    """Return whether a connection failed because of its certificates or the lack of TLS."""
    said = _words_of(error)
    return any(isinstance(each, ssl.SSLError) for each in _chain(error.__cause__)) or any(
        word in said for word in _TLS
    )


def trouble_with(place: str, error: ClaimCheckError) -> Finding:
    """Return the finding for what a store raised. The texts of its client stay hidden."""
    match error:
        case StoreUnavailable():
            return _unavailable(place, error)
        case ConfigurationError() | IntegrityError():
            return _unusable(place, error)
        case StoreDenied():
            return catalogue.STORE_DENIED.found(error.what, _allow(error))
        case StoreFull():
            return catalogue.STORE_FULL.found(error.what, error.remedy)
        case _:
            return catalogue.STORE_FAILED.found(error.what, error.remedy)


def _unavailable(place: str, error: StoreUnavailable) -> Finding:
    if isinstance(error.__cause__, FileNotFoundError):
        return catalogue.STORE_MISSING.found(error.what, error.remedy)
    if is_about_tls(error):
        return catalogue.STORE_TLS.found(
            f"{place}: no trusted TLS connection came about.",
            "Set CLAIMCHECK_S3_CA_FILE or CLAIMCHECK_REDIS_CA_FILE to the authority of the "
            "server's certificate, check the names in that, and whether the server speaks TLS on "
            "this port at all.",
        )
    return catalogue.STORE_UNREACHABLE.found(
        f"{place} does not answer{_how(error)}.",
        "Check host and port, whether it runs, and the network from this machine to it.",
    )


def _unusable(place: str, error: ConfigurationError | IntegrityError) -> Finding:
    if isinstance(error, MissingExtra):
        return catalogue.EXTRA_MISSING.found(f"{place}: {error.what}", error.remedy)
    if isinstance(error, ConfigurationError):
        return catalogue.STORE_UNCLEAR.found(f"{place}: {error.what}", error.remedy)
    return catalogue.STORE_CHANGES_BYTES.found(error.what, "Find out what changes them.")


def _allow(error: StoreDenied) -> str:
    return (
        f"{error.remedy} Workers need to read and to write below the store's prefix, ledger/ "
        "included."
    )


def _how(error: BaseException) -> str:
    said = _words_of(error)
    for words, meaning in (
        ("refused", ": nothing listens there"),
        ("dns", ": its name is not known here"),
        ("name or service not known", ": its name is not known here"),
        ("timed out", " in time"),
        ("timeout", " in time"),
    ):
        if words in said:
            return meaning
    return ""


def _words_of(error: BaseException) -> str:
    """Return what the causes say, without the URLs, in which any word may stand."""
    said = " ".join(str(each).lower() for each in _chain(error.__cause__))
    return _URL.sub("", said)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
