"""The codec server as an ASGI application."""

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry
from prometheus_client.exposition import generate_latest
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from temporal_claimcheck.errors import ClaimCheckError, InvalidSettings
from temporal_claimcheck.health import Health
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.metrics.catalogue import SERVER_REQUESTS, SERVER_SECONDS
from temporal_claimcheck.metrics.prometheus import counter, histogram
from temporal_claimcheck.server.callers import Anybody, Authenticator, StaticTokens
from temporal_claimcheck.server.codec_routes import CodecRoutes
from temporal_claimcheck.server.guard import (
    AccessLog,
    Guard,
    LocalHosts,
    SlowRefusals,
    refusal_response,
)
from temporal_claimcheck.server.index_routes import IndexRoutes
from temporal_claimcheck.server.links import ViewLinks
from temporal_claimcheck.server.objects import Objects
from temporal_claimcheck.server.pages import asset, refuse
from temporal_claimcheck.server.refusals import Refused, refusal_of
from temporal_claimcheck.server.rights import Rights
from temporal_claimcheck.server.settings import ServerSettings
from temporal_claimcheck.server.view_routes import ViewRoutes

__all__ = ["build_app"]

logger = logging.getLogger(__name__)

_CORS_HEADERS: Final = ("X-Namespace", "Content-Type", "Authorization", "Authorization-Extras")
_LOCAL_ORIGIN: Final = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]+)?"
_CORS_SECONDS: Final = 600
_HEALTH_SECONDS: Final = 2.0
_ALWAYS_SERVED: Final = frozenset({"/healthz", "/readyz", "/metrics"})


def build_app(
    manager: ClaimCheckManager,
    settings: ServerSettings,
    *,
    registry: CollectorRegistry,
    before_metrics: Callable[[], Awaitable[None]] | None = None,
) -> Starlette:
    """Return the application. The manager stays its owner's. Raises InvalidSettings.

    `before_metrics` may bring the registry up to date whenever somebody asks for the metrics.
    """
    settings.check()
    links = ViewLinks(_link_secret(settings), seconds=settings.link_seconds)
    rights = Rights(_authenticators(settings), namespace=manager.namespace)
    codec = CodecRoutes(manager, settings, rights, links)
    operation = _Operation(manager, registry, before_metrics)
    view = ViewRoutes(Objects(manager), rights, links)
    index = IndexRoutes(manager, rights, links, registry, signs_links=settings.has_authentication)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
        del app
        yield
        codec.release()
        view.release()

    app = Starlette(
        lifespan=lifespan,
        routes=[*_codec_routes(codec), *_view_routes(view, index), *operation.routes()],
        middleware=[
            Middleware(SlowRefusals, seconds=settings.refusal_seconds),
            Middleware(AccessLog, observe=operation.observe),
            *([] if settings.has_authentication else [Middleware(LocalHosts)]),
            Middleware(
                CORSMiddleware,
                allow_origins=sorted(settings.cors_origins),
                allow_origin_regex=None if settings.has_authentication else _LOCAL_ORIGIN,
                allow_methods=("GET", "POST"),
                allow_headers=_CORS_HEADERS,
                allow_credentials=True,
                max_age=_CORS_SECONDS,
            ),
            Middleware(
                Guard,
                max_requests=settings.max_requests,
                request_seconds=settings.request_seconds,
                exempt=_ALWAYS_SERVED,
            ),
        ],
        exception_handlers={
            Refused: _refuse,
            ClaimCheckError: _refuse,
            HTTPException: _refuse,
            Exception: _fail,
        },
    )
    # A redirect would go to whatever host the caller named, and codecs do not follow any.
    app.router.redirect_slashes = False
    return app


def _codec_routes(codec: CodecRoutes) -> list[BaseRoute]:
    # Before the routes with a namespace: `preview` is no namespace here.
    return [
        Route("/preview/decode", codec.preview, methods=["POST"]),
        Route("/preview/encode", codec.encode, methods=["POST"]),
        *(
            Route(f"{base}/{verb}", endpoint, methods=["POST"])
            for base in ("", "/{namespace}")
            for verb, endpoint in (
                ("encode", codec.encode),
                ("decode", codec.decode),
                ("download", codec.download),
            )
        ),
    ]


def _view_routes(view: ViewRoutes, index: IndexRoutes) -> list[BaseRoute]:
    # No key ends in one of the words that stand before the page itself.
    parts = (view.piece, view.search, view.content, view.image)
    return [
        Route("/", index.index),
        Route("/static/{name}", asset),
        *(Route(f"/view/{{key:path}}/{part.__name__}", part) for part in parts),
        Route("/view/{key:path}", view.view),
    ]


class _Operation:
    """What operators ask."""

    def __init__(
        self,
        manager: ClaimCheckManager,
        registry: CollectorRegistry,
        before_metrics: Callable[[], Awaitable[None]] | None,
    ) -> None:
        self._manager = manager
        self._registry = registry
        self._before_metrics = before_metrics
        self._looking = asyncio.Lock()
        self._looked: tuple[float, Health] | None = None
        self._requests = counter(SERVER_REQUESTS, registry)
        self._seconds = histogram(SERVER_SECONDS, registry)

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/healthz", self._alive),
            Route("/readyz", self._ready),
            Route("/metrics", self._metrics),
        ]

    def observe(self, route: str, status: int, seconds: float) -> None:
        self._requests.labels(route, str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    async def _alive(self, request: Request) -> Response:
        del request
        return JSONResponse({"status": "ok"})

    async def _ready(self, request: Request) -> Response:
        del request
        # Anybody may ask, and a look at the store may write to it.
        async with self._looking:
            if self._looked is None or time.monotonic() - self._looked[0] >= _HEALTH_SECONDS:
                self._looked = time.monotonic(), await self._manager.health()
            _, health = self._looked
        if health.error is not None:
            return refusal_response(
                Refused(503, health.error.code, health.error.what, remedy=health.error.remedy)
            )
        return JSONResponse({"status": "ok", "store": health.store})

    async def _metrics(self, request: Request) -> Response:
        del request
        if self._before_metrics is not None:
            await self._before_metrics()
        return Response(generate_latest(self._registry), media_type=CONTENT_TYPE_LATEST)


def _authenticators(settings: ServerSettings) -> Sequence[Authenticator]:
    found: list[Authenticator] = []
    if settings.tokens is not None:
        found.append(StaticTokens(settings.namespaces_by_token()))
    if settings.jwks_url is not None:
        from temporal_claimcheck.server.tokens import (  # noqa: PLC0415
            ASYMMETRIC_ALGORITHMS,
            JwtTokens,
        )

        strange = settings.jwt_algorithms - ASYMMETRIC_ALGORITHMS
        if strange or not settings.jwt_algorithms:
            raise InvalidSettings(
                "CLAIMCHECK_SERVER_JWT_ALGORITHMS names a signature that is not accepted.",
                remedy=f"Use some of {', '.join(sorted(ASYMMETRIC_ALGORITHMS))}.",
            )
        found.append(
            JwtTokens(
                jwks_url=settings.jwks_url,
                issuer=settings.jwt_issuer or "",
                audience=settings.jwt_audience or "",
                algorithms=sorted(settings.jwt_algorithms),
                permissions_claim=settings.jwt_permissions_claim,
                user_claim=settings.jwt_user_claim,
                users=settings.jwt_users,
                namespaces=settings.jwt_namespaces,
            )
        )
    return found or [Anybody()]


def _link_secret(settings: ServerSettings) -> bytes:
    if settings.link_secret is None:
        return secrets.token_bytes(32)
    return settings.link_secret.get_secret_value().encode()


async def _refuse(request: Request, error: Exception) -> Response:
    if isinstance(error, ClaimCheckError):
        return refuse(request, refusal_of(error))
    if isinstance(error, HTTPException):
        code = "not-found" if error.status_code == 404 else "refused"  # noqa: PLR2004
        error = Refused(
            error.status_code,
            code,
            error.detail,
            remedy="The codec server's documentation lists what there is.",
        )
    if not isinstance(error, Refused):
        raise error
    return refuse(request, error)


async def _fail(request: Request, error: Exception) -> Response:
    # Starlette raises the error again behind this answer, and uvicorn logs it.
    del error
    refused = Refused(500, "internal-error", "The server failed.", remedy="Its log says why.")
    return refuse(request, refused)
