"""Each setting of the server by environment, program and file; what would be unsafe is refused."""

import logging
import traceback
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.server.settings import ServerSettings
from temporal_claimcheck.settings import Settings

SECRET = "0123456789-hunter2"
TOKENS = f"orders+billing={SECRET}"
JWT = {
    "jwks_url": "https://login.example/jwks.json",
    "jwt_issuer": "https://login.example/",
    "jwt_audience": "claims",
}
TLS = {"tls_certificate_file": "/tls.crt", "tls_key_file": "/tls.key"}

# name -> (text in the environment, TOML, value, what it needs beside it)
SETTINGS: dict[str, tuple[str, str, object, dict[str, str]]] = {
    "host": ("::1", '"::1"', "::1", {}),
    "port": ("0", "0", 0, {}),
    "reuse_port": ("true", "true", True, {}),
    "unix_socket": ("/run/claims", '"/run/claims"', Path("/run/claims"), {}),
    "tls_certificate_file": ("/tls.crt", '"/tls.crt"', Path("/tls.crt"), TLS),
    "tls_key_file": ("/tls.key", '"/tls.key"', Path("/tls.key"), TLS),
    "root_path": ("/a/b", '"/a/b"', "/a/b", {}),
    "public_url": ("https://h/p", '"https://h/p"', "https://h/p", {}),
    "tokens": (TOKENS, f'"{TOKENS}"', SecretStr(TOKENS), {}),
    "jwks_url": (JWT["jwks_url"], f'"{JWT["jwks_url"]}"', JWT["jwks_url"], JWT),
    "jwt_issuer": ("me", '"me"', "me", {}),
    "jwt_audience": ("us", '"us"', "us", {}),
    "jwt_algorithms": ("EdDSA, PS256", '["EdDSA", "PS256"]', frozenset({"EdDSA", "PS256"}), {}),
    "jwt_permissions_claim": ("roles", '"roles"', "roles", {}),
    "jwt_user_claim": ("email", '"email"', "email", {}),
    "jwt_users": ("a@b.c, @d.e,", '["a@b.c", "@d.e"]', frozenset({"a@b.c", "@d.e"}), {}),
    "jwt_namespaces": ("a,b", '["a", "b"]', frozenset({"a", "b"}), {}),
    "cors_origins": (
        "https://a,http://b:1",
        '["https://a", "http://b:1"]',
        frozenset({"https://a", "http://b:1"}),
        {},
    ),
    "link_secret": (SECRET, f'"{SECRET}"', SecretStr(SECRET), {}),
    "link_seconds": ("7", "7", 7, {}),
    "max_body_bytes": ("7", "7", 7, {}),
    "max_payloads": ("7", "7", 7, {}),
    "max_requests": ("7", "7", 7, {}),
    "request_seconds": ("0.5", "0.5", 0.5, {}),
    "refusal_seconds": ("0.5", "0.5", 0.5, {}),
}
every_setting = pytest.mark.parametrize("name", SETTINGS)


@pytest.fixture
def config(tmp_path: Path, clean_environment: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "claimcheck.toml"
    path.write_text("")
    clean_environment.setenv("CLAIMCHECK_CONFIG", str(path))
    return path


def load(**overrides: Any) -> ServerSettings:
    return ServerSettings.load(**overrides)


def needed(name: str) -> dict[str, str]:
    return {key: value for key, value in SETTINGS[name][3].items() if key != name}


def test_every_setting_is_tried_here() -> None:
    assert set(SETTINGS) == set(ServerSettings.model_fields)


@every_setting
def test_the_environment_sets_it(name: str, clean_environment: pytest.MonkeyPatch) -> None:
    clean_environment.setenv(f"CLAIMCHECK_SERVER_{name.upper()}", SETTINGS[name][0])
    assert getattr(load(**needed(name)), name) == SETTINGS[name][2]


@every_setting
def test_the_program_sets_it(name: str) -> None:
    value = SETTINGS[name][2]
    assert getattr(load(**{name: value}, **needed(name)), name) == value


@every_setting
def test_the_file_sets_it(name: str, config: Path) -> None:
    config.write_text(f"threshold_bytes = 7\n[server]\n{name} = {SETTINGS[name][1]}\n")
    assert getattr(load(**needed(name)), name) == SETTINGS[name][2]
    # Nor does its table disturb the settings that stand outside of it.
    assert Settings.load().threshold_bytes == 7


def test_the_program_goes_before_the_environment_and_that_before_the_file(
    config: Path, clean_environment: pytest.MonkeyPatch
) -> None:
    config.write_text("[server]\nport = 1\nmax_payloads = 1\nmax_requests = 1\n")
    clean_environment.setenv("CLAIMCHECK_SERVER_PORT", "2")
    clean_environment.setenv("CLAIMCHECK_SERVER_MAX_PAYLOADS", "2")
    settings = load(port=3)
    assert (settings.port, settings.max_payloads, settings.max_requests) == (3, 2, 1)


@pytest.mark.parametrize("toml", ["server = 5", 'server = "x"', "[[server]]\nport = 1"])
def test_a_table_that_is_none_is_refused(toml: str, config: Path) -> None:
    config.write_text(toml)
    with pytest.raises(InvalidSettings, match=r"\[server\]"):
        load()


@pytest.mark.parametrize("toml", ["[server]\nprot = 1", "[server.tls]\nkey = 1"])
def test_an_unknown_name_in_the_table_is_refused(toml: str, config: Path) -> None:
    config.write_text(toml)
    with pytest.raises(InvalidSettings):
        load()


def test_an_unknown_variable_is_warned_of_and_not_shown(
    clean_environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    clean_environment.setenv("CLAIMCHECK_SERVER_TOKENZ", SECRET)
    clean_environment.setenv("CLAIMCHECK_STORE", "memory://")
    with caplog.at_level(logging.WARNING):
        load()
    (record,) = caplog.records
    assert "CLAIMCHECK_SERVER_TOKENZ" in record.getMessage()
    assert SECRET not in record.getMessage()


# Where the server would be less safe than it looks.


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"host": "0.0.0.0"}, "open to everybody"),  # noqa: S104 - is refused
        ({"host": "::"}, "open to everybody"),
        ({"host": "claims.example"}, "open to everybody"),
        ({"host": "127.0.0.1.example"}, "open to everybody"),
        ({"tokens": ""}, "TOKENS"),
        ({"tokens": " , "}, "TOKENS"),
        ({"tokens": SECRET}, "TOKENS"),
        ({"tokens": f"={SECRET}"}, "TOKENS"),
        ({"tokens": "orders=hunter2"}, "TOKENS"),
        ({"tokens": f"{TOKENS},orders=hunter2"}, "TOKENS"),
        ({"tokens": f"orders={SECRET} {SECRET}"}, "TOKENS"),
        ({"tokens": f"orders={SECRET}\u00e9"}, "TOKENS"),
        ({**JWT, "jwt_issuer": ""}, "JWT_ISSUER"),
        ({"jwks_url": JWT["jwks_url"], "jwt_issuer": "me"}, "JWT_AUDIENCE"),
        ({**JWT, "jwks_url": "http://login.example/jwks.json"}, "https"),
        ({**JWT, "jwks_url": "http://localhost.example/jwks.json"}, "https"),
        ({"tls_certificate_file": "/tls.crt"}, "TLS_KEY_FILE"),
        ({"tls_key_file": "/tls.key"}, "TLS_CERTIFICATE_FILE"),
        ({"cors_origins": "*"}, "CORS_ORIGINS"),
        ({"cors_origins": "https://a.example,*"}, "CORS_ORIGINS"),
        ({"cors_origins": "https://a.example/"}, "CORS_ORIGINS"),
        ({"cors_origins": "null"}, "CORS_ORIGINS"),
        ({"link_secret": ""}, "LINK_SECRET"),
        ({"link_secret": "hunter2"}, "LINK_SECRET"),
        (
            {
                **JWT,
                "jwks_url": "https://login.tmprl.cloud/.well-known/jwks.json",
                "jwt_namespaces": "*",
            },
            "JWT_USERS",
        ),
    ],
    ids=str,
)
def test_what_would_be_unsafe_or_have_no_effect_is_refused(
    settings: dict[str, str], named: str
) -> None:
    with pytest.raises(InvalidSettings) as caught:
        load(**settings)
    assert named in str(caught.value)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize(
    "settings",
    [
        {"host": "0.0.0.0", "tokens": TOKENS},  # noqa: S104 - with tokens
        {"host": "0.0.0.0", **JWT},  # noqa: S104 - with signed tokens
        {"host": "0.0.0.0", "unix_socket": "/run/claims"},  # noqa: S104 - not listened on
        {**JWT, "jwks_url": "http://127.0.0.1:7/jwks.json"},
        {
            **JWT,
            "jwks_url": "https://login.tmprl.cloud/.well-known/jwks.json",
            "jwt_namespaces": "*",
            "jwt_users": "@example.com",
        },
    ],
    ids=str,
)
def test_what_is_safe_is_not(settings: dict[str, str]) -> None:
    load(**settings)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        (name, wrong)
        for name, values in {
            "port": ["-1", "65536", "hunter2"],
            "root_path": ["a", "/a/", "/a?b", "//"],
            "public_url": ["ftp://h", "https://", "https://h/", "https://h?x"],
            "jwks_url": ["", "file:///keys", "hunter2"],
            "link_seconds": ["0", "-1", "2592001"],
            "max_body_bytes": ["0"],
            "max_payloads": ["0"],
            "max_requests": ["0"],
            "request_seconds": ["0", "601", "inf", "nan"],
        }.items()
        for wrong in values
    ],
)
def test_a_wrong_value_is_named_and_never_shown(name: str, wrong: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        load(**{name: wrong})
    assert name in str(caught.value)
    assert "hunter2" not in "".join(traceback.format_exception(caught.value))


def test_settings_do_not_show_their_secrets() -> None:
    settings = load(tokens=TOKENS, link_secret=SECRET)
    assert SECRET not in repr(settings)
    assert SECRET not in str(settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "to nobody outside of this machine"),
        ({"tokens": TOKENS}, "to holders of a static token"),
        ({"tokens": f"{TOKENS},*={SECRET}2"}, "to holders of 2 static tokens"),
        (JWT, "to holders of tokens that https://login.example/ signed"),
        (
            {**JWT, "tokens": TOKENS},
            "to holders of a static token or tokens that https://login.example/ signed",
        ),
    ],
)
def test_who_may_call_is_said_in_words(settings: dict[str, str], words: str) -> None:
    assert load(**settings).audience == words
