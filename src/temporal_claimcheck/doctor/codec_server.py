"""The codec server, asked as the Web UI's pages and its operators ask it."""

import http.client
import ipaddress
import json
import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, cast
from urllib.parse import urlsplit

from temporal_claimcheck.doctor import catalogue
from temporal_claimcheck.doctor.findings import Finding
from temporal_claimcheck.doctor.http import Answer, ask
from temporal_claimcheck.doctor.running import Outcome

__all__ = ["check_codec_server", "check_cors"]

_HEADERS: Final = ("x-namespace", "content-type", "authorization", "authorization-extras")
"""What the Web UI sends, besides what every page may."""
_DECODE: Final = "/decode?preserveStorageRefs=true"
_START: Final = "claimcheck serve says at its start where it serves"


async def check_codec_server(endpoint: str, *, namespace: str, seconds: float) -> Outcome[str]:
    """Ask how it is, and without credentials for a payload. The value is its URL, if it answers."""
    base = endpoint.replace("{namespace}", namespace).rstrip("/")
    root = endpoint.partition("/{namespace}")[0].rstrip("/")
    try:
        alive = await ask("GET", f"{root}/healthz", seconds=seconds)
        if _document(alive).get("status") != "ok":
            return Outcome(findings=[_another(root, alive)])
        ready = await ask("GET", f"{root}/readyz", seconds=seconds)
        opened = await ask(
            "POST",
            base + _DECODE,
            body=b'{"payloads":[]}',
            headers={"Content-Type": "application/json", "X-Namespace": namespace},
            seconds=seconds,
        )
    except (OSError, http.client.HTTPException) as error:
        return Outcome(findings=[_unreachable(root, error)])
    findings = [_readiness(root, ready), *_closed(base, opened)]
    return Outcome(findings=findings, value=base)


async def check_cors(base: str, origin: str, *, seconds: float) -> Outcome[None]:
    """Ask what a browser asks before a page of the Web UI may call the server."""
    if origin.startswith("https:") and base.startswith("http:") and not _is_local(base):
        return Outcome(
            findings=[
                catalogue.CODEC_BLOCKED.found(
                    f"Browsers keep pages of {origin} from calling {base}: https may not call "
                    "http.",
                    "Serve it by https: CLAIMCHECK_SERVER_TLS_CERTIFICATE_FILE, or a proxy in "
                    "front.",
                )
            ]
        )
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": ",".join(_HEADERS),
    }
    try:
        answer = await ask("OPTIONS", base + _DECODE, headers=asked, seconds=seconds)
    except (OSError, http.client.HTTPException) as error:
        return Outcome(findings=[_unreachable(base, error)])
    allowed = answer.headers.get("access-control-allow-origin", "")
    if allowed not in {origin, "*"}:
        return Outcome(
            findings=[
                catalogue.CORS_WRONG.found(
                    f"{base} does not let pages of {origin} call it, so the Web UI shows no "
                    "payloads.",
                    f"Add {origin} to CLAIMCHECK_SERVER_CORS_ORIGINS, separated by commas, and "
                    "restart the server.",
                )
            ]
        )
    names = {
        name.strip().lower()
        for name in answer.headers.get("access-control-allow-headers", "").split(",")
    }
    if missing := [name for name in _HEADERS if name not in names]:
        return Outcome(
            findings=[
                catalogue.CORS_WRONG.found(
                    f"{base} forbids headers that the Web UI sends: {', '.join(missing)}.",
                    "Let the proxy in front pass Access-Control-Allow-Headers on as the codec "
                    "server gives it.",
                )
            ]
        )
    return Outcome(findings=[catalogue.CORS_RIGHT.found(f"Pages of {origin} may call it.")])


def _readiness(root: str, answer: Answer) -> Finding:
    if answer.status == HTTPStatus.OK:
        return catalogue.CODEC_SERVES.found(f"{root} answers, and reaches its store.")
    code = str(_document(answer).get("code", "")) or str(answer.status)
    return catalogue.CODEC_NOT_READY.found(
        f"{root} answers, and cannot use its store: {code}.",
        "Run claimcheck doctor where that server runs, with its settings.",
    )


def _closed(base: str, answer: Answer) -> list[Finding]:
    if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return [catalogue.CODEC_CLOSED.found("It refuses who has no credentials.")]
    if answer.status == HTTPStatus.OK and _is_local(base):
        return [
            catalogue.CODEC_CLOSED.found(
                "It asks for no credentials, and was reached as localhost."
            )
        ]
    if answer.status == HTTPStatus.OK:
        return [
            catalogue.CODEC_OPEN.found(
                f"{base} gives payloads to everybody who reaches it.",
                "Set CLAIMCHECK_SERVER_TOKENS or CLAIMCHECK_SERVER_JWKS_URL on the server, and "
                "let no proxy pretend to be localhost.",
            )
        ]
    return [
        catalogue.CODEC_IS_ANOTHER.found(
            f"{base}/decode answers with {answer.status}.",
            f"Give the endpoint as the Web UI has it, with the path that a proxy adds; {_START}.",
        )
    ]


def _another(root: str, answer: Answer) -> Finding:
    return catalogue.CODEC_IS_ANOTHER.found(
        f"What answers at {root} is no codec server of the claim check: /healthz gives "
        f"{answer.status}.",
        f"Correct --codec-endpoint, with the path that a proxy adds; {_START}.",
    )


def _unreachable(root: str, error: Exception) -> Finding:
    if isinstance(error, ssl.SSLError):
        return catalogue.CODEC_TLS.found(
            f"No trusted TLS connection to {root} came about.",
            "Give it a certificate that browsers trust, and SSL_CERT_FILE to this command if its "
            "authority is your own. Write http:// if it speaks no TLS.",
        )
    return catalogue.CODEC_UNREACHABLE.found(
        f"The codec server at {root} does not answer.",
        f"Start it (claimcheck serve), or correct --codec-endpoint; {_START}.",
    )


def _document(answer: Answer) -> Mapping[str, object]:
    try:
        found: object = json.loads(answer.body)
    except ValueError:
        return {}
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def _is_local(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
