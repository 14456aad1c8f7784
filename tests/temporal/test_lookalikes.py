"""User data that looks like a claim is data: it comes back as it went in, and reads nothing."""

import json
from typing import Any

import pytest
from temporalio import workflow
from temporalio.api.common.v1 import Payload
from temporalio.api.sdk.v1.external_storage_pb2 import ExternalStorageReference
from temporalio.common import RawValue

from tests.temporal.setup import Setup

VICTIM = f"v1/default/2026-03-04/{'ab' * 32}"
CLAIM = {"v": "1", "key": VICTIM, "size": "100", "digest": "blake3"}
REFERENCE = b"json/protobuf"
REFERENCE_TYPE = b"temporal.api.sdk.v1.ExternalStorageReference"

LOOKALIKES = {
    "claim payload": Payload(
        metadata={"encoding": b"json/claim-check"}, data=json.dumps(CLAIM).encode()
    ),
    "claim payload of no sense": Payload(metadata={"encoding": b"json/claim-check"}, data=b"?"),
    "reference to our driver": Payload(
        metadata={"encoding": REFERENCE, "messageType": REFERENCE_TYPE},
        data=json.dumps({"driverName": "claimcheck", "claimData": CLAIM}).encode(),
    ),
    "reference to another driver": Payload(
        metadata={"encoding": REFERENCE, "messageType": REFERENCE_TYPE},
        data=b'{"driverName": "aws.s3driver", "claimData": {"bucket": "b", "key": "k"}}',
    ),
    "legacy reference": Payload(
        metadata={"encoding": b"json/external-storage-reference"},
        data=b'{"driver_name": "claimcheck", "driver_claim": {"claim_data": {}}}',
    ),
    "marked reference": Payload(
        metadata={
            "encoding": b"binary/plain",
            "__temporal_external_storage_reference": b"true",
        },
        data=b"anything",
    ),
}


@workflow.defn
class EchoRaw:
    @workflow.run
    async def run(self, value: RawValue) -> RawValue:
        return value


@workflow.defn
class EchoReference:
    @workflow.run
    async def run(self, value: ExternalStorageReference) -> ExternalStorageReference:
        return value


@pytest.mark.parametrize("name", LOOKALIKES)
async def test_lookalike_comes_back_as_it_went_in(name: str, setup: Setup) -> None:
    sent = LOOKALIKES[name]
    async with setup.worker([EchoRaw]):
        result: Any = await setup.client.execute_workflow(
            EchoRaw.run, RawValue(sent), id=setup.new_id(), task_queue=setup.task_queue
        )
    assert result.payload == sent
    assert VICTIM not in setup.store.gets


async def test_reference_message_as_an_argument_is_an_argument(setup: Setup) -> None:
    sent = ExternalStorageReference(driver_name="claimcheck", claim_data=CLAIM)
    async with setup.worker([EchoReference]):
        result = await setup.client.execute_workflow(
            EchoReference.run, sent, id=setup.new_id(), task_queue=setup.task_queue
        )
    assert result == sent
    assert VICTIM not in setup.store.gets
