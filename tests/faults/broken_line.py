"""A line to a server that resets every second connection."""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from temporal_claimcheck.testing.servers import free_ports

_CHUNK_BYTES = 65_536


@dataclass(slots=True, kw_only=True)
class BrokenLine:
    port: int
    is_broken: bool = False
    connections: int = 0
    resets: int = 0
    open: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    def breaks(self) -> None:
        """Reset what is open, and every second connection from now on."""
        self.is_broken = True
        for writer in self.open:
            reset(writer)


@asynccontextmanager
async def broken_line(target: int) -> AsyncGenerator[BrokenLine]:
    (port,) = free_ports(1)
    line = BrokenLine(port=port)

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line.connections += 1
        line.open.add(writer)
        try:
            first = await reader.read(_CHUNK_BYTES)
            if line.is_broken and not line.connections % 2:
                line.resets += 1
                reset(writer)
                return
            there, back = await asyncio.open_connection("127.0.0.1", target)
            back.write(first)
            await asyncio.wait(
                [
                    asyncio.create_task(copy(reader, back)),
                    asyncio.create_task(copy(there, writer)),
                ]
            )
        except OSError:
            pass
        finally:
            line.open.discard(writer)
            writer.close()

    server = await asyncio.start_server(carry, "127.0.0.1", port)
    try:
        yield line
    finally:
        server.close()


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while chunk := await reader.read(_CHUNK_BYTES):
            writer.write(chunk)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """End a connection by RST instead of FIN."""
    handle: socket.socket = writer.get_extra_info("socket")
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
