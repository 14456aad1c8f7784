"""A real server's answers, changed on the way: what other servers say, and when."""

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import ClientSession, web
from yarl import URL

from temporal_claimcheck.testing.servers import S3Server, free_ports

Rule = Callable[[web.Request], Awaitable[web.StreamResponse | None]]
"""Answers a request itself, or returns None to let the real server answer."""

AfterRule = Callable[[web.Request, web.Response], web.Response]
"""Changes the real server's answer."""


@dataclass(slots=True, kw_only=True)
class GoBetween:
    """Stands before a server, and remembers what was asked."""

    endpoint: str
    asked: list[web.Request] = field(default_factory=list[web.Request])

    def count(self, method: str) -> int:
        return sum(request.method == method for request in self.asked)


def unchanged(request: web.Request, answer: web.Response) -> web.Response:
    del request
    return answer


async def no_rule(request: web.Request) -> None:
    del request


@asynccontextmanager
async def go_between(
    server: S3Server,
    *,
    before: Rule = no_rule,
    after: AfterRule = unchanged,
    tls: ssl.SSLContext | None = None,
) -> AsyncGenerator[GoBetween]:
    (port,) = free_ports(1)
    scheme = "http" if tls is None else "https"
    seen = GoBetween(endpoint=f"{scheme}://127.0.0.1:{port}")

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.asked.append(request)
        answer = await before(request)
        return answer or after(request, await _ask(server, request))

    app = web.Application(client_max_size=2**30)
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
        yield seen
    finally:
        await runner.cleanup()


async def _ask(server: S3Server, request: web.Request) -> web.Response:
    # With path and Host as they came, the signature stays right.
    url = URL(f"{server.endpoint}{request.raw_path}", encoded=True)
    body = await request.read()
    async with (
        ClientSession(auto_decompress=False) as session,
        session.request(
            request.method, url, data=body or None, headers=_kept(request.headers)
        ) as answer,
    ):
        return web.Response(
            status=answer.status, body=await answer.read(), headers=_kept(answer.headers)
        )


def _kept(headers: Any) -> dict[str, str]:
    hop_by_hop = {"connection", "transfer-encoding", "date", "server"}
    return {name: value for name, value in headers.items() if name.lower() not in hop_by_hop}


def s3_error(status: int, code: str) -> web.Response:
    """Answer as S3 does."""
    return web.Response(
        status=status,
        text=f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code></Error>',
        content_type="application/xml",
    )


def whole(request: web.Request, answer: web.Response) -> web.Response:
    """Give the object as a server does that knows no ranges."""
    if "Range" in request.headers and answer.status == 206:
        answer.headers.popall("Content-Range")
        answer.set_status(200)
    return answer
