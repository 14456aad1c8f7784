"""Writes the set of the release that is about to be made: `python -m tests.golden.write`.

Once a release, with its version set. A set that is there is never written again.
"""

import asyncio
import datetime as dt
import sys
import tomllib
from pathlib import Path
from typing import Any, Final

from temporal_claimcheck import ClaimCheckManager, EncryptionKey, OffloadPolicy
from temporal_claimcheck.gc.cluster import Run
from temporal_claimcheck.gc.holds import Holds
from temporal_claimcheck.gc.kept import KeptRuns
from temporal_claimcheck.gc.lease import Leases
from temporal_claimcheck.gc.passes import Passes
from temporal_claimcheck.gc.plan import Verdict
from temporal_claimcheck.gc.report import PassReport, ShelfReport
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.transforms.compression import COMPRESSIONS
from tests.golden.sets import DOORS, GOLDEN, STORES, Carried, GoldenSet, to_temporal

_PROJECT: Final = Path(__file__).parents[2] / "pyproject.toml"
_NAMESPACES: Final = ("default", "Prod.Ops/ü")
_POLICY: Final = OffloadPolicy(threshold_bytes=1024)
_PASS: Final = "20261122T120000-00c0ffee"
_RUN: Final = Run(workflow_id="order-17", run_id="0198a9f2-0000-7000-8000-000000000017")


def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


async def write_payloads(folder: Path, store: str, ring: Any) -> list[Carried]:
    carried: list[Carried] = []
    blobs = FileSystemStore(folder / store)
    for namespace in _NAMESPACES:
        for name, compression in COMPRESSIONS.items():
            value = [
                {"stored as": name, "in": namespace, "city": "Oslo", "n": n} for n in range(40)
            ]
            for door in DOORS:
                manager = ClaimCheckManager(
                    blobs, namespace=namespace, policy=_POLICY, compression=compression, keys=ring
                )
                for kind, each in ((name, value), (None, f"small, {name}")):
                    payload = await to_temporal(manager, door, each)
                    carried.append(
                        Carried(
                            store=store,
                            door=door,
                            namespace=namespace,
                            compression=kind,
                            value=each,
                            payload=payload,
                        )
                    )
    return carried


async def write_records(folder: Path, store: str, ring: Any) -> dict[str, Any]:
    """Write a record of each kind, as a collector and its user do; return what they mean."""
    manager = ClaimCheckManager(FileSystemStore(folder / store), keys=ring)
    ledger, registry = manager.ledger, manager.registry
    # A registration without an id is there already, from the payloads.
    registry.identify_by("default", "localhost:7233", _identify)
    await registry.ensure("default")

    key = f"v1/default/2026-11-20/{'ab' * 32}"
    holds = Holds(ledger)
    await holds.place(reason="evidence", now=now(), key=key)
    await holds.place(reason="audit", now=now(), namespace="Prod.Ops/ü", day=dt.date(2026, 11, 20))
    third = await holds.place(
        reason="dispute", now=now(), namespace="default", workflow_id=_RUN.workflow_id
    )
    noted = f"v1/default/2026-11-19/{'cd' * 32}"
    await holds.note([third.id], _RUN.run_id, frozenset({noted}))

    runs = KeptRuns(ledger, "5f0c", "2026-11-20")
    await runs.load()
    await runs.add(_RUN, frozenset({key, noted}))
    await runs.save()

    shelf = ("default", dt.date(2026, 11, 19))
    found = ShelfReport(namespace=shelf[0], day=shelf[1], is_closed=True)
    for verdict, size in zip(Verdict, range(100, 1000, 100), strict=False):
        found.verdicts[verdict].add(size)
    report = PassReport(
        id=_PASS,
        began=dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC),
        ended=dt.datetime(2026, 11, 22, 12, 5, tzinfo=dt.UTC),
        sources=["default on localhost:7233"],
        runs=1,
        references=2,
        shelves=[found],
    )
    passes = Passes(ledger)
    suspects = {"ef" * 32: report.began}
    await passes.mark(_PASS, "5f0c", shelf, ["cd" * 32])
    await passes.judge(_PASS, shelf, found, suspects)
    await passes.complete(report)
    await passes.announce(_PASS, shelf, [f"v1/default/2026-11-19/{'ef' * 32}"])
    found.deleted.add(300)
    await passes.sweep(_PASS, shelf, found)
    await passes.swept(report)

    leases = Leases(ledger, now)
    lease = await leases.acquire()
    await leases.release(lease)
    return {
        "registered": [[each.namespace, each.namespace_id] for each in await registry.registered()],
        "holds": [{"id": hold.id} | dict(hold.dump()) for hold in await holds.list()],
        "held keys": sorted((await holds.load()).keys),
        "runs": {_RUN.run_id: [_RUN.workflow_id, sorted([key, noted])]},
        "pass": report.dump(),
        "marks": ["cd" * 32],
        "suspects": {digest: moment.isoformat() for digest, moment in suspects.items()},
        "lease": lease.number,
    }


async def _identify() -> str | None:
    return "5f0c"


async def write(version: str) -> Path:
    folder = GOLDEN / version
    if folder.exists():
        sys.exit(f"{folder} is there; what a release wrote is never written again.")
    key = EncryptionKey.generate()
    payloads: list[Carried] = []
    records: dict[str, Any] = {}
    golden = GoldenSet(folder=folder, keys=key.dump(), carried=(), records={})
    for store in STORES:
        payloads += await write_payloads(folder, store, golden.ring(store))
        records[store] = await write_records(folder, store, golden.ring(store))
    GoldenSet(folder=folder, keys=golden.keys, carried=tuple(payloads), records=records).save()
    return folder


if __name__ == "__main__":
    _version = tomllib.loads(_PROJECT.read_text())["project"]["version"]
    sys.stdout.write(f"{asyncio.run(write(_version))}\n")
