"""What the demo found out, for people and for programs."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from rich import box
from rich.console import Console, Group
from rich.filesize import decimal
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from temporal_claimcheck.cli.demo_findings import (
    DemoFindings,
    HistoryFigures,
    Outcome,
    PayloadFigures,
    RunFindings,
)

__all__ = ["Places", "print_json", "print_report"]

_OUTCOMES: dict[Outcome, str] = {
    "completed": "✓ completed",
    "refused": "✗ refused by Temporal",
    "failed": "✗ failed",
    "stuck": "✗ retried without end",
}
_NONE = "—"
_MAX_WIDTH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where to look around while the demo is kept running."""

    web_ui: str
    """Address of the workflow's page."""
    temporal_address: str
    store_folder: Path
    log_file: Path
    example_folder: Path


def print_json(findings: DemoFindings, places: Places | None) -> None:
    """Write one JSON document to stdout."""
    document = asdict(findings) | {"places": asdict(places) if places else None}
    sys.stdout.write(json.dumps(document, indent=2, default=str, ensure_ascii=False) + "\n")
    sys.stdout.flush()


def print_report(findings: DemoFindings, places: Places | None, console: Console) -> None:
    """Print the report for a person."""
    parts = [
        Text(),
        Rule(_headline(findings), style="cyan", align="left"),
        _comparison(findings),
        _what_temporal_said(findings.without_claim_check),
        _payloads(findings),
    ]
    if places:
        parts.append(_look_around(places))
    console.print(Group(*parts), width=min(console.width, _MAX_WIDTH))


def _headline(findings: DemoFindings) -> Text:
    records = findings.records
    return Text.assemble(
        (f"{records.record_count:,} records, {decimal(records.size_bytes)}", "bold"),
        (f"  {records.source}", "dim"),
    )


def _comparison(findings: DemoFindings) -> Table:
    without, with_claims = findings.without_claim_check, findings.with_claim_check
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, header_style="bold")
    table.add_column("", style="dim", no_wrap=True)
    table.add_column("Without the claim check", ratio=1)
    table.add_column("With the claim check", ratio=1)
    table.add_row("Outcome", _outcome(without), _outcome(with_claims))
    table.add_row("Time", _seconds(without), _seconds(with_claims))
    table.add_row("Summary", _summary(without), _summary(with_claims))
    table.add_row("History", _history(without.history), _history(with_claims.history))
    table.add_row("Claims", _claims(without.history), _claims(with_claims.history))
    table.add_row("Store", Text(_NONE), _store(findings))
    return table


def _outcome(run: RunFindings) -> Text:
    style = "bold green" if run.outcome == "completed" else "bold red"
    return Text(_OUTCOMES[run.outcome], style=style)


def _seconds(run: RunFindings) -> Text:
    return Text(f"{run.seconds:.1f} s" if run.outcome == "completed" else _NONE)


def _summary(run: RunFindings) -> Text:
    if run.summary is None:
        return Text(_NONE)
    return Text(
        f"{run.summary['record_count']:,} records, {run.summary['completeness']:.0%} filled"
    )


def _history(history: HistoryFigures | None) -> Text:
    if history is None:
        return Text(_NONE)
    return Text(f"{decimal(history.size_bytes)} in {history.event_count} events")


def _claims(history: HistoryFigures | None) -> Text:
    if history is None or not history.external_payload_count:
        return Text(_NONE)
    return Text(
        f"{history.external_payload_count}, in place of"
        f" {decimal(history.external_payload_bytes)}"
    )


def _store(findings: DemoFindings) -> Text:
    store = findings.store
    text = f"{store.object_count} objects, {decimal(store.size_bytes)}"
    if findings.compression_ratio is not None:
        text += f" ({findings.compression_ratio:.0%} of the payloads)"
    return Text(text)


def _what_temporal_said(run: RunFindings) -> Padding:
    if run.temporal_said is None:
        # Honest: below the limits the claim check is not needed to get through.
        text = Text("Nothing: this data fits within Temporal's limits. Try a larger --size.")
    else:
        text = Text(run.temporal_said, style="red")
    panel = Panel(
        text,
        title="What Temporal said without it",
        title_align="left",
        border_style="dim",
        padding=(0, 1),
    )
    return Padding(panel, (0, 0, 1, 0))


def _payloads(findings: DemoFindings) -> Table:
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False, header_style="bold")
    table.add_column("Payload", no_wrap=True)
    table.add_column("Size", justify="right", no_wrap=True)
    table.add_column("In Temporal's history", ratio=1)
    history = findings.with_claim_check.history
    for payload in history.payloads if history else []:
        table.add_row(payload.name, decimal(payload.size_bytes), _carried(payload))
    return table


def _carried(payload: PayloadFigures) -> Text:
    if payload.offloaded:
        return Text(f"a claim of {decimal(payload.history_bytes)}", style="green")
    return Text("itself, small enough")


def _look_around(places: Places) -> Group:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("Web UI", Text(places.web_ui, style=f"cyan link {places.web_ui}"))
    grid.add_row("Temporal", places.temporal_address)
    grid.add_row("Store", str(places.store_folder))
    grid.add_row("Log", str(places.log_file))
    grid.add_row("Example", str(places.example_folder))
    return Group(Rule("Look around", style="cyan", align="left"), Padding(grid, (1, 0)))
