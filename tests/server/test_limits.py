"""What is too much, too slow, or from elsewhere: refused, and the server goes on."""

import asyncio
import json
import logging
import socket
from collections.abc import AsyncGenerator, AsyncIterator

import pytest
from temporalio.api.common.v1 import Payload

from temporal_claimcheck.claim import Claim
from temporal_claimcheck.envelope import digest_of, seal_envelope
from temporal_claimcheck.ledger import LEDGER_PREFIX
from temporal_claimcheck.payloads import claim_payload, serialize_payload
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.transforms.compression import ZstdCompression
from tests.core.envelopes import envelope, header
from tests.server.serving import Served, body_of, json_payload, serving

SMALL = json_payload('"small"')
UI = "http://localhost:8233"


@pytest.fixture
async def served() -> AsyncGenerator[Served]:
    async with serving(settings={"max_body_bytes": 4_000_000}) as running:
        yield running


def port_of(served: Served) -> int:
    return int(served.url.rsplit(":")[-1])


async def is_well(served: Served) -> bool:
    return await served.convert("/decode", [SMALL]) == [SMALL]


async def zeros(size: int) -> AsyncIterator[bytes]:
    for _ in range(0, size, 65_536):
        yield bytes(65_536)


async def test_a_gigabyte_is_refused_by_what_it_says_of_itself(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(served))
    writer.write(
        b"POST /decode HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1073741824\r\n\r\n" + b"{"
    )
    assert b" 413 " in await reader.readline()
    writer.close()
    assert await is_well(served)


async def test_a_gigabyte_that_does_not_say_so_is_refused_as_well(served: Served) -> None:
    answer = await served.http.post("/decode", content=zeros(16_000_000))
    assert answer.status_code == 413
    assert answer.json()["code"] == "body-too-large"
    assert await is_well(served)


async def test_a_compressed_body_is_refused(served: Served) -> None:
    for encoding in ("gzip", "deflate", "br", "zstd"):
        answer = await served.http.post(
            "/decode", content=b"x", headers={"Content-Encoding": encoding}
        )
        assert answer.status_code == 415


async def test_ten_thousand_payloads_are_too_many(served: Served) -> None:
    answer = await served.post("/decode", {"payloads": [{}] * 10_000})
    assert answer.status_code == 413
    assert answer.json()["code"] == "too-many-payloads"
    assert await is_well(served)


async def test_a_slow_body_is_waited_for_no_longer_than_allowed() -> None:
    async with serving(settings={"request_seconds": 0.5, "max_requests": 1}) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", port_of(served))
        writer.write(b"POST /decode HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99\r\n\r\n{")
        answer = await reader.readuntil(b"request-timeout")
        assert answer.startswith(b"HTTP/1.1 504 ")
        assert await is_well(served)
        writer.close()


async def test_no_more_requests_than_allowed_are_worked_on_at_once() -> None:
    class Gate(MemoryStore):
        def __init__(self) -> None:
            super().__init__()
            self.inside = self.most = 0
            self.opened = asyncio.Event()

        async def put(self, key: str, blob: bytes) -> bool:
            if key.startswith(LEDGER_PREFIX):
                return await super().put(key, blob)
            self.inside += 1
            self.most = max(self.most, self.inside)
            await self.opened.wait()
            self.inside -= 1
            return await super().put(key, blob)

    gate = Gate()
    async with serving(store=gate, settings={"max_requests": 3}) as served:
        asked = [
            asyncio.create_task(
                served.convert("/encode", [json_payload(json.dumps(f"{number} " * 50_000))])
            )
            for number in range(9)
        ]
        while gate.inside < 3:
            await asyncio.sleep(0.01)
        # Health is asked past the ones that wait.
        assert (await served.http.get("/healthz")).status_code == 200
        gate.opened.set()
        await asyncio.gather(*asked)
        assert gate.most == 3


async def test_strangers_who_ask_for_readiness_do_not_each_go_to_the_store() -> None:
    class Counted(MemoryStore):
        checks = 0

        async def check(self) -> None:
            self.checks += 1

    store = Counted()
    async with serving(store=store) as served:
        answers = await asyncio.gather(*(served.http.get("/readyz") for _ in range(20)))
        assert {answer.status_code for answer in answers} == {200}
    assert store.checks < 20


async def test_an_answer_that_would_be_too_large_is_not_begun(served: Served) -> None:
    claims = [
        claim_payload(Claim(key=f"v1/default/2026-11-22/{number:064x}", payload_bytes=1_000_000))
        for number in range(4)
    ]
    for path in ("/decode", "/download"):
        answer = await served.post(path, body_of(claims))
        assert answer.status_code == 413
        assert answer.json()["code"] == "answer-too-large"


async def test_a_decompression_bomb_stays_closed() -> None:
    store = MemoryStore()
    bomb = bytes(500_000_000)
    body = ZstdCompression().apply(bomb)
    data = serialize_payload(SMALL)
    key = f"v1/default/2026-11-22/{digest_of(data)}"
    await store.put(key, envelope(header(compression="zstd", plain_bytes=60_000), body))
    async with serving(store=store) as served:
        claim = Claim(key=key, payload_bytes=60_000)
        answer = await served.post("/decode", body_of([claim_payload(claim)]))
        assert answer.status_code == 502
        assert answer.json()["code"] == "blob-too-large"
        assert await is_well(served)


async def test_a_swapped_object_is_found() -> None:
    store = MemoryStore()
    wanted, other = serialize_payload(SMALL), serialize_payload(Payload(data=b"other"))
    key = f"v1/default/2026-11-22/{digest_of(wanted)}"
    await store.put(key, seal_envelope(other, ZstdCompression()))
    async with serving(store=store) as served:
        claim = Claim(key=key, payload_bytes=len(other))
        answer = await served.post("/decode", body_of([claim_payload(claim)]))
        assert answer.json()["code"] == "digest-mismatch"


# From elsewhere.


async def preflight(served: Served, origin: str) -> dict[str, str]:
    answer = await served.http.options(
        "/decode",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "x-namespace,content-type,authorization,"
            "authorization-extras",
        },
    )
    return dict(answer.headers) | {"status": str(answer.status_code)}


async def test_a_named_origin_may_call_with_credentials() -> None:
    origin = "https://cloud.temporal.io"
    settings = {"tokens": "*=0123456789abcdef", "cors_origins": origin}
    async with serving(settings=settings) as served:
        found = await preflight(served, origin)
        assert found["status"] == "200"
        assert found["access-control-allow-origin"] == origin
        assert found["access-control-allow-credentials"] == "true"
        answer = await served.post("/decode", {}, Origin=origin)
        assert answer.status_code == 401
        assert answer.headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize(
    "origin",
    [
        "https://evil.example",
        "null",
        "https://cloud.temporal.io.evil.example",
        "http://cloud.temporal.io",
        UI,
    ],
)
async def test_a_foreign_origin_may_not(origin: str) -> None:
    settings = {
        "tokens": "*=0123456789abcdef",
        "cors_origins": "https://cloud.temporal.io",
    }
    async with serving(settings=settings) as served:
        found = await preflight(served, origin)
        assert found["status"] == "400"
        assert "access-control-allow-origin" not in found
        answer = await served.post("/decode", {}, Origin=origin)
        assert "access-control-allow-origin" not in answer.headers


async def test_without_authentication_this_machines_pages_may_call(served: Served) -> None:
    assert (await preflight(served, UI))["access-control-allow-origin"] == UI
    for origin in ("https://evil.example", "http://localhost.evil.example", "http://localhost:x"):
        assert "access-control-allow-origin" not in await preflight(served, origin)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost", 200),
        ("localhost:8081", 200),
        ("127.0.0.1:9", 200),
        ("[::1]:8081", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example:8081", 421),
        ("", 421),
    ],
)
async def test_without_authentication_only_local_names_are_answered(
    host: str, status: int, served: Served
) -> None:
    answer = await served.post("/decode", {}, Host=host)
    assert answer.status_code == status


async def test_with_authentication_any_name_will_do() -> None:
    async with serving(settings={"tokens": "*=0123456789abcdef"}) as served:
        headers = {"Host": "claims.example", "Authorization": "Bearer 0123456789abcdef"}
        assert (await served.post("/decode", {}, **headers)).status_code == 200


# What every answer has.


async def test_no_answer_is_cached_or_guessed(served: Served) -> None:
    for answer in (
        await served.post("/decode", body_of([SMALL])),
        await served.post("/decode", []),
        await served.http.get("/nothing"),
    ):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "server" not in answer.headers or "uvicorn" in answer.headers["server"]


async def test_the_access_log_has_a_line_and_no_content(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "temporal_claimcheck.access")
    await served.http.post("/decode?secret=1", json=body_of([json_payload('"the content"')]))
    [record] = [each for each in caplog.records if each.name == "temporal_claimcheck.access"]
    line = json.loads(record.getMessage())
    assert line.pop("seconds") >= 0
    assert line == {
        "method": "POST",
        "path": "/decode",
        "status": 200,
        "caller": "anybody",
        "client": "127.0.0.1",
    }


async def test_metrics_count_requests_and_payloads(served: Served) -> None:
    large = json_payload(json.dumps("large " * 30_000))
    await served.convert("/encode", [large])
    await served.post("/decode", [])
    text = (await served.http.get("/metrics")).text
    assert 'claimcheck_server_requests_total{route="encode",status="200"} 1.0' in text
    assert 'claimcheck_server_requests_total{route="decode",status="400"} 1.0' in text
    assert 'claimcheck_offload_total{outcome="stored"} 1.0' in text


async def test_a_defect_is_a_plain_500_and_the_server_goes_on() -> None:
    class Defect(MemoryStore):
        async def put(self, key: str, blob: bytes) -> bool:
            del key, blob
            raise RuntimeError("the content of a payload")

    async with serving(store=Defect()) as served:
        answer = await served.post("/encode", body_of([json_payload(json.dumps("x" * 99_999))]))
        assert answer.status_code == 500
        assert answer.json()["code"] == "internal-error"
        assert "content" not in answer.text
        assert await is_well(served)


async def test_what_is_no_http_does_not_stop_it(served: Served) -> None:
    port = port_of(served)
    for rubbish in (b"\x16\x03\x01\x02\x00\x01", b"GET / HTTP/9.9\r\n\r\n", b"\0" * 70_000):

        def send(rubbish: bytes = rubbish) -> None:
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                connection.sendall(rubbish)

        await asyncio.to_thread(send)
    assert await is_well(served)


async def test_one_slow_caller_does_not_hold_up_the_others(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port_of(served))
    writer.write(b"POST /decode HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    await writer.drain()
    answers = await asyncio.gather(*(is_well(served) for _ in range(50)))
    assert all(answers)
    writer.close()
    del reader
