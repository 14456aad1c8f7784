"""Which namespaces a process may read, and the one it writes to. Pure."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from temporal_claimcheck.errors import ForeignNamespace
from temporal_claimcheck.keyspace import check_namespace

__all__ = ["Access"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The rights of one reader and writer."""

    namespace: str
    """The namespace that is written to; it may be read as well."""
    also_reads: frozenset[str] = frozenset()
    """Further namespaces that may be read."""
    is_replay: bool = False
    """Reads every namespace: a replayer, which sends nothing anywhere."""

    def __post_init__(self) -> None:
        for name in (self.namespace, *self.also_reads):
            check_namespace(name)

    @classmethod
    def to(cls, namespace: str, also_reads: Iterable[str]) -> "Access":
        """Return the rights to a namespace and to read others. Raises InvalidSettings."""
        return cls(namespace=namespace, also_reads=frozenset(also_reads) - {namespace})

    def turned_to(self, namespace: str) -> "Access":
        """Return the rights to another namespace; the one before is not its to read."""
        return dataclasses.replace(
            self, namespace=namespace, also_reads=self.also_reads - {namespace}
        )

    def for_replay(self) -> "Access":
        """Return the rights of a replayer.

        A history may come from any namespace; since a replayer sends nothing anywhere, a forged
        claim in one cannot carry a payload out.
        """
        return dataclasses.replace(self, is_replay=True)

    def check(self, namespace: str) -> None:
        """Raise ForeignNamespace for a namespace that may not be read."""
        if self.is_replay or namespace == self.namespace or namespace in self.also_reads:
            return
        raise ForeignNamespace(
            f"What was to be read is of namespace {namespace!r}, which this process may not read.",
            remedy="If it should, add the namespace to CLAIMCHECK_READ_NAMESPACES "
            "(read_namespaces).",
        )
