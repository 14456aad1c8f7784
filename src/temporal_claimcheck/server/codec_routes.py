"""`/encode`, `/decode` and `/download`, for the Web UI, the command line and remote codecs."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from temporalio.api.common.v1 import Payload
from temporalio.converter import DataConverter

from temporal_claimcheck import payloads as forms
from temporal_claimcheck.claim import Claim
from temporal_claimcheck.errors import ClaimError, PayloadTooLarge
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.server.guard import read_body
from temporal_claimcheck.server.links import ViewLinks
from temporal_claimcheck.server.protocol import (
    dump_payloads,
    parse_payloads,
    reference_to,
    without_link,
)
from temporal_claimcheck.server.refusals import Refused
from temporal_claimcheck.server.rights import Rights
from temporal_claimcheck.server.settings import ServerSettings
from temporal_claimcheck.threads import Threads

__all__ = ["CodecRoutes"]

_CONVERTER: Final = DataConverter.default.payload_converter
_JSON: Final = "application/json"
_KEEP_REFERENCES: Final = "preserveStorageRefs"
# Base64 and JSON make that much of a payload at most, besides the names around it.
_TEXT_PER_BYTE: Final = 4 / 3

# Below it, a thread takes longer than the work.
_LARGE_BYTES: Final = 64 * 1024
_THREADS: Final = 2

Given = TypeVar("Given")
Made = TypeVar("Made")
Convert = Callable[[ClaimCheckManager, Sequence[Payload]], Awaitable[list[Payload]]]


class CodecRoutes:
    """The three verbs of the protocol, and the one that shows where to look."""

    def __init__(
        self, manager: ClaimCheckManager, settings: ServerSettings, rights: Rights, links: ViewLinks
    ) -> None:
        self._manager = manager
        self._settings = settings
        self._rights = rights
        self._links = links
        self._threads = Threads(_THREADS, name="claimcheck-server")

    async def encode(self, request: Request) -> Response:
        """Offload large payloads and encrypt small ones; the rest stays as it is."""
        namespace = await self._rights.to_write(request)
        return await self._answer(request, namespace, self._encode)

    async def decode(self, request: Request) -> Response:
        """Resolve claims and decrypt; references stay when the Web UI asks for it."""
        namespace = await self._rights.to_read(request)
        keep = request.query_params.get(_KEEP_REFERENCES, "").lower() == "true"
        base = self._base(request)

        async def peek(manager: ClaimCheckManager, payloads: Sequence[Payload]) -> list[Payload]:
            return await self._peek(manager, payloads, base)

        return await self._answer(request, namespace, peek if keep else self._decode)

    async def download(self, request: Request) -> Response:
        """Resolve references, and nothing else."""
        namespace = await self._rights.to_read(request)
        return await self._answer(request, namespace, self._download)

    async def preview(self, request: Request) -> Response:
        """Say in words what a claim is to and where to look at it; the store is never read."""
        namespace = await self._rights.to_read(request)
        base = self._base(request)

        async def describe(
            manager: ClaimCheckManager, payloads: Sequence[Payload]
        ) -> list[Payload]:
            described: list[Payload] = []
            for payload in payloads:
                claim = _claim_in(payload)
                if claim is None:
                    described.append(await manager.decrypt(payload))
                else:
                    manager.check_claim(claim)
                    described.append(self._words(claim, base))
            return described

        return await self._answer(request, namespace, describe)

    async def _answer(self, request: Request, namespace: str, convert: Convert) -> Response:
        body = await read_body(request, max_bytes=self._settings.max_body_bytes)
        given = await self._off_loop(len(body), self._parse, body)
        made = await convert(self._manager.for_namespace(namespace), given)
        size = sum(payload.ByteSize() for payload in made)
        return Response(await self._off_loop(size, dump_payloads, made), media_type=_JSON)

    def release(self) -> None:
        """Let the threads go that large payloads had."""
        self._threads.release()

    def _parse(self, body: bytes) -> list[Payload]:
        parsed = parse_payloads(body, max_payloads=self._settings.max_payloads)
        return [without_link(payload) for payload in parsed]

    async def _off_loop(self, size: int, function: Callable[[Given], Made], given: Given) -> Made:
        """Return what the function makes of so many bytes; other requests go on meanwhile."""
        if size < _LARGE_BYTES:
            return function(given)
        return await self._threads.run(function, given)

    def _base(self, request: Request) -> str:
        return self._settings.public_url or str(request.base_url).rstrip("/")

    async def _encode(
        self, manager: ClaimCheckManager, payloads: Sequence[Payload]
    ) -> list[Payload]:
        return await manager.maybe_offload_many(payloads)

    async def _decode(
        self, manager: ClaimCheckManager, payloads: Sequence[Payload]
    ) -> list[Payload]:
        self._check_total(payloads)
        ours = [index for index, payload in enumerate(payloads) if not _is_others(manager, payload)]
        decoded = list(payloads)
        resolved = await manager.maybe_retrieve_many([payloads[index] for index in ours])
        for index, payload in zip(ours, resolved, strict=True):
            decoded[index] = payload
        return decoded

    async def _peek(
        self, manager: ClaimCheckManager, payloads: Sequence[Payload], base: str
    ) -> list[Payload]:
        """Decrypt what is small, and leave what is stored to `/download`.

        Claims of both forms become Temporal's own reference, which the Web UI knows, with a link
        to the view page.
        """
        peeked: list[Payload] = []
        for payload in payloads:
            try:
                claim = _claim_in(payload)
                if claim is not None:
                    manager.check_claim(claim)
            except (ClaimError, PayloadTooLarge):
                # Nobody here could read it, so there is nothing to link to.
                peeked.append(payload)
                continue
            if claim is not None:
                peeked.append(reference_to(claim, view=base + self._links.path_to(claim.key)))
            elif forms.is_storage_reference(payload):
                peeked.append(payload)
            else:
                peeked.append(await manager.decrypt(payload))
        return peeked

    async def _download(
        self, manager: ClaimCheckManager, payloads: Sequence[Payload]
    ) -> list[Payload]:
        if any(
            _claim_in(payload) is None and not manager.foreign.resolves(payload)
            for payload in payloads
        ):
            raise Refused(
                400,
                "no-reference",
                "A payload is no reference that the claim check wrote.",
                remedy="Send it to /decode instead; another driver's only that driver resolves.",
            )
        self._check_total(payloads)
        return await manager.maybe_retrieve_many(payloads)

    def _check_total(self, payloads: Sequence[Payload]) -> None:
        """Refuse what would not fit into the answer, before anything is read."""
        claims = [claim for claim in map(_claim_in, payloads) if claim is not None]
        total = sum(claim.payload_bytes for claim in claims)
        if total * _TEXT_PER_BYTE > self._settings.max_body_bytes:
            raise Refused(
                413,
                "answer-too-large",
                f"The payloads have {total} bytes together, more than one answer may hold.",
                remedy="Ask for them one by one, open the view page, or raise "
                "CLAIMCHECK_SERVER_MAX_BODY_BYTES.",
            )

    def _words(self, claim: Claim, base: str) -> Payload:
        text = (
            f"Claim check: {claim.payload_bytes:,} bytes are stored under {claim.key}. "
            f"View at: {base}{self._links.path_to(claim.key)}"
        )
        return _CONVERTER.to_payload(text)


def _claim_in(payload: Payload) -> Claim | None:
    """Return the claim of ours that a payload carries, in either form."""
    if forms.is_claim_payload(payload):
        return forms.claim_from_claim_payload(payload)
    return forms.claim_from_reference(payload) if forms.is_storage_reference(payload) else None


def _is_others(manager: ClaimCheckManager, payload: Payload) -> bool:
    """Return whether the payload is a reference that only another driver resolves."""
    return (
        forms.is_storage_reference(payload)
        and forms.claim_from_reference(payload) is None
        and not manager.foreign.resolves(payload)
    )
