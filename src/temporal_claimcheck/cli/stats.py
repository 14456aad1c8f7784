"""`claimcheck stats`: what lies in the store, what that saves, and what it costs."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import Console

from temporal_claimcheck.cli.progress import progress_on_stderr
from temporal_claimcheck.cli.temporal_options import Address, AsJson, Profile
from temporal_claimcheck.settings import Settings

if TYPE_CHECKING:
    from temporal_claimcheck.cli.stats_tables import Statistics

__all__ = ["stats"]

_SAMPLE: Final = 1000
_MAX_RUNS: Final = 1000


def stats(
    *,
    namespace: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Only what this namespace stored. May be repeated."),
    ] = None,
    sample: Annotated[
        int,
        typer.Option(
            metavar="NUMBER", min=1, help="Heads to read at most; of more objects a sample."
        ),
    ] = _SAMPLE,
    by_type: Annotated[
        bool,
        typer.Option("--by-type", help="Also by type of workflow: reads histories in Temporal."),
    ] = False,
    max_runs: Annotated[
        int,
        typer.Option(metavar="NUMBER", min=1, help="Runs to read in a namespace with --by-type."),
    ] = _MAX_RUNS,
    price: Annotated[
        float | None,
        typer.Option(
            "--price-per-gb-month",
            metavar="DOLLARS",
            min=0,
            help="Your price of storage, in place of the list price.",
        ),
    ] = None,
    address: Address = None,
    profile: Profile = None,
    as_json: AsJson = False,
) -> None:
    """Count what is stored by namespace and day, what compression and sharing save, what it costs.

    `claimcheck stats --by-type`

    Lists the store, and reads the heads of some objects; nothing is changed. Exit codes: 0 done,
    1 the store or Temporal cannot be asked, 2 wrongly called or configured.
    """
    from temporal_claimcheck.cli.stats_tables import document, print_statistics  # noqa: PLC0415

    # Each object lies in the first store; mirrors hold copies, and a fast tier some of them.
    settings = Settings.load().model_copy(
        update={"store_mirrors": (), "store_cache": None, "store_read_only": False}
    )
    counting = _count(
        settings,
        namespaces=namespace or [],
        sample=sample,
        max_runs=max_runs if by_type else 0,
        address=address,
        profile=profile,
        price=price,
    )
    found = asyncio.run(counting)
    if as_json:
        sys.stdout.write(f"{json.dumps(document(found), indent=2)}\n")
        return
    print_statistics(found, Console())


async def _count(
    settings: Settings,
    *,
    namespaces: list[str],
    sample: int,
    max_runs: int,
    address: str | None,
    profile: str | None,
    price: float | None,
) -> "Statistics":
    from temporal_claimcheck.cli.stats_tables import Statistics  # noqa: PLC0415
    from temporal_claimcheck.clock import utc_now  # noqa: PLC0415
    from temporal_claimcheck.inspection.heads import Heads  # noqa: PLC0415
    from temporal_claimcheck.inspection.prices import list_price, own_price  # noqa: PLC0415
    from temporal_claimcheck.inspection.runs import connect  # noqa: PLC0415
    from temporal_claimcheck.inspection.stock import growth_of, take_stock  # noqa: PLC0415
    from temporal_claimcheck.inspection.usage import read_usage  # noqa: PLC0415
    from temporal_claimcheck.manager import ClaimCheckManager  # noqa: PLC0415

    async with ClaimCheckManager.from_settings(settings) as manager:
        heads = Heads(manager.store, max_payload_bytes=manager.policy.max_payload_bytes)
        with progress_on_stderr("Connecting") as tell:
            # Before the long work: an address that is wrong is known at once.
            client = await connect(profile=profile, address=address) if max_runs else None
            stock = await take_stock(
                manager.store, heads, namespaces=namespaces, sample=sample, progress=tell
            )
            usage = client and await read_usage(
                client, list(stock.by_namespace()), heads, max_runs=max_runs, progress=tell
            )
        return Statistics(
            stock=stock,
            growth=growth_of(stock, utc_now().date()),
            price=list_price(settings) if price is None else own_price(price),
            usage=usage,
        )
