"""The protocol of Temporal's codec servers: payloads as protobuf JSON, as many out as in.

Spoken by the Web UI, the `temporal` command, and the remote codecs of every SDK
(Go's `converter.NewRemotePayloadCodec`, and with it Zigflow).
"""

import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from typing import Final, cast

from temporalio.api.common.v1 import Payload
from temporalio.api.sdk.v1.external_storage_pb2 import ExternalStorageReference
from temporalio.converter import JSONProtoPayloadConverter

from temporal_claimcheck.claim import Claim
from temporal_claimcheck.payloads import DRIVER_NAME, is_storage_reference, reference_in
from temporal_claimcheck.server.json_strings import (
    Document,
    decode_base64,
    encode_base64,
    read_document,
)
from temporal_claimcheck.server.refusals import Refused

__all__ = ["dump_payloads", "parse_payloads", "reference_to", "without_link"]

_LINK: Final = "view"
_CONVERTER: Final = JSONProtoPayloadConverter()
_TAKES_ALL: Final = "the SDK's own converter takes every protobuf message"
_SIZE: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_FORM: Final = '{"payloads": [{"metadata": {"encoding": "<base64>"}, "data": "<base64>"}]}'


def parse_payloads(body: bytes, *, max_payloads: int) -> list[Payload]:
    """Return the payloads of a request. Raises Refused for anything else than payloads."""
    try:
        document = read_document(body)
    except (ValueError, RecursionError):
        raise _malformed("The body is no JSON") from None
    fields = document.value
    if not isinstance(fields, dict):
        raise _malformed("The body is no object")
    # Protobuf's JSON takes null for what is not there.
    listed: object = cast("dict[str, object]", fields).get("payloads")
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise _malformed("The body has no list of payloads")
    payloads = cast("list[object]", listed)
    if len(payloads) > max_payloads:
        raise Refused(
            413,
            "too-many-payloads",
            f"The request has {len(payloads)} payloads; {max_payloads} are served at once.",
            remedy="Send fewer, or raise CLAIMCHECK_SERVER_MAX_PAYLOADS.",
        )
    return [_parse_payload(payload, document) for payload in payloads]


def dump_payloads(payloads: list[Payload]) -> bytes:
    """Return the body of an answer."""
    # Temporal's clients expect the list to be there, also when it is empty.
    parts = [b'{"payloads":[']
    for number, payload in enumerate(payloads):
        parts += (b"," if number else b"", *_dump_payload(payload))
    parts.append(b"]}")
    return b"".join(parts)


def reference_to(claim: Claim, *, view: str) -> Payload:
    """Return Temporal's own storage reference to a claim, with a link for people to see.

    For the Web UI alone: a claim with a link in it is none for anybody but this server.
    """
    claim_data = {_LINK: view, **claim.dump()}
    message = ExternalStorageReference(driver_name=DRIVER_NAME, claim_data=claim_data)
    payload = _CONVERTER.to_payload(message)
    if payload is None:
        raise AssertionError(_TAKES_ALL)
    payload.external_payloads.add().size_bytes = claim.payload_bytes
    return payload


def _dump_payload(payload: Payload) -> Iterator[bytes]:
    """Yield protobuf's JSON of a payload, which leaves out what is empty."""
    yield b"{"
    separator = b""
    if payload.metadata:
        metadata: Mapping[str, bytes] = payload.metadata
        values = {name: encode_base64(value).decode() for name, value in metadata.items()}
        yield b'"metadata":' + _json(values)
        separator = b","
    # Each look at it copies it out of the message.
    if data := payload.data:
        yield separator + b'"data":"'
        yield encode_base64(data)
        yield b'"'
        separator = b","
    if payload.external_payloads:
        sizes = [
            {"sizeBytes": str(each.size_bytes)} if each.size_bytes else {}
            for each in payload.external_payloads
        ]
        yield separator + b'"externalPayloads":' + _json(sizes)
    yield b"}"


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _parse_payload(value: object, document: Document) -> Payload:
    """Return a payload; fields of a later release are ignored, as protobuf does."""
    fields = _object(value, "A payload")
    metadata = _object(fields.get("metadata"), "The metadata of a payload")
    if any(map(document.is_long, metadata)):
        raise _malformed("A name in the metadata of a payload is too long")
    data = _bytes(fields.get("data"), document)
    values = {name: _bytes(value, document) for name, value in metadata.items()}
    try:
        payload = Payload(metadata=values, data=data)
    except UnicodeEncodeError:
        raise _malformed("A name in the metadata of a payload is no text") from None
    external: object = fields.get("externalPayloads", fields.get("external_payloads"))
    if not isinstance(external, list | None):
        raise _malformed("The external payloads of a payload are no list")
    for entry in cast("list[object]", external or []):
        details = _object(entry, "An external payload")
        size = details.get("sizeBytes", details.get("size_bytes")) or 0
        if not isinstance(size, int | str) or not _SIZE.fullmatch(str(size)):
            raise _malformed("The size of an external payload is no number of bytes")
        payload.external_payloads.add().size_bytes = int(size)
    return payload


def _object(value: object, what: str) -> dict[str, object]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise _malformed(f"{what} is no object")
    return cast("dict[str, object]", value)


def _bytes(value: object, document: Document) -> bytes:
    """Return the bytes of a Base64 text, in either alphabet, as protobuf's JSON has them."""
    if value is None:
        return b""
    if isinstance(value, str) and (text := document.text_of(value)) is not None:
        with contextlib.suppress(ValueError):
            return decode_base64(text)
    raise _malformed("A value of a payload is no Base64")


def without_link(payload: Payload) -> Payload:
    """Return the payload without the link that `reference_to` put into it."""
    if not is_storage_reference(payload):
        return payload
    reference = reference_in(payload)
    if reference.driver_name != DRIVER_NAME or _LINK not in reference.claim_data:
        return payload
    del reference.claim_data[_LINK]
    plain = _CONVERTER.to_payload(reference)
    if plain is None:
        raise AssertionError(_TAKES_ALL)
    return plain


def _malformed(what: str) -> Refused:
    return Refused(400, "malformed-request", f"{what}.", remedy=f"Send {_FORM}.")
