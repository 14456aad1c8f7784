"""What lies in a store, as people and programs read it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from temporal_claimcheck.cli.gc_tables import bytes_text
from temporal_claimcheck.inspection.prices import Price
from temporal_claimcheck.inspection.stock import Count, Growth, Stock
from temporal_claimcheck.inspection.texts import visible
from temporal_claimcheck.inspection.usage import TypeUse, Usage

__all__ = ["Statistics", "document", "print_statistics"]

_DAYS: Final = 14
_TYPES: Final = 20
_BAR: Final = 12
_MAX_WIDTH: Final = 100
_CENT: Final = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """All that was found."""

    stock: Stock
    growth: Growth | None
    price: Price | None
    """None for a store that has no list price."""
    usage: Usage | None
    """None where Temporal was not asked."""


def print_statistics(found: Statistics, console: Console) -> None:
    """Print tables, and what they come to."""
    stock, width = found.stock, min(console.width, _MAX_WIDTH)
    console.print()
    console.print(Text(stock.store, style="bold"), soft_wrap=True)
    if not stock.shelves:
        console.print("There is nothing in it.")
        return
    tables = [_namespaces(stock), _days(stock)]
    if found.usage is not None and found.usage.types:
        tables.append(_types(found.usage))
    for table in tables:
        console.print()
        console.print(table, width=width)
    console.print()
    notes = Table.grid(padding=(0, 2, 0, 0))
    for title, text in _notes(found):
        notes.add_row(Text(title, style="bold"), text)
    console.print(notes, width=width)


def document(found: Statistics) -> dict[str, Any]:
    """Return all of it as a JSON document."""
    stock, growth, price = found.stock, found.growth, found.price
    total = stock.total
    return {
        "store": stock.store,
        "heads_read": stock.heads,
        "heads_unreadable": stock.unreadable,
        "total": _count(total),
        "namespaces": [
            {"namespace": name, **_count(count)} for name, count in stock.by_namespace().items()
        ],
        "days": [{"day": f"{day}", **_count(count)} for day, count in stock.by_day().items()],
        "shelves": [
            {"namespace": namespace, "day": f"{day}", **_count(count)}
            for (namespace, day), count in sorted(stock.shelves.items())
        ],
        "growth": growth
        and {
            "days": growth.days,
            "objects_per_day": growth.objects_per_day,
            "stored_bytes_per_day": growth.stored_bytes_per_day,
        },
        "cost": price
        and {
            "usd_per_month": price.monthly_usd(total.stored_bytes),
            "usd_per_gb_month": price.usd_per_gb_month,
            "bytes_per_gb": price.bytes_per_gb,
            "price": price.name,
            "price_as_of": price.as_of,
        },
        "usage": found.usage and _usage_document(found.usage),
    }


def _count(count: Count) -> dict[str, Any]:
    estimate = count.payload_bytes
    return {
        "objects": count.objects,
        "stored_bytes": count.stored_bytes,
        "payload_bytes": estimate and estimate.bytes,
        "payload_bytes_is_exact": estimate and estimate.is_exact,
        "payload_bytes_margin": estimate and estimate.margin_bytes,
    }


def _usage_document(usage: Usage) -> dict[str, Any]:
    return {
        "runs": usage.runs,
        "is_complete": usage.is_complete,
        "absent_namespaces": usage.absent,
        "missing": usage.missing,
        "types": [
            {
                "namespace": namespace,
                "workflow_type": name,
                "runs": use.runs,
                "claims": use.claims,
                "claimed_bytes": use.claimed_bytes,
                "objects": len(use.keys),
                "stored_bytes": use.stored_bytes,
                "shared_bytes": use.shared_bytes,
                "missing": use.missing,
            }
            for (namespace, name), use in _sorted(usage)
        ],
    }


def _namespaces(stock: Stock) -> Table:
    table = _table("namespace", "objects", "stored", "payloads", "saved")
    namespaces = stock.by_namespace()
    for name, count in namespaces.items():
        table.add_row(Text(visible(name)), *_cells(count))
    if len(namespaces) > 1:
        table.add_section()
        table.add_row("all", *_cells(stock.total), style="bold")
    return table


def _days(stock: Stock) -> Table:
    table = _table("day", "objects", "stored", "payloads", "saved")
    table.add_column("", no_wrap=True, min_width=_BAR)
    days = list(stock.by_day().items())
    most = max(count.stored_bytes for _, count in days[:_DAYS])
    for day, count in days[:_DAYS]:
        table.add_row(f"{day}", *_cells(count), Text(_bar(count.stored_bytes, most), style="blue"))
    if len(days) > _DAYS:
        earlier = [count for _, count in days[_DAYS:]]
        table.add_section()
        table.add_row(f"{len(earlier):,} earlier", *_cells(Count.of(earlier)), "")
    return table


def _types(usage: Usage) -> Table:
    types = [entry for entry in _sorted(usage) if entry[1].claims]
    several = len({namespace for (namespace, _), _ in types}) > 1
    table = _table("workflow type", "runs", "claims", "payloads", "objects", "stored", "shared")
    for (namespace, name), use in types[:_TYPES]:
        title = f"{namespace}/{name}" if several else name
        table.add_row(
            Text(visible(title)),
            f"{use.runs:,}",
            f"{use.claims:,}",
            bytes_text(use.claimed_bytes),
            f"{len(use.keys):,}",
            bytes_text(use.stored_bytes),
            _percent(use.shared_bytes, use.claimed_bytes),
        )
    return table


def _table(first: str, *columns: str) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column(first, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _cells(count: Count) -> list[str]:
    estimate = count.payload_bytes
    cells = [f"{count.objects:,}", bytes_text(count.stored_bytes)]
    if estimate is None:
        return [*cells, "—", "—"]
    about = "" if estimate.is_exact else "~"
    saved = _percent(estimate.bytes - count.stored_bytes, estimate.bytes)
    return [*cells, f"{about}{bytes_text(estimate.bytes)}", f"{about}{saved}"]


def _notes(found: Statistics) -> Iterator[tuple[str, str]]:
    yield from _estimated(found.stock)
    if found.growth is not None:
        yield "growth", _growth(found.growth)
    if found.price is not None:
        yield "cost", _cost(found.price, found.stock.total.stored_bytes)
    if found.usage is not None:
        yield from _usage(found.usage)


def _estimated(stock: Stock) -> Iterator[tuple[str, str]]:
    total = stock.total
    estimate = total.payload_bytes
    if estimate is None:
        text = f"The heads of {stock.heads:,} objects say too little about {total.objects:,}."
        yield "estimate", f"{text} Read more with --sample."
    elif not estimate.is_exact:
        margin = estimate.margin_bytes / estimate.bytes if estimate.bytes else 0
        text = f"~ is estimated from the heads of {stock.heads:,} of {total.objects:,} objects"
        yield "estimate", f"{text}; in all ±{margin:.1%}, with about 95% confidence."
    if stock.unreadable:
        text = f"{stock.unreadable:,} of the heads that were read are not ours to read"
        yield "unreadable", f"{text}; `claimcheck verify` says why."


def _growth(growth: Growth) -> str:
    days = "the last whole day" if growth.days == 1 else f"the last {growth.days} whole days"
    return f"{bytes_text(growth.stored_bytes_per_day)} a day, by what is still there of {days}."


def _cost(price: Price, stored_bytes: int) -> str:
    cost = price.monthly_usd(stored_bytes)
    amount = f"about ${cost:,.2f}" if cost >= _CENT else "less than a cent"
    as_of = f", list price of {price.as_of}" if price.as_of else ""
    rate = f"${price.usd_per_gb_month:g} a GB ({price.name}{as_of})"
    return f"{amount} a month for storage at {rate}; requests and traffic come on top."


def _usage(usage: Usage) -> Iterator[tuple[str, str]]:
    if not usage.runs:
        yield "types", "Temporal has no runs of workflows."
    elif not any(use.claims for use in usage.types.values()):
        yield "types", f"None of {usage.runs:,} runs refers to anything."
    if not usage.is_complete:
        yield "types", f"Only the latest {usage.runs:,} runs were read; --max-runs reads more."
    if any(use.shared_bytes for use in usage.types.values()):
        text = "What equal payloads do not take again. An object that two types refer to counts"
        yield "shared", f"{text} for both."
    if usage.missing:
        yield "missing", f"{usage.missing:,} objects that workflows refer to are gone or damaged."
    if usage.absent:
        names = ", ".join(map(visible, usage.absent))
        yield "elsewhere", f"Not on this cluster: {names}."


def _sorted(usage: Usage) -> Sequence[tuple[tuple[str, str], TypeUse]]:
    return sorted(usage.types.items(), key=lambda entry: (-entry[1].stored_bytes, entry[0]))


def _bar(part: int, most: int) -> str:
    return "█" * max(1, round(_BAR * part / most)) if part else ""


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""
