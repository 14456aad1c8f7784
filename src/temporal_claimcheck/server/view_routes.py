"""`/view/{key}`: a page on which a person looks at one payload, and what that page asks for."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from cachetools import LRUCache
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.server.content import Content, View, describe
from temporal_claimcheck.server.links import ViewLinks
from temporal_claimcheck.server.objects import Found, Objects
from temporal_claimcheck.server.pages import page
from temporal_claimcheck.server.refusals import Refused
from temporal_claimcheck.server.rendering import MAX_HITS, Hits, Rendering
from temporal_claimcheck.server.rights import Rights
from temporal_claimcheck.server.table import Column
from temporal_claimcheck.threads import Threads

__all__ = ["ViewRoutes"]

_ACCESS: Final = ("expires", "signature")
_NUMBER: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_MAX_QUERY_CHARACTERS: Final = 200
_REMEMBERED: Final = 256
_THREADS: Final = 4
_MAX_COPY_BYTES: Final = 32 * 1024**2
_MAX_METADATA_CHARACTERS: Final = 300
_SHOWN_ELSEWHERE: Final = frozenset({"encoding", "messageType"})
# What is handed out as it is must never run, whatever a browser takes it for.
_INERT: Final = {
    "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_TITLES: Final = {
    View.IMAGE: "Image",
    View.TABLE: "Table",
    View.JSON: "JSON",
    View.TEXT: "Text",
    View.HEX: "Bytes",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """A payload that the caller may see, and how he wants to see it."""

    key: Key
    access: Mapping[str, str]
    """What every further request of the page has to carry; empty for a caller with a token."""
    found: Found
    content: Content
    rendering: Rendering
    query: str

    @property
    def name(self) -> str:
        """Name of the file that it is saved as."""
        namespace = re.sub(r"[^A-Za-z0-9._-]", "_", self.key.namespace)
        return f"{namespace}-{self.key.day}-{self.key.digest[:12]}.{self.content.extension}"


class ViewRoutes:
    """The page of a payload, its pieces, the search in it, the file and the image."""

    def __init__(self, objects: Objects, rights: Rights, links: ViewLinks) -> None:
        self._objects = objects
        self._rights = rights
        self._links = links
        self._renderings: LRUCache[tuple[str, View], Rendering] = LRUCache(_REMEMBERED)
        self._lock = threading.Lock()
        self._threads = Threads(_THREADS, name="claimcheck-view")

    def release(self) -> None:
        """Let the threads go that rendering had."""
        self._threads.release()

    async def view(self, request: Request) -> Response:
        """Return the page, with the first piece or the one that is asked for."""
        asked = await self._asked(request)
        hits, at = Hits(), None
        number = _number(request, "piece", asked.rendering.count - 1)
        if asked.query:
            hits = await self._threads.run(asked.rendering.find, asked.found.content, asked.query)
            if hits.pieces and "piece" not in request.query_params:
                at = _number(request, "hit", len(hits.pieces) - 1)
                number = hits.pieces[at]
        html, columns = await self._threads.run(_render, asked, number)
        return page(
            request,
            "view.html",
            {
                **_facts(asked),
                "piece": html,
                "columns": columns,
                "number": number,
                "count": asked.rendering.count,
                "hits": hits,
                "max_hits": MAX_HITS,
                "hit": at,
                "link": lambda **changes: _link(asked, changes),  # pyright: ignore[reportUnknownLambdaType,reportUnknownArgumentType]
            },
        )

    async def piece(self, request: Request) -> Response:
        """Return one piece, to be put into the page."""
        asked = await self._asked(request)
        number = _number(request, "n", asked.rendering.count - 1)
        html, _ = await self._threads.run(_render, asked, number)
        return HTMLResponse(html, headers=_INERT)

    async def search(self, request: Request) -> Response:
        """Return the pieces in which a text stands, one number for each place."""
        asked = await self._asked(request)
        hits = await self._threads.run(asked.rendering.find, asked.found.content, asked.query)
        return JSONResponse({"pieces": hits.pieces, "complete": hits.is_complete})

    async def content(self, request: Request) -> Response:
        """Return the content as a file, byte for byte."""
        asked = await self._asked(request)
        return Response(
            asked.found.content,
            media_type="application/octet-stream",
            headers={**_INERT, "Content-Disposition": f'attachment; filename="{asked.name}"'},
        )

    async def image(self, request: Request) -> Response:
        """Return the content as an image, if its bytes are one that runs nothing."""
        asked = await self._asked(request)
        if asked.content.image_type is None:
            raise Refused(
                404, "no-image", "The payload is no image.", remedy="Download it instead."
            )
        return Response(
            asked.found.content,
            media_type=asked.content.image_type,
            headers={**_INERT, "Content-Disposition": f'inline; filename="{asked.name}"'},
        )

    async def _asked(self, request: Request) -> _Asked:
        key = Key.parse(request.path_params["key"])
        access = await self._admit(request, key)
        found = await self._objects.find(str(key), namespace=key.namespace)
        content = await self._threads.run(describe, found.metadata, found.content)
        view = _view(request, content)
        with self._lock:
            rendering = self._renderings.get((str(key), view))
            if rendering is None:
                rendering = Rendering(view, len(found.content))
                self._renderings[str(key), view] = rendering
        query = request.query_params.get("q", "")[:_MAX_QUERY_CHARACTERS]
        return _Asked(
            key=key,
            access=access,
            found=found,
            content=content,
            rendering=rendering,
            query=query,
        )

    async def _admit(self, request: Request, key: Key) -> Mapping[str, str]:
        """Return what lets the caller in besides his token. Raises Refused."""
        query = request.query_params
        given = {name: query[name] for name in _ACCESS if name in query}
        if given:
            self._links.check(str(key), given)
            request.state.caller = "link"
            return given
        caller = await self._rights.reader(request)
        caller.check_reading(key.namespace)
        return {}


def _render(asked: _Asked, number: int) -> tuple[Markup, list[Column]]:
    html = asked.rendering.html(asked.found.content, number, asked.query)
    return html, asked.rendering.columns(asked.found.content)


def _facts(asked: _Asked) -> dict[str, object]:
    found, header = asked.found, asked.found.stored.header
    others = {
        name: value.decode(errors="replace")[:_MAX_METADATA_CHARACTERS]
        for name, value in sorted(found.metadata.items())
        if name not in _SHOWN_ELSEWHERE
    }
    expires = asked.access.get("expires")
    return {
        "key": str(asked.key),
        "namespace": asked.key.namespace,
        "day": asked.key.day,
        "title": asked.content.title,
        "note": asked.content.note,
        "encoding": found.encoding,
        "message_type": found.metadata.get("messageType", b"").decode(errors="replace"),
        "metadata": others,
        "content_bytes": len(found.content),
        "plain_bytes": header.plain_bytes,
        "stored_bytes": found.stored.stored_bytes,
        "compression": header.compression,
        "encryption_key": header.encryption and header.encryption.key_id,
        "expires": int(expires) if expires else None,
        "views": [(view, _TITLES[view]) for view in asked.content.views],
        "view": asked.rendering.view,
        "query": asked.query,
        "access": asked.access,
        "access_query": urlencode(asked.access),
        "base": asked.key.digest,
        "file_name": asked.name,
        "copies": asked.content.image_type is None
        and asked.content.views != (View.HEX,)
        and len(found.content) <= _MAX_COPY_BYTES,
    }


def _link(asked: _Asked, changes: Mapping[str, object]) -> str:
    """Return a link to the same page with something changed; None leaves something out."""
    values: dict[str, object] = {"as": asked.rendering.view.value, "q": asked.query or None}
    values |= changes
    kept = {name: value for name, value in values.items() if value is not None}
    return f"?{urlencode({**kept, **asked.access})}"


def _view(request: Request, content: Content) -> View:
    wanted = request.query_params.get("as")
    return next((view for view in content.views if view.value == wanted), content.views[0])


def _number(request: Request, name: str, last: int) -> int:
    text = request.query_params.get(name, "0")
    if not _NUMBER.fullmatch(text) or int(text) > last:
        raise Refused(
            404,
            "no-such-piece",
            "The content has no such piece.",
            remedy="Open the page again, from its beginning.",
        )
    return int(text)
