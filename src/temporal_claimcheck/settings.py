"""Settings as data: from the environment, a TOML file, or the program."""

import logging
import os
import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Any, ClassVar, Final, Literal, Self, TypedDict, Unpack, cast

from pydantic import AliasChoices, Field, SecretStr, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.policy import DEFAULT_MAX_PAYLOAD_BYTES, DEFAULT_THRESHOLD_BYTES

__all__ = [
    "DEFAULT_ACTIVITY_WAIT_SECONDS",
    "DEFAULT_CACHE_BYTES",
    "DEFAULT_MAX_BYTES_IN_FLIGHT",
    "LayeredSettings",
    "Settings",
    "SettingsOverrides",
]

DEFAULT_CACHE_BYTES: Final = 128 * 1024**2
DEFAULT_MAX_BYTES_IN_FLIGHT: Final = 256 * 1024**2
DEFAULT_ACTIVITY_WAIT_SECONDS: Final = 3600.0

logger = logging.getLogger(__name__)

_PREFIX: Final = "CLAIMCHECK_"
_CONFIG: Final = "CLAIMCHECK_CONFIG"
_TABLES: Final = ("gc", "server")
"""Tables of the TOML file that other parts of the package read."""
_TABLE_PREFIXES: Final = tuple(f"{_PREFIX}{table.upper()}_" for table in _TABLES)
# Also keeps out infinity. Waiting longer helps nobody: Temporal tries the task again.
_LONGEST_SECONDS: Final = 600.0
_LONGEST_WAIT_SECONDS: Final = 7 * 86_400.0
_EXAMPLES: Final = "file:///var/lib/claims, s3://bucket/prefix or redis://localhost:6379/0"


class SettingsOverrides(TypedDict, total=False):
    """What a program may set in code; each goes before the environment."""

    store: str
    store_mirrors: Sequence[str]
    store_cache: str
    store_read_only: bool
    enabled: bool
    threshold_bytes: int
    max_payload_bytes: int
    compression: Literal["zstd", "gzip", "none"]
    compression_level: int
    encryption_keys: SecretStr
    encryption_keys_file: Path
    namespace: str
    read_namespaces: frozenset[str]
    read_recipe_store: str
    read_s3_driver_buckets: frozenset[str]
    s3_driver_bucket: str
    cache_bytes: int
    max_bytes_in_flight: int
    ttl_days: int
    s3_endpoint: str
    s3_region: str
    s3_ca_file: Path
    connect_timeout_seconds: float
    request_timeout_seconds: float
    retry_seconds: float
    activity_wait_seconds: float
    redis_ca_file: Path
    redis_certificate_file: Path
    redis_key_file: Path
    redis_sentinel_username: str
    redis_sentinel_password: SecretStr
    redis_may_lose_payloads: bool


class LayeredSettings(BaseSettings):
    """Settings from program, environment and TOML file, in this order."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        # The message of a wrong value must not repeat it: it may be a secret.
        hide_input_in_errors=True,
    )

    table: ClassVar[str | None] = None
    """Table of the TOML file that holds these settings; None for what stands outside of all."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put the program first, then the environment, then the file."""
        del dotenv_settings, file_secret_settings
        path = os.environ.get(_CONFIG)
        if path is None:
            return init_settings, env_settings
        return init_settings, env_settings, _TomlTable(settings_cls, Path(path), cls.table)

    @classmethod
    def read(cls, overrides: Mapping[str, object]) -> Self:
        """Read the settings. Raises InvalidSettings that names each wrong one, never its value."""
        path = os.environ.get(_CONFIG)
        if path is not None and not Path(path).is_file():
            raise InvalidSettings(
                f"{_CONFIG} names {path}, which is no file.", remedy="Correct or unset it."
            )
        try:
            return cls(**cast("dict[str, Any]", overrides))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise InvalidSettings(
                f"{path} is not valid TOML: {error}.", remedy="Correct the file."
            ) from error
        except (ValidationError, SettingsError) as error:
            # `from None`: the cause would print the values, which may be secrets.
            raise InvalidSettings(
                f"Some settings are wrong: {_describe(error)}.",
                remedy="Correct them in the program, the environment or the TOML file.",
            ) from None

    @classmethod
    def warn_of_unknown(cls) -> None:
        """Log the variables of the environment that look like settings of these and are none."""
        # A warning and no error: during an upgrade old processes meet the settings of new ones.
        prefix = str(cls.model_config.get("env_prefix"))
        known = {f"{prefix}{name.upper()}" for name in cls.model_fields} | {_CONFIG}
        others = () if cls.table is not None else _TABLE_PREFIXES
        for name in sorted(os.environ.keys() - known):
            if name.startswith(prefix) and not name.startswith(others):
                logger.warning("%s is no setting of this release and has no effect", name)


class _TomlTable(TomlConfigSettingsSource):
    """One table of a TOML file, or what stands in none."""

    def __init__(self, settings: type[BaseSettings], path: Path, table: str | None) -> None:
        self._table = table
        super().__init__(settings, path)

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        document = super()._read_file(file_path)
        if self._table is not None:
            table = document.get(self._table, {})
            if not isinstance(table, dict):
                raise InvalidSettings(
                    f"{self._table} is no table in {file_path}.",
                    remedy=f"Write its settings below [{self._table}].",
                )
            return cast("dict[str, Any]", table)
        return {name: value for name, value in document.items() if name not in _TABLES}


class Settings(LayeredSettings):
    """Everything that can be set. Environment: `CLAIMCHECK_` and the name in upper case.

    Order: what the program sets, then the environment, then the TOML file that
    `CLAIMCHECK_CONFIG` names, then the default.
    """

    model_config = SettingsConfigDict(env_prefix=_PREFIX)

    store: str | None = Field(default=None, repr=False)  # a URL may hold a password
    """URL of the store, as in file:///var/lib/claims, s3://bucket/prefix, redis://host:6379/0."""
    # Out of repr for the same reason.
    store_mirrors: Annotated[tuple[str, ...], NoDecode] = Field(default=(), repr=False)
    """URLs of further stores that hold all that is written, separated by commas."""
    store_cache: str | None = Field(default=None, repr=False)
    """URL of a fast store that holds copies in front of `store`, as in redis://host:6379/1."""
    store_read_only: bool = False
    """Whether this process only reads: nothing is written to any store, or deleted."""
    enabled: bool = True
    """Whether payloads are offloaded; claims are resolved in any case."""
    threshold_bytes: int = Field(default=DEFAULT_THRESHOLD_BYTES, ge=0)
    """Serialized payloads of this size or more are offloaded; 0 offloads all."""
    max_payload_bytes: int = Field(default=DEFAULT_MAX_PAYLOAD_BYTES, gt=0, le=2**31 - 1)
    """Payloads over this size are refused."""
    compression: Literal["zstd", "gzip", "none"] = "zstd"
    """How objects are compressed, where it saves at least a tenth."""
    compression_enabled: bool = True
    """False is the same as compression none."""
    compression_level: int | None = None
    """Level of the compression; by default 1 for zstd and 6 for gzip."""
    encryption_keys: SecretStr | None = None
    """Keys in Base64, separated by commas: the first encrypts all that leaves, each decrypts."""
    encryption_keys_file: Path | None = None
    """File with the keys instead, one a line; read again when a key is missing."""
    namespace: str = Field(default="default", min_length=1)
    """Namespace to write to outside Temporal; a client brings its own."""
    read_namespaces: Annotated[frozenset[str], NoDecode] = frozenset()
    """Further namespaces whose claims may be resolved, separated by commas."""
    read_recipe_store: str | None = Field(default=None, repr=False)  # a URL may hold a password
    """URL of the Redis or the bucket where values of the published recipe may be read."""
    read_s3_driver_buckets: Annotated[frozenset[str], NoDecode] = frozenset()
    """Buckets where objects of the SDK's own S3 driver may be read, separated by commas."""
    s3_driver_bucket: str | None = None
    """Bucket to which door="s3-driver" writes as the SDK's own S3 driver does; read as well."""
    cache_bytes: int = Field(default=DEFAULT_CACHE_BYTES, ge=0)
    """Memory for verified payloads of this process; 0 turns the cache off."""
    max_bytes_in_flight: int = Field(default=DEFAULT_MAX_BYTES_IN_FLIGHT, gt=0)
    """Memory for payloads that are worked on at once; each takes twice its size."""
    ttl_days: int | None = Field(default=None, gt=0)
    """Days after the end of its day until Redis drops an object; other stores keep them."""

    s3_endpoint: str | None = Field(default=None, pattern="^https?://[^/]")
    """URL of a server that speaks S3; by default Amazon's, or what `AWS_ENDPOINT_URL` says."""
    s3_region: str | None = None
    """Region of the bucket; by default what `AWS_REGION` says."""
    s3_ca_file: Path | None = None
    """PEM file of certificates that the S3 server may have, besides those the system trusts."""
    connect_timeout_seconds: float = Field(default=5.0, gt=0, le=_LONGEST_SECONDS)
    """Time to connect to an object store or Redis."""
    request_timeout_seconds: float = Field(default=30.0, gt=0, le=_LONGEST_SECONDS)
    """Time for an object store to answer a request, and for any silence in its answer; for Redis
    to take a request, and again to answer it."""
    retry_seconds: float = Field(default=10.0, ge=0, le=_LONGEST_SECONDS)
    """Time during which a request to an object store or Redis is tried again; 0 tries once."""
    activity_wait_seconds: float = Field(
        default=DEFAULT_ACTIVITY_WAIT_SECONDS, ge=0, le=_LONGEST_WAIT_SECONDS
    )
    """How long an activity waits at most for a store that is down; 0 fails the attempt."""

    redis_ca_file: Path | None = None
    """PEM file of certificates that Redis may have, besides those the system trusts."""
    redis_certificate_file: Path | None = None
    """PEM file of the certificate to show to a Redis that asks for one."""
    redis_key_file: Path | None = None
    """PEM file of that certificate's key, if it is not in the same file."""
    redis_sentinel_username: str | None = None
    """User for the Sentinels; the one in the URL is for the servers that they name."""
    redis_sentinel_password: SecretStr | None = None
    """Password for the Sentinels."""
    redis_may_lose_payloads: bool = False
    """Whether a Redis that evicts or writes nothing to disk is used all the same."""
    redis_host: str | None = Field(default=None, validation_alias=AliasChoices("REDIS_HOST"))
    """Redis server, if `store` is not set."""
    redis_port: int = Field(
        default=6379, gt=0, lt=65536, validation_alias=AliasChoices("REDIS_PORT")
    )
    """Port of `redis_host`."""
    r2_bucket: str | None = Field(default=None, validation_alias=AliasChoices("R2_BUCKET"))
    """Cloudflare R2 bucket, if `store` is not set."""
    r2_endpoint: str | None = Field(default=None, validation_alias=AliasChoices("R2_ENDPOINT"))
    """R2's S3 endpoint, https://<account>.r2.cloudflarestorage.com."""
    r2_access_key_id: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("R2_ACCESS_KEY_ID")
    )
    """Access key id of the R2 API token."""
    r2_secret_access_key: SecretStr | None = Field(
        default=None, validation_alias=AliasChoices("R2_SECRET_ACCESS_KEY")
    )
    """Secret of the R2 API token."""
    r2_region: str = Field(default="auto", validation_alias=AliasChoices("R2_REGION"))
    """R2 has one region, auto."""

    @field_validator("read_namespaces", "read_s3_driver_buckets", "store_mirrors", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @classmethod
    def load(cls, **overrides: Unpack[SettingsOverrides]) -> Self:
        """Read the settings. Raises InvalidSettings that names each wrong one, never its value."""
        cls.warn_of_unknown()
        return cls.read(overrides)

    @property
    def store_url(self) -> str:
        """The store's URL, also when only R2's or Redis's own variables are set.

        Raises InvalidSettings when there is none or more than one.
        """
        urls = [f"r2://{self.r2_bucket}"] if self.r2_bucket else []
        if self.redis_host:
            host = f"[{self.redis_host}]" if ":" in self.redis_host else self.redis_host
            urls.append(f"redis://{host}:{self.redis_port}/0")
        if self.store:
            return self.store
        if len(urls) > 1:
            raise InvalidSettings(
                "R2_BUCKET and REDIS_HOST are both set, so the store is not clear.",
                remedy="Set CLAIMCHECK_STORE to the one to use.",
            )
        if not urls and self.s3_driver_bucket:
            # The keys there begin otherwise than ours do.
            return f"s3://{self.s3_driver_bucket}"
        if not urls:
            raise InvalidSettings(
                "No store is set.", remedy=f"Set CLAIMCHECK_STORE to a URL such as {_EXAMPLES}."
            )
        return urls[0]


def _describe(error: ValidationError | SettingsError) -> str:
    if isinstance(error, SettingsError):
        return str(error)
    return "; ".join(
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors(include_input=False, include_url=False, include_context=False)
    )
