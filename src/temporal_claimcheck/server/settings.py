"""Settings of the codec server: `CLAIMCHECK_SERVER_*`, or the table `server` of the TOML file."""

import re
from pathlib import Path
from typing import Annotated, ClassVar, Final, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.settings import LayeredSettings

__all__ = ["ServerSettings"]

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_FEWEST_CHARACTERS: Final = 16
"""Of what is secret; shorter ones can be guessed."""
_TOKEN: Final = re.compile(rf"[!-~]{{{_FEWEST_CHARACTERS},}}")
_ORIGIN: Final = re.compile(r"https?://[^/?#,\s]+")
# Everybody who uses Temporal Cloud has a token of it, whatever his company.
_EVERYBODYS_ISSUER: Final = "login.tmprl.cloud"
Listed = Annotated[frozenset[str], NoDecode]


class ServerSettings(LayeredSettings):
    """Everything of the codec server that can be set.

    Environment: `CLAIMCHECK_SERVER_` and the name in upper case; TOML: the table `server`.
    """

    model_config = SettingsConfigDict(env_prefix="CLAIMCHECK_SERVER_")
    table: ClassVar[str | None] = "server"

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = Field(default=8081, ge=0, lt=65536)
    """Port to listen on; 0 takes a free one."""
    reuse_port: bool = False
    """Whether several servers may listen on the same port, as for a restart without a gap."""
    unix_socket: Path | None = None
    """Socket file to listen on instead of an address."""
    tls_certificate_file: Path | None = None
    """PEM file of the server's certificate and those above it."""
    tls_key_file: Path | None = None
    """PEM file of the key of the certificate."""
    root_path: str = Field(default="", pattern="^(/[^/?#]+)*$")
    """Path under which a proxy in front serves this server."""
    public_url: str | None = Field(default=None, pattern="^https?://[^/?#]+(/[^/?#]+)*$")
    """URL at which people reach the server, for links; by default the one that was asked."""

    tokens: SecretStr | None = None
    """Bearer tokens with the namespaces they open, as in orders+billing=TOKEN,*=TOKEN."""
    jwks_url: str | None = Field(default=None, pattern="^https?://")
    """URL of the keys with which the identity provider signs tokens."""
    jwt_issuer: str | None = None
    """Issuer that a token must name."""
    jwt_audience: str | None = None
    """Audience that a token must name."""
    jwt_algorithms: Listed = frozenset({"RS256", "ES256"})
    """Signatures that are accepted, separated by commas."""
    jwt_permissions_claim: str = "permissions"
    """Claim of a token that lists its permissions, each as namespace:role."""
    jwt_user_claim: str = "sub"
    """Claim of a token that names the user."""
    jwt_users: Listed = frozenset()
    """Users who get in, or @domain for all of a domain, separated by commas; by default all."""
    jwt_namespaces: Listed = frozenset()
    """Namespaces that every such user may read, separated by commas; * is all."""
    cors_origins: Listed = frozenset()
    """Origins of Web UIs whose pages may call this server, separated by commas."""
    link_secret: SecretStr | None = None
    """Secret that signs links to view pages; by default a new one with every start."""
    link_seconds: int = Field(default=3600, gt=0, le=30 * 24 * 3600)
    """How long a link to a view page holds."""

    max_body_bytes: int = Field(default=32 * 1024**2, gt=0)
    """Size of a request, and of the payloads of an answer, at most."""
    max_payloads: int = Field(default=1000, gt=0)
    """Payloads in a request at most."""
    max_requests: int = Field(default=16, gt=0)
    """Requests that are worked on at once; more wait."""
    request_seconds: float = Field(default=30.0, gt=0, le=600)
    """Time for one request, from its first byte to its answer."""
    refusal_seconds: float = Field(default=2.0, ge=0, le=60)
    """How long a refusal of /decode is held back at least; Go's workflows need more than one."""

    @field_validator("jwt_algorithms", "jwt_namespaces", "jwt_users", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """Read the settings. Raises InvalidSettings that names each wrong one, never its value."""
        cls.warn_of_unknown()
        settings = cls.read(overrides)
        settings.check()
        return settings

    @property
    def is_local(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.unix_socket is not None or self.host in _LOOPBACK

    @property
    def has_authentication(self) -> bool:
        """Whether callers have to say who they are."""
        return self.tokens is not None or self.jwks_url is not None

    @property
    def audience(self) -> str:
        """Who may call, in words."""
        if not self.has_authentication:
            return "to nobody outside of this machine"
        known: list[str] = []
        if self.tokens is not None:
            count = len(self.namespaces_by_token())
            known.append("a static token" if count == 1 else f"{count} static tokens")
        if self.jwks_url is not None:
            known.append(f"tokens that {self.jwt_issuer} signed")
        return f"to holders of {' or '.join(known)}"

    def namespaces_by_token(self) -> dict[str, frozenset[str]]:
        """Return the namespaces that each static token opens. Raises InvalidSettings."""
        text = "" if self.tokens is None else self.tokens.get_secret_value()
        opened: dict[str, frozenset[str]] = {}
        for entry in filter(None, (part.strip() for part in text.split(","))):
            namespaces, separator, token = entry.partition("=")
            names = frozenset(name.strip() for name in namespaces.split("+") if name.strip())
            if not separator or not names or not _TOKEN.fullmatch(token):
                raise InvalidSettings(
                    "CLAIMCHECK_SERVER_TOKENS has an entry that is none.",
                    remedy="Write NAMESPACE+NAMESPACE=TOKEN, or *=TOKEN for all namespaces; a "
                    f"token has {_FEWEST_CHARACTERS} characters or more, of those that stand in a "
                    "header.",
                )
            opened[token] = opened.get(token, frozenset()) | names
        if self.tokens is not None and not opened:
            raise InvalidSettings(
                "CLAIMCHECK_SERVER_TOKENS holds no token.", remedy="Set one, or unset it."
            )
        return opened

    def check(self) -> None:
        """Raise InvalidSettings for settings that do not go together."""
        self.namespaces_by_token()
        if not self.is_local and not self.has_authentication:
            raise InvalidSettings(
                f"The server would be open to everybody who reaches {self.host}.",
                remedy="Set CLAIMCHECK_SERVER_TOKENS or CLAIMCHECK_SERVER_JWKS_URL, or listen on "
                "127.0.0.1.",
            )
        self._check_identity_provider()
        if (self.tls_certificate_file is None) is not (self.tls_key_file is None):
            raise InvalidSettings(
                "TLS needs a certificate and its key.",
                remedy="Set CLAIMCHECK_SERVER_TLS_CERTIFICATE_FILE and "
                "CLAIMCHECK_SERVER_TLS_KEY_FILE, or neither.",
            )
        if "*" in self.cors_origins:
            raise InvalidSettings(
                "CLAIMCHECK_SERVER_CORS_ORIGINS must not let every origin in.",
                remedy="Name the origin of your Web UI, such as https://cloud.temporal.io.",
            )
        if not all(map(_ORIGIN.fullmatch, self.cors_origins)):
            raise InvalidSettings(
                "CLAIMCHECK_SERVER_CORS_ORIGINS has an entry that no browser sends.",
                remedy="Write scheme and host, with no slash behind, as in "
                "https://cloud.temporal.io.",
            )
        secret = self.link_secret
        if secret is not None and len(secret.get_secret_value()) < _FEWEST_CHARACTERS:
            raise InvalidSettings(
                "CLAIMCHECK_SERVER_LINK_SECRET is too short to be one.",
                remedy=f"Use {_FEWEST_CHARACTERS} characters or more, or unset it.",
            )

    def _check_identity_provider(self) -> None:
        if self.jwks_url is None:
            return
        if not (self.jwt_issuer and self.jwt_audience):
            raise InvalidSettings(
                "CLAIMCHECK_SERVER_JWKS_URL is set, but not which tokens are meant for here.",
                remedy="Set CLAIMCHECK_SERVER_JWT_ISSUER and CLAIMCHECK_SERVER_JWT_AUDIENCE too.",
            )
        url = urlsplit(self.jwks_url)
        if url.scheme != "https" and url.hostname not in _LOOPBACK:
            raise InvalidSettings(
                "CLAIMCHECK_SERVER_JWKS_URL would be read where others can change the answer.",
                remedy="Use https.",
            )
        if url.hostname == _EVERYBODYS_ISSUER and self.jwt_namespaces and not self.jwt_users:
            raise InvalidSettings(
                "Every user of Temporal Cloud, of any company, could read your namespaces.",
                remedy="Set CLAIMCHECK_SERVER_JWT_USERS to yours, as in @example.com, and "
                "CLAIMCHECK_SERVER_JWT_USER_CLAIM to https://saas-api.tmprl.cloud/user/email.",
            )
