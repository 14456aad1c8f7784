"""The SDK's own S3 driver: what stands in for it after a move, and what writes as it does."""

from collections.abc import Sequence
from functools import partial

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ExternalStorage,
    StorageDriver,
    StorageDriverActivityInfo,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
    StorageDriverWorkflowInfo,
)

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.flow import all_or_error
from temporal_claimcheck.foreign.s3_driver import S3_DRIVER_NAME, S3DriverClaim, S3DriverOwner
from temporal_claimcheck.foreign.s3_writer import S3DriverWriter
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.payloads import is_storage_reference
from temporal_claimcheck.temporal.intent import Intent, intent_of
from temporal_claimcheck.temporal.patience import reading, writing

__all__ = ["S3DriverDoor", "S3DriverReader"]


class S3DriverReader(StorageDriver):
    """Resolves the references that the SDK's S3 driver wrote, and writes none.

    `ClaimCheckPlugin` wires it. By hand it needs `ClaimCheckCodec` of the same manager behind
    it, which hands out as data what only looks like a claim.
    """

    def __init__(self, manager: ClaimCheckManager) -> None:
        self._manager = manager

    def name(self) -> str:
        """Return the name that stands in the references."""
        return S3_DRIVER_NAME

    def type(self) -> str:
        """Return the type of the driver whose references these are."""
        return S3_DRIVER_NAME

    async def store(
        self, context: StorageDriverStoreContext, payloads: Sequence[Payload]
    ) -> list[StorageDriverClaim]:
        """Refuse: the claim check's own driver stores."""
        del context, payloads
        raise InvalidSettings(
            "A driver_selector chose the driver that only reads what the SDK's S3 driver wrote.",
            remedy="Let it choose ClaimCheckDriver.",
        )

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        """Return the payloads of claims, verified, in order."""
        del context  # Empty in every release so far.
        manager = self._manager
        parsed = [S3DriverClaim.parse(claim.claim_data) for claim in claims]
        found = await reading(
            partial(manager.foreign.retrieve_many, parsed), place="the S3 driver's bucket"
        )
        return [
            manager.foreign.as_data(payload) if manager.looks_like_claim(payload) else payload
            for payload in found
        ]


class S3DriverDoor(S3DriverReader):
    """Writes what the SDK's S3 driver writes, for readers in any language that have only that.

    `ClaimCheckPlugin(door="s3-driver")` wires it.
    """

    def __init__(self, manager: ClaimCheckManager) -> None:
        """Raises InvalidSettings when there is no bucket, or when keys would encrypt."""
        super().__init__(manager)
        writer = manager.foreign.s3_driver_writer
        if writer is None:
            raise InvalidSettings(
                "There is no bucket to write to as the SDK's S3 driver does.",
                remedy="Set CLAIMCHECK_S3_DRIVER_BUCKET (s3_driver_bucket).",
            )
        if manager.encrypts:
            raise InvalidSettings(
                "What is encrypted cannot be read by the SDK's S3 driver.",
                remedy="Unset the encryption keys, or use another door.",
            )
        self._writer: S3DriverWriter = writer

    def external_storage(self, *, others: Sequence[StorageDriver]) -> ExternalStorage:
        """Return the SDK's configuration: this driver writes; `others` stay readable."""
        return ExternalStorage(
            drivers=[self, *others], driver_selector=self.select, payload_size_threshold=0
        )

    def select(self, context: object, payload: Payload) -> StorageDriver | None:
        """Return this driver for a payload that goes to the bucket, None for one that stays."""
        if is_storage_reference(payload):
            return self
        if intent_of(getattr(context, "target", None)) is Intent.KEEP:
            return None
        return self if self._manager.policy.should_offload(payload.ByteSize()) else None

    async def store(
        self, context: StorageDriverStoreContext, payloads: Sequence[Payload]
    ) -> list[StorageDriverClaim]:
        """Store payloads, unless a replay encodes them again; return their claims in order."""
        target = context.target
        mint = self._manager.foreign.is_replay or intent_of(target) is Intent.MINT
        namespace = None if target is None else target.namespace

        async def store_all() -> list[S3DriverClaim]:
            return await all_or_error(
                [
                    self._writer.offload(
                        payload, namespace=namespace, owner=_owner_of(target), mint=mint
                    )
                    for payload in payloads
                ]
            )

        claims = await writing(store_all, place="the S3 driver's bucket")
        return [StorageDriverClaim(claim_data=claim.dump()) for claim in claims]


def _owner_of(target: object) -> S3DriverOwner | None:
    match target:
        case StorageDriverWorkflowInfo():
            kind = "workflow"
        case StorageDriverActivityInfo():
            kind = "activity"
        case _:
            return None
    return S3DriverOwner(kind=kind, type=target.type, id=target.id, run_id=target.run_id)
