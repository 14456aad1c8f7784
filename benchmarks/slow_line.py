"""A line whose every connection carries only so much, as a cloud's do.

Run as `python -m benchmarks.slow_line TARGET_PORT BYTES_PER_SECOND`; says its own port first. A
process of its own, so that its work counts for nobody.
"""

import asyncio
import sys
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

__all__ = ["slow_line"]

_CHUNK_BYTES: Final = 65_536
# What a connection may make up for when it had to wait for the other side.
_SLACK_SECONDS: Final = 0.02


@asynccontextmanager
async def slow_line(target: int, bytes_per_second: int) -> AsyncGenerator[int]:
    """Run a line to a port of this machine and yield the line's port."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "benchmarks.slow_line", str(target), str(bytes_per_second)),
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        yield int(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()


async def _run(target: int, bytes_per_second: int) -> None:
    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", target)
        await asyncio.gather(
            _copy(reader, back, bytes_per_second), _copy(there, writer, bytes_per_second)
        )

    server = await asyncio.start_server(carry, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)  # For who started this.
    await server.serve_forever()


async def _copy(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, bytes_per_second: int
) -> None:
    due = time.monotonic()
    try:
        while chunk := await reader.read(_CHUNK_BYTES):
            now = time.monotonic()
            due = max(due, now - _SLACK_SECONDS) + len(chunk) / bytes_per_second
            await asyncio.sleep(due - now)
            writer.write(chunk)
            await writer.drain()
    except ConnectionError:
        pass  # Whoever hung up has what he wanted, or says so himself.
    finally:
        writer.close()


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), int(sys.argv[2])))
