"""A codec server that goes wrong when it is told to, in front of one that does not."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Final, Literal

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

Fault = Literal["fewer payloads", "status 500", "no answer"]
FAULTS: Final[tuple[Fault, ...]] = ("fewer payloads", "status 500", "no answer")
_LONGER_THAN_ZIGFLOW_WAITS: Final = 7.0


@dataclass(kw_only=True)
class FaultyCodec:
    """What to do with the next requests."""

    url: str = ""
    fault: Fault | None = None
    left: int = 0
    """How many requests more go wrong."""
    verbs: tuple[str, ...] = ("encode", "decode")
    """Which requests may."""
    done: list[str] = field(default_factory=list[str])
    """The faults that happened, each with the request's path."""

    def go_wrong(self, fault: Fault, *, times: int, verbs: tuple[str, ...]) -> None:
        self.fault, self.left, self.verbs = fault, times, verbs
        self.done.clear()

    def fault_for(self, path: str) -> Fault | None:
        if not self.left or not path.endswith(self.verbs):
            return None
        self.left -= 1
        self.done.append(f"{self.fault}: {path}")
        return self.fault


@contextlib.asynccontextmanager
async def faulty_codec(behind: str) -> AsyncGenerator[FaultyCodec]:
    """Serve for the block, in front of the codec server at the URL `behind`."""
    state = FaultyCodec()
    stopped = asyncio.Event()

    async def convert(request: Request) -> Response:
        body = await request.body()
        fault = state.fault_for(request.url.path)
        if fault == "status 500":
            return JSONResponse({"code": "internal-error"}, 500)
        if fault == "no answer":
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), _LONGER_THAN_ZIGFLOW_WAITS)
        answer = await http.post(request.url.path, content=body)
        if fault == "fewer payloads":
            document = answer.json()
            return JSONResponse({"payloads": document["payloads"][:-1]})
        return Response(answer.content, answer.status_code, media_type="application/json")

    app = Starlette(routes=[Route("/{verb:path}", convert, methods=["POST"])])
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_config=None, access_log=False)
    )
    async with httpx.AsyncClient(base_url=behind, timeout=30) as http:
        running = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
            assert not running.done(), "the server did not start"
        state.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
        try:
            yield state
        finally:
            stopped.set()
            server.should_exit = True
            await running
