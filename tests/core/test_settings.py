"""Each setting by environment, program and file; what is wrong is named and never shown."""

import logging
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr, ValidationError

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.settings import Settings

SECRET = "hunter2"

# name -> (environment variable, its text, TOML, value)
SETTINGS: dict[str, tuple[str, str, str, object]] = {
    "store": ("CLAIMCHECK_STORE", "memory://", '"memory://"', "memory://"),
    "store_mirrors": (
        "CLAIMCHECK_STORE_MIRRORS",
        " s3://b/a, file:///a ,",
        '["s3://b/a", "file:///a"]',
        ("s3://b/a", "file:///a"),
    ),
    "store_cache": ("CLAIMCHECK_STORE_CACHE", "memory://", '"memory://"', "memory://"),
    "store_read_only": ("CLAIMCHECK_STORE_READ_ONLY", "true", "true", True),
    "enabled": ("CLAIMCHECK_ENABLED", "false", "false", False),
    "threshold_bytes": ("CLAIMCHECK_THRESHOLD_BYTES", "7", "7", 7),
    "max_payload_bytes": ("CLAIMCHECK_MAX_PAYLOAD_BYTES", "7", "7", 7),
    "compression": ("CLAIMCHECK_COMPRESSION", "gzip", '"gzip"', "gzip"),
    "compression_enabled": ("CLAIMCHECK_COMPRESSION_ENABLED", "false", "false", False),
    "compression_level": ("CLAIMCHECK_COMPRESSION_LEVEL", "7", "7", 7),
    "encryption_keys": ("CLAIMCHECK_ENCRYPTION_KEYS", "a,b", '"a,b"', SecretStr("a,b")),
    "encryption_keys_file": (
        "CLAIMCHECK_ENCRYPTION_KEYS_FILE",
        "/run/keys",
        '"/run/keys"',
        Path("/run/keys"),
    ),
    "namespace": ("CLAIMCHECK_NAMESPACE", "orders", '"orders"', "orders"),
    "read_namespaces": (
        "CLAIMCHECK_READ_NAMESPACES",
        " a, b.c ,a,",
        '["a", "b.c"]',
        frozenset({"a", "b.c"}),
    ),
    "read_recipe_store": (
        "CLAIMCHECK_READ_RECIPE_STORE",
        "redis://recipe:6379/0",
        '"redis://recipe:6379/0"',
        "redis://recipe:6379/0",
    ),
    "read_s3_driver_buckets": (
        "CLAIMCHECK_READ_S3_DRIVER_BUCKETS",
        " a-b, c.d ,a-b,",
        '["a-b", "c.d"]',
        frozenset({"a-b", "c.d"}),
    ),
    "s3_driver_bucket": ("CLAIMCHECK_S3_DRIVER_BUCKET", "a-b", '"a-b"', "a-b"),
    "cache_bytes": ("CLAIMCHECK_CACHE_BYTES", "0", "0", 0),
    "max_bytes_in_flight": ("CLAIMCHECK_MAX_BYTES_IN_FLIGHT", "7", "7", 7),
    "ttl_days": ("CLAIMCHECK_TTL_DAYS", "7", "7", 7),
    "s3_endpoint": ("CLAIMCHECK_S3_ENDPOINT", "http://h:9", '"http://h:9"', "http://h:9"),
    "s3_region": ("CLAIMCHECK_S3_REGION", "eu", '"eu"', "eu"),
    "s3_ca_file": ("CLAIMCHECK_S3_CA_FILE", "/etc/ca.pem", '"/etc/ca.pem"', Path("/etc/ca.pem")),
    "connect_timeout_seconds": ("CLAIMCHECK_CONNECT_TIMEOUT_SECONDS", "0.5", "0.5", 0.5),
    "request_timeout_seconds": ("CLAIMCHECK_REQUEST_TIMEOUT_SECONDS", "7", "7", 7.0),
    "retry_seconds": ("CLAIMCHECK_RETRY_SECONDS", "0", "0", 0.0),
    "redis_ca_file": ("CLAIMCHECK_REDIS_CA_FILE", "/ca.pem", '"/ca.pem"', Path("/ca.pem")),
    "redis_certificate_file": (
        "CLAIMCHECK_REDIS_CERTIFICATE_FILE",
        "/tls.crt",
        '"/tls.crt"',
        Path("/tls.crt"),
    ),
    "redis_key_file": ("CLAIMCHECK_REDIS_KEY_FILE", "/tls.key", '"/tls.key"', Path("/tls.key")),
    "redis_sentinel_username": ("CLAIMCHECK_REDIS_SENTINEL_USERNAME", "me", '"me"', "me"),
    "redis_sentinel_password": (
        "CLAIMCHECK_REDIS_SENTINEL_PASSWORD",
        "word",
        '"word"',
        SecretStr("word"),
    ),
    "redis_may_lose_payloads": ("CLAIMCHECK_REDIS_MAY_LOSE_PAYLOADS", "true", "true", True),
    "activity_wait_seconds": ("CLAIMCHECK_ACTIVITY_WAIT_SECONDS", "0", "0", 0.0),
    "redis_host": ("REDIS_HOST", "redis.example", '"redis.example"', "redis.example"),
    "redis_port": ("REDIS_PORT", "7000", "7000", 7000),
    "r2_bucket": ("R2_BUCKET", "claims", '"claims"', "claims"),
    "r2_endpoint": (
        "R2_ENDPOINT",
        "https://r2.example",
        '"https://r2.example"',
        "https://r2.example",
    ),
    "r2_access_key_id": ("R2_ACCESS_KEY_ID", "id", '"id"', SecretStr("id")),
    "r2_secret_access_key": ("R2_SECRET_ACCESS_KEY", "key", '"key"', SecretStr("key")),
    "r2_region": ("R2_REGION", "eu", '"eu"', "eu"),
}
every_setting = pytest.mark.parametrize("name", SETTINGS)


@pytest.fixture
def config(tmp_path: Path, clean_environment: pytest.MonkeyPatch) -> Path:
    """Return the TOML file that the environment names."""
    path = tmp_path / "claimcheck.toml"
    path.write_text("")
    clean_environment.setenv("CLAIMCHECK_CONFIG", str(path))
    return path


def load(**overrides: object) -> Settings:
    return Settings.load(**cast("Any", overrides))


def test_every_setting_is_tried_here() -> None:
    assert set(SETTINGS) == set(Settings.model_fields)


def test_the_defaults_are_the_documented_ones() -> None:
    settings = load()
    assert settings.model_dump(exclude_none=True) == {
        "store_mirrors": (),
        "store_read_only": False,
        "enabled": True,
        "threshold_bytes": 51_200,
        "max_payload_bytes": 1024**3,
        "compression": "zstd",
        "compression_enabled": True,
        "namespace": "default",
        "read_namespaces": frozenset(),
        "read_s3_driver_buckets": frozenset(),
        "cache_bytes": 128 * 1024**2,
        "max_bytes_in_flight": 256 * 1024**2,
        "connect_timeout_seconds": 5.0,
        "request_timeout_seconds": 30.0,
        "retry_seconds": 10.0,
        "redis_may_lose_payloads": False,
        "activity_wait_seconds": 3600.0,
        "redis_port": 6379,
        "r2_region": "auto",
    }


@every_setting
def test_the_environment_sets_it(name: str, clean_environment: pytest.MonkeyPatch) -> None:
    variable, text, _, value = SETTINGS[name]
    clean_environment.setenv(variable, text)
    assert getattr(load(), name) == value


@every_setting
def test_the_program_sets_it(name: str) -> None:
    value = SETTINGS[name][3]
    assert getattr(load(**{name: value}), name) == value


@every_setting
def test_the_file_sets_it(name: str, config: Path) -> None:
    _, _, toml, value = SETTINGS[name]
    config.write_text(f"{name} = {toml}\n")
    assert getattr(load(), name) == value


@every_setting
def test_a_field_name_with_the_prefix_works_too(
    name: str, clean_environment: pytest.MonkeyPatch
) -> None:
    clean_environment.setenv(f"CLAIMCHECK_{name.upper()}", SETTINGS[name][1])
    assert getattr(load(), name) == SETTINGS[name][3]


def test_the_program_goes_before_the_environment_and_that_before_the_file(
    config: Path, clean_environment: pytest.MonkeyPatch
) -> None:
    config.write_text("threshold_bytes = 1\ncache_bytes = 1\nmax_payload_bytes = 1\n")
    clean_environment.setenv("CLAIMCHECK_THRESHOLD_BYTES", "2")
    clean_environment.setenv("CLAIMCHECK_CACHE_BYTES", "2")
    settings = load(threshold_bytes=3)
    assert (settings.threshold_bytes, settings.cache_bytes, settings.max_payload_bytes) == (3, 2, 1)


def test_what_the_claim_check_of_others_reads_is_read_here(
    clean_environment: pytest.MonkeyPatch,
) -> None:
    environment = {
        "CLAIMCHECK_ENABLED": "true",
        "CLAIMCHECK_THRESHOLD_BYTES": "51200",
        "CLAIMCHECK_COMPRESSION_ENABLED": "true",
        "CLAIMCHECK_TTL_DAYS": "30",
        "R2_BUCKET": "claims",
        "R2_ENDPOINT": "https://account.r2.cloudflarestorage.com",
        "R2_ACCESS_KEY_ID": "id",
        "R2_SECRET_ACCESS_KEY": "key",
        "R2_REGION": "auto",
    }
    for name, value in environment.items():
        clean_environment.setenv(name, value)
    assert load().store_url == "r2://claims"
    for name in environment:
        if name.startswith("R2_"):
            clean_environment.delenv(name)
    clean_environment.setenv("REDIS_HOST", "localhost")
    assert load().store_url == "redis://localhost:6379/0"
    clean_environment.setenv("REDIS_PORT", "6380")
    assert load().store_url == "redis://localhost:6380/0"


# The store's URL.


@pytest.mark.parametrize(
    ("environment", "url"),
    [
        ({"CLAIMCHECK_STORE": "memory://"}, "memory://"),
        ({"R2_BUCKET": "claims"}, "r2://claims"),
        ({"REDIS_HOST": "redis", "REDIS_PORT": "7"}, "redis://redis:7/0"),
        ({"REDIS_HOST": "::1"}, "redis://[::1]:6379/0"),
        ({"CLAIMCHECK_STORE": "memory://", "R2_BUCKET": "b", "REDIS_HOST": "h"}, "memory://"),
        ({"CLAIMCHECK_STORE": "", "REDIS_HOST": "redis"}, "redis://redis:6379/0"),
        ({"REDIS_HOST": "", "R2_BUCKET": "claims"}, "r2://claims"),
    ],
)
def test_the_store_is_the_one_that_was_named(
    environment: Mapping[str, str], url: str, clean_environment: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        clean_environment.setenv(name, value)
    assert load().store_url == url


def test_no_store_is_an_error_that_says_what_to_set() -> None:
    with pytest.raises(InvalidSettings, match="CLAIMCHECK_STORE"):
        _ = load().store_url


def test_r2_and_redis_together_are_an_error_that_names_both(
    clean_environment: pytest.MonkeyPatch,
) -> None:
    clean_environment.setenv("R2_BUCKET", "claims")
    clean_environment.setenv("REDIS_HOST", "localhost")
    with pytest.raises(InvalidSettings, match="R2_BUCKET and REDIS_HOST"):
        _ = load().store_url


# What is wrong.

WRONG: dict[str, list[str]] = {
    "store_read_only": [SECRET, ""],
    "enabled": [SECRET, ""],
    "threshold_bytes": [SECRET, "-1", "1.5", "50KB", ""],
    "max_payload_bytes": [SECRET, "0", "-1", str(2**31)],
    "compression": [SECRET, "ZSTD", "lz4", ""],
    "compression_enabled": [SECRET],
    "compression_level": [SECRET, "1.5"],
    "namespace": [""],
    "cache_bytes": [SECRET, "-1"],
    "max_bytes_in_flight": [SECRET, "0"],
    "ttl_days": [SECRET, "0", "-1", "1.5"],
    "s3_endpoint": [SECRET, f"ftp://{SECRET}", "https://", ""],
    "connect_timeout_seconds": [SECRET, "0", "-1", "601", "inf", "nan"],
    "request_timeout_seconds": [SECRET, "0", "-1", "601", "inf", "nan"],
    "retry_seconds": [SECRET, "-1", "601", "inf", "nan"],
    "redis_may_lose_payloads": [SECRET, ""],
    "activity_wait_seconds": [SECRET, "-1", "604801", "inf", "nan"],
    "redis_port": [SECRET, "0", "65536", "-1"],
}


@pytest.mark.parametrize(
    ("name", "wrong"), [(name, wrong) for name, values in WRONG.items() for wrong in values]
)
def test_a_wrong_value_is_named_and_never_shown(
    name: str, wrong: str, clean_environment: pytest.MonkeyPatch
) -> None:
    clean_environment.setenv(SETTINGS[name][0], wrong)
    clean_environment.setenv("R2_SECRET_ACCESS_KEY", f"also-{SECRET}")
    with pytest.raises(InvalidSettings) as caught:
        load(store=f"redis://:{SECRET}@localhost")
    assert name in str(caught.value).lower()
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_every_wrong_value_is_named_at_once(clean_environment: pytest.MonkeyPatch) -> None:
    clean_environment.setenv("CLAIMCHECK_THRESHOLD_BYTES", "many")
    clean_environment.setenv("CLAIMCHECK_CACHE_BYTES", "few")
    with pytest.raises(InvalidSettings) as caught:
        load()
    assert "threshold_bytes" in str(caught.value)
    assert "cache_bytes" in str(caught.value)


def test_settings_do_not_show_their_secrets() -> None:
    settings = load(
        store=f"redis://:{SECRET}@localhost",
        store_mirrors=[f"redis://:{SECRET}@elsewhere"],
        store_cache=f"redis://:{SECRET}@cache",
        r2_access_key_id=SECRET,
        r2_secret_access_key=SECRET,
        redis_sentinel_password=SECRET,
    )
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)


def test_settings_that_are_built_directly_do_not_show_a_wrong_value_either() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings(**cast("Any", {"threshold_bytes": SECRET}))
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().threshold_bytes = 1  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    "toml",
    [
        f'threshold = "{SECRET}"',
        f'[store]\nurl = "{SECRET}"',
        f'threshold_bytes = "{SECRET}"',
        f'read_namespaces = {{ a = "{SECRET}" }}',
        f"threshold_bytes = {SECRET}",
        f'store = "{SECRET}',
        f'store = "{SECRET}"\nstore = "{SECRET}"',
    ],
)
def test_a_wrong_file_is_refused_without_showing_what_is_in_it(toml: str, config: Path) -> None:
    config.write_text(toml)
    with pytest.raises(InvalidSettings) as caught:
        load()
    assert SECRET not in "".join(traceback.format_exception(caught.value))


def test_a_file_that_is_no_text_is_refused(config: Path) -> None:
    config.write_bytes(b'store = "\xff\xfe"')
    with pytest.raises(InvalidSettings, match="not valid TOML"):
        load()


@pytest.mark.parametrize("path", ["/nowhere/claimcheck.toml", "/", ""])
def test_a_file_that_is_none_is_refused(path: str, clean_environment: pytest.MonkeyPatch) -> None:
    clean_environment.setenv("CLAIMCHECK_CONFIG", path)
    with pytest.raises(InvalidSettings, match="CLAIMCHECK_CONFIG"):
        load()


def test_an_unknown_variable_is_warned_of_and_not_shown(
    clean_environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clean_environment.setenv("CLAIMCHECK_TRESHOLD_BYTES", SECRET)
    clean_environment.setenv("CLAIMCHECK_THRESHOLD_BYTES", "1")
    clean_environment.setenv("CLAIMCHECKS", "of another program")
    with caplog.at_level(logging.WARNING):
        load()
    (record,) = caplog.records
    assert "CLAIMCHECK_TRESHOLD_BYTES" in record.getMessage()
    assert SECRET not in record.getMessage()
