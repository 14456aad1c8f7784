"""What every request passes: limits, headers, one line in the access log.

Plain ASGI, so that it holds for each route alike and costs little.
"""

import asyncio
import json
import logging
import re
import time
from collections.abc import Callable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from temporal_claimcheck.server.refusals import RETRY_AFTER_SECONDS, Refused

__all__ = ["AccessLog", "Guard", "LocalHosts", "SlowRefusals", "read_body", "refusal_response"]

access_log = logging.getLogger("temporal_claimcheck.access")

_LOCAL_HOST: Final = re.compile(r"(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?", re.ASCII)
_HEADERS: Final = {
    # Answers hold decrypted payloads: no cache keeps them, and no browser guesses what they are.
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
}


class Guard:
    """Bounds how many requests are worked on at once and how long each takes."""

    def __init__(
        self, app: ASGIApp, *, max_requests: int, request_seconds: float, exempt: frozenset[str]
    ) -> None:
        """Guard an app; the paths of `exempt` always get through, such as a health check."""
        self._app = app
        self._places = asyncio.Semaphore(max_requests)
        self._seconds = request_seconds
        self._exempt = exempt

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or self._is_exempt(scope):
            await self._app(scope, receive, send)
            return
        began = False

        async def note(message: Message) -> None:
            nonlocal began
            began = True
            await send(message)

        try:
            async with asyncio.timeout(self._seconds), self._places:
                await self._app(scope, receive, note)
        except TimeoutError:
            if began:
                raise
            refused = Refused(
                504,
                "request-timeout",
                f"The request took longer than {self._seconds:g} seconds.",
                remedy="Send less at once, or raise CLAIMCHECK_SERVER_REQUEST_SECONDS.",
            )
            await refusal_response(refused)(scope, receive, send)

    def _is_exempt(self, scope: Scope) -> bool:
        # Behind a proxy the path begins with the one under which the proxy serves this server.
        return scope["path"].removeprefix(scope.get("root_path", "")) in self._exempt


class AccessLog:
    """Writes a JSON line for each answer, and puts the headers on it that all have."""

    def __init__(self, app: ASGIApp, *, observe: Callable[[str, int, float], None]) -> None:
        """Wrap an app; `observe` gets route, status and seconds of each answer."""
        self._app = app
        self._observe = observe

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            seconds = time.perf_counter() - started
            # The router leaves in the scope which endpoint it chose.
            route = getattr(scope.get("endpoint"), "__name__", "none").strip("_")
            self._observe(route, status, seconds)
            # The query is left out: the signature of a view link stands there.
            line = {
                "method": scope["method"],
                "path": scope["path"],
                "status": status,
                "seconds": round(seconds, 6),
                "caller": scope.get("state", {}).get("caller"),
                "client": scope["client"][0] if scope.get("client") else None,
            }
            access_log.info(json.dumps(line))


class SlowRefusals:
    """Says no to `/decode` only after a while, for the sake of workflows in Go.

    Go's SDK hands an error of a remote codec to the workflow that decodes just then, which fails
    for good. A codec that takes longer than a second fails the workflow's task instead, and
    Temporal tries that again: then the object may be back, or the token right.

    Holds no place of the `Guard` within. The Web UI, which decodes with a flag of its own, does
    not wait.
    """

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        """Wrap an app; a refusal goes out `seconds` after its request at the soonest."""
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or not self._holds(scope):
            await self._app(scope, receive, send)
            return
        due = asyncio.get_running_loop().time() + self._seconds
        refusal: list[Message] = []

        async def keep(message: Message) -> None:
            is_refusal = message.get("status", 200) >= 400  # noqa: PLR2004
            if refusal or is_refusal:
                refusal.append(message)
            else:
                await send(message)

        try:
            await self._app(scope, receive, keep)
        except Exception:
            # Whoever is around answers 500.
            await _until(due)
            raise
        if refusal:
            await _until(due)
        for message in refusal:
            await send(message)

    def _holds(self, scope: Scope) -> bool:
        return scope["path"].endswith("/decode") and not scope["query_string"]


async def _until(time: float) -> None:
    await asyncio.sleep(max(0.0, time - asyncio.get_running_loop().time()))


class LocalHosts:
    """Serves requests to this machine's own names only.

    Without authentication a page from elsewhere must not reach the server through a name that
    it made point to this machine (DNS rebinding).
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and not _LOCAL_HOST.fullmatch(
            Headers(scope=scope).get("host", "")
        ):
            refused = Refused(
                421,
                "foreign-host",
                "Without authentication this server answers to localhost only.",
                remedy="Use http://localhost or http://127.0.0.1, or set up authentication.",
            )
            await refusal_response(refused)(scope, receive, send)
            return
        await self._app(scope, receive, send)


async def read_body(request: Request, *, max_bytes: int) -> bytes:
    """Return the whole body of a request. Raises Refused for one that is too large."""
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise Refused(
            415,
            "encoded-body",
            "The body is compressed.",
            remedy="Send it as it is, without Content-Encoding.",
        )
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > max_bytes:
        raise _too_large(max_bytes)
    parts: list[bytes] = []
    size = 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > max_bytes:
                raise _too_large(max_bytes)
            parts.append(part)
    except ClientDisconnect:
        raise Refused(400, "cut-off", "The body was cut off.", remedy="Send it whole.") from None
    return b"".join(parts)


def refusal_response(refused: Refused) -> JSONResponse:
    """Return the answer that says no."""
    headers: dict[str, str] = {}
    if refused.status == 401:  # noqa: PLR2004
        headers["WWW-Authenticate"] = "Bearer"
    if refused.status == 503:  # noqa: PLR2004
        headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    body = {"code": refused.code, "message": refused.what, "remedy": refused.remedy}
    return JSONResponse(body, refused.status, headers)


def _too_large(max_bytes: int) -> Refused:
    return Refused(
        413,
        "body-too-large",
        f"The body is larger than {max_bytes} bytes.",
        remedy="Send less at once, or raise CLAIMCHECK_SERVER_MAX_BODY_BYTES.",
    )
