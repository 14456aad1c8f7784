"""Written bytes are for ever: what was once stored and minted is read by every later release.

Never regenerate these files. A new format is a new version and a new file beside them.
"""

import datetime as dt
import json
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload

from temporal_claimcheck.claim import Claim
from temporal_claimcheck.envelope import digest_of, open_envelope, read_header, seal_envelope
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.payloads import (
    claim_from_claim_payload,
    claim_payload,
    parse_payload,
    serialize_payload,
)
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.transforms.compression import NoCompression
from tests.core.rings import ring

GOLDEN = Path(__file__).parent / "golden"
DATA = (GOLDEN / "payload.bin").read_bytes()
CLAIMS: list[dict[str, str]] = json.loads((GOLDEN / "claims.json").read_text())
PAYLOAD = Payload(
    metadata={"encoding": b"json/plain", "author": b"\xc3\xa9"},
    data=b"[" + b",".join(b'{"city":"Oslo","n":%d}' % number for number in range(12)) + b"]",
)

claims = pytest.mark.parametrize("golden", CLAIMS, ids=[entry["namespace"] for entry in CLAIMS])


def test_a_payload_is_serialized_as_ever() -> None:
    assert serialize_payload(PAYLOAD) == DATA
    assert parse_payload(DATA) == PAYLOAD


def test_its_digest_is_as_ever() -> None:
    assert digest_of(DATA) == "90536014e08beb4c9091bd04e8f53a978f3cd3802baaebe8e6c4b420b553b8cb"


@pytest.mark.parametrize("compression", ["none", "zstd", "gzip"])
def test_an_object_of_version_1_is_read(compression: str) -> None:
    blob = (GOLDEN / f"envelope-v1-{compression}.bin").read_bytes()
    assert open_envelope(blob, key="k", digest=digest_of(DATA), max_plain_bytes=len(DATA)) == DATA
    assert read_header(blob, key="k")[0].compression == compression


def test_an_object_of_version_1_is_written_as_ever() -> None:
    blob = (GOLDEN / "envelope-v1-none.bin").read_bytes()
    assert seal_envelope(DATA, NoCompression()) == blob


@claims
def test_a_key_is_spelled_as_ever(golden: dict[str, str]) -> None:
    key = Key(
        namespace=golden["namespace"],
        day=dt.date.fromisoformat(golden["day"]),
        digest=digest_of(DATA),
    )
    assert str(key) == golden["key"]
    assert Key.parse(golden["key"]) == key


@claims
def test_a_claim_is_written_and_read_as_ever(golden: dict[str, object]) -> None:
    claim = Claim(key=str(golden["key"]), payload_bytes=len(DATA))
    assert claim.dump() == golden["claim"]
    assert Claim.parse(claim.dump()) == claim


def test_the_codecs_claim_payload_is_written_and_read_as_ever() -> None:
    golden = (GOLDEN / "claim-payload.bin").read_bytes()
    claim = Claim(key=CLAIMS[0]["key"], payload_bytes=len(DATA))
    assert serialize_payload(claim_payload(claim)) == golden
    assert claim_from_claim_payload(parse_payload(golden)) == claim


@pytest.mark.parametrize("compression", ["none", "zstd", "gzip"])
@claims
async def test_a_claim_of_then_is_resolved_from_a_store_of_then(
    golden: dict[str, str], compression: str
) -> None:
    store = MemoryStore()
    await store.put(golden["key"], (GOLDEN / f"envelope-v1-{compression}.bin").read_bytes())
    manager = ClaimCheckManager(store, namespace=golden["namespace"])
    claim = Claim(key=golden["key"], payload_bytes=len(DATA))
    assert await manager.retrieve(claim) == PAYLOAD


ENCRYPTED_KEY = (
    "v1/default/2026-11-22/0258a48b58a805027307e625d50b7e8ea27ca6894431408084cfc53bbe075dd3"
)


@pytest.mark.parametrize("compression", ["none", "zstd"])
async def test_an_encrypted_object_of_version_1_is_read(compression: str) -> None:
    store = MemoryStore()
    blob = (GOLDEN / f"envelope-v1-{compression}-encrypted.bin").read_bytes()
    await store.put(ENCRYPTED_KEY, blob)
    claim = Claim(key=ENCRYPTED_KEY, payload_bytes=len(DATA), digest="keyed-blake3")
    assert await ClaimCheckManager(store, keys=ring("golden")).retrieve(claim) == PAYLOAD
    assert (
        Claim.parse(
            {"v": "1", "key": ENCRYPTED_KEY, "size": str(len(DATA)), "digest": "keyed-blake3"}
        )
        == claim
    )


async def test_a_payload_encrypted_in_place_is_read() -> None:
    golden = parse_payload((GOLDEN / "encrypted-payload.bin").read_bytes())
    assert await ClaimCheckManager(MemoryStore(), keys=ring("golden")).decrypt(golden) == PAYLOAD
