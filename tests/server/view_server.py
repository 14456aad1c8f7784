"""The codec server in a thread, on a free port, and somebody who asks it without a browser."""

import asyncio
import contextlib
import http.client
import re
import socket
import threading
from collections.abc import Generator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import unescape

import uvicorn
from prometheus_client import CollectorRegistry
from temporalio.api.common.v1 import Payload

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.metrics.prometheus import PrometheusObserver
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.server.app import build_app
from temporal_claimcheck.server.links import ViewLinks
from temporal_claimcheck.server.settings import ServerSettings
from temporal_claimcheck.stores.base import BlobStore
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.transforms.encryption import KeyRing

BROWSER = {"Accept": "text/html,application/xhtml+xml"}
SECRET = "a secret for links, for tests only"
TOKEN = "token-of-the-orders-team"
WITH_TOKENS = ServerSettings.model_validate(
    {"tokens": f"orders={TOKEN},*=token-of-somebody-who-may-all", "link_secret": SECRET}
)
TITLE = re.compile(r"<h1>(.*?)</h1>", re.DOTALL)
PIECE = re.compile(r"<(pre|tbody) data-n=\"\d+\">\n(.*?)</\1>", re.DOTALL)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def title(self) -> str:
        [title] = TITLE.findall(self.text)
        return unescape(title)

    @property
    def piece(self) -> str:
        """The HTML of the piece in the page."""
        [(_, piece)] = PIECE.findall(self.text)
        return piece

    @property
    def shown(self) -> str:
        """The text of the piece in the page, as people see it."""
        return text_of(self.piece)


def text_of(html: str) -> str:
    return unescape(re.sub(r"<[^>]*>", "", html))


class ViewServer:
    """A server and its store."""

    def __init__(self, port: int, manager: ClaimCheckManager) -> None:
        self.port = port
        self.manager = manager

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str, headers: Mapping[str, str] = BROWSER) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        with contextlib.closing(connection):
            connection.putrequest("GET", path)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            names = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, names, response.read())

    def store(self, payload: Payload, *, namespace: str = "default") -> str:
        """Store a payload and return its key."""
        offload = self.manager.for_namespace(namespace).offload(payload)
        # In a thread of its own, since Playwright runs a loop in this one.
        with ThreadPoolExecutor(1) as thread:
            return thread.submit(asyncio.run, offload).result().key

    def see(self, payload: Payload, query: str = "") -> Answer:
        """Store a payload and return its page."""
        return self.get(f"/view/{self.store(payload)}{query}")


@contextlib.contextmanager
def serving(
    *,
    store: BlobStore | None = None,
    settings: ServerSettings | None = None,
    keys: KeyRing | None = None,
    cache_bytes: int = 2**26,
    max_payload_bytes: int = 2**30,
) -> Generator[ViewServer]:
    """Run the server for the block."""
    registry = CollectorRegistry()
    manager = ClaimCheckManager(
        store or MemoryStore(),
        keys=keys,
        policy=OffloadPolicy(max_payload_bytes=max_payload_bytes),
        cache_bytes=cache_bytes,
        observers=[PrometheusObserver(registry)],
    )
    app = build_app(manager, settings or ServerSettings(), registry=registry)
    # It listens from here on, so that nobody has to wait until the thread has begun.
    listener = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        yield ViewServer(listener.getsockname()[1], manager)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def plain(data: bytes) -> Payload:
    return Payload(metadata={"encoding": b"binary/plain"}, data=data)


def as_json(data: str | bytes) -> Payload:
    data = data.encode() if isinstance(data, str) else data
    return Payload(metadata={"encoding": b"json/plain"}, data=data)


def link_to(key: str, *, seconds: int = 3600, now: float | None = None) -> str:
    """Return a link as the server of WITH_TOKENS makes it, at another time if so wanted."""
    clock = {} if now is None else {"clock": lambda: now}
    return ViewLinks(SECRET.encode(), seconds=seconds, **clock).path_to(key)
