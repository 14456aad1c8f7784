"""What goes wrong between the store and Temporal, and with the codec server."""

import importlib
import ssl
import uuid
from collections.abc import AsyncGenerator
from typing import Any

from aiohttp import web
from temporalio.api.common.v1 import Payload
from temporalio.client import Client

from temporal_claimcheck.registry import Registered
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.testing.certificates import make_certificate
from temporal_claimcheck.testing.servers import free_ports
from tests.doctor.bench import Bench, fault
from tests.doctor.proxies import proxy
from tests.doctor.strangers import refusing_grpc
from tests.server.serving import serving
from tests.temporal.waiting import eventually

UI = "http://localhost:8233"
# An address of this machine that looks to the doctor like that of another.
ELSEWHERE = "0.0.0.0"  # noqa: S104  # nothing binds to it
OTHER_ID = "11111111-aaaa-bbbb-cccc-222222222222"


@fault("temporal-unreachable", "Set TEMPORAL_ADDRESS")
async def a_temporal_that_is_down(bench: Bench) -> AsyncGenerator[None]:
    bench.set(TEMPORAL_ADDRESS=f"127.0.0.1:{free_ports(1)[0]}")
    yield


@fault("temporal-tls", "TEMPORAL_TLS=true")
async def tls_to_a_temporal_without(bench: Bench) -> AsyncGenerator[None]:
    bench.set(TEMPORAL_TLS="true")
    yield


@fault("temporal-denied", "TEMPORAL_API_KEY")
async def a_temporal_that_does_not_know_the_caller(bench: Bench) -> AsyncGenerator[None]:
    async with refusing_grpc() as port:
        bench.set(TEMPORAL_ADDRESS=f"127.0.0.1:{port}")
        yield


@fault("namespace-missing", "temporal operator namespace create --namespace orders")
async def a_namespace_that_is_not_there(bench: Bench) -> AsyncGenerator[None]:
    bench.set(TEMPORAL_NAMESPACE="orders")
    yield


@fault("temporal-settings-invalid", "temporal config list")
async def a_profile_that_is_not_there(bench: Bench) -> AsyncGenerator[None]:
    file = bench.folder / "temporal.toml"
    file.write_text(f'[profile.default]\naddress = "{bench.temporal}"\n')
    bench.set(TEMPORAL_CONFIG_FILE=file)
    bench.asked["profiles"] = ("production",)
    yield


@fault("writer-elsewhere", f"claimcheck gc --retire-namespace default:{OTHER_ID}")
async def another_cluster_that_uses_the_store(bench: Bench) -> AsyncGenerator[None]:
    await _register(bench, Registered(namespace="default", namespace_id=OTHER_ID))
    yield


@fault("writer-unknown", "Name its cluster too (--profile)")
async def a_writer_that_is_on_no_cluster(bench: Bench) -> AsyncGenerator[None]:
    await _register(bench, Registered(namespace="billing", namespace_id=None))
    yield


async def _register(bench: Bench, entry: Registered) -> None:
    async with bench.manager() as manager:
        await manager.ledger.write(entry.record, {"since": "2026-11-22"})


@fault("expiry-too-short", "claimcheck lifecycle apply")
async def a_rule_that_expires_what_is_needed(bench: Bench) -> AsyncGenerator[None]:
    rule = {
        "ID": "theirs",
        "Status": "Enabled",
        "Filter": {"Prefix": f"{bench.prefix}/v1/"},
        "Expiration": {"Days": 1},
    }
    client: Any = (
        importlib.import_module("boto3.session")
        .Session()
        .client("s3", endpoint_url=bench.s3.endpoint, region_name="us-east-1")
    )
    client.put_bucket_lifecycle_configuration(
        Bucket="claims", LifecycleConfiguration={"Rules": [rule]}
    )
    try:
        yield
    finally:
        rule["Status"] = "Disabled"
        client.put_bucket_lifecycle_configuration(
            Bucket="claims", LifecycleConfiguration={"Rules": [rule]}
        )


@fault("expiry-too-short", "Set CLAIMCHECK_TTL_DAYS")
async def an_expiry_of_redis_that_is_too_short(bench: Bench) -> AsyncGenerator[None]:
    async with bench.redis():
        bench.set(CLAIMCHECK_TTL_DAYS=1)
        yield


@fault("expiry-too-short", "take it off with PERSIST")
async def objects_that_an_old_setting_expires(bench: Bench) -> AsyncGenerator[None]:
    async with bench.redis():
        bench.set(CLAIMCHECK_TTL_DAYS=1)
        async with bench.manager() as manager:
            await manager.offload(Payload(data=b"stored for a day"))
        bench.environ.delenv("CLAIMCHECK_TTL_DAYS")
        yield


@fault("expiry-unproven", "--runs-end-within")
async def an_expiry_beside_runs_without_an_end(bench: Bench) -> AsyncGenerator[None]:
    client = await Client.connect(bench.temporal)
    run = await client.start_workflow("Endless", id=f"run-{uuid.uuid4()}", task_queue="nobody")

    async def is_listed() -> bool:
        return (await client.count_workflows(f'WorkflowId = "{run.id}"')).count == 1

    await eventually(is_listed)
    async with bench.redis():
        bench.set(CLAIMCHECK_TTL_DAYS=3650)
        yield
    await run.terminate()


@fault("codec-unreachable", "claimcheck serve")
async def a_codec_server_that_is_down(bench: Bench) -> AsyncGenerator[None]:
    bench.asked["codec_endpoint"] = f"http://127.0.0.1:{free_ports(1)[0]}"
    yield


@fault("cors-wrong", "Add https://temporal.example.com to CLAIMCHECK_SERVER_CORS_ORIGINS")
async def a_codec_server_that_does_not_know_the_web_ui(bench: Bench) -> AsyncGenerator[None]:
    async with serving() as served:
        bench.asked["codec_endpoint"] = served.url
        bench.asked["web_ui_origin"] = "https://temporal.example.com"
        yield


@fault("cors-wrong", "Access-Control-Allow-Headers")
async def a_proxy_that_forbids_what_the_web_ui_sends(bench: Bench) -> AsyncGenerator[None]:
    def forbid(answer: web.Response) -> None:
        answer.headers["Access-Control-Allow-Headers"] = "Content-Type"

    async with serving() as served, proxy(served.url, change=forbid) as port:
        bench.asked["codec_endpoint"] = f"http://127.0.0.1:{port}"
        bench.asked["web_ui_origin"] = UI
        yield


@fault("codec-is-another", "Correct --codec-endpoint")
async def an_endpoint_that_is_something_else(bench: Bench) -> AsyncGenerator[None]:
    bench.asked["codec_endpoint"] = bench.s3.endpoint
    yield


@fault("codec-is-another", "the path that a proxy adds")
async def an_endpoint_with_a_path_too_much(bench: Bench) -> AsyncGenerator[None]:
    async with serving() as served:
        bench.asked["codec_endpoint"] = f"{served.url}/codec"
        yield


@fault("codec-not-ready", "Run claimcheck doctor where that server runs")
async def a_codec_server_without_its_store(bench: Bench) -> AsyncGenerator[None]:
    (bench.folder / "file").write_text("no folder")
    async with serving(store=FileSystemStore(bench.folder / "file" / "claims")) as served:
        bench.asked["codec_endpoint"] = served.url
        yield


@fault("codec-open", "CLAIMCHECK_SERVER_TOKENS")
async def a_proxy_that_opens_the_codec_server_to_all(bench: Bench) -> AsyncGenerator[None]:
    async with serving() as served, proxy(served.url) as port:
        bench.asked["codec_endpoint"] = f"http://{ELSEWHERE}:{port}"
        yield


@fault("codec-blocked", "Serve it by https")
async def a_web_ui_by_https_and_a_codec_server_by_http(bench: Bench) -> AsyncGenerator[None]:
    settings = {"tokens": "*=a-token-of-this-test"}
    async with serving(settings=settings) as served:
        bench.asked["codec_endpoint"] = served.url.replace("127.0.0.1", ELSEWHERE)
        bench.asked["web_ui_origin"] = "https://temporal.example.com"
        yield


@fault("codec-tls", "SSL_CERT_FILE")
async def a_codec_server_with_a_certificate_of_its_own(bench: Bench) -> AsyncGenerator[None]:
    _, certificate = make_certificate(bench.folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    async with serving() as served, proxy(served.url, tls=context) as port:
        bench.asked["codec_endpoint"] = f"https://127.0.0.1:{port}"
        yield
