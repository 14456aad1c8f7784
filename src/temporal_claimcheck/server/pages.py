"""Pages for people: templates, two scripts, a stylesheet, and a policy that allows no more."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from temporal_claimcheck.server.guard import refusal_response
from temporal_claimcheck.server.highlight import visible
from temporal_claimcheck.server.refusals import Refused

__all__ = ["asset", "page", "refuse", "root_of", "wants_page"]

_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_ASSETS: Final = {
    "icon.svg": "image/svg+xml",
    "page.css": "text/css; charset=utf-8",
    "theme.js": "text/javascript; charset=utf-8",
    "view.js": "text/javascript; charset=utf-8",
}
_PACKAGE: Final = "temporal_claimcheck.server"
_HEADLINES: Final = {
    400: "This address leads nowhere",
    401: "Who are you?",
    403: "This is not open to you",
    404: "There is nothing here",
    410: "The payload is gone",
    413: "The payload is too large",
    500: "The server failed",
    503: "The store cannot be reached",
}
_ANY_HEADLINE: Final = "The payload cannot be shown"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asset:
    content: bytes
    media_type: str
    version: str


def page(
    request: Request, template: str, values: Mapping[str, object], *, status: int = 200
) -> HTMLResponse:
    """Return a page. Every value is escaped, but what was made as HTML here."""
    text = _templates().get_template(template).render(root=root_of(request), **values)
    return HTMLResponse(text, status, _HEADERS)


def refuse(request: Request, refused: Refused) -> Response:
    """Return the answer that says no: a page to a browser, JSON to all else."""
    answer = refusal_response(refused)
    if not wants_page(request):
        return answer
    values = {
        "headline": _HEADLINES.get(refused.status, _ANY_HEADLINE),
        "refused": refused,
    }
    shown = page(request, "refusal.html", values, status=refused.status)
    for name in ("WWW-Authenticate", "Retry-After"):
        if name in answer.headers:
            shown.headers[name] = answer.headers[name]
    return shown


def wants_page(request: Request) -> bool:
    """Return whether a person looks at the answer."""
    return request.method in ("GET", "HEAD") and "text/html" in request.headers.get("accept", "")


async def asset(request: Request) -> Response:
    """Return a script or the stylesheet. Public: they are the same for everybody."""
    found = _assets().get(request.path_params["name"])
    if found is None:
        raise Refused(
            404, "not-found", "There is no such file.", remedy="The pages name those there are."
        )
    # Its address names its version.
    headers = {"Cache-Control": "public, max-age=31536000, immutable"}
    return Response(found.content, media_type=found.media_type, headers=headers)


def root_of(request: Request) -> str:
    """Return the way from a page up to the root of the server.

    Relative, so that it holds behind any proxy, whatever path that serves the server under.
    """
    scope = request.scope
    path = bytes(scope.get("raw_path") or scope["path"].encode())
    below = path.removeprefix(str(scope.get("root_path", "")).encode())
    return "../" * (below.count(b"/") - 1) or "./"


@cache
def _templates() -> Environment:
    environment = Environment(
        loader=PackageLoader(_PACKAGE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        {"bytes": _bytes, "count": _count, "moment": _moment, "visible": visible}
    )
    more: dict[str, Any] = {"version": _version_of}
    environment.globals.update(more)
    return environment


@cache
def _assets() -> dict[str, _Asset]:
    folder = files(_PACKAGE) / "static"
    found: dict[str, _Asset] = {}
    for name, media_type in _ASSETS.items():
        content = (folder / name).read_bytes()
        version = sha256(content).hexdigest()[:12]
        found[name] = _Asset(content=content, media_type=media_type, version=version)
    return found


def _version_of(name: str) -> str:
    return _assets()[name].version


def _bytes(size: int) -> str:
    """Return a size as people read it."""
    if size < 1000:  # noqa: PLR2004
        return f"{size} B"
    value = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5:  # noqa: PLR2004
            return f"{value:.3g} {unit}"
    return f"{value:.0f} TB"


def _count(number: float) -> str:
    return f"{int(number):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def _moment(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M:%S} UTC"
