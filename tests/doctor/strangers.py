"""A server of gRPC that refuses everybody, as one does that knows its callers by their keys.

The dev server knows no callers, so this speaks just enough of HTTP/2 (RFC 9113) to say no.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADERS, _SETTINGS, _PING = 1, 4, 6
_ACK, _END_STREAM_AND_HEADERS = 1, 5
_UNAUTHENTICATED: Final = b"16"


@asynccontextmanager
async def refusing_grpc() -> AsyncGenerator[int]:
    """Refuse every call with UNAUTHENTICATED; yield the port."""
    async with await asyncio.start_server(_serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1]


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await reader.readexactly(len(_PREFACE))
        writer.write(_frame(_SETTINGS, 0, 0, b""))
        while True:
            head = await reader.readexactly(9)
            body = await reader.readexactly(int.from_bytes(head[:3]))
            kind, flags, stream = head[3], head[4], int.from_bytes(head[5:])
            if kind in {_SETTINGS, _PING} and not flags & _ACK:
                writer.write(_frame(kind, _ACK, 0, body if kind == _PING else b""))
            elif kind == _HEADERS:
                writer.write(_frame(_HEADERS, _END_STREAM_AND_HEADERS, stream, _refusal()))
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


def _frame(kind: int, flags: int, stream: int, body: bytes) -> bytes:
    return len(body).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + body


def _refusal() -> bytes:
    status_200 = b"\x88"  # RFC 7541, appendix A
    pairs = ((b"content-type", b"application/grpc"), (b"grpc-status", _UNAUTHENTICATED))
    return status_200 + b"".join(_literal(name) + _string(value) for name, value in pairs)


def _literal(name: bytes) -> bytes:
    return b"\0" + _string(name)


def _string(text: bytes) -> bytes:
    return bytes((len(text),)) + text
