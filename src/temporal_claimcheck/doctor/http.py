"""One HTTP request, with the standard library: the doctor needs no client of its own."""

import http.client
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from temporal_claimcheck.threads import Threads

__all__ = ["Answer", "ask"]

_LONGEST: Final = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a server answered."""

    status: int
    headers: Mapping[str, str]
    """Names in small letters."""
    body: bytes
    """Its first 64 KiB."""


async def ask(
    method: str,
    url: str,
    *,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
    seconds: float,
) -> Answer:
    """Send a request; follow no redirect. Raises OSError, or http.client.HTTPException."""
    # Not the event loop's own threads: the loop waits for those before it ends, and whoever
    # presses Ctrl-C would wait for a server that is silent.
    threads = Threads(1, name="claimcheck-doctor")
    try:
        return await threads.run(_ask, method, url, dict(headers or {}), body, seconds)
    finally:
        threads.release()


def _ask(
    method: str, url: str, headers: dict[str, str], body: bytes | None, seconds: float
) -> Answer:
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "https":
        connection = http.client.HTTPSConnection(
            host, port, timeout=seconds, context=ssl.create_default_context()
        )
    else:
        connection = http.client.HTTPConnection(host, port, timeout=seconds)
    target = parts.path or "/"
    try:
        connection.request(
            method, f"{target}?{parts.query}" if parts.query else target, body, headers
        )
        answer = connection.getresponse()
        return Answer(
            status=answer.status,
            headers={name.lower(): value for name, value in answer.getheaders()},
            body=answer.read(_LONGEST),
        )
    finally:
        connection.close()
