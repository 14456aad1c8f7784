"""The settings: whether they can be read, and whether what was set is what counts."""

import difflib
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Final, cast
from urllib.parse import urlsplit

from pydantic import AliasChoices

from temporal_claimcheck.doctor import catalogue
from temporal_claimcheck.doctor.findings import Finding
from temporal_claimcheck.doctor.running import Outcome
from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.gc.settings import CollectorSettings
from temporal_claimcheck.server.settings import ServerSettings
from temporal_claimcheck.settings import LayeredSettings, Settings
from temporal_claimcheck.stores.redis_urls import REDIS_SCHEMES

__all__ = ["check_environment"]

_CONFIG: Final = "CLAIMCHECK_CONFIG"
_PREFIX: Final = "CLAIMCHECK_"
_ALL: Final[tuple[type[LayeredSettings], ...]] = (Settings, CollectorSettings, ServerSettings)


async def check_environment() -> Outcome[Settings]:
    """Read all settings; the value is those of the store, if they can be read."""
    findings = [*_unknown(os.environ), *_twice(os.environ)]
    settings: Settings | None = None
    for kind in _ALL:
        try:
            read = kind.read({})
            if isinstance(read, ServerSettings):
                read.check()
        except InvalidSettings as error:
            where = f" ([{kind.table}])" if kind.table else ""
            meant = _meant(os.environ.get(_CONFIG), kind)
            remedy = f"{error.remedy} {meant}".strip()
            findings.append(catalogue.SETTINGS_INVALID.found(f"{error.what}{where}", remedy))
        else:
            settings = read if isinstance(read, Settings) else settings
    if settings is None:
        return Outcome(findings=findings)
    try:
        _ = settings.store_url
    except InvalidSettings as error:
        findings.append(catalogue.STORE_UNCLEAR.found(error.what, error.remedy))
        return Outcome(findings=findings)
    findings += _effects(settings)
    return Outcome(findings=[_read(), *findings], value=settings)


def _read() -> Finding:
    count = sum(name.startswith(_PREFIX) and name != _CONFIG for name in os.environ)
    file = os.environ.get(_CONFIG)
    also = f", and {file}" if file else ""
    return catalogue.SETTINGS_READ.found(
        f"Read {count} setting{'' if count == 1 else 's'} of the environment{also}."
    )


def _unknown(environ: Mapping[str, str]) -> list[Finding]:
    known = {name for kind in _ALL for name in _variables(kind)} | {_CONFIG}
    findings: list[Finding] = []
    for name in sorted(environ):
        if not name.startswith(_PREFIX) or name in known:
            continue
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
        findings.append(
            catalogue.SETTING_UNKNOWN.found(
                f"{name} is no setting of this release, and has no effect.",
                f"Did you mean {near[0]}?" if near else "Unset it, or correct its name.",
            )
        )
    return findings


def _meant(path: str | None, kind: type[LayeredSettings]) -> str:
    """Return which settings of the file may be meant by those that are none."""
    table = _table(Path(path or ""), kind.table)
    apart = {each.table for each in _ALL} if kind.table is None else set[str | None]()
    unknown = sorted(table.keys() - kind.model_fields.keys() - apart)
    near = {name: difflib.get_close_matches(name, kind.model_fields, n=1) for name in unknown}
    return " ".join(f"Did you mean {found[0]}?" for found in near.values() if found)


def _twice(environ: Mapping[str, str]) -> list[Finding]:
    findings: list[Finding] = []
    path = environ.get(_CONFIG)
    for kind in _ALL if path else ():
        table = _table(Path(path or ""), kind.table)
        for variable, name in _variables(kind).items():
            if variable in environ and name in table:
                findings.append(
                    catalogue.SETTING_TWICE.found(
                        f"{variable} is set, and {name} in {path} too: the environment's counts."
                    )
                )
    others = [name for name in ("R2_BUCKET", "REDIS_HOST") if environ.get(name)]
    if environ.get("CLAIMCHECK_STORE") and others:
        findings.append(
            catalogue.SETTING_TWICE.found(
                f"CLAIMCHECK_STORE and {' and '.join(others)} are set: CLAIMCHECK_STORE counts."
            )
        )
    return findings


def _table(path: Path, table: str | None) -> Mapping[str, object]:
    try:
        document: dict[str, object] = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}  # Reading the settings says so.
    found = document if table is None else document.get(table)
    return cast("dict[str, object]", found) if isinstance(found, dict) else {}


def _variables(kind: type[LayeredSettings]) -> dict[str, str]:
    """Return the settings by their variables."""
    prefix = str(kind.model_config.get("env_prefix"))
    return {
        str(alias.choices[0])
        if isinstance(alias := field.validation_alias, AliasChoices)
        else f"{prefix}{name.upper()}": name
        for name, field in kind.model_fields.items()
    }


def _effects(settings: Settings) -> list[Finding]:
    findings: list[Finding] = []
    if not settings.enabled:
        findings.append(
            catalogue.OFFLOAD_OFF.found(
                "CLAIMCHECK_ENABLED is false: nothing is offloaded, claims are only read.",
                "Unset CLAIMCHECK_ENABLED, unless you are taking the claim check out.",
            )
        )
    schemes = {urlsplit(url).scheme for url in (settings.store_url, *settings.store_mirrors)}
    if settings.ttl_days is not None and not schemes & set(REDIS_SCHEMES):
        findings.append(
            catalogue.TTL_WITHOUT_EFFECT.found(
                f"CLAIMCHECK_TTL_DAYS has no effect on {', '.join(sorted(schemes))}://.",
                "Unset it. Buckets expire by a rule of their own: claimcheck lifecycle apply "
                "sets it.",
            )
        )
    if settings.redis_may_lose_payloads and schemes & set(REDIS_SCHEMES):
        findings.append(
            catalogue.REDIS_LOSS_ACCEPTED.found(
                "CLAIMCHECK_REDIS_MAY_LOSE_PAYLOADS is set: a Redis that evicts is written to.",
                "Unset it where workflows matter; a payload that is lost takes its workflow along.",
            )
        )
    return findings
