"""Nearly right requests against a server that runs: each gets an answer, and none is a 500.

`CLAIMCHECK_TEST_FUZZ_SECONDS` says for how long; a few seconds without it.
"""

import asyncio
import json
import os
import secrets
import socket
import time
from collections import Counter
from collections.abc import Generator, Sequence
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, given, seed, settings

from temporal_claimcheck.transforms.encryption import EncryptionKey
from tests.server.commands import serve_command
from tests.server.fuzz_requests import requests
from tests.server.identity_provider import AUDIENCE, ISSUER, IdentityProvider, identity_provider

SECONDS: Final = float(os.environ.get("CLAIMCHECK_TEST_FUZZ_SECONDS", "4"))
EXAMPLES: Final = 100
TOKEN: Final = "0123456789abcdef"
ANSWERS: Final = frozenset(
    {200, 400, 401, 403, 404, 405, 410, 413, 415, 421, 502, 503}  # and never 500 or 504
)


@pytest.fixture
def provider() -> Generator[IdentityProvider]:
    with identity_provider() as running:
        yield running


@pytest.mark.timeout(SECONDS + 300)
@pytest.mark.parametrize("authenticated", [False, True])
async def test_no_request_brings_a_500(
    authenticated: bool, tmp_path: Path, provider: IdentityProvider
) -> None:
    more = {"CLAIMCHECK_ENCRYPTION_KEYS": EncryptionKey.generate().dump()}
    tokens: list[str] = []
    if authenticated:
        odd: list[Any] = [["default:read", ":", 7, "system:x"], {"default": "read"}, "\0", None]
        exp = int(time.time() + SECONDS) + 300
        signed = [
            provider.token(sub=f"{number}@example.com", exp=exp, permissions=permissions)
            for number, permissions in enumerate(odd)
        ]
        tokens = [TOKEN, TOKEN, TOKEN, *signed]
        more |= {
            "CLAIMCHECK_SERVER_TOKENS": f"*={TOKEN}",
            "CLAIMCHECK_SERVER_JWKS_URL": provider.url,
            "CLAIMCHECK_SERVER_JWT_ISSUER": ISSUER,
            "CLAIMCHECK_SERVER_JWT_AUDIENCE": AUDIENCE,
            "CLAIMCHECK_SERVER_JWT_USERS": "@example.com",
            "CLAIMCHECK_SERVER_CORS_ORIGINS": "http://localhost:8233",
        }
    async with serve_command(store=tmp_path / "claims", **more) as command:
        port = urlsplit(command.url).port
        assert port is not None
        answers = await asyncio.to_thread(fuzz, port, tokens, time.monotonic() + SECONDS / 2)
        code, log = await command.stop()
    print(f"\n{answers.total()} requests: {dict(sorted(answers.items()))}")  # noqa: T201 - with -s
    assert code == 0
    assert answers[200] > 0
    assert [line for line in log if line["level"] == "error"] == []


def fuzz(port: int, tokens: Sequence[str], until: float) -> Counter[int]:
    """Send requests until then; return how often each status was the answer."""
    answers = Counter[int]()

    @settings(
        max_examples=EXAMPLES,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        report_multiple_bugs=False,
    )
    @given(requests(tokens=tokens))
    def send(request: bytes) -> None:
        status, kind, body = exchange(port, request)
        answers[status] += 1
        assert status in ANSWERS, (status, body)
        if status >= 400 and kind == "application/json" and body:
            assert set(json.loads(body)) == {"code", "message", "remedy"}

    # However slow the machine is, some of them must have been answered.
    while time.monotonic() < until or not answers[200]:
        seed(secrets.randbits(64))(send)()
    return answers


def exchange(port: int, request: bytes) -> tuple[int, str | None, bytes]:
    """Return status, content type and body of the answer."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        answer = HTTPResponse(connection, method=request.partition(b" ")[0].decode())
        answer.begin()
        return answer.status, answer.getheader("Content-Type"), answer.read()
