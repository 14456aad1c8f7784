"""The SDK's own S3 driver, for reading only: what stands in for it after a move."""

from collections.abc import Sequence
from functools import partial

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.foreign.s3_driver import S3_DRIVER_NAME, S3DriverClaim
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.temporal.patience import reading

__all__ = ["S3DriverReader"]


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
