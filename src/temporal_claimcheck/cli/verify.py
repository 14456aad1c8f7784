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
from rich.console import Console

from temporal_claimcheck.cli.collecting import collecting
from temporal_claimcheck.cli.gc import AsJson, Profiles
from temporal_claimcheck.cli.verify_report import READ_ONLY, print_references, print_verification
from temporal_claimcheck.settings import Settings

if TYPE_CHECKING:
    from temporal_claimcheck.gc.referring import LiveReferences
    from temporal_claimcheck.gc.verify import Selection, Verification

__all__ = ["verify"]

_WRONG: Final = 1
_SECONDS_BETWEEN_LINES: Final = 10.0
_SECONDS_BETWEEN_PICTURES: Final = 0.1


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
    references: Annotated[
        bool,
        typer.Option("--references", help="Read Temporal too: is all stored that it refers to?"),
    ] = False,
    profiles: Profiles = None,
    as_json: AsJson = False,
) -> None:
    """Read stored objects and report what is damaged or cannot be read. Changes nothing.

    Exits 1 if anything is wrong. Example: `claimcheck verify --day 2026-11-22 --references`
    """
    from temporal_claimcheck.gc.verify import Selection  # noqa: PLC0415

    selection = Selection(namespace=namespace, day=day and day.date(), sample=sample)
    found = asyncio.run(_verify_all(Settings.load(), selection))
    live = asyncio.run(_check_references(profiles, selection)) if references else None
    if as_json:
        document: dict[str, Any] = {"stores": [_document(each) for each in found]}
        if live is not None:
            document["references"] = {"all_resolve": live.all_resolve, **asdict(live)}
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        for each in found:
            print_verification(each, Console())
        if live is not None:
            print_references(live, Console())
    if not all(each.is_sound for each in found) or not (live is None or live.all_resolve):
        raise typer.Exit(_WRONG)


async def _check_references(
    profiles: Sequence[str] | None, selection: "Selection"
) -> "LiveReferences":
    from temporal_claimcheck.gc.referring import check_live_references  # noqa: PLC0415

    tools = collecting(profiles)
    async with tools.manager() as manager:
        with tools.progress() as progress:
            clusters = await tools.clusters(manager)
            at_once = tools.settings.at_once
            return await check_live_references(
                manager, clusters, selection, at_once=at_once, progress=progress
            )


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
        "store": found.store.removesuffix(READ_ONLY),
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
