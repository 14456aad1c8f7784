"""A proxy in front of the codec server, as people set them up."""

import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from aiohttp import ClientSession, web

from temporal_claimcheck.testing.servers import free_ports


def _nothing(answer: web.Response) -> None:
    del answer


@asynccontextmanager
async def proxy(
    url: str,
    *,
    change: Callable[[web.Response], None] = _nothing,
    tls: ssl.SSLContext | None = None,
) -> AsyncGenerator[int]:
    """Pass requests on under the server's own name; yield the port."""
    (port,) = free_ports(1)
    dropped = {"host", "content-length", "transfer-encoding", "connection"}

    async def handle(request: web.Request) -> web.Response:
        headers = {k: v for k, v in request.headers.items() if k.lower() not in dropped}
        async with (
            ClientSession() as session,
            session.request(
                request.method,
                f"{url}{request.rel_url}",
                data=await request.read() or None,
                headers=headers,
            ) as answer,
        ):
            kept = {k: v for k, v in answer.headers.items() if k.lower() not in dropped}
            passed = web.Response(status=answer.status, body=await answer.read(), headers=kept)
        change(passed)
        return passed

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls).start()
        yield port
    finally:
        await runner.cleanup()
