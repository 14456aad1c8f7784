"""What a Redis says of itself: whether it keeps what it is given, and has room for more."""

import datetime as dt
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from temporal_claimcheck.doctor import catalogue
from temporal_claimcheck.doctor.clocks import judge_clock
from temporal_claimcheck.doctor.findings import Finding
from temporal_claimcheck.doctor.running import Outcome
from temporal_claimcheck.doctor.trouble import trouble_with
from temporal_claimcheck.errors import ClaimCheckError
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.stores.redis_safety import dangers, doubts

if TYPE_CHECKING:
    from temporal_claimcheck.stores.redis import RedisStore
    from temporal_claimcheck.stores.redis_safety import ServerFacts

__all__ = ["check_redis"]

_HOW: Final = "Set maxmemory-policy noeviction and appendonly yes on the server."


async def check_redis(
    store: "RedisStore",
    settings: Settings,
    clock: Callable[[], dt.datetime],
    *,
    least_free_share: float,
) -> Outcome[None]:
    """Ask every server that is written to."""
    before = clock()
    try:
        servers = await store.facts()
    except ClaimCheckError as error:
        return Outcome(findings=[trouble_with(store.name, error)])
    after = clock()
    findings: list[Finding] = []
    expiring = settings.ttl_days is not None
    # In a cluster, what holds for several servers is said once.
    if reasons := {why: None for each in servers for why in dangers(each, expiring=expiring)}:
        said = f"{store.name} may lose what it is given: it {' and '.join(reasons)}."
        findings.append(catalogue.REDIS_UNSAFE.found(said, _HOW))
    unsure = {why: None for each in servers for why in doubts(each)}
    if unsure:
        findings.append(
            catalogue.REDIS_DOUBTFUL.found(f"{store.name} {' and '.join(unsure)}.", _HOW)
        )
    findings += [found for each in servers for found in _room(store, each, least_free_share)][:1]
    if not findings:
        findings.append(
            catalogue.REDIS_SAFE.found(f"{store.name} evicts nothing and writes to disk.")
        )
    limit = min(each.max_blob_bytes for each in servers)
    if settings.max_payload_bytes > limit:
        findings.append(
            catalogue.REDIS_VALUE_LIMIT.found(
                f"Redis takes values of {limit:,} bytes; CLAIMCHECK_MAX_PAYLOAD_BYTES allows "
                "larger payloads, which are refused if they do not compress below it."
            )
        )
    times = [each.clock for each in servers if each.clock is not None]
    if times:
        findings += judge_clock(f"the store ({store.name})", times[0], before, after)
    return Outcome(findings=findings)


def _room(store: "RedisStore", facts: "ServerFacts", least_free_share: float) -> list[Finding]:
    if not facts.maxmemory or facts.used_bytes is None:
        return []
    share = facts.used_bytes / facts.maxmemory
    if share < 1 - least_free_share:
        return []
    return [
        catalogue.REDIS_NEARLY_FULL.found(
            f"{store.name} uses {share:.0%} of its maxmemory of {facts.maxmemory:,} bytes.",
            "Raise maxmemory, or let claimcheck gc delete what nothing refers to. When it is "
            "full, tasks wait.",
        )
    ]
