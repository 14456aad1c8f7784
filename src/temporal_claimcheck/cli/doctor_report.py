"""What the doctor found, for people and for programs."""

from collections.abc import Sequence
from itertools import groupby
from typing import Any, Final

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from temporal_claimcheck.doctor.findings import Finding, Report, Severity

__all__ = ["document_of", "print_report"]

_MAX_WIDTH: Final = 100
_SIGNS: Final = {
    Severity.OK: ("✓", "green"),
    Severity.NOTE: ("•", "cyan"),
    Severity.WARNING: ("!", "yellow"),
    Severity.ERROR: ("✗", "red"),
}


def document_of(report: Report) -> dict[str, Any]:
    """Return the report as a document of JSON."""
    counts = report.count()
    return {
        "ok": not report.has(Severity.ERROR),
        "counts": {severity.value: counts[severity] for severity in Severity},
        "findings": [
            {
                "code": each.code,
                "area": each.area.value,
                "severity": each.severity.value,
                "what": each.what,
                "remedy": each.remedy,
            }
            for each in report.findings
        ],
    }


def print_report(report: Report, console: Console) -> None:
    """Print the findings by area, and what they come to."""
    width = min(console.width, _MAX_WIDTH)
    console.print()
    for area, findings in groupby(report.findings, key=lambda each: each.area):
        title = Text(area.value.capitalize(), style="bold")
        console.print(Padding(title, (0, 1)), width=width)
        for each in findings:
            console.print(_line(each), width=width)
        console.print()
    console.print(Padding(Rule(style="dim"), (0, 1)), width=width)
    console.print(Padding(_summary(report), (0, 1)), width=width)
    console.print()


def _line(finding: Finding) -> RenderableType:
    sign, colour = _SIGNS[finding.severity]
    is_wrong = finding.severity in {Severity.WARNING, Severity.ERROR}
    said: list[RenderableType] = []
    if is_wrong:
        said.append(Text(finding.code, style=f"bold {colour}"))
    said.append(Text(finding.what, style="dim" if finding.severity is Severity.NOTE else ""))
    if finding.remedy:
        said.append(_remedy(finding.remedy))
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(ratio=1, overflow="fold")
    grid.add_row(Text(sign, style=f"bold {colour}"), Group(*said))
    return Padding(grid, (0, 1, 0, 2))


def _remedy(remedy: str) -> RenderableType:
    grid = Table.grid(padding=(0, 1))
    grid.add_column(width=1)
    grid.add_column(ratio=1, overflow="fold")
    grid.add_row(Text("→", style="bold"), Text(remedy, style="bold"))
    return grid


def _summary(report: Report) -> Text:
    counts = report.count()
    parts: Sequence[tuple[Severity, str]] = (
        (Severity.ERROR, "error"),
        (Severity.WARNING, "warning"),
        (Severity.NOTE, "note"),
    )
    found = Text()
    for severity, noun in parts:
        if count := counts[severity]:
            style = f"bold {_SIGNS[severity][1]}"
            found.append(f"{count} {noun}{'' if count == 1 else 's'}", style=style)
            found.append(" · ", style="dim")
    found.append(f"{counts[Severity.OK]} in order", style="green")
    if report.has(Severity.ERROR):
        verdict = Text("Something is wrong.", style="bold red")
    elif report.has(Severity.WARNING):
        verdict = Text("It works, with doubts.", style="bold yellow")
    else:
        verdict = Text("All is well.", style="bold green")
    return Text.assemble(verdict, "  ", found)
