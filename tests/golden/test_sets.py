"""What any release wrote is read by this one. A set that exists is never changed."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from temporal_claimcheck import ClaimCheckManager, OffloadPolicy
from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.envelope import read_header
from temporal_claimcheck.gc.cluster import Run
from temporal_claimcheck.gc.holds import Holds
from temporal_claimcheck.gc.kept import KeptRuns, kept_days
from temporal_claimcheck.gc.lease import Leases
from temporal_claimcheck.gc.passes import Passes
from temporal_claimcheck.gc.report import PassReport
from temporal_claimcheck.gc.shelves import objects_on
from temporal_claimcheck.ledger import LEDGER_PREFIX
from temporal_claimcheck.stores.filesystem import FileSystemStore
from tests.golden.sets import DOORS, STORES, Carried, GoldenSet, all_sets, from_temporal

SETS = all_sets()
EVERYTHING = 1 << 20


def rows() -> Iterator[object]:
    for golden in SETS:
        for carried in golden.carried:
            yield pytest.param(golden, carried, id=f"{golden}-{carried}")


def opened(
    golden: GoldenSet, store: str, folder: Path, namespace: str = "default"
) -> ClaimCheckManager:
    # A copy: what is read here may be written to.
    copy = shutil.copytree(golden.folder / store, folder / store)
    return ClaimCheckManager(
        FileSystemStore(copy),
        namespace=namespace,
        policy=OffloadPolicy(threshold_bytes=1024),
        keys=golden.ring(store),
    )


def test_there_is_a_set() -> None:
    assert SETS
    for golden in SETS:
        assert {(each.store, each.door) for each in golden.carried} == {
            (store, door) for store in STORES for door in DOORS
        }


@pytest.mark.parametrize(("golden", "carried"), list(rows()))
async def test_what_stands_in_temporal_becomes_its_value(
    golden: GoldenSet, carried: Carried, tmp_path: Path
) -> None:
    manager = opened(golden, carried.store, tmp_path, carried.namespace)
    # Whatever door this process writes by, it reads both.
    for door in DOORS:
        if door == "codec" and carried.door == "driver" and carried.compression:
            continue  # A bare codec never gets to see the SDK's own references.
        assert await from_temporal(manager, door, carried.payload) == carried.value


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("golden", SETS, ids=str)
async def test_every_compression_lies_in_the_store(
    golden: GoldenSet, store: str, tmp_path: Path
) -> None:
    manager = opened(golden, store, tmp_path)
    blobs = FileSystemStore(tmp_path / store)
    found = [key async for key, _ in objects_on(blobs, "v1/")]
    headers = [
        read_header(await blobs.get(str(key), max_bytes=EVERYTHING), key=str(key))[0]
        for key in found
    ]
    assert {header.compression for header in headers} == {
        each.compression for each in golden.carried if each.compression
    }
    for key in found:
        await manager.for_namespace(key.namespace).inspect(str(key))


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("golden", SETS, ids=str)
async def test_every_record_means_what_it_meant(
    golden: GoldenSet, store: str, tmp_path: Path
) -> None:
    manager = opened(golden, store, tmp_path)
    ledger, meant = manager.ledger, golden.records[store]
    registered = [
        [each.namespace, each.namespace_id] for each in await manager.registry.registered()
    ]
    assert registered == meant["registered"]

    holds = Holds(ledger)
    assert [{"id": hold.id} | dict(hold.dump()) for hold in await holds.list()] == meant["holds"]
    assert sorted((await holds.load()).keys) == meant["held keys"]

    [day] = await kept_days(ledger, "5f0c")
    runs = KeptRuns(ledger, "5f0c", day.isoformat())
    await runs.load()
    assert dict(runs.runs) == {
        Run(workflow_id=workflow_id, run_id=run_id): frozenset(keys)
        for run_id, (workflow_id, keys) in meant["runs"].items()
    }

    passes, report = Passes(ledger), PassReport.parse(meant["pass"])
    [shelf] = [(each.namespace, each.day) for each in report.shelves]
    assert await passes.latest() == report.id
    assert await passes.reports() == [report]
    assert await passes.marks(report.id, "5f0c", shelf) == meant["marks"]
    assert (await passes.judged(report.id, shelf)).objects == report.objects
    assert await passes.swept_shelf(report.id, shelf) == report.shelves[0]
    suspects = await passes.suspects(report.id, shelf)
    assert {each: moment.isoformat() for each, moment in suspects.items()} == meant["suspects"]

    lease = await Leases(ledger, utc_now).acquire()
    assert lease.number == meant["lease"] + 1


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("golden", SETS, ids=str)
async def test_no_record_is_beyond_reading(golden: GoldenSet, store: str, tmp_path: Path) -> None:
    manager = opened(golden, store, tmp_path)
    names = await manager.ledger.names()
    assert len(names) > 10, f"records below {LEDGER_PREFIX}"
    for name in names:
        await manager.ledger.read(name)
