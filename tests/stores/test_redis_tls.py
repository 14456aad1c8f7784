"""RedisStore over TLS, as a user who may do no more than the documents say."""

import dataclasses
import os
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from redis.asyncio import Redis

from temporal_claimcheck.errors import InvalidSettings, StoreDenied, StoreUnavailable
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.stores.base import ProbingStore
from temporal_claimcheck.stores.redis import RedisOptions, RedisStore
from temporal_claimcheck.testing import (
    CollectableStoreContract,
    MakeStore,
    PeekingStoreContract,
    ProbingStoreContract,
    RawAccess,
    key_of,
)
from temporal_claimcheck.testing.certificates import make_certificate
from temporal_claimcheck.testing.redis_servers import find_redis_with_tls, redis_tls_server
from temporal_claimcheck.testing.servers import ProgramMissing, ServerProcess, free_ports
from temporal_claimcheck.wiring import build_store
from tests.stores.conftest import DATABASES, PASSWORD
from tests.stores.raw_redis import RawRedis

FOR_EXPIRY = {"+zscore", "+zremrangebyscore", "+expireat", "+time"}
USER_PASSWORD = "user-password-51c0"
IN_THE_DOCUMENTS = Path(__file__).parents[2] / "docs/how-to/use-redis.md"


def documented_rule() -> list[str]:
    """Return the words of the ACL rule: what a user may do."""
    [rule] = re.findall(
        r"^user claimcheck on >PASSWORD (.*)$", IN_THE_DOCUMENTS.read_text(), re.MULTILINE
    )
    return rule.split()


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module", autouse=True)
def program() -> str:
    try:
        return find_redis_with_tls()
    except ProgramMissing as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def plain_port() -> int:
    """Return where the administrator enters, without TLS."""
    return free_ports(1)[0]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tls(
    certificates: tuple[Path, Path], plain_port: int, tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[ServerProcess]:
    ca, certificate = certificates
    arguments = (
        *("--port", str(plain_port), "--requirepass", PASSWORD),
        *("--appendonly", "yes", "--databases", "4000"),
    )
    async with redis_tls_server(
        tmp_path_factory.mktemp("redis"), ca=ca, certificate=certificate, arguments=arguments
    ) as server:
        # Tests have a database each, which the rule leaves out: the store needs no more than 0.
        await make_user(plain_port, "claimcheck", [*documented_rule(), "+select"])
        yield server


@pytest.fixture
def options(certificates: tuple[Path, Path]) -> RedisOptions:
    return RedisOptions(ca_file=certificates[0], retry_seconds=0)


async def make_user(plain_port: int, name: str, rule: list[str]) -> None:
    admin: Any = Redis
    async with admin(host="127.0.0.1", port=plain_port, password=PASSWORD) as client:
        # What an earlier test left in the database that needs no +select.
        await client.flushdb()
        await client.execute_command("ACL", "SETUSER", name, "on", f">{USER_PASSWORD}", *rule)


def url_of(server: ServerProcess, user: str, database: int = 0) -> str:
    return f"rediss://{user}:{USER_PASSWORD}@127.0.0.1:{server.port}/{database}"


class TestRedisStoreOverTlsWithLeastRights(
    ProbingStoreContract, CollectableStoreContract, PeekingStoreContract
):
    secrets = (USER_PASSWORD,)

    @pytest.fixture
    def database(self) -> int:
        return next(DATABASES)

    @pytest.fixture
    def raw(self, tls: ServerProcess, plain_port: int, database: int) -> RawAccess:
        del tls
        return RawRedis(f"redis://:{PASSWORD}@127.0.0.1:{plain_port}/{database}")

    @pytest.fixture
    def make_store(self, tls: ServerProcess, options: RedisOptions, database: int) -> MakeStore:
        return lambda: RedisStore(url_of(tls, "claimcheck", database), options=options)


@pytest.mark.parametrize("expiring", [False, True])
async def test_the_documented_rule_is_enough(
    tls: ServerProcess, options: RedisOptions, plain_port: int, *, expiring: bool
) -> None:
    await make_user(plain_port, "alone", documented_rule())
    await use_all_of(
        RedisStore(url_of(tls, "alone"), ttl_days=99999 if expiring else None, options=options)
    )


@pytest.mark.parametrize(
    "right", [word for word in documented_rule() if word[0] == "+" and word != "+ping"]
)
async def test_each_right_in_the_documented_rule_is_needed(
    tls: ServerProcess,
    options: RedisOptions,
    plain_port: int,
    caplog: pytest.LogCaptureFixture,
    right: str,
) -> None:
    rule = [word for word in documented_rule() if word != right]
    await make_user(plain_port, "lacking", ["reset", "on", f">{USER_PASSWORD}", *rule])
    url = url_of(tls, "lacking")
    if right in {"+info", "+config|get"}:
        await RedisStore(url, options=options).check()
        assert right == "+config|get" or "does not tell" in caplog.text
    else:
        ttl_days = 99999 if right in FOR_EXPIRY else None
        with pytest.raises(StoreDenied):
            await use_all_of(RedisStore(url, ttl_days=ttl_days, options=options))


async def use_all_of(store: RedisStore) -> None:
    await store.check()
    await store.put(key_of(1), b"blob")
    await store.put(key_of(2), b"")
    assert await store.get(key_of(1), max_bytes=9) == b"blob"
    assert await store.get(key_of(2), max_bytes=9) == b""
    assert await store.contains(key_of(1))
    assert {blob.key async for blob in store.scan("v1/contract/")} == {key_of(1), key_of(2)}
    await store.delete([key_of(1), key_of(2)])
    await store.aclose()


async def test_the_documented_rights_of_a_reader_are_enough_to_read(
    tls: ServerProcess, options: RedisOptions, plain_port: int
) -> None:
    [rights] = re.findall(r"only reads needs `([^`]*)` alone", IN_THE_DOCUMENTS.read_text())
    writer = RedisStore(url_of(tls, "claimcheck"), options=options)
    await make_user(
        plain_port, "reader", ["reset", "on", f">{USER_PASSWORD}", "~claimcheck/*", *rights.split()]
    )
    await writer.put(key_of(1), b"blob")
    settings: Any = {"store": url_of(tls, "reader"), "redis_ca_file": options.ca_file}
    reader = build_store(Settings.load(**settings, store_read_only=True))
    await reader.check()
    assert await reader.get(key_of(1), max_bytes=9) == b"blob"
    assert isinstance(reader, ProbingStore)
    assert await reader.contains(key_of(1))
    with pytest.raises(StoreDenied):
        await RedisStore(url_of(tls, "reader"), options=options).put(key_of(2), b"blob")
    await reader.aclose()
    await writer.aclose()


async def test_a_user_without_rights_is_denied(
    tls: ServerProcess, options: RedisOptions, plain_port: int
) -> None:
    await make_user(plain_port, "nobody", ["-@all"])
    store = RedisStore(url_of(tls, "nobody"), may_lose_payloads=True, options=options)
    with pytest.raises(StoreDenied):
        await store.put(key_of(1), b"blob")
    with pytest.raises(StoreDenied):
        await store.get(key_of(1), max_bytes=9)
    with pytest.raises(StoreDenied):
        await store.check()
    await store.aclose()


async def test_a_server_with_a_certificate_of_somebody_else_is_not_trusted(
    tls: ServerProcess, options: RedisOptions, tmp_path: Path
) -> None:
    another_ca, _ = make_certificate(tmp_path)
    for ca in (None, another_ca):
        store = RedisStore(
            url_of(tls, "claimcheck"), options=dataclasses.replace(options, ca_file=ca)
        )
        with pytest.raises(StoreUnavailable, match="CLAIMCHECK_REDIS_CA_FILE"):
            await store.check()
        await store.aclose()


async def test_a_server_under_another_name_than_its_certificates_is_not_trusted(
    tls: ServerProcess, options: RedisOptions
) -> None:
    url = url_of(tls, "claimcheck").replace("127.0.0.1", "localhost")
    store = RedisStore(url, options=options)
    with pytest.raises(StoreUnavailable, match="no trusted TLS"):
        await store.check()
    await store.aclose()


async def test_a_server_may_ask_for_a_certificate(
    certificates: tuple[Path, Path], tmp_path: Path
) -> None:
    ca, certificate = certificates
    arguments = ("--tls-auth-clients", "yes", "--appendonly", "yes")
    async with redis_tls_server(
        tmp_path, ca=ca, certificate=certificate, arguments=arguments
    ) as server:
        url = f"rediss://127.0.0.1:{server.port}"
        common: Any = {"store": url, "redis_ca_file": ca, "retry_seconds": 0}
        store = build_store(Settings.load(**common, redis_certificate_file=certificate))
        await store.check()
        await store.aclose()
        stranger = build_store(Settings.load(**common))
        with pytest.raises(StoreUnavailable):
            await stranger.check()
        await stranger.aclose()


@pytest.mark.parametrize("content", [None, b"no certificate"])
@pytest.mark.parametrize("name", ["ca_file", "certificate_file"])
def test_a_file_that_is_no_certificate_is_refused_when_the_store_is_made(
    tmp_path: Path, name: str, content: bytes | None
) -> None:
    path = tmp_path / "some.pem"
    if content is not None:
        path.write_bytes(content)
    files: Any = {name: path}
    with pytest.raises(InvalidSettings, match=f"CLAIMCHECK_REDIS_{name.upper()}"):
        RedisOptions(**files)
