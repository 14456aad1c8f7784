"""What `claimcheck lifecycle` found out, for people and for programs."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import urlsplit

from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.gc.lifecycle.bucket_rules import (
    BucketPlace,
    Rule,
    azure_policy,
    gcs_configuration,
    s3_rule,
    s3_xml,
)
from temporal_claimcheck.gc.lifecycle.comparing import Configured, Needs, is_redis, store_place
from temporal_claimcheck.gc.lifecycle.expiry import SafeExpiry, Tenure, in_days

__all__ = [
    "configured_document",
    "needs_document",
    "print_applied",
    "print_configured",
    "print_needs",
    "print_rule",
    "rule_document",
    "rule_of",
]

_MAX_WIDTH: Final = 100
_FOLDERS: Final = frozenset(("file", "memory"))


def needs_document(needs: Needs) -> dict[str, Any]:
    """Return what Temporal needs, for JSON."""
    expiry = needs.expiry
    return {
        "safe_days": expiry.days,
        "today_days": expiry.today_days,
        "obstacles": list(expiry.obstacles),
        "assumptions": list(expiry.assumptions),
        "because_of_namespace": expiry.namespace,
        "steps": [
            {"what": each.what, "seconds": each.adds.total_seconds(), "because": each.because}
            for each in expiry.steps
        ],
        "namespaces": [
            {
                "namespace": each.namespace,
                "retention_seconds": each.retention.total_seconds(),
                "open_runs": len(each.open_runs) + each.not_looked_at,
                "not_looked_at": each.not_looked_at,
                "without_execution_timeout": len(each.unbounded),
                "longest_closed_seconds": each.longest_closed.total_seconds(),
                "schedules": [schedule.schedule_id for schedule in each.schedules],
            }
            for each in needs.tenures
        ],
    }


def configured_document(configured: Configured) -> dict[str, Any]:
    """Return what a store is set to do, for JSON."""
    return asdict(configured) | {"is_safe": configured.is_safe}


def rule_of(url: str, days: int | None) -> dict[str, Any]:
    """Return the rule for a store as its service takes it."""
    place = store_place(url)
    match place.scheme:
        case "s3" | "r2":
            return {"Rules": [s3_rule(place, days)]}
        case "gs":
            return gcs_configuration(place, days)
        case "az":
            return {"rules": []} if days is None else azure_policy(place, days)
        case _ if is_redis(url):
            return {"CLAIMCHECK_TTL_DAYS": days}
        case _:
            return {}


def rule_document(url: str, days: int | None, form: str) -> str:
    """Return the rule alone. Raises InvalidSettings for a store or a form without one."""
    place = store_place(url)
    if place.scheme in _FOLDERS or is_redis(url):
        raise InvalidSettings(
            f"A store of {place.scheme}:// has no lifecycle rule.",
            remedy="See claimcheck lifecycle show, without --rule.",
        )
    if form == "json":
        return json.dumps(rule_of(url, days), indent=2)
    if place.scheme not in {"s3", "r2"}:
        raise InvalidSettings(
            f"A rule for {place.scheme}:// is not written in XML.", remedy="Use --rule json."
        )
    return s3_xml(s3_rule(place, days))


def print_needs(needs: Needs, console: Console) -> None:
    """Print the reasoning for a person."""
    console.print()
    _print(console, _namespaces(needs.tenures))
    console.print()
    expiry = needs.expiry
    if expiry.steps:
        _print(console, _reasoning(expiry))
        console.print()
    if expiry.days is not None:
        line = Text.assemble(
            "The smallest safe expiry is ", (_days(expiry.days), "bold green"), "."
        )
    else:
        line = Text("No finite expiry is safe.", style="bold red")
    _print(console, line)
    _print_list(expiry.obstacles, "red", console)
    if expiry.days is None and expiry.today_days is not None:
        _print(
            console,
            Text(
                f"As of today, all that is needed is younger than {_days(expiry.today_days)}. "
                "That holds today only: what is open grows older."
            ),
        )
    if expiry.days is None and any(tenure.unbounded for tenure in needs.tenures):
        _print(
            console,
            Text("If runs without an execution timeout do end, say so with --runs-end-within."),
        )
    if expiry.days is not None:
        _print(console, Text("It holds as long as this does:", style="dim"))
        _print_list(expiry.assumptions, "dim", console)
    console.print()


def print_rule(url: str, days: int | None, expiry: SafeExpiry, console: Console) -> None:
    """Print how the expiry is set on a store."""
    place = store_place(url)
    name = f"{place.scheme}://{place.bucket}/{place.prefix}".rstrip("/")
    title = place.scheme + "://" + urlsplit(url).path if place.scheme in _FOLDERS else name
    if is_redis(url):
        title = f"{place.scheme}://{urlsplit(url).hostname or ''}"
    _print(console, Text(title, style="bold cyan"))
    if days is not None and not expiry.allows(days):
        _print(console, Text(f"{_days(days)} can delete what is needed.", style="bold red"))
    for line in _how(place, url, days):
        # Lines that are copied must not be broken.
        console.print(Text(line), soft_wrap=True)
    console.print()


def print_configured(found: Sequence[Configured], console: Console) -> None:
    """Print what the stores are set to do, and what is wrong with it."""
    for each in found:
        does = "payloads never expire" if each.days is None else f"expiry after {_days(each.days)}"
        mark = ("safe", "bold green") if each.is_safe else ("NOT SAFE", "bold red")
        _print(console, Text.assemble((each.store, "bold cyan"), f": {does}, ", mark))
        _print_list(each.dangers, "red", console)
        _print_list(each.notes, "dim", console)
    console.print()


def print_applied(
    place: BucketPlace,
    before: Sequence[Rule],
    after: Sequence[Rule],
    console: Console,
    *,
    is_real: bool,
) -> None:
    """Print what the rules of a bucket were, and are or would be."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold")
    table.add_column("rule")
    table.add_column("before")
    table.add_column("after")
    was = {str(rule.get("ID")): rule for rule in before}
    for rule in after:
        name = str(rule.get("ID"))
        old = was.get(name)
        now = _summary(rule)
        style = "" if old is not None and _summary(old) == now else "bold"
        table.add_row(name, "none" if old is None else _summary(old), Text(now, style=style))
    _print(console, Text(f"{place.scheme}://{place.bucket}", style="bold cyan"))
    _print(console, table)
    console.print()
    done = "Done." if is_real else "Nothing was changed. Add --yes to set it."
    _print(console, Text(done, style="bold"))


def _namespaces(tenures: Sequence[Tenure]) -> Table:
    now = utc_now()
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold")
    table.add_column("namespace", overflow="fold")
    for name in ("retention", "open", "oldest", "no timeout", "longest", "schedules"):
        table.add_column(name, justify="right")
    for each in tenures:
        ages = [now - run.began for run in each.open_runs if run.began is not None]
        table.add_row(
            each.namespace,
            in_days(each.retention),
            f"{len(each.open_runs) + each.not_looked_at:,}",
            in_days(max(ages)) if ages else "-",
            f"{len(each.unbounded):,}",
            in_days(each.longest_closed) if each.longest_closed else "-",
            f"{len(each.schedules):,}",
        )
    return table


def _reasoning(expiry: SafeExpiry) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold", show_footer=True)
    table.add_column("an object is needed for", footer="together")
    days = expiry.days or expiry.today_days
    table.add_column("time", justify="right", footer="-" if days is None else _days(days))
    table.add_column("because", overflow="fold")
    for step in expiry.steps:
        table.add_row(step.what, in_days(step.adds), step.because)
    return table


def _print_list(lines: Sequence[str], style: str, console: Console) -> None:
    if lines:
        grid = Table.grid(padding=(0, 1))
        for line in lines:
            grid.add_row(Text("-", style=style), Text(line, style=style))
        _print(console, Padding(grid, (0, 1)))


def _how(place: BucketPlace, url: str, days: int | None) -> list[str]:
    if is_redis(url):
        if days is None:
            return ["Leave CLAIMCHECK_TTL_DAYS unset in every process, so that nothing expires."]
        return [f"Set in every process that writes: CLAIMCHECK_TTL_DAYS={days}"]
    if place.scheme in _FOLDERS:
        return ["Nothing expires here: only claimcheck gc deletes."]
    if place.scheme == "az" and days is None:
        return ["Set no rule. Azure removes unfinished uploads by itself after a week."]
    return [*json.dumps(rule_of(url, days), indent=2).splitlines(), *_commands(place)]


def _commands(place: BucketPlace) -> list[str]:
    """Return how the printed rule gets to its service."""
    match place.scheme:
        case "gs":
            bucket = f"gs://{place.bucket}"
            return [
                "This replaces all rules of the bucket, so add those that are there:",
                f"  gcloud storage buckets describe {bucket} --format='json(lifecycle_config)'",
                "  claimcheck lifecycle show --rule json > lifecycle.json",
                f"  gcloud storage buckets update {bucket} --lifecycle-file=lifecycle.json",
            ]
        case "az":
            policy = "az storage account management-policy"
            return [
                "This replaces all rules of the account, so add those that are there:",
                f"  {policy} show -n ACCOUNT -g GROUP",
                "  claimcheck lifecycle show --rule json > policy.json",
                f"  {policy} create -n ACCOUNT -g GROUP --policy @policy.json",
            ]
        case _:
            return ["Set it, beside the rules that are there: claimcheck lifecycle apply --yes"]


def _summary(rule: Rule) -> str:
    parts: list[str] = []
    expiration: dict[str, Any] = rule.get("Expiration") or {}
    if "Days" in expiration:
        parts.append(f"expires after {_days(int(expiration['Days']))}")
    elif expiration:
        parts.append("expires")
    if "AbortIncompleteMultipartUpload" in rule:
        parts.append("removes unfinished uploads")
    if rule.get("Transitions"):
        parts.append("moves to another class")
    if rule.get("Status") != "Enabled":
        parts.append("switched off")
    return ", ".join(parts) or "nothing"


def _days(days: int) -> str:
    return f"{days:,} day{'' if days == 1 else 's'}"


def _print(console: Console, what: RenderableType) -> None:
    console.print(what, width=min(console.width, _MAX_WIDTH))
