"""Runs the pipeline's workflow and activities until Ctrl-C or SIGTERM."""

import asyncio
import signal
from concurrent.futures import ThreadPoolExecutor

from temporalio.client import Client
from temporalio.worker import Worker

from activities import generate_summary, transform_large_dataset
from connection import ADDRESS, CONNECTION, TASK_QUEUE
from temporal_claimcheck import ClaimCheckPlugin  # claim check, line 1 of 2
from workflows import LargeDataPipeline


async def main() -> None:
    client = await Client.connect(
        **CONNECTION,
        plugins=[ClaimCheckPlugin()],  # claim check, line 2 of 2
    )
    stop = asyncio.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(signal_number, stop.set)

    with ThreadPoolExecutor(max_workers=4) as executor:
        async with Worker(
            client,
            task_queue=TASK_QUEUE,
            workflows=[LargeDataPipeline],
            activities=[transform_large_dataset, generate_summary],
            activity_executor=executor,
        ):
            print(f"Worker ready on {ADDRESS}, task queue {TASK_QUEUE!r}.", flush=True)
            await stop.wait()


if __name__ == "__main__":
    asyncio.run(main())
