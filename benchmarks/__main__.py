"""`python -m benchmarks [SUITE]`: tables to stdout, all else to stderr."""

import asyncio
import dataclasses
import enum
import json
import tempfile
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Final, TypeVar

import typer
from rich.console import Console

from benchmarks import tables
from benchmarks.candidates import NAMES
from benchmarks.collection import collection_table, run_collection
from benchmarks.core import CORE_CELLS, CoreCell, run_core
from benchmarks.large import large_table, run_large
from benchmarks.pipeline import CELLS, Cell, run_pipeline
from benchmarks.records import SIZES
from benchmarks.server import run_server, server_table
from benchmarks.stores import STORE_CELLS, StoreCell, run_stores

AnyCell = TypeVar("AnyCell", Cell, CoreCell, StoreCell)

_QUICK_ROUNDS: Final = 3
_TABLE_WIDTH: Final = 160


class Suite(enum.StrEnum):
    ALL = "all"
    PIPELINE = "pipeline"
    CORE = "core"
    STORES = "stores"
    LARGE = "large"
    SERVER = "server"
    COLLECTION = "collection"


app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def main(
    suite: Annotated[
        Suite,
        typer.Argument(
            help="The whole way through Temporal, the claim check alone, its stores, the same "
            "with large objects, the codec server, or the collector."
        ),
    ] = Suite.ALL,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="A few rounds up to 1 MB: does it run, not how fast.")
    ] = False,
    size: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(SIZES)}; may be repeated.")
    ] = None,
    candidate: Annotated[
        list[str] | None,
        typer.Option(help=f"In the pipeline, one of {', '.join(NAMES)}; may be repeated."),
    ] = None,
    raw_values: Annotated[
        bool,
        typer.Option("--raw-values", help="Let the workflow hand its data on without parsing it."),
    ] = False,
    at_once: Annotated[int | None, typer.Option(help="Only so many at a time.")] = None,
    rounds: Annotated[int | None, typer.Option(min=1, help="So many rounds for each size.")] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write everything to this file.")
    ] = None,
) -> None:
    """Compare the claim check with the SDK's own S3 driver and with no claim check at all.

    All candidates take turns in one run. Compare the ratios, never the milliseconds: those say
    more about the machine.
    """
    progress = Console(stderr=True)
    output = Console()
    if not output.is_terminal:
        output = Console(width=_TABLE_WIDTH)
    sizes = _known("Sizes", size, SIZES)
    names = _known("Candidates", candidate, NAMES)

    def note(text: str) -> None:
        progress.print(text, style="dim", highlight=False)

    choose = partial(_chosen, sizes=sizes, at_once=at_once, rounds=rounds, quick=quick)
    results = tables.Results()
    with tempfile.TemporaryDirectory(prefix="claimcheck-bench-") as folder:
        if suite in {Suite.ALL, Suite.PIPELINE}:
            cells = [dataclasses.replace(cell, raw_values=raw_values) for cell in choose(CELLS)]
            results.pipeline = asyncio.run(
                run_pipeline(cells, names, _below(folder, "pipeline"), note)
            )
            output.print(*map(tables.pipeline_table, results.pipeline), sep="\n")
        if suite in {Suite.ALL, Suite.CORE}:
            results.core = asyncio.run(run_core(choose(CORE_CELLS), _below(folder, "core"), note))
            output.print(*map(tables.core_table, results.core), sep="\n")
        if suite in {Suite.ALL, Suite.STORES}:
            results.stores = asyncio.run(
                run_stores(choose(STORE_CELLS), _below(folder, "stores"), note)
            )
            output.print(*map(tables.store_table, results.stores), sep="\n")
            output.print(tables.summary_table(results.stores))
        if suite in {Suite.ALL, Suite.LARGE}:
            results.large = asyncio.run(run_large(_below(folder, "large"), note, quick=quick))
            output.print(large_table(results.large))
        if suite in {Suite.ALL, Suite.SERVER}:
            results.server = asyncio.run(run_server(_below(folder, "server"), note))
            output.print(server_table(results.server))
    if suite in {Suite.ALL, Suite.COLLECTION}:
        results.collection = asyncio.run(run_collection(note, quick=quick))
        output.print(collection_table(results.collection))
    if json_file is not None:
        json_file.write_text(json.dumps(tables.as_json(results), indent=1), encoding="utf-8")


def _known(what: str, given: list[str] | None, known: Iterable[str]) -> list[str]:
    names = list(known)
    if not set(given or ()) <= set(names):
        raise typer.BadParameter(f"{what} are {', '.join(names)}.")
    return given or names


def _chosen(
    cells: Sequence[AnyCell],
    *,
    sizes: Sequence[str],
    at_once: int | None,
    rounds: int | None,
    quick: bool,
) -> list[AnyCell]:
    chosen = [
        cell
        for cell in cells
        if cell.size in sizes
        and at_once in {None, cell.at_once}
        and not (quick and SIZES[cell.size] > SIZES["1MB"])
    ]
    if not chosen:
        raise typer.BadParameter("Nothing is left to measure; ask for fewer restrictions.")
    wanted = rounds or (_QUICK_ROUNDS if quick else None)
    return [cell if wanted is None else dataclasses.replace(cell, rounds=wanted) for cell in chosen]


def _below(folder: str, name: str) -> Path:
    path = Path(folder) / name
    path.mkdir()
    return path


if __name__ == "__main__":
    app()
