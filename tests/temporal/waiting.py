"""Wait for a condition, not for a time."""

import asyncio
from collections.abc import Awaitable, Callable

PATIENCE_SECONDS = 20.0
ASK_AGAIN_SECONDS = 0.05


async def eventually(condition: Callable[[], Awaitable[bool]]) -> None:
    """Return when the condition holds; fail the test when it never does."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():
            await asyncio.sleep(ASK_AGAIN_SECONDS)
