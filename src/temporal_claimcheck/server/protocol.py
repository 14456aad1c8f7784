"""The protocol of Temporal's codec servers: payloads as protobuf JSON, as many out as in.

Spoken by the Web UI, the `temporal` command, and the remote codecs of every SDK
(Go's `converter.NewRemotePayloadCodec`, and with it Zigflow).
"""

import base64
import contextlib
import json
import re
from typing import Final, cast

from google.protobuf.json_format import MessageToDict
from temporalio.api.common.v1 import Payload, Payloads
from temporalio.api.sdk.v1.external_storage_pb2 import ExternalStorageReference
from temporalio.converter import JSONProtoPayloadConverter

from temporal_claimcheck.claim import Claim
from temporal_claimcheck.payloads import DRIVER_NAME, is_storage_reference, reference_in
from temporal_claimcheck.server.refusals import Refused

__all__ = ["dump_payloads", "parse_payloads", "reference_to", "without_link"]

_TO_STANDARD: Final = str.maketrans("-_", "+/")
_LINK: Final = "view"
_CONVERTER: Final = JSONProtoPayloadConverter()
_TAKES_ALL: Final = "the SDK's own converter takes every protobuf message"
_SIZE: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_FORM: Final = '{"payloads": [{"metadata": {"encoding": "<base64>"}, "data": "<base64>"}]}'


def parse_payloads(body: bytes, *, max_payloads: int) -> list[Payload]:
    """Return the payloads of a request. Raises Refused for anything else than payloads."""
    try:
        document: object = json.loads(body)
    except (ValueError, RecursionError):
        raise _malformed("The body is no JSON") from None
    if not isinstance(document, dict):
        raise _malformed("The body is no object")
    # Protobuf's JSON takes null for what is not there.
    listed: object = cast("dict[str, object]", document).get("payloads")
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
    return [_parse_payload(payload) for payload in payloads]


def dump_payloads(payloads: list[Payload]) -> bytes:
    """Return the body of an answer."""
    document = MessageToDict(Payloads(payloads=payloads))
    # Temporal's clients expect the list to be there, also when it is empty.
    return json.dumps({"payloads": document.get("payloads", [])}, separators=(",", ":")).encode()


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


def _parse_payload(document: object) -> Payload:
    """Return a payload; fields of a later release are ignored, as protobuf does."""
    fields = _object(document, "A payload")
    metadata = _object(fields.get("metadata"), "The metadata of a payload")
    data = _bytes(fields.get("data"))
    values = {name: _bytes(value) for name, value in metadata.items()}
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


def _bytes(value: object) -> bytes:
    """Return the bytes of a Base64 text, in either alphabet, as protobuf's JSON has them."""
    if value is None:
        return b""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            text = value.translate(_TO_STANDARD)
            return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
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
