"""What goes wrong with stores, on real servers."""

import datetime as dt
import sys
from collections.abc import AsyncGenerator

import pytest
from aiohttp import web
from temporalio.api.common.v1 import Payload

from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.testing.certificates import make_certificate
from temporal_claimcheck.testing.redis_servers import (
    find_redis_with_tls,
    redis_tls_server,
    to_redis,
)
from temporal_claimcheck.testing.servers import ProgramMissing, free_ports, rclone_s3
from temporal_claimcheck.transforms.encryption import EncryptionKey
from tests.doctor.bench import Bench, fault
from tests.stores.go_between import go_between, s3_error

MIB = 1024**2
DELETED = "<DeleteResult><Deleted><Key>all</Key></Deleted></DeleteResult>"


@fault("store-unreachable", "Check host and port")
async def an_s3_server_that_is_down(bench: Bench) -> AsyncGenerator[None]:
    bench.set(CLAIMCHECK_S3_ENDPOINT=f"http://127.0.0.1:{free_ports(1)[0]}")
    yield


@fault("store-missing", "Create it")
async def a_bucket_that_is_not_there(bench: Bench) -> AsyncGenerator[None]:
    bench.use("s3://no-such-bucket/prod")
    yield


@fault("store-denied", "Correct or renew the credentials")
async def a_wrong_secret_of_s3(bench: Bench) -> AsyncGenerator[None]:
    bench.set(AWS_SECRET_ACCESS_KEY="another")
    yield


@fault("store-denied", "Workers need to read and to write")
async def a_credential_that_only_reads(bench: Bench) -> AsyncGenerator[None]:
    bench.use_s3(bench.s3, identity="reader")
    yield


@fault("store-list-denied", "s3:ListBucket")
async def a_credential_that_may_not_list(bench: Bench) -> AsyncGenerator[None]:
    bench.use_s3(bench.s3, identity="narrow")
    yield


@fault("store-delete-denied", "s3:DeleteObject")
async def a_credential_that_may_not_delete(bench: Bench) -> AsyncGenerator[None]:
    async def refuse(request: web.Request) -> web.Response | None:
        deletes = request.method == "DELETE" or "delete" in request.query
        return s3_error(403, "AccessDenied") if deletes else None

    async with go_between(bench.s3, before=refuse) as between:
        bench.set(CLAIMCHECK_S3_ENDPOINT=between.endpoint)
        yield


@fault("store-changes-bytes", "Find out what changes them")
async def a_store_that_gives_back_something_else(bench: Bench) -> AsyncGenerator[None]:
    def change(request: web.Request, answer: web.Response) -> web.Response:
        body = answer.body
        if request.method == "GET" and "/doctor/" in request.path and isinstance(body, bytes):
            answer.body = body[:-1] + b"?"
        return answer

    async with go_between(bench.s3, after=change) as between:
        bench.set(CLAIMCHECK_S3_ENDPOINT=between.endpoint)
        yield


@fault("store-failed", "Look for a cache in front of the store")
async def a_store_that_only_says_that_it_deletes(bench: Bench) -> AsyncGenerator[None]:
    async def pretend(request: web.Request) -> web.Response | None:
        if request.method == "DELETE":
            return web.Response(status=204)
        if "delete" in request.query:
            return web.Response(text=DELETED, content_type="application/xml")
        return None

    async with go_between(bench.s3, before=pretend) as between:
        bench.set(CLAIMCHECK_S3_ENDPOINT=between.endpoint)
        yield


@fault("store-tls", "CLAIMCHECK_S3_CA_FILE")
async def an_s3_certificate_of_an_unknown_authority(bench: Bench) -> AsyncGenerator[None]:
    ca, certificate = make_certificate(bench.folder)
    async with rclone_s3(bench.folder, bucket="claims", ca=ca, certificate=certificate) as server:
        bench.use_s3(server)
        yield


@fault("store-tls", "speaks TLS on this port")
async def https_to_a_server_that_speaks_http(bench: Bench) -> AsyncGenerator[None]:
    bench.set(CLAIMCHECK_S3_ENDPOINT=bench.s3.endpoint.replace("http:", "https:"))
    yield


@fault("redis-unsafe", "maxmemory-policy noeviction")
async def a_redis_that_evicts(bench: Bench) -> AsyncGenerator[None]:
    async with bench.redis("--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"):
        yield


@fault("redis-unsafe", "appendonly yes")
async def a_redis_that_writes_nothing_to_disk(bench: Bench) -> AsyncGenerator[None]:
    async with bench.redis("--appendonly", "no", "--save", ""):
        yield


@fault("redis-doubtful", "appendonly yes")
async def a_redis_with_snapshots_only(bench: Bench) -> AsyncGenerator[None]:
    async with bench.redis("--appendonly", "no", "--save", "3600", "1"):
        yield


@fault("redis-loss-accepted", "Unset it where workflows matter")
async def a_loss_that_somebody_accepted(bench: Bench) -> AsyncGenerator[None]:
    async with bench.redis():
        bench.set(CLAIMCHECK_REDIS_MAY_LOSE_PAYLOADS="true")
        yield


@fault("redis-nearly-full", "Raise maxmemory")
async def a_redis_that_is_nearly_full(bench: Bench) -> AsyncGenerator[None]:
    async with bench.redis("--maxmemory", "16mb") as server:
        async with to_redis(server) as client:
            for number in range(14):
                await client.set(f"ballast-{number}", bytes(MIB))
        yield


@fault("store-full", "Raise maxmemory")
async def a_redis_that_is_full(bench: Bench) -> AsyncGenerator[None]:
    async with bench.redis("--maxmemory", "64mb") as server:
        async with to_redis(server) as client:
            await client.set("ballast", bytes(8 * MIB))
            await client.config_set("maxmemory", 4 * MIB)
        yield


@fault("store-denied", "Check the user, the password and the ACL")
async def a_wrong_password_of_redis(bench: Bench) -> AsyncGenerator[None]:
    async with bench.redis("--requirepass", "right") as server:
        bench.use(f"redis://:wrong@127.0.0.1:{server.port}/0")
        yield


@fault("store-unreachable", "whether it runs")
async def a_redis_that_stopped(bench: Bench) -> AsyncGenerator[None]:
    async with bench.redis() as server:
        server.kill()
        await server.process.wait()
        yield


@fault("store-unreachable", "the network from this machine")
async def a_redis_that_hangs(bench: Bench) -> AsyncGenerator[None]:
    async with bench.redis() as server:
        server.pause()
        bench.asked["seconds"] = 12.0
        yield


@fault("store-tls", "CLAIMCHECK_REDIS_CA_FILE")
async def a_redis_certificate_of_another_authority(bench: Bench) -> AsyncGenerator[None]:
    try:
        find_redis_with_tls()
    except ProgramMissing as missing:
        pytest.skip(str(missing))
    (other := bench.folder / "other").mkdir()
    wrong, _ = make_certificate(other)
    ca, certificate = make_certificate(bench.folder)
    async with redis_tls_server(
        bench.folder, ca=ca, certificate=certificate, arguments=("--appendonly", "yes")
    ) as server:
        bench.use(f"rediss://127.0.0.1:{server.port}/0")
        bench.set(CLAIMCHECK_REDIS_CA_FILE=wrong)
        yield


@fault("store-denied", "read and write permission there")
async def a_folder_where_nobody_may_write(bench: Bench) -> AsyncGenerator[None]:
    if sys.platform != "linux":
        pytest.skip("only Linux has a folder where not even root may write")
    bench.use("file:///sys/kernel/claims")
    yield


@fault("folder-temporary", "/var/lib/claims")
async def a_folder_that_is_cleaned_up(bench: Bench) -> AsyncGenerator[None]:
    bench.environ.setattr("tempfile.tempdir", str(bench.folder))
    bench.use(f"file://{bench.folder}/claims")
    yield


@fault("folder-nearly-full", "claimcheck gc")
async def a_disk_that_is_nearly_full(bench: Bench) -> AsyncGenerator[None]:
    bench.use(f"file://{bench.folder}/claims")
    bench.asked["least_free_share"] = 1.0
    yield


@fault("store-in-memory", "for tests alone")
async def a_store_that_nobody_else_sees(bench: Bench) -> AsyncGenerator[None]:
    bench.use("memory://")
    yield


@fault("clock-off", "NTP")
async def a_clock_that_is_two_minutes_late(bench: Bench) -> AsyncGenerator[None]:
    bench.asked["clock"] = lambda: utc_now() - dt.timedelta(minutes=2)
    yield


@fault("clock-wrong", "the day in an object's key")
async def a_clock_that_is_an_hour_ahead(bench: Bench) -> AsyncGenerator[None]:
    bench.asked["clock"] = lambda: utc_now() + dt.timedelta(hours=1)
    yield


@fault("clock-wrong", "NTP")
async def a_clock_that_differs_from_redis(bench: Bench) -> AsyncGenerator[None]:
    bench.set(TEMPORAL_ADDRESS=bench.temporal)
    async with bench.redis():
        bench.asked["clock"] = lambda: utc_now() + dt.timedelta(hours=1)
        yield


@fault("keys-exposed", "chmod 600")
async def a_file_of_keys_that_others_may_read(bench: Bench) -> AsyncGenerator[None]:
    file = bench.folder / "keys"
    file.write_text(EncryptionKey.generate().dump())
    file.chmod(0o644)
    bench.set(CLAIMCHECK_ENCRYPTION_KEYS_FILE=file)
    yield


@fault("key-missing", "Put that key behind the newest")
async def objects_of_a_key_that_was_taken_away(bench: Bench) -> AsyncGenerator[None]:
    bench.set(CLAIMCHECK_ENCRYPTION_KEYS=EncryptionKey.generate().dump())
    async with bench.manager() as manager:
        await manager.offload(Payload(data=b"nobody reads this any more"))
    bench.set(CLAIMCHECK_ENCRYPTION_KEYS=EncryptionKey.generate().dump())
    yield


@fault("key-missing", "CLAIMCHECK_ENCRYPTION_KEYS")
async def keys_that_were_forgotten(bench: Bench) -> AsyncGenerator[None]:
    bench.set(CLAIMCHECK_ENCRYPTION_KEYS=EncryptionKey.generate().dump())
    async with bench.manager() as manager:
        await manager.offload(Payload(data=b"nobody reads this any more"))
    bench.environ.delenv("CLAIMCHECK_ENCRYPTION_KEYS")
    yield


@fault("object-damaged", "claimcheck verify")
async def an_object_that_was_changed(bench: Bench) -> AsyncGenerator[None]:
    bench.use(f"file://{bench.folder}/claims")
    async with bench.manager() as manager:
        claim = await manager.offload(Payload(data=b"right"))
    file = bench.folder / "claims" / claim.key
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    yield
