"""Whether a Redis may lose what it was given: asked from the server, decided purely."""

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from temporal_claimcheck.stores.redis_layout import Command

__all__ = ["MAX_BLOB_BYTES", "QUESTIONS", "ServerFacts", "dangers", "doubts"]

MAX_BLOB_BYTES: Final = 512 * 1024**2
"""What Redis takes as one value, if `proto-max-bulk-len` does not say otherwise."""

QUESTIONS: Final[tuple[Command, ...]] = (
    ("INFO",),
    ("CONFIG", "GET", "save"),
    ("CONFIG", "GET", "proto-max-bulk-len"),
)
"""What tells the facts; a server may refuse each of them."""

_LINE: Final = re.compile(rb"^([a-z_]+):(.*?)\r?$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What one server says of itself. None: it does not say."""

    maxmemory: int | None = None
    policy: str | None = None
    appends: bool | None = None
    """Whether every write goes to an append-only file."""
    snapshots: bool | None = None
    """Whether it saves snapshots on its own."""
    max_blob_bytes: int = MAX_BLOB_BYTES
    used_bytes: int | None = None
    """How much memory it uses."""
    clock: dt.datetime | None = None
    """What time it was there."""

    @classmethod
    def read(cls, answers: Sequence[Any]) -> "ServerFacts":
        """Understand the answers to QUESTIONS; a refusal is no answer."""
        info, save, bulk = answers
        said = {
            name.decode(): value.decode("ascii", "replace")
            for name, value in (_LINE.findall(info) if isinstance(info, bytes) else [])
        }
        maxmemory, appends = said.get("maxmemory"), said.get("aof_enabled")
        used, microseconds = said.get("used_memory"), said.get("server_time_usec")
        save_rule, limit = _setting(save), _setting(bulk)
        return cls(
            maxmemory=int(maxmemory) if maxmemory else None,
            policy=said.get("maxmemory_policy"),
            appends=None if appends is None else appends == "1",
            snapshots=None if save_rule is None else bool(save_rule),
            max_blob_bytes=int(limit) if limit else MAX_BLOB_BYTES,
            used_bytes=int(used) if used else None,
            clock=None
            if not microseconds
            else dt.datetime.fromtimestamp(int(microseconds) / 1e6, dt.UTC),
        )


def dangers(facts: ServerFacts, *, expiring: bool) -> list[str]:
    """Return how this server can lose a payload that was stored, as words for an error."""
    found: list[str] = []
    evicts = facts.policy is not None and (
        facts.policy.startswith("allkeys-") or (expiring and facts.policy.startswith("volatile-"))
    )
    if evicts and facts.maxmemory != 0:
        found.append(f"evicts payloads when its memory is full (maxmemory-policy {facts.policy})")
    if facts.appends is False and facts.snapshots is False:
        found.append("writes nothing to disk (no append-only file, no snapshots)")
    return found


def doubts(facts: ServerFacts) -> list[str]:
    """Return what speaks against this server without being reason enough to refuse it."""
    found: list[str] = []
    if facts.policy is None:
        found.append("does not tell its maxmemory-policy, which must be noeviction")
    if facts.appends is None or (facts.appends is False and facts.snapshots is None):
        found.append("does not tell whether it writes to disk, as it must")
    if facts.appends is False and facts.snapshots:
        found.append(
            "writes snapshots only: a crash loses what came after the last one; set appendonly yes"
        )
    return found


def _setting(answer: Any) -> str | None:  # noqa: ANN401  # what Redis answers
    match answer:
        case [_, bytes() as value]:
            return value.decode("ascii", "replace")
        case _:
            return None
