"""Settings -> live objects. The one place that names backends."""

import logging
import ssl
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

from pydantic import SecretStr

from temporal_claimcheck.errors import InvalidSettings, UnknownScheme
from temporal_claimcheck.foreign.s3_driver import is_bucket_name
from temporal_claimcheck.foreign.sources import (
    ForeignBucket,
    ForeignSources,
    ForeignValues,
    S3DriverTarget,
)
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.stores.base import BlobStore
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.stores.mirrored import MirroredStore
from temporal_claimcheck.stores.read_only import ReadOnlyStore
from temporal_claimcheck.stores.redis_urls import REDIS_SCHEMES
from temporal_claimcheck.stores.tiered import DEFAULT_MAX_FAST_BYTES, TieredStore
from temporal_claimcheck.transforms.base import Compression
from temporal_claimcheck.transforms.compression import NoCompression, compression

if TYPE_CHECKING:
    from temporal_claimcheck.stores.object_store import ObjectStore, Patience
    from temporal_claimcheck.transforms.encryption import KeyRing

__all__ = ["build_compression", "build_foreign", "build_keys", "build_policy", "build_store"]

logger = logging.getLogger(__name__)

_STORE_SETTINGS: Final = "CLAIMCHECK_STORE, or the other setting that names it"


def build_store(settings: Settings) -> BlobStore:
    """Return the store that the settings name, with its mirrors and its cache.

    Raises InvalidSettings, UnknownScheme, or MissingExtra that says what to install.
    """
    writes = not settings.store_read_only
    if settings.redis_may_lose_payloads:
        logger.warning(
            "CLAIMCHECK_REDIS_MAY_LOSE_PAYLOADS is set: Redis is not asked whether it is safe"
        )
    # A cache may lose what it has, and who only reads gives nothing to lose.
    careless = settings.model_copy(update={"redis_may_lose_payloads": True})
    urls = (settings.store_url, *settings.store_mirrors)
    stores = [_open(settings if writes else careless, url) for url in urls]
    cache = _open(careless, settings.store_cache) if settings.store_cache else None
    _check_distinct([*stores, cache] if cache else stores)
    store = stores[0] if len(stores) == 1 else MirroredStore.over(stores, heal=writes)
    if cache:
        # Copies are writes too: who only reads may lack the right to make them.
        limit = DEFAULT_MAX_FAST_BYTES if writes else 0
        store = TieredStore.over(fast=cache, durable=store, max_fast_bytes=limit)
    return store if writes else ReadOnlyStore.over(store)


def _check_distinct(stores: Sequence[BlobStore]) -> None:
    if len({store.name for store in stores}) < len(stores):
        raise InvalidSettings(
            "The same store is named twice.",
            remedy="Let CLAIMCHECK_STORE, CLAIMCHECK_STORE_MIRRORS and CLAIMCHECK_STORE_CACHE "
            "name different ones; a copy beside the original protects nothing.",
        )


def _open(settings: Settings, url: str) -> BlobStore:
    try:
        scheme = urlsplit(url).scheme
    except ValueError:
        # `from None`: the cause may show the URL, and in it a password.
        raise InvalidSettings(
            "A store URL is none.", remedy=f"Correct {_STORE_SETTINGS}."
        ) from None
    build = _BUILDERS.get(scheme)
    if build is None:
        raise UnknownScheme(
            f"No store is known for {scheme + '://' if scheme else 'a URL without a scheme'}.",
            remedy=f"Use one of {', '.join(f'{name}://' for name in _BUILDERS)}.",
        )
    if settings.ttl_days is not None and scheme not in _EXPIRING:
        logger.warning(
            "CLAIMCHECK_TTL_DAYS has no effect on %s://: this store keeps its objects until "
            "they are deleted or the bucket's own lifecycle rule applies",
            scheme,
        )
    return build(settings, url)


def build_policy(settings: Settings) -> OffloadPolicy:
    """Return what decides which payloads are offloaded."""
    return OffloadPolicy(
        threshold_bytes=settings.threshold_bytes,
        max_payload_bytes=settings.max_payload_bytes,
        enabled=settings.enabled,
    )


def build_foreign(settings: Settings) -> ForeignSources:
    """Return what may be read of what others wrote. Raises ConfigurationError."""
    url, target = settings.read_recipe_store, settings.s3_driver_bucket
    names = settings.read_s3_driver_buckets | ({target} if target else frozenset[str]())
    if not all(map(is_bucket_name, names)):
        raise InvalidSettings(
            "CLAIMCHECK_READ_S3_DRIVER_BUCKETS or CLAIMCHECK_S3_DRIVER_BUCKET names something "
            "that is no bucket.",
            remedy="Give plain names of buckets, separated by commas: no URL, no ARN.",
        )
    buckets = {name: _bucket(_s3(settings, f"s3://{name}")) for name in names}
    return ForeignSources(
        recipe=_recipe(settings, url) if url else None,
        s3_driver_buckets=buckets,
        s3_driver_target=S3DriverTarget(
            bucket=target, values=buckets[target], cache_bytes=settings.cache_bytes
        )
        if target
        else None,
    )


def _recipe(settings: Settings, url: str) -> ForeignValues:
    match url.partition("://")[0]:
        case "redis" | "rediss":
            from temporal_claimcheck.foreign.redis_values import RedisValues  # noqa: PLC0415

            return RedisValues(
                url,
                connect_seconds=settings.connect_timeout_seconds,
                request_seconds=settings.request_timeout_seconds,
            )
        case "s3":
            return _bucket(_s3(settings, url))
        case "r2":
            return _bucket(_r2(settings, url))
        case _:
            raise InvalidSettings(
                "CLAIMCHECK_READ_RECIPE_STORE names no place that the recipe writes to.",
                remedy="Use redis://host:6379/0, rediss://, s3://bucket or r2://bucket.",
            )


def _bucket(store: "ObjectStore") -> ForeignBucket:
    from temporal_claimcheck.foreign.bucket_values import BucketValues  # noqa: PLC0415

    return BucketValues(store)


def build_compression(settings: Settings) -> Compression:
    """Return what compresses the objects that are written."""
    if not settings.compression_enabled:
        return NoCompression()
    return compression(settings.compression, settings.compression_level)


def build_keys(settings: Settings) -> "Callable[[], KeyRing] | None":
    """Return what loads the keys that encrypt and decrypt, or None without encryption.

    Raises InvalidSettings, or MissingExtra that says what to install.
    """
    given, path = settings.encryption_keys, settings.encryption_keys_file
    if given is None and path is None:
        return None
    if given is not None and path is not None:
        raise InvalidSettings(
            "CLAIMCHECK_ENCRYPTION_KEYS and CLAIMCHECK_ENCRYPTION_KEYS_FILE are both set.",
            remedy="Set the one that holds all keys, and unset the other.",
        )
    from temporal_claimcheck.transforms.encryption import KeyRing  # noqa: PLC0415

    if given is not None:
        text = given.get_secret_value()
        return lambda: KeyRing.parse(text)
    return lambda: KeyRing.parse(_key_lines(cast("Path", path)))


def _key_lines(path: Path) -> list[str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        # `from None`: what cannot be decoded would show bytes of the file.
        raise InvalidSettings(
            f"CLAIMCHECK_ENCRYPTION_KEYS_FILE names {path}, which cannot be read: {reason}.",
            remedy="Correct it, or give this process the right to read the file.",
        ) from None
    return [text for line in lines if (text := line.partition("#")[0].strip())]


def _memory(settings: Settings, url: str) -> BlobStore:
    del settings, url
    return MemoryStore()


def _folder(settings: Settings, url: str) -> BlobStore:
    del settings
    parts = urlsplit(url)
    if (
        parts.netloc not in {"", "localhost"}
        or not parts.path.startswith("/")
        or parts.query
        or parts.fragment
    ):
        raise InvalidSettings(
            f"The store URL {url!r} names no absolute path on this machine.",
            remedy="Write three slashes, as in file:///var/lib/claims; ? is %3F and # is %23.",
        )
    return FileSystemStore(url2pathname(parts.path))


def _redis(settings: Settings, url: str) -> BlobStore:
    from temporal_claimcheck.stores.redis import RedisOptions, RedisStore  # noqa: PLC0415

    return RedisStore(
        url,
        ttl_days=settings.ttl_days,
        may_lose_payloads=settings.redis_may_lose_payloads,
        options=RedisOptions(
            ca_file=settings.redis_ca_file,
            certificate_file=settings.redis_certificate_file,
            key_file=settings.redis_key_file,
            sentinel_username=settings.redis_sentinel_username,
            sentinel_password=_revealed(settings.redis_sentinel_password),
            connect_seconds=settings.connect_timeout_seconds,
            request_seconds=settings.request_timeout_seconds,
            retry_seconds=settings.retry_seconds,
        ),
    )


def _s3(settings: Settings, url: str) -> "ObjectStore":
    from temporal_claimcheck.stores.object_store import ObjectStore  # noqa: PLC0415

    return ObjectStore.s3(
        *_bucket_and_prefix(url),
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        ca_certificates=_ca_certificates(settings),
        patience=_patience(settings),
    )


def _r2(settings: Settings, url: str) -> "ObjectStore":
    from temporal_claimcheck.stores.object_store import ObjectStore  # noqa: PLC0415

    if settings.r2_endpoint is None:
        raise InvalidSettings(
            "An R2 store needs its endpoint.",
            remedy="Set R2_ENDPOINT to https://<account>.r2.cloudflarestorage.com.",
        )
    return ObjectStore.s3(
        *_bucket_and_prefix(url),
        endpoint=settings.r2_endpoint,
        region=settings.r2_region,
        access_key_id=_revealed(settings.r2_access_key_id),
        secret_access_key=_revealed(settings.r2_secret_access_key),
        patience=_patience(settings),
    )


def _gcs(settings: Settings, url: str) -> BlobStore:
    from temporal_claimcheck.stores.object_store import ObjectStore  # noqa: PLC0415

    return ObjectStore.gcs(*_bucket_and_prefix(url), patience=_patience(settings))


def _azure(settings: Settings, url: str) -> BlobStore:
    from temporal_claimcheck.stores.object_store import ObjectStore  # noqa: PLC0415

    return ObjectStore.azure(*_bucket_and_prefix(url), patience=_patience(settings))


def _patience(settings: Settings) -> "Patience":
    from temporal_claimcheck.stores.object_store import Patience  # noqa: PLC0415

    return Patience(
        connect_seconds=settings.connect_timeout_seconds,
        request_seconds=settings.request_timeout_seconds,
        retry_seconds=settings.retry_seconds,
    )


def _ca_certificates(settings: Settings) -> bytes | None:
    if settings.s3_ca_file is None:
        return None
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(settings.s3_ca_file)
        return settings.s3_ca_file.read_bytes()
    except OSError as error:
        raise InvalidSettings(
            f"CLAIMCHECK_S3_CA_FILE names {settings.s3_ca_file}, which is no file of "
            "certificates in PEM.",
            remedy="Correct or unset it.",
        ) from error


def _bucket_and_prefix(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    if not parts.netloc or parts.query or parts.fragment:
        raise InvalidSettings(
            f"The store URL does not have the form {parts.scheme}://bucket/prefix.",
            remedy=f"Correct {_STORE_SETTINGS}.",
        )
    return parts.netloc, parts.path.strip("/")


def _revealed(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()


# The imports inside the builders keep optional packages optional.
_BUILDERS: Final[dict[str, Callable[[Settings, str], BlobStore]]] = {
    "file": _folder,
    "memory": _memory,
    **dict.fromkeys(REDIS_SCHEMES, _redis),
    "s3": _s3,
    "r2": _r2,
    "gs": _gcs,
    "az": _azure,
}
_EXPIRING: Final = frozenset(REDIS_SCHEMES)
