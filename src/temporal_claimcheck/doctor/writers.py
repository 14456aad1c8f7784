"""Who writes to the store, against the clusters that are known: the collector must find each."""

from collections.abc import Sequence

from temporalio.service import RPCError

from temporal_claimcheck.doctor import catalogue
from temporal_claimcheck.doctor.findings import Finding
from temporal_claimcheck.doctor.running import Outcome
from temporal_claimcheck.doctor.temporal import Reached, namespace_id
from temporal_claimcheck.errors import ClaimCheckError
from temporal_claimcheck.registry import Registered, Registry

__all__ = ["check_writers"]


async def check_writers(
    registry: Registry, clusters: Sequence[Reached]
) -> Outcome[tuple[Registered, ...]]:
    """Compare what stands in the store with what the clusters say. The value is who registered."""
    try:
        registered = await registry.registered()
        names = {each.namespace for each in registered}
        ids = {
            name: {found for each in clusters if (found := await namespace_id(each, name))}
            for name in names
        }
    except (ClaimCheckError, RPCError) as error:
        why = error.what if isinstance(error, ClaimCheckError) else error.message
        said = f"Who writes to the store: not looked at. {why}"
        area = catalogue.WRITERS_KNOWN.area
        return Outcome(findings=[catalogue.NOT_CHECKED.found(said, area=area)])
    asked = ", ".join(each.name for each in clusters)
    findings = [
        finding for each in registered for finding in _judge(each, ids[each.namespace], asked)
    ]
    if registered and not findings:
        known = ", ".join(sorted(names))
        findings.append(
            catalogue.WRITERS_KNOWN.found(f"All that write to the store are there: {known}.")
        )
    findings += [
        catalogue.WRITER_UNREGISTERED.found(
            f"Namespace {name} does not stand in the store yet; it does with its first payload."
        )
        for name in sorted({each.client.namespace for each in clusters} - names)
    ]
    return Outcome(findings=findings, value=tuple(registered))


def _judge(entry: Registered, ids: set[str], asked: str) -> list[Finding]:
    retire = f"claimcheck gc --retire-namespace {entry.namespace}"
    if entry.namespace_id:
        retire += f":{entry.namespace_id}"
    if not ids:
        return [
            catalogue.WRITER_UNKNOWN.found(
                f"Namespace {entry.namespace} has written to this store, and is not on {asked}.",
                f"Name its cluster too (--profile). If it is gone for good: {retire}",
            )
        ]
    if entry.namespace_id and entry.namespace_id not in ids:
        return [
            catalogue.WRITER_ELSEWHERE.found(
                f"A namespace {entry.namespace} of another cluster has written to this store: its "
                f"id is {entry.namespace_id}, on {asked} it is {', '.join(sorted(ids))}.",
                "Point TEMPORAL_ADDRESS to its cluster, or name both (--profile). If it is gone "
                f"for good: {retire}",
            )
        ]
    return []
