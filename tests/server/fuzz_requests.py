"""Requests as nobody should send them: nearly right, in ways that a defect may hide behind."""

import base64
import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from hypothesis import strategies as st

DIGEST = "3f" * 32
KEY = f"v1/default/2026-11-22/{DIGEST}"
REFERENCE = b"temporal.api.sdk.v1.ExternalStorageReference"

_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def _mostly(
    usual: st.SearchStrategy[Any], strange: st.SearchStrategy[Any]
) -> st.SearchStrategy[Any]:
    # Not `one_of`: it would count each alternative of the strange as much as all the usual.
    return st.sampled_from([usual, usual, usual, strange]).flatmap(lambda chosen: chosen)


def _base64(data: st.SearchStrategy[bytes]) -> st.SearchStrategy[str]:
    return data.map(lambda value: base64.b64encode(value).decode())


_keys = st.sampled_from(
    [
        KEY,
        KEY.replace("default", "payroll"),
        KEY.replace("default", "%2E%2E"),
        KEY.replace("2026-11-22", "2026-02-30"),
        KEY.replace("2026-11-22", "9999-12-31"),
        KEY + "\0",
        KEY[:-1],
        "../" + KEY,
        "/" + KEY,
        KEY.upper(),
        KEY.replace("3f", "\u0663f"),
    ]
)
_claims = st.fixed_dictionaries(
    {},
    optional={
        "v": _mostly(st.just("1"), _json),
        "key": _mostly(_keys, _json),
        "size": _mostly(st.sampled_from(["1", "0", "-1", "1e9", "\u0661", "9" * 30]), _json),
        "digest": _mostly(st.sampled_from(["blake3", "blake3-keyed"]), _json),
        "later": _json,
    },
)
_references = st.fixed_dictionaries(
    {},
    optional={
        "driverName": _mostly(st.sampled_from(["claimcheck", "aws.s3driver"]), _json),
        "claimData": _mostly(_claims, _json),
        "later": _json,
    },
)
_contents = st.one_of(
    _mostly(_claims | _references, _json).map(json.dumps).map(str.encode),
    st.binary(max_size=40),
    st.binary(max_size=8).map(lambda value: value * 9_000),
)
_metadata = st.fixed_dictionaries(
    {},
    optional={
        "encoding": _mostly(
            _base64(
                st.sampled_from(
                    [
                        b"json/claim-check",
                        b"json/protobuf",
                        b"json/external-storage-reference",
                        b"binary/claim-check-encrypted",
                        b"json/plain",
                        b"claim-checked",
                    ]
                )
            ),
            _json,
        ),
        "messageType": _mostly(_base64(st.just(REFERENCE)), _json),
        "__temporal_external_storage_reference": _base64(st.just(b"true")),
        "claim-check-key": _base64(st.binary(max_size=20)),
        "claim-check-namespace": _base64(st.binary(max_size=20)),
        "temporal.io/claim-check-codec": _base64(st.just(b"v1")),
        "\u00e9": _json,
    },
)
_payloads = st.fixed_dictionaries(
    {},
    optional={
        "metadata": _mostly(_metadata, _json),
        "data": _mostly(_base64(_contents), _json),
        "externalPayloads": _mostly(
            st.lists(st.fixed_dictionaries({"sizeBytes": _json}), max_size=2), _json
        ),
        "later": _json,
    },
)
_documents = st.fixed_dictionaries(
    {}, optional={"payloads": _mostly(st.lists(_mostly(_payloads, _json), max_size=4), _json)}
)


@st.composite
def _bodies(draw: st.DrawFn) -> bytes:
    document = draw(_mostly(_documents, _json))
    body = json.dumps(document, ensure_ascii=draw(st.booleans())).encode("utf-8", "surrogatepass")
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3]))):
        place = draw(st.integers(0, len(body)))
        body = body[:place] + draw(st.binary(max_size=3)) + body[place + draw(st.integers(0, 3)) :]
    return body


_names = st.text(st.characters(codec="utf-8"), max_size=12).map(lambda name: quote(name, safe=""))
_paths = _mostly(
    st.sampled_from(["/encode", "/decode", "/decode", "/download", "/preview/decode"]),
    st.one_of(
        st.builds(
            "/{}/{}".format, _names, st.sampled_from(["encode", "decode", "download", "", ".."])
        ),
        st.builds("/view/{}".format, _mostly(_keys.map(quote), _names)),
        st.sampled_from(["/", "//", "/healthz", "/readyz", "/metrics", "/%00", "/%ff/decode", "*"]),
    ),
)
_queries = st.one_of(
    st.just(""),
    st.sampled_from(
        ["preserveStorageRefs=true", "preserveStorageRefs=TRUE", "preserveStorageRefs"]
    ),
    st.builds("expires={}&signature={}".format, st.sampled_from(["1", "9" * 400, "-1"]), _names),
    _names,
)
_pieces = st.one_of(
    st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "iss", "aud", "exp", "nbf", "sub", "permissions"]),
        _mostly(st.sampled_from(["RS256", "none", "HS256", "first"]), _json),
    ).map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=20),
).map(lambda data: base64.urlsafe_b64encode(data).rstrip(b"=").decode())
_tokens = st.one_of(
    st.lists(_pieces, min_size=1, max_size=4).map(".".join),
    st.sampled_from(["0123456789abcdef", "0123456789abcde", ""]),
    st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=20),
)
_headers = st.fixed_dictionaries(
    {},
    optional={
        "Authorization": st.builds(
            "{}{}".format, st.sampled_from(["Bearer ", "bearer  ", "Basic ", "Bearer", ""]), _tokens
        ),
        "X-Namespace": _mostly(
            st.sampled_from(["default", "payroll", "", "..", "preview"]),
            st.text(st.characters(min_codepoint=32, max_codepoint=255), max_size=12),
        ),
        "Content-Encoding": st.sampled_from(["identity", "gzip", ""]),
        "Content-Type": st.sampled_from(["application/json", "text/plain; charset=x", ""]),
        "Origin": st.sampled_from(["http://localhost:8233", "null", "https://evil.example"]),
        "Access-Control-Request-Method": st.sampled_from(["POST", "", "\u00ff"]),
        "Access-Control-Request-Headers": st.sampled_from(["x-namespace", ",,", "\u00ff"]),
        "X-Forwarded-For": st.sampled_from(["10.0.0.1", "", ",", "\u00ff", "::1"]),
        "X-Forwarded-Proto": st.sampled_from(["https", "", "gopher"]),
    },
)


@st.composite
def requests(draw: st.DrawFn, *, tokens: Sequence[str]) -> bytes:
    """Return a whole HTTP request, mostly with one of these tokens if there are any."""
    method = draw(st.sampled_from(["POST"] * 8 + ["GET", "OPTIONS", "HEAD", "PUT"]))
    query = draw(_queries)
    target = draw(_paths) + (f"?{query}" if query else "")
    body = draw(_bodies())
    lines = [f"{method} {target} HTTP/1.1", f"Content-Length: {len(body)}"]
    lines.append(f"Host: {draw(st.sampled_from(['localhost'] * 6 + ['', 'evil', '[::1]:x']))}")
    headers = draw(_headers)
    if tokens and draw(st.integers(0, 4)):
        headers["Authorization"] = f"Bearer {draw(st.sampled_from(tokens))}"
    lines += [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join(lines).encode("latin-1", "replace")
    return head + b"\r\n\r\n" + body
