"""What was measured, as tables and as JSON."""

import dataclasses
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Final

from rich.table import Table

from benchmarks.candidates import BUILT_IN, NOTHING
from benchmarks.collection import PassCost
from benchmarks.core import CoreResult
from benchmarks.large import LargeResult
from benchmarks.measuring import Ratio
from benchmarks.pipeline import CellResult, Line
from benchmarks.server import ServerResult
from benchmarks.stores import StoreResult, sums

__all__ = ["Results", "as_json", "core_table", "pipeline_table", "store_table", "summary_table"]

_PACKAGES: Final = ("temporalio", "aioboto3", "obstore", "redis", "backports.zstd", "blake3")


@dataclass(slots=True, kw_only=True)
class Results:
    """What was measured, suite by suite."""

    pipeline: list[CellResult] = field(default_factory=list[CellResult])
    core: list[CoreResult] = field(default_factory=list[CoreResult])
    stores: list[StoreResult] = field(default_factory=list[StoreResult])
    large: Sequence[LargeResult] = ()
    server: list[ServerResult] = field(default_factory=list[ServerResult])
    collection: list[PassCost] = field(default_factory=list[PassCost])


def pipeline_table(result: CellResult) -> Table:
    """Return one cell of the pipeline; below 1 is better in every ratio."""
    cell = result.cell
    table = Table(
        title=f"pipeline, {cell.size}, {cell.at_once} at once ({cell.rounds} rounds)"
        + (", workflow does not parse" if cell.raw_values else ""),
        caption="Ratios: median of the rounds (middle half). p50 and CPU: for one workflow.",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("candidate")
    for head in (
        *("p50 ms", "to built-in", "to nothing"),
        *("CPU ms", "to built-in", "to nothing"),
        *("stall ms", "history", "objects", "stored"),
    ):
        table.add_column(head, justify="right")
    for line in result.lines:
        table.add_row(
            line.candidate,
            _milliseconds(line.latency_seconds),
            *_ratios(line, line.latency_ratios),
            _milliseconds(line.cpu_seconds),
            *_ratios(line, line.cpu_ratios),
            _milliseconds(line.stall_seconds),
            f"{line.history_bytes:,}",
            f"{line.stored_objects:.1f}",
            f"{line.stored_bytes:,.0f}",
        )
    return table


def core_table(result: CoreResult) -> Table:
    """Return one cell of the core: speed above 1 is better, CPU below 1 is."""
    cell = result.cell
    table = Table(
        title=f"core, {cell.size}, {cell.at_once} at once ({cell.rounds} rounds)",
        caption="Ratios to the built-in driver: speed (higher is better), CPU (lower is better).",
        title_justify="left",
        caption_justify="left",
    )
    table.add_column("operation")
    table.add_column("candidate")
    for head in ("MB/s", "speed", "CPU ms", "CPU", "stall ms"):
        table.add_column(head, justify="right")
    for line in result.lines:
        is_reference = line.candidate == BUILT_IN
        table.add_row(
            line.operation if is_reference else "",
            line.candidate,
            f"{line.bytes_per_second / 1e6:,.1f}",
            "" if is_reference else str(line.speed_ratio),
            f"{line.cpu_seconds * 1e3:,.2f}",
            "" if is_reference else str(line.cpu_ratio),
            _milliseconds(line.stall_seconds),
        )
    return table


def store_table(result: StoreResult) -> Table:
    """Return one cell of the stores: speed above 1 is better, CPU below 1 is."""
    cell = result.cell
    table = Table(
        title=f"stores, {cell.size}, {cell.at_once} at once ({cell.rounds} rounds)",
        caption="Ratios to what the store stands in for: speed (higher is better), CPU (lower).",
        title_justify="left",
        caption_justify="left",
    )
    for head in ("operation", "candidate", "compared to"):
        table.add_column(head)
    for head in ("MB/s", "speed", "CPU ms", "CPU", "p50 ms", "p99 ms"):
        table.add_column(head, justify="right")
    for line in result.lines:
        table.add_row(
            line.operation,
            line.candidate,
            line.reference or "",
            f"{line.bytes_per_second / 1e6:,.1f}",
            str(line.speed_ratio or ""),
            f"{line.cpu_seconds * 1e3:,.2f}",
            str(line.cpu_ratio or ""),
            f"{line.p50_seconds * 1e3:,.1f}",
            f"{line.p99_seconds * 1e3:,.1f}",
        )
    return table


def summary_table(results: Sequence[StoreResult]) -> Table:
    """Return the medians over the sizes from 64 KB."""
    table = Table(
        title="stores, median over the sizes from 64 KB",
        caption="Speed: higher is better. CPU: lower is better.",
        title_justify="left",
        caption_justify="left",
    )
    for head in ("operation", "candidate", "compared to"):
        table.add_column(head)
    for head in ("speed", "CPU"):
        table.add_column(head, justify="right")
    for line in sums(results):
        table.add_row(
            line.operation,
            line.candidate,
            line.reference,
            f"{line.speed:.2f}",
            f"{line.cpu:.2f}",
        )
    return table


def as_json(results: Results) -> dict[str, object]:
    """Return everything, every single turn of the pipeline included."""
    return {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "packages": {name: version(name) for name in _PACKAGES},
        **dataclasses.asdict(results),
    }


def _ratios(line: Line, ratios: Mapping[str, Ratio]) -> list[str]:
    return [
        str(ratios[name]) if name in ratios and name != line.candidate else ""
        for name in (BUILT_IN, NOTHING)
    ]


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:,.0f}"
