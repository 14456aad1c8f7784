"""What the commands that read Temporal for its references have in common."""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from rich.console import Console
from rich.progress import Progress as Bar
from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

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

    @contextmanager
    def progress(self) -> Generator[Progress]:
        """Show on stderr what is being done."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TextColumn("{task.completed:,}"),
            TimeElapsedColumn(),
        )
        console = Console(stderr=True)
        with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("Connecting", total=None)

            def tell(what: str, seen: int) -> None:
                bar.update(task, description=what, completed=seen)

            yield tell


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
