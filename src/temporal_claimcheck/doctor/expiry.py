"""Whether what stores delete by themselves is still needed. The judgement is `gc.lifecycle`'s."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from temporal_claimcheck.doctor import catalogue
from temporal_claimcheck.doctor.findings import Finding
from temporal_claimcheck.doctor.running import Outcome
from temporal_claimcheck.doctor.temporal import Reached
from temporal_claimcheck.errors import ClaimCheckError
from temporal_claimcheck.gc.lifecycle.bucket_lifecycle import BucketLifecycle
from temporal_claimcheck.gc.lifecycle.comparing import (
    Configured,
    bucket_configured,
    is_redis,
    never_expires,
    read_needs,
    redis_configured,
    store_place,
)
from temporal_claimcheck.gc.lifecycle.expiry import Forecast, SafeExpiry
from temporal_claimcheck.gc.lifecycle.tenure import TemporalTenures
from temporal_claimcheck.registry import Registered
from temporal_claimcheck.settings import Settings

__all__ = ["check_expiry"]

_BUCKETS: Final = frozenset(("s3", "r2"))
_CLOUDS: Final = frozenset(("gs", "az"))
_EXPLAIN: Final = "claimcheck lifecycle show explains the smallest safe value"


async def check_expiry(
    settings: Settings,
    url: str,
    clusters: Sequence[Reached],
    registered: Sequence[Registered],
    forecast: Forecast,
) -> Outcome[None]:
    """Compare the expiry of the store at `url` with what all that write to it need."""
    try:
        named = [] if registered else [each.client.namespace for each in clusters]
        tenures = {each.name: TemporalTenures(each.client) for each in clusters}
        needs = await read_needs(tenures, registered, named, forecast)
        strict = await _configured(settings, url, needs.expiry)
        if strict is None:
            said = f"The rules of {url.partition(':')[0]}:// cannot be read by this command."
            return Outcome(
                findings=[catalogue.EXPIRY_UNREAD.found(said, "Look at claimcheck lifecycle show.")]
            )
        if strict.is_safe:
            return Outcome(findings=[_safe(strict)])
        # What is too short even for what Temporal holds today is wrong. What only cannot be
        # proven, as for runs that have no timeout, is a risk that the user may have chosen.
        today = await _configured(settings, url, _today(needs.expiry)) or strict
    except ClaimCheckError as error:
        said = f"What expires could not be compared. {error.what}"
        return Outcome(findings=[catalogue.EXPIRY_UNREAD.found(said, error.remedy)])
    return Outcome(findings=_dangers(strict, today, needs.expiry, settings, url))


async def _configured(settings: Settings, url: str, expiry: SafeExpiry) -> Configured | None:
    place = store_place(url)
    if is_redis(url):
        return await redis_configured(settings, url, expiry)
    if place.scheme in _BUCKETS:
        return await bucket_configured(BucketLifecycle(settings, place), place, expiry)
    return None if place.scheme in _CLOUDS else never_expires(url)


def _today(expiry: SafeExpiry) -> SafeExpiry:
    """Return what is enough for the claims that are there, whatever is still to come."""
    return replace(expiry, days=expiry.days or expiry.today_days or 1, obstacles=())


def _safe(configured: Configured) -> Finding:
    if configured.days is None:
        return catalogue.EXPIRY_SAFE.found(f"{configured.store} deletes nothing by itself.")
    days = f"{configured.days:,} day{'' if configured.days == 1 else 's'}"
    return catalogue.EXPIRY_SAFE.found(f"{configured.store} keeps payloads for {days}: enough.")


def _dangers(
    strict: Configured, today: Configured, expiry: SafeExpiry, settings: Settings, url: str
) -> list[Finding]:
    if not today.is_safe:
        days = expiry.days or expiry.today_days
        if is_redis(url) and settings.ttl_days is not None:
            value = f"to {days} or more" if days else "higher"
            how = f"Set CLAIMCHECK_TTL_DAYS {value}, or unset it; {_EXPLAIN}."
        elif is_redis(url):
            how = f"Find out who set it, and take it off with PERSIST; {_EXPLAIN}."
        else:
            how = f"Run claimcheck lifecycle apply, or correct the rule; {_EXPLAIN}."
        return [
            catalogue.EXPIRY_TOO_SHORT.found(f"{strict.store}: {why}", how) for why in today.dangers
        ]
    because = expiry.obstacles[0] if expiry.obstacles else "Temporal may need objects for longer."
    return [
        catalogue.EXPIRY_UNPROVEN.found(
            f"{strict.store} expires payloads, and no expiry can be proven safe. {because}",
            "Give runs an execution timeout, or your word: --runs-end-within DAYS. Or expire "
            f"nothing and use claimcheck gc; {_EXPLAIN}.",
        )
    ]
