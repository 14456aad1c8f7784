"""`claimcheck serve` as people run it: a process that is started, asked and stopped."""

import asyncio
import datetime as dt
import json
import signal
import socket
import ssl
import stat
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from temporal_claimcheck.payloads import is_claim_payload
from temporal_claimcheck.server.listening import listen
from temporal_claimcheck.server.settings import ServerSettings
from temporal_claimcheck.testing.certificates import make_certificate
from tests.server.commands import Command, refused_command, serve_command
from tests.server.serving import body_of, json_payload, payloads_of

TOKEN = "0123456789abcdef"
LARGE = json_payload(json.dumps("large " * 30_000))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "claims"


async def healthy(url: str) -> bool:
    async with httpx.AsyncClient() as http:
        return (await http.get(f"{url}/healthz")).status_code == 200


# Where it serves.


async def test_it_says_where_it_serves_what_to_whom_and_how_to_use_it(store: Path) -> None:
    async with serve_command(store=store) as command:
        assert await healthy(command.url)
        code, log = await command.stop()
    assert command.introduction == (
        f"Serving file://{store} at {command.url}, to nobody outside of this machine."
    )
    assert command.further == [
        f"Web UI: temporal server start-dev --ui-codec-endpoint {command.url}"
    ]
    assert urlsplit(command.url).hostname == "127.0.0.1"
    assert code == 0
    assert [line["path"] for line in log] == ["/healthz"]


async def test_payloads_go_there_and_back(store: Path) -> None:
    async with serve_command(store=store) as command, httpx.AsyncClient() as http:
        encoded = await http.post(f"{command.url}/encode", json=body_of([LARGE]))
        [claim] = payloads_of(encoded.json())
        assert is_claim_payload(claim)
        decoded = await http.post(f"{command.url}/decode", json=encoded.json())
        assert payloads_of(decoded.json()) == [LARGE]
        metrics = (await http.get(f"{command.url}/metrics")).text
        assert "claimcheck_offload_total" in metrics


async def test_another_address_of_this_machine_will_do(store: Path) -> None:
    async with serve_command("--host", "::1", store=store) as command:
        assert command.url.startswith("http://[::1]:")
        assert await healthy(command.url)


def test_the_second_part_of_an_answer_does_not_wait_for_the_first() -> None:
    with (
        listen(ServerSettings(port=0)) as listening,
        socket.create_connection(listening.getsockname()),
    ):
        accepted, _ = listening.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


async def test_a_public_address_needs_authentication(store: Path) -> None:
    code, said = await refused_command("--host", "0.0.0.0", store=store)  # noqa: S104 - is refused
    assert code == 2
    assert said.startswith("claimcheck: [invalid-settings] ")
    assert said.count("\n") == 1
    assert "CLAIMCHECK_SERVER_TOKENS" in said


async def test_with_authentication_a_public_address_is_served(store: Path) -> None:
    more = {"CLAIMCHECK_SERVER_TOKENS": f"*={TOKEN}", "CLAIMCHECK_SERVER_HOST": "0.0.0.0"}  # noqa: S104
    async with serve_command(store=store, **more) as command, httpx.AsyncClient() as http:
        assert command.introduction.endswith("to holders of a static token.")
        url = command.url.replace("0.0.0.0", "127.0.0.1")  # noqa: S104
        headers = {"Authorization": f"Bearer {TOKEN}"}
        assert (await http.post(f"{url}/decode", json={})).status_code == 401
        assert (await http.post(f"{url}/decode", json={}, headers=headers)).status_code == 200
        _, log = await command.stop()
        # This address is none that a browser could be given.
        assert command.further == []
        assert TOKEN not in json.dumps(log)
        assert [line["caller"] for line in log] == [None, "token-1"]


async def test_a_place_that_is_taken_is_one_line(store: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        code, said = await refused_command("--port", port, store=store)
    assert code == 2
    assert said.count("\n") == 1
    assert port in said


async def test_a_store_that_is_not_set_is_one_line(tmp_path: Path) -> None:
    code, said = await refused_command(store=tmp_path, CLAIMCHECK_STORE="")
    assert code == 2
    assert said.count("\n") == 1
    assert "CLAIMCHECK_STORE" in said


# TLS.


async def test_it_speaks_tls_with_the_certificate_it_is_given(store: Path, tmp_path: Path) -> None:
    ca, certificate = make_certificate(tmp_path)
    more = {
        "CLAIMCHECK_SERVER_TLS_CERTIFICATE_FILE": str(certificate),
        "CLAIMCHECK_SERVER_TLS_KEY_FILE": str(certificate),
    }
    trusting = ssl.create_default_context(cafile=ca)
    async with (
        serve_command(store=store, **more) as command,
        httpx.AsyncClient(verify=trusting) as http,
    ):
        assert command.url.startswith("https://127.0.0.1:")
        assert (await http.get(f"{command.url}/healthz")).status_code == 200
        with pytest.raises(httpx.TransportError):
            await http.get(f"{command.url}/healthz".replace("https", "http"))


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_certificate_that_is_none_is_one_line(
    content: str | None, store: Path, tmp_path: Path
) -> None:
    file = tmp_path / "tls.pem"
    if content is not None:
        file.write_text(content)
    more = {
        "CLAIMCHECK_SERVER_TLS_CERTIFICATE_FILE": str(file),
        "CLAIMCHECK_SERVER_TLS_KEY_FILE": str(file),
    }
    code, said = await refused_command(store=store, **more)
    assert code == 2
    assert said.count("\n") == 1
    assert "CLAIMCHECK_SERVER_TLS_KEY_FILE" in said


# A socket file.


async def test_a_socket_file_is_its_users_alone_and_goes_away(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "claims.sock"
    async with serve_command("--unix-socket", str(file), store=store) as command:
        assert str(file) in command.introduction
        assert not file.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        transport = httpx.AsyncHTTPTransport(uds=str(file))
        async with httpx.AsyncClient(transport=transport) as http:
            assert (await http.get("http://localhost/readyz")).status_code == 200
        code, _ = await command.stop()
    assert code == 0
    assert not file.exists()


async def test_a_socket_file_of_a_server_that_died_is_no_hindrance(
    store: Path, tmp_path: Path
) -> None:
    file = tmp_path / "claims.sock"
    async with serve_command("--unix-socket", str(file), store=store) as command:
        await command.stop(signal.SIGKILL)
    assert file.exists()
    async with serve_command("--unix-socket", str(file), store=store):
        # Of one that lives it is.
        code, said = await refused_command("--unix-socket", str(file), store=store)
        assert code == 2
        assert "in use" in said


async def test_another_file_is_never_taken_away(store: Path, tmp_path: Path) -> None:
    file = tmp_path / "notes"
    file.write_text("keep me")
    code, _ = await refused_command("--unix-socket", str(file), store=store)
    assert code == 2
    assert file.read_text() == "keep me"


# Behind a proxy.


async def test_links_name_the_path_under_which_a_proxy_serves_it(store: Path) -> None:
    async with (
        serve_command("--root-path", "/codec", store=store) as command,
        httpx.AsyncClient(base_url=command.url) as http,
    ):
        encoded = await http.post("/encode", json=body_of([LARGE]))
        # A proxy on this machine says how it was reached itself.
        headers = {"X-Forwarded-Proto": "https", "Host": "localhost"}
        answer = await http.post("/preview/decode", json=encoded.json(), headers=headers)
        [described] = payloads_of(answer.json())
        assert "View at: https://localhost/codec/view/v1/default/" in json.loads(described.data)


async def test_health_gets_past_the_ones_that_wait_behind_a_proxy_too(store: Path) -> None:
    more = {"CLAIMCHECK_SERVER_MAX_REQUESTS": "1"}
    async with serve_command("--root-path", "/codec", store=store, **more) as command:
        _, writer = await begin_request(command)
        assert await healthy(command.url)
        writer.close()


# Stopping.


async def begin_request(command: Command) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send a request whose body is awaited; return when the server works on it."""
    reader, writer = await asyncio.open_connection("127.0.0.1", urlsplit(command.url).port)
    writer.write(
        b"POST /decode HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
        b"Content-Length: 15\r\n\r\n"
    )
    # Sent when the application asks for the body.
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")
    return reader, writer


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_running_request_is_finished_before_it_stops(
    number: signal.Signals, store: Path
) -> None:
    async with serve_command(store=store) as command:
        reader, writer = await begin_request(command)
        command.process.send_signal(number)
        while not await refuses_connections(command):
            await asyncio.sleep(0.05)
        writer.write(b'{"payloads":[]}')
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert answer.endswith(b'{"payloads":[]}')
        writer.close()
        code, log = await command.ended()
    assert code == 0
    assert [(line["path"], line["status"]) for line in log] == [("/decode", 200)]


async def refuses_connections(command: Command) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", urlsplit(command.url).port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


async def test_a_request_that_never_ends_does_not_keep_it_from_stopping(store: Path) -> None:
    async with serve_command(store=store, CLAIMCHECK_SERVER_REQUEST_SECONDS="0.5") as command:
        _, writer = await begin_request(command)
        code, log = await command.stop()
        writer.close()
    assert code == 0
    assert [line["status"] for line in log if line.get("path")] == [504]


# Its log.


async def test_its_log_is_a_json_line_a_request(store: Path) -> None:
    async with serve_command(store=store) as command, httpx.AsyncClient() as http:
        await http.post(f"{command.url}/decode?secret=1", json=body_of([json_payload('"content"')]))
        await http.get(f"{command.url}/nothing")
        _, log = await command.stop()
    assert [(line["method"], line["path"], line["status"]) for line in log] == [
        ("POST", "/decode", 200),
        ("GET", "/nothing", 404),
    ]
    for line in log:
        assert line["level"] == "info"
        assert dt.datetime.fromisoformat(line["time"]).tzinfo == dt.UTC
        assert line["client"] == "127.0.0.1"
    assert "secret" not in json.dumps(log)


async def test_what_else_it_logs_is_json_as_well(store: Path) -> None:
    async with serve_command(store=store, CLAIMCHECK_SERVER_TOKENZ=TOKEN) as command:
        _, [line] = await command.stop()
    assert line["level"] == "warning"
    assert "CLAIMCHECK_SERVER_TOKENZ" in line["message"]
    assert TOKEN not in json.dumps(line)


# Its settings.


async def test_the_file_and_then_the_environment_and_then_options_set_it(
    store: Path, tmp_path: Path
) -> None:
    file = tmp_path / "claimcheck.toml"
    file.write_text(
        "threshold_bytes = 7\n[server]\nmax_payloads = 1\nmax_body_bytes = 300\nport = 1\n"
    )
    more = {"CLAIMCHECK_CONFIG": str(file), "CLAIMCHECK_SERVER_MAX_PAYLOADS": "2"}
    async with (
        serve_command(store=store, **more) as command,
        httpx.AsyncClient(base_url=command.url) as http,
    ):
        small = body_of([json_payload('"small"')])
        [encoded] = payloads_of((await http.post("/encode", json=small)).json())
        assert is_claim_payload(encoded)
        answers = [await http.post("/decode", json={"payloads": [{}] * n}) for n in (2, 3)]
        assert [answer.status_code for answer in answers] == [200, 413]
        assert (await http.post("/decode", content=b" " * 301)).status_code == 413
