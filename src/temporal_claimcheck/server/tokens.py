"""Bearer tokens that an identity provider signed: JWT, with the provider's keys from its JWKS."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Final

import jwt

from temporal_claimcheck.server.callers import EVERY_NAMESPACE, Caller
from temporal_claimcheck.server.refusals import Refused

__all__ = ["ASYMMETRIC_ALGORITHMS", "JwtTokens"]

# A provider's public key must never be taken for a shared secret, so there is no HMAC here.
ASYMMETRIC_ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
_WRITING_ROLES: Final = frozenset({"write", "worker", "admin"})
_READING_ROLES: Final = _WRITING_ROLES | {"read"}
_SYSTEM: Final = "system"
_LEEWAY_SECONDS: Final = 30
_FETCH_SECONDS: Final = 10
_KEYS_LAST_SECONDS: Final = 300


class JwtTokens:
    """Knows callers by signed tokens, and what they may do by the token's permissions.

    A permission is `namespace:role`, as Temporal's own authorizer reads it; the namespace
    `system` stands for all. Roles: read; write, worker and admin write as well.
    """

    def __init__(
        self,
        *,
        jwks_url: str,
        issuer: str,
        audience: str,
        algorithms: Sequence[str],
        permissions_claim: str,
        user_claim: str,
        users: frozenset[str],
        namespaces: frozenset[str],
    ) -> None:
        """Trust tokens of an issuer for an audience, signed with a key of its JWKS.

        With `users`, only theirs: names, or @domain. `namespaces` may be read by the holder of
        any such token, whatever its permissions.
        """
        self._issuer = issuer
        self._audience = audience
        self._algorithms = list(algorithms)
        self._permissions_claim = permissions_claim
        self._user_claim = user_claim
        self._users = frozenset(user.casefold() for user in users)
        self._namespaces = namespaces
        self._keys = jwt.PyJWKClient(jwks_url, lifespan=_KEYS_LAST_SECONDS, timeout=_FETCH_SECONDS)

    async def identify(self, token: str) -> Caller | None:
        """Return the caller of a valid token, None for what is no JWT. Raises Refused."""
        try:
            header = jwt.get_unverified_header(token)
        except jwt.InvalidTokenError:
            return None
        if header.get("alg") not in self._algorithms:
            raise _refused("it is signed in a way that is not accepted")
        try:
            # It asks the network for keys that it does not know, not more often than it should.
            key = await asyncio.to_thread(self._keys.get_signing_key_from_jwt, token)
        except jwt.PyJWKClientConnectionError as error:
            raise Refused(
                503,
                "keys-unavailable",
                "The identity provider's keys cannot be fetched.",
                remedy="Try again; check CLAIMCHECK_SERVER_JWKS_URL.",
            ) from error
        except (jwt.PyJWKClientError, jwt.PyJWKSetError, jwt.InvalidTokenError):
            raise _refused("no key of the identity provider has signed it") from None
        return self._caller(self._claims(token, key))

    def _claims(self, token: str, key: jwt.PyJWK) -> Mapping[str, Any]:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=self._algorithms,
                audience=self._audience,
                issuer=self._issuer,
                leeway=_LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"]},
            )
        except jwt.ExpiredSignatureError:
            raise _refused("it has expired") from None
        except jwt.ImmatureSignatureError:
            raise _refused("it is not valid yet") from None
        except jwt.InvalidIssuerError:
            raise _refused("it is of another issuer") from None
        except jwt.InvalidAudienceError:
            raise _refused("it is for another audience") from None
        except jwt.InvalidTokenError:
            raise _refused("it is not valid") from None

    def _caller(self, claims: Mapping[str, Any]) -> Caller:
        user = claims.get(self._user_claim)
        name = user if isinstance(user, str) and user else None
        if self._users and not (name and self._lets_in(name)):
            raise Refused(
                403,
                "user-denied",
                "The user of this token is not one who gets in here.",
                remedy="Ask for being added to CLAIMCHECK_SERVER_JWT_USERS.",
            )
        granted = claims.get(self._permissions_claim, [])
        reads, writes = set(self._namespaces), set[str]()
        for permission in granted if isinstance(granted, list) else []:  # pyright: ignore[reportUnknownVariableType]
            namespace, _, role = str(permission).rpartition(":")  # pyright: ignore[reportUnknownArgumentType]
            if namespace == EVERY_NAMESPACE:
                # Temporal knows no such permission; only `system` stands for all.
                continue
            namespace = EVERY_NAMESPACE if namespace == _SYSTEM else namespace
            if namespace and role.lower() in _READING_ROLES:
                reads.add(namespace)
            if namespace and role.lower() in _WRITING_ROLES:
                writes.add(namespace)
        return Caller(
            name=name or "somebody",
            reads=frozenset(reads),
            writes=frozenset(writes),
        )

    def _lets_in(self, name: str) -> bool:
        """Return whether a user is listed, or his mail's domain is; case does not matter."""
        folded = name.casefold()
        _, at, domain = folded.rpartition("@")
        return folded in self._users or (bool(at) and f"@{domain}" in self._users)


def _refused(why: str) -> Refused:
    return Refused(
        401,
        "token-refused",
        f"The bearer token is refused: {why}.",
        remedy="Sign in again, or send a token of the configured issuer and audience.",
    )
