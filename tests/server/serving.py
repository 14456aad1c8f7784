"""The codec server on a free port of this machine, and payloads as its callers write them."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncGenerator, Iterable
from dataclasses import dataclass
from typing import Any

import httpx
import uvicorn
from prometheus_client import CollectorRegistry
from temporalio.api.common.v1 import Payload

from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.metrics.prometheus import PrometheusObserver
from temporal_claimcheck.server.app import build_app
from temporal_claimcheck.server.settings import ServerSettings
from temporal_claimcheck.stores.base import BlobStore
from temporal_claimcheck.stores.memory import MemoryStore

Json = dict[str, Any]


@dataclass
class Served:
    """A server that runs, and a client for it."""

    url: str
    http: httpx.AsyncClient
    store: BlobStore
    manager: ClaimCheckManager

    async def post(self, path: str, document: object, **headers: str) -> httpx.Response:
        return await self.http.post(path, json=document, headers=headers)

    async def convert(
        self, path: str, payloads: Iterable[Payload], **headers: str
    ) -> list[Payload]:
        """Send payloads and return those that came back; fail the test on any refusal."""
        answer = await self.post(path, body_of(payloads), **headers)
        assert answer.status_code == 200, answer.text
        return payloads_of(answer.json())


@contextlib.asynccontextmanager
async def serving(
    *, store: BlobStore | None = None, settings: Json | None = None, **manager: Any
) -> AsyncGenerator[Served]:
    """Serve for the block."""
    store = store or MemoryStore()
    registry = CollectorRegistry()
    built = ClaimCheckManager(store, observers=[PrometheusObserver(registry)], **manager)
    app = build_app(
        built, ServerSettings.load(**{"refusal_seconds": 0, **(settings or {})}), registry=registry
    )
    config = uvicorn.Config(app, host="127.0.0.1", port=0, access_log=False, log_config=None)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
        assert not running.done(), "the server did not start"
    port = server.servers[0].sockets[0].getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    try:
        async with httpx.AsyncClient(base_url=url, timeout=60) as http:
            yield Served(url=url, http=http, store=store, manager=built)
    finally:
        server.should_exit = True
        await running


def body_of(payloads: Iterable[Payload]) -> Json:
    """Return a request's document, written by hand and not by the code under test."""
    return {"payloads": [_document_of(payload) for payload in payloads]}


def payloads_of(document: Json) -> list[Payload]:
    return [_payload_of(payload) for payload in document["payloads"]]


def json_payload(text: str) -> Payload:
    return Payload(metadata={"encoding": b"json/plain"}, data=text.encode())


def _document_of(payload: Payload) -> Json:
    document: Json = {
        "metadata": {name: _text(value) for name, value in payload.metadata.items()},
        "data": _text(payload.data),
    }
    if payload.external_payloads:
        document["externalPayloads"] = [
            {"sizeBytes": str(each.size_bytes)} for each in payload.external_payloads
        ]
    return document


def _payload_of(document: Json) -> Payload:
    payload = Payload(
        metadata={
            name: base64.b64decode(value) for name, value in document.get("metadata", {}).items()
        },
        data=base64.b64decode(document.get("data", "")),
    )
    for each in document.get("externalPayloads", []):
        payload.external_payloads.add().size_bytes = int(each["sizeBytes"])
    return payload


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode()
