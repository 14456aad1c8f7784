"""User data that looks like a claim or a storage reference comes back as it was."""

import json

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.api.sdk.v1.external_storage_pb2 import ExternalStorageReference
from temporalio.converter import JSONProtoPayloadConverter

from temporal_claimcheck.claim import Claim
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.payloads import claim_payload, is_claim_payload
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.stores.memory import MemoryStore
from tests.core.witnesses import payload

CLAIM = Claim(key=f"v1/default/2026-11-22/{'3f' * 32}", payload_bytes=5029)
MARKER = "__temporal_external_storage_reference"


def reference(driver_name: str, claim_data: dict[str, str]) -> Payload:
    message = ExternalStorageReference(driver_name=driver_name, claim_data=claim_data)
    made = JSONProtoPayloadConverter().to_payload(message)
    assert made is not None
    return made


def lookalikes() -> dict[str, Payload]:
    marked = reference("claimcheck", CLAIM.dump())
    marked.metadata[MARKER] = b"true"
    return {
        "claim": claim_payload(CLAIM),
        "claim-without-external-payloads": Payload(
            metadata={"encoding": b"json/claim-check"}, data=json.dumps(CLAIM.dump()).encode()
        ),
        "claim-with-nonsense": Payload(metadata={"encoding": b"json/claim-check"}, data=b"{"),
        "claim-with-nothing": Payload(metadata={"encoding": b"json/claim-check"}),
        "reference": reference("claimcheck", CLAIM.dump()),
        "reference-of-another-driver": reference("aws.s3driver", {"bucket": "b", "key": "k"}),
        "reference-with-nonsense": Payload(
            metadata={
                "encoding": b"json/protobuf",
                "messageType": b"temporal.api.sdk.v1.ExternalStorageReference",
            },
            data=b"\xff",
        ),
        "legacy-reference": Payload(
            metadata={"encoding": b"json/external-storage-reference"},
            data=json.dumps(
                {"driver_name": "claimcheck", "driver_claim": {"claim_data": CLAIM.dump()}}
            ).encode(),
        ),
        "marked-reference": marked,
        "marked-text": Payload(
            metadata={"encoding": b"json/plain", MARKER: b"true"}, data=b'"text"'
        ),
        "marked-otherwise": Payload(metadata={"encoding": b"json/plain", MARKER: b"no"}),
    }


@pytest.mark.parametrize("enabled", [True, False], ids=["enabled", "disabled"])
@pytest.mark.parametrize("name", lookalikes())
async def test_a_lookalike_comes_back_as_it_was(name: str, *, enabled: bool) -> None:
    original = lookalikes()[name]
    store = MemoryStore()
    writer = ClaimCheckManager(store, policy=OffloadPolicy(enabled=enabled))
    stored = await writer.maybe_offload(original)
    assert is_claim_payload(stored)
    assert stored != original
    assert await ClaimCheckManager(store).maybe_retrieve(stored) == lookalikes()[name]


async def test_a_claim_to_a_real_object_is_not_followed_when_it_is_user_data() -> None:
    store = MemoryStore()
    manager = ClaimCheckManager(store)
    secret = claim_payload(await manager.offload(payload()))
    stored = await manager.maybe_offload(secret)
    assert await manager.maybe_retrieve(stored) == secret


async def test_lookalikes_survive_any_number_of_doors() -> None:
    manager = ClaimCheckManager(MemoryStore())
    original = claim_payload(CLAIM)
    wrapped = [original]
    for _ in range(5):
        wrapped.append(await manager.maybe_offload(wrapped[-1]))
    for expected in reversed(wrapped[:-1]):
        assert await manager.maybe_retrieve(wrapped.pop()) == expected
    assert wrapped == [original]


async def test_lookalikes_among_others_come_back_in_order() -> None:
    manager = ClaimCheckManager(MemoryStore())
    originals = [item for pair in lookalikes().values() for item in (payload(50), pair)]
    stored = await manager.maybe_offload_many(originals)
    assert await manager.maybe_retrieve_many(stored) == originals
