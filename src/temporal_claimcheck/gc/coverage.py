"""Where a collector must look: every namespace that ever wrote to the keyspace, or it refuses."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from temporal_claimcheck.errors import CollectionRefused
from temporal_claimcheck.gc.cluster import Cluster, Namespace
from temporal_claimcheck.registry import Registered

__all__ = ["Source", "cover"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A namespace of a cluster that is read."""

    cluster: Cluster
    namespace: Namespace


async def cover(
    clusters: Sequence[Cluster], registered: Iterable[Registered], shelved: Iterable[str]
) -> list[Source]:
    """Return what must be read, so that nothing that refers to an object is missed.

    `registered` is who registered, `shelved` the namespaces of which there are objects. Raises
    CollectionRefused if a namespace is on none of the clusters, or the one that was registered
    is on none of them; CollectionIncomplete if a cluster cannot say.
    """
    wanted = set(registered) | {Registered(namespace=name, namespace_id=None) for name in shelved}
    sources: list[Source] = []
    for name in sorted({entry.namespace for entry in wanted}):
        for cluster in clusters:
            found = await cluster.namespace(name)
            if found is not None:
                # Also one that nobody registered: reading more than needed only keeps more.
                sources.append(Source(cluster=cluster, namespace=found))
    names = {source.namespace.name for source in sources}
    ids = {(source.namespace.name, source.namespace.id) for source in sources}
    asked = ", ".join(cluster.name for cluster in clusters)
    for entry in sorted(wanted, key=lambda entry: (entry.namespace, entry.namespace_id or "")):
        if entry.namespace not in names:
            raise CollectionRefused(
                f"Namespace {entry.namespace!r} has written to this store, and is not on {asked}.",
                remedy="Name its cluster too. If it is gone for good, say so with `claimcheck gc "
                "--retire-namespace`.",
            )
        if entry.namespace_id and (entry.namespace, entry.namespace_id) not in ids:
            raise CollectionRefused(
                f"A namespace {entry.namespace!r} with the id {entry.namespace_id} has written to "
                f"this store; that of the same name on {asked} is another.",
                remedy="Name its cluster too. If it is gone for good, say so with `claimcheck gc "
                "--retire-namespace`.",
            )
    return sources
