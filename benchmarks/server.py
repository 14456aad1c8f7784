"""The codec server over HTTP, against what its callers can wait for."""

import asyncio
import json
import os
import sys
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import median, quantiles
from typing import Any, Final

from aiohttp import ClientSession
from rich.table import Table

__all__ = ["ServerResult", "run_server", "server_table"]

# Zigflow's Go SDK calls a workflow deadlocked after a second, in which it decodes one result and
# encodes the next arguments.
BUDGET_SECONDS: Final = 1.0
_GOAL_SHARE: Final = 0.2
_GOAL_RATE: Final = 200.0
_CLIENTS: Final = 8
_LARGE: Final = 1_000_000
_ROUNDS: Final = 40
_SMALL_SECONDS: Final = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerResult:
    """What was measured, beside what was wanted."""

    what: str
    value: float
    goal: str
    reached: bool


async def run_server(folder: Path, note: Callable[[str], None]) -> list[ServerResult]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "temporal_claimcheck.cli", "serve", "--port=0"),
        env=os.environ | {"CLAIMCHECK_STORE": f"file://{folder / 'claims'}"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        url = line.partition(" at ")[2].partition(", ")[0]
        # aiohttp, for a client's work on the same cores is none of the server's.
        async with ClientSession(url) as http:
            note(f"server: {_CLIENTS} clients, {_ROUNDS} rounds of {_LARGE:,} bytes each")
            trips = await _large(http)
            if hasattr(os, "sched_setaffinity"):
                os.sched_setaffinity(process.pid, {0})
            note(f"server: small payloads for {_SMALL_SECONDS:g} s")
            before = _cpu_seconds(process.pid)
            rate, failed = await _small(http)
            busy = (_cpu_seconds(process.pid) - before) / _SMALL_SECONDS
    finally:
        process.terminate()
        await process.wait()
    p99 = quantiles(trips, n=100)[98] / BUDGET_SECONDS
    return [
        ServerResult(
            what="encode and decode 1 MB, 8 clients at once: p50, share of 1 s",
            value=median(trips) / BUDGET_SECONDS,
            goal="",
            reached=True,
        ),
        ServerResult(
            what="the same: p99, share of 1 s",
            value=p99,
            goal=f"< {_GOAL_SHARE:g}",
            reached=p99 < _GOAL_SHARE,
        ),
        ServerResult(
            what="small payloads: requests a second, the server bound to one core",
            value=rate,
            goal=f"> {_GOAL_RATE:g}",
            reached=rate > _GOAL_RATE,
        ),
        ServerResult(
            what="the same: requests for each second of the server's CPU time",
            value=rate / busy,
            goal="",
            reached=True,
        ),
        ServerResult(what="of these failed", value=failed, goal="0", reached=not failed),
    ]


async def _large(http: ClientSession) -> list[float]:
    """Return how long each client waited for encode and decode together, in seconds."""

    async def client(number: int) -> list[float]:
        trips: list[float] = []
        for turn in range(_ROUNDS + 1):
            body = _body(f"client {number}, turn {turn}, and a line of text. ", _LARGE)
            started = time.perf_counter()
            encoded = await _post(http, "/encode", body)
            decoded = await _post(http, "/decode", encoded)
            seconds = time.perf_counter() - started
            # Byte by byte: parsing here would hold up the other clients.
            if decoded != body:
                raise AssertionError("another payload came back")
            if turn:
                trips.append(seconds)
        return trips

    return sum(await asyncio.gather(*map(client, range(_CLIENTS))), list[float]())


async def _post(http: ClientSession, path: str, body: bytes) -> bytes:
    async with http.post(path, data=body) as answer:
        answer.raise_for_status()
        return await answer.read()


async def _small(http: ClientSession) -> tuple[float, int]:
    """Return how many requests a second were answered, and how many failed."""
    body = _body("small", 200)
    until = time.perf_counter() + _SMALL_SECONDS

    async def client() -> tuple[int, int]:
        done = failed = 0
        while time.perf_counter() < until:
            async with http.post("/encode", data=body) as answer:
                await answer.read()
            done += 1
            failed += answer.status != HTTPStatus.OK
        return done, failed

    started = time.perf_counter()
    counts = await asyncio.gather(*(client() for _ in range(_CLIENTS)))
    seconds = time.perf_counter() - started
    return sum(done for done, _ in counts) / seconds, sum(failed for _, failed in counts)


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, as Linux tells it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _body(line: str, size: int) -> bytes:
    data = json.dumps(line * (size // len(line))).encode()
    payload: dict[str, Any] = {
        "metadata": {"encoding": b64encode(b"json/plain").decode()},
        "data": b64encode(data).decode(),
    }
    return json.dumps({"payloads": [payload]}, separators=(",", ":")).encode()


def server_table(results: list[ServerResult]) -> Table:
    """Return what was measured beside what was wanted."""
    table = Table(title="server", title_justify="left")
    table.add_column("")
    for head in ("measured", "goal", "reached"):
        table.add_column(head, justify="right")
    for result in results:
        reached = ("yes" if result.reached else "NO") if result.goal else ""
        table.add_row(result.what, f"{result.value:,.3g}", result.goal, reached)
    return table
