"""Uses a store as workers and the collector do: writes a record, reads, lists and deletes it.

The record lies in the claim check's ledger, below a name that nothing else looks at: no reader
takes it for a payload, and no collector for one that it may delete.
"""

import asyncio
import datetime as dt
import secrets
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from temporal_claimcheck.doctor import catalogue
from temporal_claimcheck.doctor.clocks import judge_clock
from temporal_claimcheck.doctor.findings import Finding
from temporal_claimcheck.doctor.running import Outcome
from temporal_claimcheck.doctor.trouble import trouble_with
from temporal_claimcheck.errors import (
    BlobNotFound,
    ClaimCheckError,
    InvalidSettings,
    StoreDenied,
    StoreError,
)
from temporal_claimcheck.ledger import Ledger
from temporal_claimcheck.stores.base import BlobInfo, BlobStore

__all__ = ["Probed", "probe", "probe_read_only"]

_PROBES: Final = "doctor/"
_LEFT_OVER: Final = dt.timedelta(hours=1)
_LAST_TRY_SECONDS: Final = 2.0
_FOR_COLLECTOR: Final = (
    "Writing and reading payloads goes on without it. Give it (s3:{right}) to the identity of "
    "claimcheck gc, and run the doctor with that one too."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Probed:
    """What the checks after this one may do."""

    lists: bool
    """Whether the store can be listed."""


async def probe(
    store: BlobStore, ledger: Ledger, clock: Callable[[], dt.datetime], *, tells_time: bool
) -> Outcome[Probed]:
    """Write, read, list and delete a probe. Without a value the store cannot be used.

    `tells_time` says that the store knows when it stored an object, not only on which day.
    """
    name = f"{_PROBES}{clock():%Y%m%dT%H%M%S}-{secrets.token_hex(6)}"
    record = {"since": clock().isoformat(timespec="seconds")}
    written = deleted = False
    try:
        # Some servers make the bucket that a write names, however it is misspelled; none does for
        # a read. To who may not list, what is missing looks like a refusal.
        with suppress(BlobNotFound, StoreDenied):
            await ledger.read(name)
        started, before = time.perf_counter(), clock()
        written = True  # also when the answer is lost
        await ledger.write(name, record)
        after = clock()
        if await ledger.read(name) != record:
            return Outcome(
                findings=[
                    catalogue.STORE_CHANGES_BYTES.found(
                        f"{store.name} gave back another record than it was given.",
                        "Find out what changes it: a proxy, a cache, another program.",
                    )
                ]
            )
        seconds = time.perf_counter() - started
        findings = [
            catalogue.STORE_USABLE.found(
                f"{store.name} gives back what it is given, in {seconds * 1000:,.0f} ms."
            )
        ]
        if await ledger.write(name, record):
            findings.append(
                catalogue.STORE_OVERWRITES.found(
                    f"{store.name} replaces an object where it is asked to create one. Nothing is "
                    "lost, since a key names one payload; equal payloads may be sent twice."
                )
            )
        found, listing = await _list(store, ledger, name, clock())
        findings += listing
        if found is not None and tells_time:
            stored = found.own and found.own.modified
            if stored:
                findings += judge_clock(f"the store ({store.name})", stored, before, after)
        findings += await _delete(store, ledger, [name, *(found.old if found else ())])
        deleted = True
        return Outcome(findings=findings, value=Probed(lists=found is not None))
    except ClaimCheckError as error:
        return Outcome(findings=[trouble_with(store.name, error)])
    finally:
        if written and not deleted:
            with suppress(ClaimCheckError, TimeoutError):
                async with asyncio.timeout(_LAST_TRY_SECONDS):
                    await ledger.delete([name])


async def probe_read_only(store: BlobStore, ledger: Ledger) -> Outcome[Probed]:
    """Use a store as a process that only reads does: nothing is written."""
    try:
        await store.check()
    except ClaimCheckError as error:
        return Outcome(findings=[trouble_with(store.name, error)])
    found, listing = await _list(store, ledger, "", dt.datetime.now(dt.UTC))
    said = f"{store.name}: it can be read; writing was not tried (CLAIMCHECK_STORE_READ_ONLY)."
    return Outcome(
        findings=[catalogue.STORE_READ_ONLY.found(said), *listing],
        value=Probed(lists=found is not None),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listed:
    own: BlobInfo | None
    old: tuple[str, ...]
    """What doctors before this one had no right to delete, or were killed over."""


async def _list(
    store: BlobStore, ledger: Ledger, name: str, now: dt.datetime
) -> tuple[_Listed | None, list[Finding]]:
    try:
        listed = [each async for each in ledger.entries(_PROBES)]
    except (StoreDenied, InvalidSettings):
        finding = catalogue.STORE_LIST_DENIED.found(
            f"{store.name} does not let this process list objects, as claimcheck gc, verify and "
            "lifecycle must.",
            _FOR_COLLECTOR.format(right="ListBucket"),
        )
        return None, [finding]
    except StoreError as error:
        return None, [trouble_with(store.name, error)]
    before = f"{_PROBES}{now - _LEFT_OVER:%Y%m%dT%H%M%S}"
    own = next((info for found, info in listed if found == name), None)
    return _Listed(own=own, old=tuple(found for found, _ in listed if found < before)), []


async def _delete(store: BlobStore, ledger: Ledger, names: list[str]) -> list[Finding]:
    try:
        await ledger.delete(names)
    except (StoreDenied, InvalidSettings):
        said = (
            f"{store.name} does not let this process delete objects. The probe, of a few bytes, "
            f"stays at ledger/v1/{names[0]}; a doctor who may delete removes it."
        )
        right = _FOR_COLLECTOR.format(right="DeleteObject")
        return [catalogue.STORE_DELETE_DENIED.found(said, right)]
    except StoreError as error:
        return [trouble_with(store.name, error)]
    with suppress(BlobNotFound, StoreDenied):
        # To who may not list, what is missing looks like a refusal.
        await ledger.read(names[0])
        return [
            catalogue.STORE_FAILED.found(
                f"{store.name} says that it deleted an object, and still has it.",
                "Look for a cache in front of the store, and whether its bucket keeps versions "
                "or holds that forbid deletion.",
            )
        ]
    return []
