"""Who calls, and what he may do. Nobody may do anything without being known for it."""

import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from temporal_claimcheck.server.refusals import Refused

__all__ = ["EVERY_NAMESPACE", "Anybody", "Authenticator", "Caller", "StaticTokens", "first_of"]

EVERY_NAMESPACE: Final = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody whom the server knows."""

    name: str
    """For the access log; never a secret."""
    reads: frozenset[str]
    """Namespaces whose payloads he may read; EVERY_NAMESPACE stands for all."""
    writes: frozenset[str]
    """Namespaces in which payloads may be stored for him."""

    def check_reading(self, namespace: str) -> None:
        """Raise Refused for a namespace that this caller may not read."""
        self._check(namespace, self.reads, "read")

    def check_writing(self, namespace: str) -> None:
        """Raise Refused for a namespace in which nothing is stored for this caller."""
        self._check(namespace, self.writes, "write to")

    def _check(self, namespace: str, allowed: frozenset[str], verb: str) -> None:
        if EVERY_NAMESPACE not in allowed and namespace not in allowed:
            raise Refused(
                403,
                "namespace-denied",
                f"{self.name} may not {verb} namespace {namespace!r}.",
                remedy="Use a token that may.",
            )


class Authenticator(Protocol):
    """Tells who sends a bearer token."""

    async def identify(self, token: str) -> Caller | None:
        """Return the caller, or None for a token of another kind. Raises Refused for a bad one."""
        ...


class Anybody:
    """Lets everybody in: for a server that only its own machine can reach."""

    async def identify(self, token: str) -> Caller | None:
        """Return a caller who may do everything."""
        del token
        everything = frozenset({EVERY_NAMESPACE})
        return Caller(name="anybody", reads=everything, writes=everything)


class StaticTokens:
    """Knows callers by tokens that were set; compares them in constant time."""

    def __init__(self, namespaces_by_token: Mapping[str, frozenset[str]]) -> None:
        self._tokens = [
            (
                token.encode(),
                Caller(name=f"token-{number}", reads=namespaces, writes=namespaces),
            )
            for number, (token, namespaces) in enumerate(namespaces_by_token.items(), 1)
        ]

    async def identify(self, token: str) -> Caller | None:
        """Return the caller of this token, or None."""
        given, found = token.encode(), None
        # Every one is compared, so that the time tells nothing of where it stands.
        for known, caller in self._tokens:
            if hmac.compare_digest(known, given):
                found = caller
        return found


async def first_of(authenticators: Sequence[Authenticator], headers: Iterable[str]) -> Caller:
    """Return who sends these `Authorization` headers. Raises Refused with status 401."""
    values = list(headers)
    scheme, _, token = values[0].partition(" ") if len(values) == 1 else ("", "", "")
    if scheme.lower() != "bearer":
        token = ""
    for authenticator in authenticators:
        if token or isinstance(authenticator, Anybody):
            caller = await authenticator.identify(token.strip())
            if caller is not None:
                return caller
    raise Refused(
        401,
        "token-missing" if not token else "token-refused",
        "The request has no bearer token." if not token else "The bearer token is not known.",
        remedy="Send an Authorization header with `Bearer` and a valid token.",
    )
