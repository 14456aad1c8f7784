"""Workers and clients with the claim check, on a real server."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from temporalio.client import Client
from temporalio.worker import Worker

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.temporal.plugin import Door
from tests.temporal.counting import CountingStore

BIG_CHARACTERS = 10_000_000


@dataclass(kw_only=True)
class Setup:
    """A client with the claim check, and how to run workers for it."""

    address: str
    client: Client
    store: CountingStore
    plugin: ClaimCheckPlugin
    task_queue: str = field(default_factory=lambda: f"queue-{uuid.uuid4()}")

    def new_id(self) -> str:
        return f"workflow-{uuid.uuid4()}"

    def worker(
        self, workflows: Sequence[type], activities: Sequence[Any] = (), **more: Any
    ) -> Worker:
        return Worker(
            self.client,
            task_queue=self.task_queue,
            workflows=workflows,
            activities=activities,
            **more,
        )


async def connect(
    address: str,
    *,
    door: Door = "driver",
    store: CountingStore | None = None,
    manager: ClaimCheckManager | None = None,
    activity_wait_seconds: float | None = None,
    **client_options: Any,
) -> Setup:
    store = store or CountingStore()
    manager = manager or ClaimCheckManager(store)
    plugin = ClaimCheckPlugin(manager, door=door, activity_wait_seconds=activity_wait_seconds)
    client = await Client.connect(address, plugins=[plugin], **client_options)
    return Setup(address=address, client=client, store=store, plugin=plugin)


def big(mark: str, characters: int = BIG_CHARACTERS) -> str:
    """Return a large text that no other mark gives; it compresses about as records do."""
    line = f"{mark} and what belongs to it, number "
    count = characters // (len(line) + 8)
    return "".join(f"{line}{number:08d}" for number in range(count))
