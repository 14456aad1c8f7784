"""A Python worker beside Zigflow: what its workflows `call: activity` runs here."""

import asyncio
import os
from typing import Any

from temporalio import activity
from temporalio.client import Client
from temporalio.exceptions import ApplicationError
from temporalio.worker import Worker

from temporal_claimcheck import ClaimCheckPlugin

TASK_QUEUE = "python-worker"


@activity.defn
async def enrich_cities(cities: list[dict[str, Any]], note: str) -> list[dict[str, Any]]:
    """Give every city a note and its density class; about as large as what came in."""
    return [{**city, "note": note, "large": city["population"] > 1_000_000} for city in cities]


@activity.defn
async def refuse_cities(cities: list[dict[str, Any]]) -> None:
    """Fail, and say in the failure's details which cities were refused: all of them."""
    raise ApplicationError(
        f"{len(cities)} cities are refused", cities, type="CitiesRefused", non_retryable=True
    )


ACTIVITIES = [enrich_cities, refuse_cities]


async def main() -> None:
    client = await Client.connect(
        os.environ.get("TEMPORAL_ADDRESS", "localhost:7233"),
        # Zigflow has no storage driver, so what is for it has to be written by the codec's door.
        plugins=[ClaimCheckPlugin(door="codec")],
    )
    async with Worker(client, task_queue=TASK_QUEUE, activities=ACTIVITIES):
        print(f"Worker ready on task queue {TASK_QUEUE!r}.", flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
