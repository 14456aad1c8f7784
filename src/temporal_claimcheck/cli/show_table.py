"""What a run of a workflow holds, as people and programs read it."""

import dataclasses
import datetime as dt
from typing import Any, Final

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from temporal_claimcheck.cli.gc_tables import bytes_text
from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.inspection.fetching import Place
from temporal_claimcheck.inspection.items import Item, RunContents, Totals, Where
from temporal_claimcheck.inspection.texts import visible

__all__ = ["age_text", "document", "print_run"]

_STYLES: Final = {
    Where.INLINE: "",
    Where.ENCRYPTED: "cyan",
    Where.STORED: "green",
    Where.MISSING: "bold red",
    Where.DAMAGED: "bold red",
    Where.ELSEWHERE: "yellow",
    Where.UNREADABLE: "bold red",
}
# Below this there is room for less, and from the others on for more.
_NARROW: Final = 76
_WIDE: Final = 110
_WIDEST: Final = 180
_DIGITS: Final = 8
_MORE_DIGITS: Final = 16
_DAY_SECONDS: Final = 86_400
_UNITS: Final = ((_DAY_SECONDS, "d"), (3600, "h"), (60, "m"))


def print_run(contents: RunContents, console: Console, *, keys: bool = False) -> None:
    """Print a run as a table, and its totals."""
    console.print()
    _print_head(contents, console)
    console.print()
    if contents.items:
        console.print(_table(contents, console.width))
        console.print()
    for line in _summary(contents):
        console.print(line, soft_wrap=False)
    if keys:
        console.print()
        for item in contents.items:
            if item.key is not None:
                console.print(f"{_event(item):>6}  {item.key}", soft_wrap=True, highlight=False)
    elif contents.totals.claims:
        _print_hint(contents, console)


def document(contents: RunContents) -> dict[str, Any]:
    """Return a run as a JSON document."""
    return {
        "namespace": contents.namespace,
        "workflow_id": contents.workflow_id,
        "run_id": contents.run_id,
        "workflow_type": contents.workflow_type,
        "status": contents.status,
        "started": contents.started.isoformat(),
        "closed": contents.closed and contents.closed.isoformat(),
        "events": contents.events,
        "history_bytes": contents.history_bytes,
        "payloads": [_item_document(item) for item in contents.items],
        "totals": dataclasses.asdict(contents.totals),
    }


def age_text(time: dt.datetime, now: dt.datetime) -> str:
    """Return how long ago something was, in its largest unit."""
    seconds = max(0.0, (now - time).total_seconds())
    for unit, name in _UNITS:
        if seconds >= unit:
            return f"{seconds / unit:,.0f}{name}"
    return f"{seconds:.0f}s"


def _item_document(item: Item) -> dict[str, Any]:
    header = None if item.stored is None else item.stored.header
    encryption = None if header is None else header.encryption
    return {
        "event_id": item.event_id,
        "number": item.number,
        "time": item.time.isoformat(),
        "what": item.what,
        "where": item.where.value,
        "encoding": item.encoding or None,
        "carried_bytes": item.carried_bytes,
        "payload_bytes": item.payload_bytes,
        "wire": item.wire and item.wire.value,
        "key": item.key and str(item.key),
        "stored_bytes": item.stored and item.stored.stored_bytes,
        "compression": header and header.compression,
        "encryption_key": encryption and encryption.key_id,
        "note": item.note or None,
    }


def _print_head(contents: RunContents, console: Console) -> None:
    title = Text(visible(contents.workflow_id), style="bold")
    title.append(f"  {visible(contents.workflow_type)}, {contents.status}", style="not bold")
    console.print(title)
    began = f"{contents.started:%Y-%m-%d %H:%M} UTC"
    console.print(
        Text(f"run {contents.run_id} of namespace {contents.namespace}", style="dim"),
    )
    size = bytes_text(contents.history_bytes)
    console.print(Text(f"started {began}, {contents.events:,} events, {size}", style="dim"))


def _table(contents: RunContents, width: int) -> Table:
    is_wide, is_narrow = width >= _WIDE, width < _NARROW
    now = utc_now()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, padding=(0, 1, 0, 0))
    table.add_column("event", justify="right", no_wrap=True)
    table.add_column("what", overflow="fold", min_width=16, ratio=None)
    table.add_column("where", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("stored", justify="right", no_wrap=True)
    table.add_column("%", justify="right", no_wrap=True)
    if is_wide:
        table.add_column("compression", no_wrap=True)
    if not is_narrow:
        table.add_column("key", no_wrap=True)
        table.add_column("age", justify="right", no_wrap=True)
    for item in contents.items:
        style = _STYLES[item.where]
        cells: list[str | Text] = [
            _event(item),
            Text(visible(item.what)),
            Text(item.where.value, style=style),
            "?" if item.payload_bytes is None else bytes_text(item.payload_bytes),
            *_stored(item, with_compression=is_wide),
        ]
        if not is_narrow:
            cells.append(Text(_key(item, width), style="dim"))
            cells.append(Text(age_text(item.time, now), style="dim"))
        table.add_row(*cells)
    return table


def _event(item: Item) -> str:
    return str(Place(event_id=item.event_id, number=item.number))


def _stored(item: Item, *, with_compression: bool) -> list[str]:
    if item.stored is None:
        cells = ["", "", ""]
    else:
        stored, header = item.stored.stored_bytes, item.stored.header
        compression = "" if header.compression == "none" else header.compression
        encrypted = "encrypted" if header.encryption else ""
        how = ", ".join(filter(None, (compression, encrypted)))
        cells = [bytes_text(stored), _share(stored, header.plain_bytes), how]
    return cells if with_compression else cells[:2]


def _key(item: Item, width: int) -> str:
    if item.key is None:
        return visible(item.note) if width >= _WIDE else ""
    if width >= _WIDEST:
        return str(item.key)
    return item.key.digest[: _MORE_DIGITS if width >= _WIDE else _DIGITS]


def _summary(contents: RunContents) -> list[Text]:
    totals = contents.totals
    if not totals.payloads:
        return [Text("It has no payloads.")]
    lines = [Text(f"{totals.payloads:,} payloads: {_where(totals)}.")]
    if totals.objects:
        stored, plain = totals.stored_bytes, totals.object_payload_bytes
        line = Text("The store keeps them in ")
        line.append(f"{bytes_text(stored)}", style="bold")
        line.append(f", {_share(stored, plain)} of their size, as {_count(totals.objects)}.")
        lines.append(line)
    if totals.shared_bytes:
        shared = bytes_text(totals.shared_bytes)
        lines.append(Text(f"Equal payloads are stored once: {shared} less to store."))
    if totals.missing:
        text = f"{totals.missing:,} cannot be read: `claimcheck get` says why."
        lines.append(Text(text, style="bold red"))
    return lines


def _where(totals: Totals) -> str:
    parts = [f"{totals.inline:,} in Temporal ({bytes_text(totals.inline_bytes)})"]
    if totals.claims:
        parts.append(f"{totals.claims:,} in the store ({bytes_text(totals.claimed_bytes)})")
    if totals.elsewhere:
        parts.append(f"{totals.elsewhere:,} in another's store")
    return ", ".join(parts)


def _print_hint(contents: RunContents, console: Console) -> None:
    named = (item for item in contents.items if item.key and item.event_id is not None)
    first = next(named, None)
    if first is None:
        return
    number = f" --payload {first.number}" if first.number > 1 else ""
    command = f"claimcheck get --workflow-id {visible(contents.workflow_id)}"
    console.print(Text(f"See one: {command} --event {first.event_id}{number}", style="dim"))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""


def _count(objects: int) -> str:
    return "1 object" if objects == 1 else f"{objects:,} objects"
