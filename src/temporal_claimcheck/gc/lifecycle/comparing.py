"""Compares what Temporal needs with what a store's expiry does."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import urlsplit

from temporal_claimcheck import wiring
from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.gc.lifecycle.bucket_lifecycle import BucketLifecycle
from temporal_claimcheck.gc.lifecycle.bucket_rules import (
    BucketPlace,
    Rule,
    harms,
    removes_unfinished_uploads,
)
from temporal_claimcheck.gc.lifecycle.expiry import Forecast, SafeExpiry, Tenure, safe_expiry
from temporal_claimcheck.gc.lifecycle.tenure import TenureOf, Tenures
from temporal_claimcheck.ledger import LEDGER_PREFIX
from temporal_claimcheck.registry import Registered
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.stores.base import BlobInfo
from temporal_claimcheck.stores.redis_layout import payload_day
from temporal_claimcheck.stores.redis_urls import REDIS_SCHEMES

if TYPE_CHECKING:
    from temporal_claimcheck.stores.redis import RedisStore

__all__ = [
    "Configured",
    "Needs",
    "bucket_configured",
    "check_days",
    "given_configured",
    "is_redis",
    "never_expires",
    "read_needs",
    "redis_configured",
    "store_place",
]

_DAY: Final = dt.timedelta(days=1)
# Between asking for the time that is left and looking at the clock.
_SLACK: Final = dt.timedelta(minutes=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """For how long Temporal needs the objects of a keyspace."""

    tenures: tuple[Tenure, ...]
    expiry: SafeExpiry


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """What a store is set to do to objects."""

    store: str
    days: int | None
    """The age at which payloads expire; None if they never do."""
    dangers: tuple[str, ...] = ()
    """What can delete an object that is needed."""
    notes: tuple[str, ...] = ()
    """What is worth knowing."""

    @property
    def is_safe(self) -> bool:
        """Whether nothing that is needed can be deleted, as far as it was looked at."""
        return not self.dangers


async def read_needs(
    clusters: Mapping[str, Tenures],
    registered: Sequence[Registered],
    named: Sequence[str],
    forecast: Forecast,
) -> Needs:
    """Read what all writers to a keyspace need.

    `registered` are the namespaces that stand in the keyspace, `named` further ones; each has to
    be found on one of the clusters. Raises CollectionIncomplete.
    """
    now = utc_now()
    found: list[TenureOf] = []
    for name in sorted({*named, *(each.namespace for each in registered)}):
        found += [
            answer
            for tenures in clusters.values()
            if (answer := await tenures.read(name)) is not None
        ]
    ids = {each.namespace_id for each in found}
    names = {each.tenure.namespace for each in found}
    where = f"not on {', '.join(clusters)}"
    unknown = [f"Namespace {name} is {where}." for name in sorted(set(named) - names)]
    unknown += [
        f"Namespace {each.namespace}{_id(each)} writes to this keyspace and is {where}."
        for each in registered
        if (each.namespace_id not in ids if each.namespace_id else each.namespace not in names)
    ]
    tenures = tuple(each.tenure for each in found)
    return Needs(tenures=tenures, expiry=safe_expiry(tenures, now, forecast, unknown=unknown))


def store_place(url: str) -> BucketPlace:
    """Return the bucket, or what stands in its place, that a store's URL names."""
    parts = urlsplit(url)
    return BucketPlace(scheme=parts.scheme, bucket=parts.netloc, prefix=parts.path.strip("/"))


async def bucket_configured(
    lifecycle: BucketLifecycle, place: BucketPlace, expiry: SafeExpiry
) -> Configured:
    """Read the rules of a bucket. Raises StoreError, InvalidSettings."""
    return _judge_rules(await lifecycle.rules(), place, expiry)


def _judge_rules(rules: Sequence[Rule], place: BucketPlace, expiry: SafeExpiry) -> Configured:
    dangers: list[str] = []
    found = harms(rules, place)
    for harm in found:
        if harm.days is None:
            dangers.append(f"Rule {harm.rule!r} {harm.does}, which must stay.")
        elif not expiry.allows(harm.days):
            dangers.append(
                f"Rule {harm.rule!r} {harm.does} after {_days(harm.days)}, {_instead(expiry)}."
            )
    notes: list[str] = []
    if not removes_unfinished_uploads(rules, place):
        notes.append("No rule removes unfinished uploads; claimcheck lifecycle apply sets one.")
    ages = [harm.days for harm in found if harm.days is not None]
    return Configured(
        store=f"{place.scheme}://{place.bucket}/{place.prefix}",
        days=min(ages, default=None),
        dangers=tuple(dangers),
        notes=tuple(notes),
    )


async def redis_configured(settings: Settings, url: str, expiry: SafeExpiry) -> Configured:
    """Look at the setting, and at every object that is in Redis already. Raises StoreError."""
    alone = {"store": url, "store_mirrors": (), "store_cache": None, "store_read_only": False}
    store = cast("RedisStore", wiring.build_store(settings.model_copy(update=alone)))
    dangers: list[str] = []
    if not expiry.allows(settings.ttl_days):
        dangers.append(
            f"CLAIMCHECK_TTL_DAYS is {settings.ttl_days} in this process, {_instead(expiry)}."
        )
    short, soon = 0, ""
    records = 0
    now = utc_now()
    try:
        async for blob, left in store.expiries():
            if left is None:
                continue
            if blob.key.startswith(LEDGER_PREFIX):
                records += 1
            elif payload_day(blob.key) is not None and _too_short(blob, left, now, expiry):
                short += 1
                soon = soon or blob.key
    finally:
        await store.aclose()
    if records:
        dangers.append(f"{records:,} of the claim check's own records expire, which must stay.")
    if short:
        dangers.append(
            f"{short:,} of the stored objects expire too early, such as {soon}, "
            f"{_instead(expiry)}. They keep the expiry that they were stored with."
        )
    return Configured(store=store.name, days=settings.ttl_days, dangers=tuple(dangers))


def given_configured(place: BucketPlace, days: int, expiry: SafeExpiry) -> Configured:
    """Judge an expiry that the user says is configured."""
    safe = expiry.allows(days)
    name = f"{place.scheme}://{place.bucket}/{place.prefix}"
    danger = f"Objects expire after {_days(days)}, {_instead(expiry)}."
    return Configured(store=name, days=days, dangers=() if safe else (danger,))


def never_expires(url: str) -> Configured:
    """Return what holds for a store that deletes nothing by itself."""
    parts = urlsplit(url)
    return Configured(
        store=f"{parts.scheme}://{parts.path}",
        days=None,
        notes=("Nothing expires here: only claimcheck gc deletes.",),
    )


def is_redis(url: str) -> bool:
    """Return whether a store's URL names Redis."""
    return urlsplit(url).scheme in REDIS_SCHEMES


def check_days(days: int, expiry: SafeExpiry) -> None:
    """Raise InvalidSettings for an expiry that could delete what is needed."""
    if not expiry.allows(days):
        raise InvalidSettings(
            f"An expiry of {_days(days)} is not safe: "
            + (f"the smallest is {_days(expiry.days)}." if expiry.days else expiry.obstacles[0]),
            remedy="See claimcheck lifecycle show. To set it all the same, add "
            "--expire-what-may-be-in-use.",
        )


def _too_short(blob: BlobInfo, left: dt.timedelta, now: dt.datetime, expiry: SafeExpiry) -> bool:
    if expiry.days is None:
        return True
    # Redis knows no age: `modified` is the day in the key.
    return now + left + _SLACK < blob.modified + _DAY + expiry.days * _DAY


def _instead(expiry: SafeExpiry) -> str:
    if expiry.days is None:
        return "and no finite expiry is safe"
    return f"and {_days(expiry.days)} is the smallest that is safe"


def _days(days: int) -> str:
    return f"{days:,} day{'' if days == 1 else 's'}"


def _id(registered: Registered) -> str:
    return f" ({registered.namespace_id})" if registered.namespace_id else ""
