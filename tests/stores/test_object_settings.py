"""What the settings of object stores do."""

import ssl
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from temporalio.api.common.v1 import Payload

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.errors import InvalidSettings, StoreUnavailable
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.stores.object_store import ObjectStore, Patience
from temporal_claimcheck.testing import key_of
from temporal_claimcheck.testing.certificates import make_certificate
from temporal_claimcheck.testing.servers import S3Server, rclone_s3
from temporal_claimcheck.wiring import build_store
from tests.stores.go_between import go_between, s3_error
from tests.stores.s3_clients import open_store


@pytest.fixture(autouse=True)
def credentials(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.secret_access_key)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return make_certificate(tmp_path_factory.mktemp("certificates"))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def tls(
    certificates: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory
) -> AsyncGenerator[S3Server]:
    folder = tmp_path_factory.mktemp("tls")
    ca, certificate = certificates
    async with rclone_s3(folder, bucket="claims", ca=ca, certificate=certificate) as server:
        yield server


async def test_s3_endpoint_and_region_are_as_set(s3: S3Server) -> None:
    async with go_between(s3) as between:
        settings = Settings.load(
            store="s3://claims/as-set", s3_endpoint=between.endpoint, s3_region="eu-north-7"
        )
        # SeaweedFS takes any region.
        await build_store(settings).check()
        assert between.asked[0].path.startswith("/claims/as-set/")
        assert "/eu-north-7/s3/" in between.asked[0].headers["Authorization"]


async def test_endpoint_that_is_set_goes_before_the_environments(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    settings = Settings.load(store="s3://claims", s3_endpoint=s3.endpoint, s3_region="us-east-1")
    await build_store(settings).check()


async def test_private_ca_is_trusted_when_it_is_named(tls: S3Server) -> None:
    def store(**more: Any) -> Any:
        return build_store(
            Settings.load(
                store="s3://claims", s3_endpoint=tls.endpoint, s3_region="us-east-1", **more
            )
        )

    trusting = store(s3_ca_file=tls.ca)
    await trusting.put(key_of(1), b"blob")
    assert await trusting.get(key_of(1), max_bytes=4) == b"blob"
    with pytest.raises(StoreUnavailable):
        await store(retry_seconds=0).check()


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_ca_file_that_is_none_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    settings = Settings.load(store="s3://claims", s3_ca_file=file)
    with pytest.raises(InvalidSettings, match="CLAIMCHECK_S3_CA_FILE"):
        build_store(settings)


@pytest.mark.parametrize("is_tls", [True, False])
async def test_body_is_hashed_only_where_tls_does_not_protect_it(
    s3: S3Server, certificates: tuple[Path, Path], is_tls: bool
) -> None:
    ca, certificate = certificates
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with go_between(s3, tls=context if is_tls else None) as between:
        settings = Settings.load(
            store=f"s3://claims/hashed-{is_tls}",
            s3_endpoint=between.endpoint,
            s3_region="us-east-1",
            s3_ca_file=ca,
        )
        store = build_store(settings)
        assert await store.put(key_of(1), b"blob")
        assert await store.get(key_of(1), max_bytes=4) == b"blob"
        hashed = between.asked[0].headers["x-amz-content-sha256"]
        assert (hashed == "UNSIGNED-PAYLOAD") == is_tls


async def test_times_are_as_set(s3: S3Server) -> None:
    async def busy(_: web.Request) -> web.Response:
        return s3_error(503, "SlowDown")

    async with go_between(s3, before=busy) as between:
        settings = Settings.load(
            store="s3://claims",
            s3_endpoint=between.endpoint,
            connect_timeout_seconds=1,
            request_timeout_seconds=2,
            retry_seconds=0,
        )
        with pytest.raises(StoreUnavailable):
            await build_store(settings).check()
        assert len(between.asked) == 1


def test_every_kind_of_object_store_waits_as_long_as_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_NAME", "account")
    patience = Patience(connect_seconds=1, request_seconds=2, retry_seconds=0)
    for store in (
        ObjectStore.s3("claims", region="us-east-1", patience=patience),
        ObjectStore.gcs("claims", patience=patience),
        ObjectStore.azure("claims", patience=patience),
    ):
        client: Any = store._client
        assert client.client_options["connect_timeout"] == "1s"
        assert client.client_options["read_timeout"] == "2s"
        assert client.retry_config["max_retries"] == 0


@pytest.mark.parametrize("wrong", [{"connect_seconds": 0}, {"retry_seconds": -1}])
def test_patience_is_checked(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="retry_seconds"):
        Patience(**wrong)


async def test_r2_settings_of_the_seed_open_a_store(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("R2_BUCKET", s3.bucket)
    monkeypatch.setenv("R2_ENDPOINT", s3.endpoint)
    monkeypatch.setenv("R2_ACCESS_KEY_ID", s3.access_key_id)
    monkeypatch.setenv("R2_SECRET_ACCESS_KEY", s3.secret_access_key)
    payload = Payload(metadata={"encoding": b"binary/plain"}, data=bytes(100_000))
    async with ClaimCheckManager.open(cache_bytes=0) as manager:
        stored = await manager.maybe_offload(payload)
        assert stored != payload
        assert await manager.maybe_retrieve(stored) == payload


async def test_s3_url_takes_credentials_from_the_environment(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.endpoint)
    monkeypatch.setenv("AWS_ALLOW_HTTP", "true")
    async with ClaimCheckManager.open(f"s3://{s3.bucket}/by/url") as manager:
        assert (await manager.health()).ok
        claim = await manager.offload(Payload(data=b"small"))
        found = [blob.key async for blob in open_store(s3, "by/url").scan("v1/")]
        assert found == [claim.key]


@pytest.mark.parametrize("url", ["s3://", "s3:///prefix", "s3://bucket?x=1"])
def test_url_without_a_bucket_is_refused(url: str) -> None:
    with pytest.raises(InvalidSettings, match="bucket/prefix"):
        ClaimCheckManager.open(url)


def test_r2_without_its_endpoint_says_what_to_set() -> None:
    with pytest.raises(InvalidSettings, match="R2_ENDPOINT"):
        ClaimCheckManager.open("r2://bucket")
