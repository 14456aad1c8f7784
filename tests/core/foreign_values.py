"""What others stored, in this process's memory, and who was asked for it."""

import hashlib
from collections import Counter

from temporalio.api.common.v1 import Payload
from temporalio.api.sdk.v1.external_storage_pb2 import ExternalStorageReference
from temporalio.converter import JSONProtoPayloadConverter

from temporal_claimcheck.errors import BlobNotFound
from temporal_claimcheck.foreign.sources import Admit

UUID = "0f8fad5b-d9cb-469f-a165-70867728950e"
MARKS = {"encoding": b"claim-checked", "temporal.io/claim-check-codec": b"v1"}


class DictValues:
    """Values under keys."""

    def __init__(self, values: dict[str, bytes] | None = None) -> None:
        self.values = values or {}
        self.reads: Counter[str] = Counter()

    @property
    def name(self) -> str:
        return "dict://others"

    async def read(self, key: str, *, admit: Admit) -> bytes:
        self.reads[key] += 1
        if key not in self.values:
            raise BlobNotFound(f"There is no value under {key}.", remedy="Put it back.")
        async with admit(len(self.values[key])):
            return self.values[key]

    async def aclose(self) -> None:
        pass


def recipe_claim(key: str = UUID) -> Payload:
    return Payload(metadata=MARKS, data=key.encode())


def s3_key(data: bytes, namespace: str = "default") -> str:
    return f"v0/ns/{namespace}/wt/T/wi/w/ri/null/d/sha256/{hashlib.sha256(data).hexdigest()}"


def s3_reference(key: str, *, bucket: str = "payloads", driver: str = "aws.s3driver") -> Payload:
    message = ExternalStorageReference(
        driver_name=driver,
        claim_data={
            "bucket": bucket,
            "key": key,
            "hash_algorithm": "sha256",
            "hash_value": key[-64:],
        },
    )
    made = JSONProtoPayloadConverter().to_payload(message)
    assert made is not None
    return made
