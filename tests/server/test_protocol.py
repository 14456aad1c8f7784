"""Every route with every form of payload: as many out as in, in order, or a JSON error."""

import json
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.sdk.v1.external_storage_pb2 import ExternalStorageReference
from temporalio.converter import JSONProtoPayloadConverter

from temporal_claimcheck.claim import Claim
from temporal_claimcheck.errors import StoreUnavailable
from temporal_claimcheck.payloads import (
    claim_payload,
    is_claim_payload,
    is_encrypted_payload,
    is_storage_reference,
)
from temporal_claimcheck.stores.memory import MemoryStore
from tests.core.rings import ring
from tests.server.serving import Served, body_of, json_payload, serving

SMALL = json_payload('"small"')
LARGE = json_payload(json.dumps("large " * 30_000))
LARGER = Payload(
    metadata={"encoding": b"binary/plain", "note": "é".encode()}, data=bytes(range(256)) * 2000
)
UNKNOWN = Payload(metadata={"encoding": b"x/strange", "\u00e9": b"\xff\x00"}, data=b"\x00\xff" * 9)
EMPTY = Payload()
DIGEST = "3f" * 32


@pytest.fixture
async def served() -> AsyncGenerator[Served]:
    async with serving() as running:
        yield running


def reference(claim_data: dict[str, str], driver: str = "claimcheck", size: int = 7) -> Payload:
    message = ExternalStorageReference(driver_name=driver, claim_data=claim_data)
    payload = JSONProtoPayloadConverter().to_payload(message)
    assert payload is not None
    payload.external_payloads.add().size_bytes = size
    return payload


async def stored(served: Served, payload: Payload) -> tuple[Claim, Payload, Payload]:
    """Return the claim of a payload, and its two wire forms."""
    claim = await served.manager.offload(payload)
    return claim, claim_payload(claim), reference(claim.dump(), size=claim.payload_bytes)


# What goes right.


async def test_what_is_encoded_decodes_to_the_same_in_the_same_order(served: Served) -> None:
    given = [SMALL, LARGE, UNKNOWN, EMPTY, LARGER, LARGE, SMALL]
    encoded = await served.convert("/encode", given)
    assert [is_claim_payload(each) for each in encoded] == [0, 1, 0, 0, 1, 1, 0]
    assert encoded[0] == SMALL
    assert encoded[2] == UNKNOWN
    assert await served.convert("/decode", encoded) == given


async def test_both_wire_forms_decode(served: Served) -> None:
    _, ours, theirs = await stored(served, LARGE)
    assert await served.convert("/decode", [theirs, SMALL, ours]) == [LARGE, SMALL, LARGE]


async def test_with_keys_small_payloads_are_encrypted_and_decrypted() -> None:
    async with serving(keys=ring("a")) as served:
        encoded = await served.convert("/encode", [SMALL, LARGE])
        assert is_encrypted_payload(encoded[0])
        assert await served.convert("/decode", encoded) == [SMALL, LARGE]
        kept = await served.convert("/decode?preserveStorageRefs=true", encoded)
        assert kept[0] == SMALL
        assert is_storage_reference(kept[1])


async def test_kept_claims_of_both_forms_are_references_with_a_link_and_download(
    served: Served,
) -> None:
    claim, ours, theirs = await stored(served, LARGE)
    for form in (ours, theirs):
        kept, small = await served.convert("/decode?preserveStorageRefs=true", [form, SMALL])
        assert small == SMALL
        assert kept.metadata["messageType"] == b"temporal.api.sdk.v1.ExternalStorageReference"
        assert [each.size_bytes for each in kept.external_payloads] == [claim.payload_bytes]
        claim_data = json.loads(kept.data)["claimData"]
        assert claim_data.pop("view").startswith(f"{served.url}/view/{claim.key}?expires=")
        assert claim_data == claim.dump()
        for again in (kept, form):
            assert await served.convert("/download", [again]) == [LARGE]
            assert await served.convert("/decode", [again]) == [LARGE]


async def test_another_drivers_reference_is_kept_untouched(served: Served) -> None:
    foreign = reference({"bucket": "b", "key": "k", "view": "mine"}, "aws.s3driver")
    assert await served.convert("/decode?preserveStorageRefs=true", [foreign]) == [foreign]


async def test_who_keeps_references_gets_no_link_into_another_namespace(served: Served) -> None:
    _, ours, theirs = await stored(served, LARGE)
    for form in (ours, theirs):
        kept = await served.convert("/orders/decode?preserveStorageRefs=true", [form])
        assert kept == [form]


async def test_the_preview_says_where_to_look_and_reads_nothing(served: Served) -> None:
    claim, ours, theirs = await stored(served, LARGE)
    await served.manager.store.aclose()
    assert isinstance(served.store, MemoryStore)
    await served.store.delete([claim.key])
    for payload in await served.convert("/preview/decode", [ours, theirs]):
        text = json.loads(payload.data)
        assert f"{claim.payload_bytes:,} bytes" in text
        assert claim.key in text
        assert f"{served.url}/view/{claim.key}?" in text
    assert await served.convert("/preview/decode", [SMALL, UNKNOWN]) == [SMALL, UNKNOWN]


async def test_the_link_is_to_the_public_address() -> None:
    async with serving(settings={"public_url": "https://claims.example/codec"}) as served:
        _, ours, _ = await stored(served, LARGE)
        [payload] = await served.convert("/preview/decode", [ours])
        assert "https://claims.example/codec/view/v1/" in json.loads(payload.data)


@pytest.mark.parametrize(
    "path", ["/encode", "/decode", "/decode?preserveStorageRefs=true", "/download"]
)
@pytest.mark.parametrize("body", [{}, {"payloads": []}, {"payloads": None}, {"later": 1}])
async def test_no_payloads_are_answered_with_none(path: str, body: object, served: Served) -> None:
    answer = await served.post(path, body)
    assert answer.status_code == 200
    assert answer.json() == {"payloads": []}


async def test_anothers_reference_passes_through_and_is_not_downloaded(served: Served) -> None:
    foreign = reference({"bucket": "b", "key": "k"}, "aws.s3driver")
    assert await served.convert("/decode", [foreign, SMALL]) == [foreign, SMALL]
    answer = await served.post("/download", body_of([foreign]))
    assert answer.status_code == 400
    assert answer.json()["code"] == "no-reference"


async def test_a_payload_is_read_as_protobufs_json_has_it(served: Served) -> None:
    documents: list[Any] = [
        {"metadata": {"encoding": "anNvbi9wbGFpbg"}, "data": "InNtYWxsIg"},
        {"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": "InNtYWxsIg==", "later": [1]},
        {"metadata": None, "data": None, "externalPayloads": None},
        {},
        {"data": "-_8="},
        {"data": "+/8="},
    ]
    decoded = await served.post("/decode", {"payloads": documents})
    answered = decoded.json()["payloads"]
    assert (
        answered[0]
        == answered[1]
        == {
            "metadata": {"encoding": "anNvbi9wbGFpbg=="},
            "data": "InNtYWxsIg==",
        }
    )
    assert answered[2] == answered[3] == {}
    assert answered[4] == answered[5] == {"data": "+/8="}


async def test_a_namespace_is_taken_from_header_path_or_setting(served: Served) -> None:
    for path, headers in (
        ("/encode", {"X-Namespace": "orders"}),
        ("/orders/encode", {}),
        ("/orders/encode", {"X-Namespace": "orders"}),
    ):
        [encoded] = await served.convert(path, [LARGE], **headers)
        assert "/orders/" in json.loads(encoded.data)["key"]
    [encoded] = await served.convert("/encode", [LARGE])
    assert "/default/" in json.loads(encoded.data)["key"]


# What goes wrong.


@pytest.mark.parametrize("path", ["/encode", "/decode", "/download", "/preview/decode"])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"null",
        b"[]",
        b"7",
        b'"x"',
        b'{"payloads": {}}',
        b'{"payloads": [7]}',
        b'{"payloads": ["x"]}',
        b'{"payloads": [{"data": "%%%"}]}',
        b'{"payloads": [{"data": "x"}]}',
        b'{"payloads": [{"data": 7}]}',
        b'{"payloads": [{"data": "\\ud800"}]}',
        b'{"payloads": [{"metadata": []}]}',
        b'{"payloads": [{"metadata": {"a": 7}}]}',
        b'{"payloads": [{"metadata": {"\\ud800": "YQ=="}}]}',
        b'{"payloads": [{"externalPayloads": 7}]}',
        b'{"payloads": [{"externalPayloads": [7]}]}',
        b'{"payloads": [{"externalPayloads": [{"sizeBytes": "-1"}]}]}',
        b'{"payloads": [{"externalPayloads": [{"sizeBytes": true}]}]}',
        b'{"payloads": [{"externalPayloads": [{"sizeBytes": "9999999999999999999"}]}]}',
        b"[" * 100_000,
        b'{"payloads": [' + b"[" * 100_000,
    ],
    ids=lambda body: repr(body[:60]),
)
async def test_what_is_no_request_is_refused_and_not_repeated(
    path: str, body: bytes, served: Served
) -> None:
    answer = await served.http.post(path, content=body)
    assert answer.status_code == 400
    document = answer.json()
    assert document["code"] == "malformed-request"
    assert document["message"]
    assert document["remedy"]


VALID = {"v": "1", "key": f"v1/default/2026-11-22/{DIGEST}", "size": "100", "digest": "blake3"}


@pytest.mark.parametrize(
    ("claim_data", "status", "code"),
    [
        (VALID, 410, "blob-not-found"),
        (VALID | {"key": f"v1/payroll/2026-11-22/{DIGEST}"}, 403, "foreign-namespace"),
        (VALID | {"key": "../../etc/passwd"}, 400, "invalid-key"),
        (VALID | {"key": f"v1/default/2026-11-22/{DIGEST}\0"}, 400, "invalid-key"),
        (VALID | {"key": f"s3://elsewhere/{DIGEST}"}, 400, "invalid-key"),
        (VALID | {"bucket": "elsewhere"}, 400, "invalid-claim"),
        (VALID | {"v": "2"}, 400, "unsupported-claim"),
        (VALID | {"size": str(2 * 1024**3)}, 413, "payload-too-large"),
        ({}, 400, "invalid-claim"),
    ],
)
@pytest.mark.parametrize("path", ["/decode", "/download"])
async def test_a_claim_that_leads_nowhere_says_why(
    path: str, claim_data: dict[str, str], status: int, code: str, served: Served
) -> None:
    ours = Payload(metadata={"encoding": b"json/claim-check"}, data=json.dumps(claim_data).encode())
    for payload in (ours, reference(claim_data)):
        answer = await served.post(
            path, body_of([SMALL, payload] if path == "/decode" else [payload])
        )
        assert (answer.status_code, answer.json()["code"]) in {
            (status, code),
            (413, "answer-too-large"),
        }


async def test_a_damaged_object_is_a_bad_gateway(served: Served) -> None:
    claim = await served.manager.offload(LARGE)
    assert isinstance(served.store, MemoryStore)
    await served.store.delete([claim.key])
    await served.store.put(claim.key, b"not what it was")
    fresh = claim_payload(claim)
    async with serving(store=served.store) as other:
        answer = await other.post("/decode", body_of([fresh]))
    assert answer.status_code == 502
    assert answer.json()["code"] == "blob-corrupt"
    assert claim.key in answer.json()["message"]


class DownStore(MemoryStore):
    async def get(self, key: str, *, max_bytes: int) -> bytes:
        del key, max_bytes
        raise StoreUnavailable("The store is away.", remedy="Wait for it.")

    async def put(self, key: str, blob: bytes) -> bool:
        del key, blob
        raise StoreUnavailable("The store is away.", remedy="Wait for it.")

    async def check(self) -> None:
        raise StoreUnavailable("The store is away.", remedy="Wait for it.")


async def test_a_store_that_is_down_is_to_be_tried_again() -> None:
    async with serving(store=DownStore()) as served:
        claim = Claim(key=VALID["key"], payload_bytes=100)
        for path, payload in (("/encode", LARGE), ("/decode", claim_payload(claim))):
            answer = await served.post(path, body_of([payload]))
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "5"
            assert answer.json()["code"] == "store-unavailable"
        assert (await served.http.get("/readyz")).status_code == 503
        assert (await served.http.get("/healthz")).status_code == 200
        assert await served.convert("/encode", [SMALL]) == [SMALL]


async def test_a_lost_key_is_named() -> None:
    store = MemoryStore()
    async with serving(store=store, keys=ring("a")) as served:
        encoded = await served.convert("/encode", [SMALL, LARGE])
    async with serving(store=store, keys=ring("b")) as served:
        for each in encoded:
            answer = await served.post("/decode", body_of([each]))
            assert answer.status_code == 502
            assert answer.json()["code"] == "encryption-key-missing"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/encode", 405),
        ("POST", "/nothing", 404),
        ("POST", "/encode/", 404),
        ("DELETE", "/decode", 405),
    ],
)
async def test_what_is_not_there_is_a_json_error(
    method: str, path: str, status: int, served: Served
) -> None:
    answer = await served.http.request(method, path)
    assert answer.status_code == status
    assert answer.json()["remedy"]
