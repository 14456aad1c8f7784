"""`claimcheck verify`: is what is stored still what was handed in?"""

import asyncio
import datetime as dt
import json
import sys
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from temporal_claimcheck.settings import Settings

if TYPE_CHECKING:
    from temporal_claimcheck.gc.verify import Selection, Verification

__all__ = ["verify"]

_WRONG: Final = 1
_MAX_WIDTH: Final = 100
_SECONDS_BETWEEN_LINES: Final = 10.0
_SECONDS_BETWEEN_PICTURES: Final = 0.1
_SHOWN: Final = 20
# What a store that is wrapped so adds to its name.
_READ_ONLY: Final = ", read only"


def verify(
    *,
    namespace: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only what this namespace stored.")
    ] = None,
    day: Annotated[
        dt.datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], metavar="DAY", help="Only this UTC day, such as 2026-11-22."
        ),
    ] = None,
    sample: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", min=1, help="Only so many payloads, drawn at random."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False,
) -> None:
    """Read stored objects and report what is damaged or cannot be read. Changes nothing.

    Exits 1 if anything is wrong. Example: `claimcheck verify --day 2026-11-22`
    """
    from temporal_claimcheck.gc.verify import Selection  # noqa: PLC0415

    selection = Selection(namespace=namespace, day=day and day.date(), sample=sample)
    found = asyncio.run(_verify_all(Settings.load(), selection))
    if as_json:
        stores = [_document(each) for each in found]
        sys.stdout.write(json.dumps({"stores": stores}, indent=2) + "\n")
    else:
        for each in found:
            _print(each, Console())
    if not all(each.is_sound for each in found):
        raise typer.Exit(_WRONG)


async def _verify_all(settings: Settings, selection: "Selection") -> "Sequence[Verification]":
    from temporal_claimcheck.gc.verify import verify as verify_store  # noqa: PLC0415
    from temporal_claimcheck.manager import ClaimCheckManager  # noqa: PLC0415

    found: list[Verification] = []
    # Each by itself: together, a sound copy would hide a damaged one, and heal what is missing.
    for url in (settings.store_url, *settings.store_mirrors):
        alone = settings.model_copy(
            update={
                "store": url,
                "store_mirrors": (),
                "store_cache": None,
                "store_read_only": True,
                "cache_bytes": 0,
            }
        )
        async with ClaimCheckManager.from_settings(alone) as manager:
            with _progress() as progress:
                found.append(await verify_store(manager, selection, progress=progress.show))
    return found


class _Progress:
    """Tells on stderr how far it is: in place on a terminal, else a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = console.status("reading ...") if console.is_terminal else None
        between = _SECONDS_BETWEEN_PICTURES if self._status else _SECONDS_BETWEEN_LINES
        self._between = between
        self._next = time.monotonic() + between

    def show(self, found: "Verification") -> None:
        """Tell, if it is time."""
        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + self._between
        text = f"{found.read:,} objects read, {found.wrong.total():,} wrong"
        if self._status:
            self._status.update(text)
        else:
            self._console.print(text)

    def start(self) -> None:
        if self._status:
            self._status.start()

    def stop(self) -> None:
        if self._status:
            self._status.stop()


@contextmanager
def _progress() -> Generator[_Progress]:
    progress = _Progress(Console(stderr=True))
    progress.start()
    try:
        yield progress
    finally:
        progress.stop()


def _document(found: "Verification") -> dict[str, Any]:
    return {
        "store": found.store.removesuffix(_READ_ONLY),
        "is_sound": found.is_sound,
        "listed": found.listed,
        "sound": found.sound,
        "sound_bytes": found.sound_bytes,
        "records": found.records,
        "foreign": found.foreign,
        "vanished": found.vanished,
        "wrong": dict(found.wrong),
        "findings": [asdict(each) for each in found.findings],
    }


def _print(found: "Verification", console: Console) -> None:
    width = min(console.width, _MAX_WIDTH)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold")
    table.add_column(found.store.removesuffix(_READ_ONLY), overflow="fold")
    table.add_column("objects", justify="right")
    table.add_column("bytes", justify="right")
    table.add_row("sound payloads", f"{found.sound:,}", decimal(found.sound_bytes))
    table.add_row("sound records", f"{found.records:,}", "")
    for kind, count in sorted(found.wrong.items()):
        table.add_row(Text(kind, style="red"), Text(f"{count:,}", style="red"), "")
    if found.vanished:
        table.add_row("vanished meanwhile", f"{found.vanished:,}", "")
    if found.foreign:
        table.add_row("not the claim check's", f"{found.foreign:,}", "")
    console.print()
    console.print(table, width=width)
    console.print()
    for each in found.findings[:_SHOWN]:
        console.print(Text(each.key, style="bold"), soft_wrap=True)
        said = each.what.replace(f" under {each.key}", "")
        console.print(Text(f"  {each.kind}: {said}", style="red"), width=width)
    if found.findings:
        console.print()
    hidden = found.wrong.total() - min(len(found.findings), _SHOWN)
    if hidden:
        console.print(Text(f"And {hidden:,} more; --json lists the first thousand."), width=width)
    if found.is_sound:
        read = found.sound + found.records
        console.print(Text(f"All {read:,} objects that were read are sound.", style="bold green"))
    else:
        wrong = found.wrong.total()
        console.print(Text(f"{wrong:,} of {found.read:,} are not sound.", style="bold red"))
