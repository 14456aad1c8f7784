"""What a payload says of where it is."""

import datetime as dt
import json

import pytest
from temporalio.api.common.v1 import Payload

from temporal_claimcheck import Claim
from temporal_claimcheck.inspection.items import Where, Wire, item_of
from temporal_claimcheck.payloads import claim_payload

KEY = f"v1/default/2026-11-22/{'0' * 64}"
CLAIM = Claim(key=KEY, payload_bytes=5000)
REFERENCE = "temporal.api.sdk.v1.ExternalStorageReference"


def reference(driver: str, claim: dict[str, str]) -> Payload:
    return Payload(
        metadata={"encoding": b"json/protobuf", "messageType": REFERENCE.encode()},
        data=json.dumps({"driverName": driver, "claimData": claim}).encode(),
    )


def of_encoding(encoding: str, data: bytes = b"{}") -> Payload:
    return Payload(metadata={"encoding": encoding.encode()}, data=data)


@pytest.mark.parametrize(
    ("payload", "where", "wire"),
    [
        (claim_payload(CLAIM), Where.STORED, Wire.CODEC),
        (reference("claimcheck", CLAIM.dump()), Where.STORED, Wire.DRIVER),
        (reference("aws.s3driver", {"bucket": "b"}), Where.ELSEWHERE, None),
        (reference("claimcheck", {"v": "9"}), Where.UNREADABLE, None),
        (reference("claimcheck", {**CLAIM.dump(), "key": "v1/../x"}), Where.UNREADABLE, None),
        (of_encoding("json/claim-check"), Where.UNREADABLE, None),
        (of_encoding("json/claim-check", b"\xff"), Where.UNREADABLE, None),
        (of_encoding("binary/claim-check-encrypted"), Where.ENCRYPTED, None),
        (of_encoding("json/plain", json.dumps(CLAIM.dump()).encode()), Where.INLINE, None),
        (Payload(), Where.INLINE, None),
    ],
)
def test_a_payload_is_where_it_says(payload: Payload, where: Where, wire: Wire | None) -> None:
    item = item_of(
        payload, what="input", event_id=1, number=1, time=dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    )
    assert (item.where, item.wire) == (where, wire)
    assert item.carried_bytes == payload.ByteSize()
    if where is Where.STORED:
        assert (str(item.key), item.payload_bytes) == (KEY, 5000)
    else:
        assert item.key is None
    assert bool(item.note) == (where in {Where.ELSEWHERE, Where.UNREADABLE})
