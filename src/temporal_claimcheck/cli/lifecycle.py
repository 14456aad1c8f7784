"""`claimcheck lifecycle`: the smallest safe expiry, whether a store keeps to it, and setting it."""

import asyncio
import enum
import json
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import typer
from rich.console import Console

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.settings import Settings

if TYPE_CHECKING:
    from temporal_claimcheck.gc.lifecycle.comparing import Configured, Needs
    from temporal_claimcheck.gc.lifecycle.expiry import Forecast

__all__ = ["lifecycle"]

_UNSAFE: Final = 1
_BUCKETS: Final = frozenset(("s3", "r2"))
_CLOUDS: Final = frozenset(("gs", "az"))

lifecycle = typer.Typer(
    help="Find the smallest safe expiry, check what is configured, and set it.",
    no_args_is_help=True,
)

_Namespaces = Annotated[
    list[str] | None,
    typer.Option(
        "--namespace",
        metavar="NAME",
        help="A namespace besides those that stand in the store. May be repeated.",
    ),
]
_Profiles = Annotated[
    list[str] | None,
    typer.Option(
        "--profile",
        metavar="NAME",
        help="Profile of Temporal's configuration, once for each cluster that uses the store.",
    ),
]
_Resets = Annotated[
    int, typer.Option(min=0, max=100, help="How often a closed run is reset, at most.")
]
_EndWithin = Annotated[
    int | None,
    typer.Option(
        "--runs-end-within",
        metavar="DAYS",
        min=1,
        help="Your word on how long runs without an execution timeout live, at most.",
    ),
]
_MaxRuns = Annotated[
    int, typer.Option(min=1, help="Open runs to look at in a namespace; more leave doubt.")
]
_Days = Annotated[
    int | None, typer.Option(metavar="DAYS", min=1, help="Another expiry than the smallest.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print a JSON document.")]
_MAX_RUNS: Final = 10_000


class RuleForm(enum.StrEnum):
    """How a rule is printed."""

    JSON = "json"
    XML = "xml"


@lifecycle.command()
def show(
    *,
    namespace: _Namespaces = None,
    profile: _Profiles = None,
    resets: _Resets = 1,
    runs_end_within: _EndWithin = None,
    max_runs: _MaxRuns = _MAX_RUNS,
    days: _Days = None,
    rule: Annotated[
        RuleForm | None, typer.Option(help="Print the store's rule alone, for a file.")
    ] = None,
    as_json: _Json = False,
) -> None:
    """Show the smallest safe expiry, how it comes about, and the rule for the store.

    Example: `claimcheck lifecycle show --runs-end-within 30`
    """
    from temporal_claimcheck.cli import lifecycle_report as report  # noqa: PLC0415

    settings = Settings.load()
    needs = _read_needs(
        settings,
        namespaces=namespace or (),
        profiles=profile or (),
        forecast=_forecast(resets, runs_end_within),
        max_runs=max_runs,
    )
    chosen = needs.expiry.days if days is None else days
    if rule is not None:
        sys.stdout.write(report.rule_document(settings.store_url, chosen, rule.value) + "\n")
        return
    if as_json:
        _print_json(report.needs_document(needs) | {"rules": _rules(settings, chosen)})
        return
    console = Console()
    report.print_needs(needs, console)
    for url in _urls(settings):
        report.print_rule(url, chosen, needs.expiry, console)


@lifecycle.command()
def check(
    *,
    namespace: _Namespaces = None,
    profile: _Profiles = None,
    resets: _Resets = 1,
    runs_end_within: _EndWithin = None,
    max_runs: _MaxRuns = _MAX_RUNS,
    configured_days: Annotated[
        int | None,
        typer.Option(
            metavar="DAYS", min=1, help="What is configured, on a store whose rule cannot be read."
        ),
    ] = None,
    as_json: _Json = False,
) -> None:
    """Check that what the store is set to delete is not needed any more. Exits 1 if it may be.

    Example: `claimcheck lifecycle check --runs-end-within 30 || alert`
    """
    from temporal_claimcheck.cli import lifecycle_report as report  # noqa: PLC0415

    settings = Settings.load()
    needs = _read_needs(
        settings,
        namespaces=namespace or (),
        profiles=profile or (),
        forecast=_forecast(resets, runs_end_within),
        max_runs=max_runs,
    )
    found = asyncio.run(_configured(settings, needs, configured_days))
    is_safe = all(each.is_safe for each in found)
    if as_json:
        stores = [report.configured_document(each) for each in found]
        _print_json(report.needs_document(needs) | {"is_safe": is_safe, "stores": stores})
    else:
        console = Console()
        report.print_needs(needs, console)
        report.print_configured(found, console)
    if not is_safe:
        raise typer.Exit(_UNSAFE)


@lifecycle.command()
def apply(
    *,
    namespace: _Namespaces = None,
    profile: _Profiles = None,
    resets: _Resets = 1,
    runs_end_within: _EndWithin = None,
    max_runs: _MaxRuns = _MAX_RUNS,
    days: _Days = None,
    yes: Annotated[
        bool, typer.Option("--yes", help="Set it. Without this nothing is changed.")
    ] = False,
    expire_what_may_be_in_use: Annotated[
        bool,
        typer.Option(
            "--expire-what-may-be-in-use",
            help="Set the days that you give even if payloads that Temporal needs are lost.",
        ),
    ] = False,
) -> None:
    """Set the rule on a bucket of S3 or R2; for all else, say how it is set. A dry run at first.

    Example: `claimcheck lifecycle apply --runs-end-within 30 --yes`
    """
    from temporal_claimcheck.cli import lifecycle_report as report  # noqa: PLC0415
    from temporal_claimcheck.gc.lifecycle.comparing import check_days  # noqa: PLC0415

    settings = Settings.load()
    needs = _read_needs(
        settings,
        namespaces=namespace or (),
        profiles=profile or (),
        forecast=_forecast(resets, runs_end_within),
        max_runs=max_runs,
    )
    if days is not None and not expire_what_may_be_in_use:
        check_days(days, needs.expiry)
    chosen = needs.expiry.days if days is None else days
    console = Console()
    report.print_needs(needs, console)
    for url in _urls(settings):
        if urlsplit(url).scheme in _BUCKETS:
            asyncio.run(_apply(settings, url, chosen, console, is_real=yes))
        else:
            report.print_rule(url, chosen, needs.expiry, console)


def _urls(settings: Settings) -> Sequence[str]:
    # What lies in front of them is a cache, which may forget.
    return (settings.store_url, *settings.store_mirrors)


def _print_json(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, indent=2) + "\n")


def _rules(settings: Settings, days: int | None) -> list[dict[str, Any]]:
    from temporal_claimcheck.cli.lifecycle_report import rule_of  # noqa: PLC0415

    return [rule_of(url, days) for url in _urls(settings)]


def _forecast(resets: int, runs_end_within: int | None) -> "Forecast":
    from temporal_claimcheck.gc.lifecycle.expiry import Forecast  # noqa: PLC0415

    within = None if runs_end_within is None else timedelta(days=runs_end_within)
    return Forecast(resets=resets, runs_end_within=within)


def _read_needs(
    settings: Settings,
    *,
    namespaces: Sequence[str],
    profiles: Sequence[str],
    forecast: "Forecast",
    max_runs: int,
) -> "Needs":
    return asyncio.run(_needs(settings, namespaces, profiles, forecast, max_runs))


async def _needs(
    settings: Settings,
    namespaces: Sequence[str],
    profiles: Sequence[str],
    forecast: "Forecast",
    max_runs: int,
) -> "Needs":
    from temporal_claimcheck.gc.lifecycle.comparing import read_needs  # noqa: PLC0415
    from temporal_claimcheck.gc.lifecycle.tenure import TemporalTenures  # noqa: PLC0415
    from temporal_claimcheck.gc.roots.connecting import connect_clients  # noqa: PLC0415
    from temporal_claimcheck.gc.settings import CollectorSettings  # noqa: PLC0415
    from temporal_claimcheck.manager import ClaimCheckManager  # noqa: PLC0415

    reading = settings.model_copy(update={"store_read_only": True})
    async with ClaimCheckManager.from_settings(reading) as manager:
        registered = await manager.registry.registered()
    clients = await connect_clients(profiles or CollectorSettings.load().profiles)
    named = list(namespaces)
    if not registered and not named:
        named = [client.namespace for _, client in clients]
    clusters = {name: TemporalTenures(client, max_runs=max_runs) for name, client in clients}
    return await read_needs(clusters, registered, named, forecast)


async def _configured(
    settings: Settings, needs: "Needs", configured_days: int | None
) -> "list[Configured]":
    from temporal_claimcheck.gc.lifecycle import comparing as gc  # noqa: PLC0415
    from temporal_claimcheck.gc.lifecycle.bucket_lifecycle import BucketLifecycle  # noqa: PLC0415

    found: list[Configured] = []
    for url in _urls(settings):
        place = gc.store_place(url)
        if gc.is_redis(url):
            found.append(await gc.redis_configured(settings, url, needs.expiry))
        elif configured_days is not None and place.scheme in _BUCKETS | _CLOUDS:
            found.append(gc.given_configured(place, configured_days, needs.expiry))
        elif place.scheme in _BUCKETS:
            bucket = BucketLifecycle(settings, place)
            found.append(await gc.bucket_configured(bucket, place, needs.expiry))
        elif place.scheme in _CLOUDS:
            raise InvalidSettings(
                f"The lifecycle rules of {place.scheme}://{place.bucket} cannot be read by this "
                "command.",
                remedy="Look at them (claimcheck lifecycle show has the command) and give the "
                "days as --configured-days, or leave this check out if there is no rule.",
            )
        else:
            found.append(gc.never_expires(url))
    return found


async def _apply(
    settings: Settings, url: str, days: int | None, console: Console, *, is_real: bool
) -> None:
    from temporal_claimcheck.cli.lifecycle_report import print_applied  # noqa: PLC0415
    from temporal_claimcheck.gc.lifecycle.bucket_lifecycle import BucketLifecycle  # noqa: PLC0415
    from temporal_claimcheck.gc.lifecycle.bucket_rules import merged  # noqa: PLC0415
    from temporal_claimcheck.gc.lifecycle.comparing import store_place  # noqa: PLC0415

    place = store_place(url)
    bucket = BucketLifecycle(settings, place)
    before = await bucket.rules()
    after = await bucket.set(days) if is_real else merged(before, place, days)
    print_applied(place, before, after, console, is_real=is_real)
