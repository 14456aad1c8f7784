"""A workflow's module that imports the package outside of any passthrough block."""

from temporalio import workflow

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin


@workflow.defn
class NamesThePackage:
    @workflow.run
    async def run(self) -> str:
        assert ClaimCheckManager.__module__ == "temporal_claimcheck.manager"
        return ClaimCheckPlugin.__name__
