"""Settings of the codec server: `CLAIMCHECK_SERVER_*`, or the table `server` of the TOML file."""

from pathlib import Path
from typing import Annotated, ClassVar, Final, Self

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.settings import LayeredSettings

__all__ = ["ServerSettings"]

_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_FEWEST_TOKEN_CHARACTERS: Final = 16
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
    jwt_namespaces: Listed = frozenset()
    """Namespaces that the holder of any valid token may read, separated by commas; * is all."""
    cors_origins: Listed = frozenset()
    """Origins of Web UIs whose pages may call this server, separated by commas."""
    link_secret: SecretStr | None = None
    """Secret that signs links to view pages; by default a new one with every start."""
    link_seconds: int = Field(default=3600, gt=0, le=30 * 24 * 3600)
    """How long a link to a view page holds."""

    max_body_bytes: int = Field(default=64 * 1024**2, gt=0)
    """Size of a request, and of the payloads of an answer, at most."""
    max_payloads: int = Field(default=1000, gt=0)
    """Payloads in a request at most."""
    max_requests: int = Field(default=64, gt=0)
    """Requests that are worked on at once; more wait."""
    request_seconds: float = Field(default=30.0, gt=0, le=600)
    """Time for one request, from its first byte to its answer."""

    @field_validator("jwt_algorithms", "jwt_namespaces", "cors_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """Read the settings. Raises InvalidSettings that names each wrong one, never its value."""
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

    def namespaces_by_token(self) -> dict[str, frozenset[str]]:
        """Return the namespaces that each static token opens. Raises InvalidSettings."""
        text = "" if self.tokens is None else self.tokens.get_secret_value()
        opened: dict[str, frozenset[str]] = {}
        for entry in filter(None, (part.strip() for part in text.split(","))):
            namespaces, separator, token = entry.partition("=")
            names = frozenset(name.strip() for name in namespaces.split("+") if name.strip())
            if not separator or not names or len(token) < _FEWEST_TOKEN_CHARACTERS:
                raise InvalidSettings(
                    "CLAIMCHECK_SERVER_TOKENS has an entry that is none.",
                    remedy="Write NAMESPACE+NAMESPACE=TOKEN, or *=TOKEN for all namespaces; a "
                    f"token has {_FEWEST_TOKEN_CHARACTERS} characters or more.",
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
        if self.jwks_url is not None and not (self.jwt_issuer and self.jwt_audience):
            raise InvalidSettings(
                "CLAIMCHECK_SERVER_JWKS_URL is set, but not which tokens are meant for here.",
                remedy="Set CLAIMCHECK_SERVER_JWT_ISSUER and CLAIMCHECK_SERVER_JWT_AUDIENCE too.",
            )
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
