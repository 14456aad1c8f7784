"""What the commands that read Temporal for its references have in common."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from temporal_claimcheck.cli.progress import progress_on_stderr
from temporal_claimcheck.gc.cluster import Cluster
from temporal_claimcheck.gc.plan import Rules
from temporal_claimcheck.gc.roots.connecting import connect_clusters
from temporal_claimcheck.gc.settings import CollectorSettings
from temporal_claimcheck.gc.steps import Progress
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.settings import Settings

__all__ = ["Collecting", "collecting"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collecting:
    """Settings of a command, and what is made from them."""

    store: Settings
    settings: CollectorSettings
    rules: Rules

    def manager(self) -> ClaimCheckManager:
        """Return a manager of the store."""
        return ClaimCheckManager.from_settings(self.store)

    async def clusters(self, manager: ClaimCheckManager) -> Sequence[Cluster]:
        """Connect to the clusters. Raises CollectionIncomplete for one that cannot be reached."""
        return await connect_clusters(
            self.settings.profiles,
            # Whatever namespace a payload is of: what it refers to must be known.
            decrypt=manager.for_replay().decrypt,
            max_requests_per_second=self.settings.requests_per_second,
            max_concurrent_requests=self.settings.at_once,
        )

    def progress(self) -> AbstractContextManager[Progress]:
        """Show on stderr what is being done."""
        return progress_on_stderr("Connecting")


def collecting(
    profiles: Sequence[str] | None = None, *, may_be_unreferenced: bool = False
) -> Collecting:
    """Read the settings; profiles that are given go before them. Raises InvalidSettings."""
    overrides = {"profiles": tuple(profiles)} if profiles else {}
    settings = CollectorSettings.load(**overrides)
    return Collecting(
        store=Settings.load(),
        settings=settings,
        rules=settings.rules(may_be_unreferenced=may_be_unreferenced),
    )
