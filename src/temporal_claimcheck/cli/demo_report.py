"""What the demo found out, for people and for programs."""

import json
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.filesize import decimal
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from temporal_claimcheck.cli.demo_findings import (
    INPUT,
    DemoFindings,
    HistoryFigures,
    Outcome,
    PayloadFigures,
    RunFindings,
)

__all__ = ["Places", "outcome_text", "print_json", "print_report"]

_OUTCOMES: Final[dict[Outcome, str]] = {
    "completed": "completed",
    "refused": "refused by Temporal",
    "failed": "failed",
    "stuck": "retried without end",
}
_MAX_WIDTH: Final = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where to look around while the demo is kept running."""

    web_ui: str
    """Address of the workflow's page."""
    temporal_address: str
    store_folder: Path
    log_file: Path
    example_folder: Path


def outcome_text(outcome: Outcome) -> str:
    """Return an outcome in words."""
    return _OUTCOMES[outcome]


def print_json(findings: DemoFindings, places: Places | None) -> None:
    """Write one JSON document to stdout."""
    document = asdict(findings) | {"places": asdict(places) if places else None}
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
    sys.stdout.flush()


def print_report(findings: DemoFindings, places: Places | None, console: Console) -> None:
    """Print the report for a person."""
    parts: list[RenderableType] = [
        Text(),
        *_headline(findings),
        Text(),
        _comparison(findings),
        Text(),
        _conclusion(findings),
        Text(),
    ]
    if places:
        parts += [
            _rule(Text("Look around", style="bold")),
            Text(),
            _look_around(places),
            Text(),
        ]
    console.print(Group(*parts), width=min(console.width, _MAX_WIDTH))


def _headline(findings: DemoFindings) -> list[RenderableType]:
    records = findings.records
    headline = Text.assemble(
        (f"{records.record_count:,} records, {decimal(records.size_bytes)}", "bold"),
        (f"  {records.source}", "dim"),
    )
    return [
        _rule(headline),
        *([Text(f" {records.note}", style="dim")] if records.note else []),
    ]


def _rule(title: Text) -> Rule:
    return Rule(title, style="cyan", align="left")


def _comparison(findings: DemoFindings) -> Table:
    without, with_claims = findings.without_claim_check, findings.with_claim_check
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, expand=True, header_style="bold")
    table.add_column("", style="dim", no_wrap=True)
    table.add_column("Without the claim check", ratio=1)
    table.add_column("With the claim check", ratio=1)
    table.add_row("outcome", _outcome(without), _outcome(with_claims))
    if without.temporal_said:
        table.add_row("Temporal said", Text(without.temporal_said, style="red"), _none())
    table.add_section()
    for name, size_bytes in _payload_sizes(with_claims):
        table.add_row(
            f"{name}, {decimal(size_bytes)}",
            _carried(without, name),
            _carried(with_claims, name),
        )
    table.add_section()
    table.add_row("history", _history(without.history), _history(with_claims.history))
    table.add_row("store", _none(), _store(findings))
    return table


def _none() -> Text:
    return Text("—", style="dim")


def _outcome(run: RunFindings) -> Text:
    if run.outcome == "completed":
        return Text(f"✓ {outcome_text(run.outcome)} in {run.seconds:.1f} s", style="bold green")
    return Text(f"✗ {outcome_text(run.outcome)}", style="bold red")


def _payload_sizes(run: RunFindings) -> list[tuple[str, int]]:
    payloads = run.history.payloads if run.history else []
    return [(payload.name, payload.size_bytes) for payload in payloads]


def _carried(run: RunFindings, name: str) -> Text:
    payload = _payload(run.history, name)
    if payload is None:
        refused = run.outcome == "refused" and name == INPUT
        return Text("refused", style="red") if refused else _none()
    if payload.offloaded:
        return Text(f"a claim of {decimal(payload.history_bytes)}", style="green")
    return Text("inline")


def _payload(history: HistoryFigures | None, name: str) -> PayloadFigures | None:
    payloads = history.payloads if history else []
    return next((payload for payload in payloads if payload.name == name), None)


def _history(history: HistoryFigures | None) -> Text:
    if history is None:
        return _none()
    return Text(f"{decimal(history.size_bytes)} in {history.event_count} events")


def _store(findings: DemoFindings) -> Text:
    store = findings.store
    if not store.object_count:
        return Text("empty")
    objects = "object" if store.object_count == 1 else "objects"
    return Text(f"{decimal(store.size_bytes)} in {store.object_count} {objects}")


def _conclusion(findings: DemoFindings) -> Padding:
    lines = Text()
    history = findings.with_claim_check.history
    if history and findings.compression_ratio is not None:
        lines.append("Temporal carried ")
        lines.append(f"{history.external_payload_count} claims", style="bold")
        lines.append(" in place of ")
        lines.append(decimal(history.external_payload_bytes), style="bold")
        lines.append(".\nThe store keeps the payloads in ")
        lines.append(f"{findings.compression_ratio:.0%}", style="bold")
        lines.append(" of their size.\n")
    else:
        lines.append("No payload was large enough to be offloaded. Try a larger --size.\n")
    if findings.without_claim_check.outcome == "completed":
        # Honest: below Temporal's limits a pipeline gets through without us too.
        lines.append("Without it this data passes too: Temporal refuses payloads over 2 MiB.\n")
    summary = findings.with_claim_check.summary
    if summary:
        lines.append(
            f"The summary came back: {summary['record_count']:,} records,"
            f" {summary['duplicate_count']:,} duplicates,"
            f" {summary['completeness']:.0%} of fields filled."
        )
    lines.rstrip()
    return Padding(lines, (0, 1))


def _look_around(places: Places) -> Padding:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    grid.add_row("Web UI", Text(places.web_ui, style=f"cyan link {places.web_ui}"))
    grid.add_row("Temporal", places.temporal_address)
    grid.add_row("store", Text(str(places.store_folder)))
    grid.add_row("log", Text(str(places.log_file)))
    grid.add_row("example", Text(str(places.example_folder)))
    return Padding(grid, (0, 1))
