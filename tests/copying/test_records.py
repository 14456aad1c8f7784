"""The ledger of a copied store: what a collector needs there, and what would mislead it."""

import datetime as dt

import pytest

from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.copying.copier import Copier
from temporal_claimcheck.copying.plan import Selection
from temporal_claimcheck.copying.records import GO, STAY
from temporal_claimcheck.copying.report import CopyReport
from temporal_claimcheck.errors import BlobCorrupt, CollectorBusy
from temporal_claimcheck.gc.cluster import Run
from temporal_claimcheck.gc.holds import Holds
from temporal_claimcheck.gc.kept import KNOWN, KeptRuns
from temporal_claimcheck.gc.lease import Leases
from temporal_claimcheck.gc.passes import Passes
from temporal_claimcheck.gc.report import PassReport, ShelfReport
from temporal_claimcheck.ledger import LEDGER_PREFIX, Ledger
from temporal_claimcheck.registry import Registered, Registry
from temporal_claimcheck.stores.memory import MemoryStore
from tests.copying.stocked import DAY, everything, stock
from tests.core.rings import ring

SHELF = ("default", DAY.date())
DIGEST = "ab" * 32


def clock() -> dt.datetime:
    return DAY


async def copied(source: MemoryStore, destination: MemoryStore, **how: object) -> CopyReport:
    return await Copier(source, destination, Selection(), **how).run()  # pyright: ignore[reportArgumentType]


async def collect_a_little(store: MemoryStore) -> None:
    """Leave behind what a collector does: a pass with a suspect, marks, a lease."""
    ledger = Ledger(store)
    leases, passes = Leases(ledger, utc_now), Passes(ledger)
    await leases.acquire()
    report = ShelfReport(namespace=SHELF[0], day=SHELF[1], is_closed=True)
    await passes.mark("20261122T000000", "0", SHELF, [DIGEST])
    await passes.judge("20261122T000000", SHELF, report, {DIGEST: DAY})
    await passes.complete(
        PassReport(
            id="20261122T000000",
            began=DAY,
            ended=DAY,
            sources=[],
            runs=1,
            references=1,
            shelves=[report],
        )
    )
    kept = KeptRuns(ledger, "namespace-id", KNOWN)
    await kept.add(Run(workflow_id="w", run_id="r"), frozenset([f"v1/default/2026-11-22/{DIGEST}"]))
    await kept.save()


async def test_the_collector_of_the_destination_knows_every_namespace_and_every_hold() -> None:
    source, destination = MemoryStore(), MemoryStore()
    [key] = await stock(source, 1)
    ledger = Ledger(source)
    reader = Registered(namespace="reads-only", namespace_id="1234-abcd")
    await ledger.write(reader.record, {"since": "2026-11-22"})
    holds = Holds(ledger)
    hold = await holds.place(reason="audit", now=DAY, namespace="default", workflow_id="order-17")
    await holds.note([hold.id], "run", frozenset([key]))
    await copied(source, destination)
    there = Ledger(destination)
    assert await Registry(there, clock).registered() == await Registry(ledger, clock).registered()
    assert reader in await Registry(there, clock).registered()
    assert await Holds(there).load() == await holds.load()


async def test_the_collector_of_the_destination_begins_anew() -> None:
    source, destination = MemoryStore(), MemoryStore()
    await stock(source, 1)
    await collect_a_little(source)
    report = await copied(source, destination)
    assert report.records_left == len(await everything(source, f"{LEDGER_PREFIX}gc/")) > 0
    assert report.is_complete
    assert not await everything(destination, f"{LEDGER_PREFIX}gc/")
    there = Ledger(destination)
    assert await Passes(there).latest() is None, "two looks at this store come first"
    assert await Passes(there).suspects(await Passes(there).latest(), SHELF) == {}
    await Leases(there, utc_now).acquire()
    with pytest.raises(CollectorBusy):
        await Leases(Ledger(source), utc_now).acquire()


async def test_every_record_that_is_ever_written_goes_or_stays() -> None:
    store = MemoryStore()
    await stock(store, 1)
    await collect_a_little(store)
    await Holds(Ledger(store)).place(reason="", now=DAY, namespace="default", day=DAY.date())
    await Ledger(store).write("doctor/20261122T000000-ab", {})
    keys = list(await everything(store, LEDGER_PREFIX))
    assert all(key.startswith((*GO, *STAY)) for key in keys)
    assert {prefix for prefix in (*GO, *STAY) for key in keys if key.startswith(prefix)} == {
        *GO,
        *STAY,
    }


class Watching(MemoryStore):
    """Insists on what must hold for each object that it is given."""

    async def put(self, key: str, blob: bytes) -> bool:
        if key.startswith("v1/"):
            registered = await Registry(Ledger(self), clock).registered()
            assert key.split("/")[1] in {each.namespace for each in registered}
        return await super().put(key, blob)


async def test_a_namespace_stands_at_the_destination_before_its_first_object() -> None:
    source, destination = MemoryStore(), Watching()
    for namespace in ("default", "billing", "alpha"):
        await stock(source, 3, namespace=namespace)
    assert (await copied(source, destination)).total("copied") == 9


async def test_a_namespace_that_comes_up_during_the_copy_comes_before_its_objects_too() -> None:
    class Growing(MemoryStore):
        """Gets objects of a namespace whenever its own shelf is listed."""

        async def get(self, key: str, *, max_bytes: int) -> bytes:
            if key.startswith("v1/") and not await everything_of(self, "namespaces/late/"):
                await stock(self, 3, namespace="late", day=DAY)
                await stock(self, 3, namespace="also-late")
            return await super().get(key, max_bytes=max_bytes)

    async def everything_of(store: MemoryStore, prefix: str) -> list[str]:
        return [info.key async for info in store.scan(LEDGER_PREFIX + prefix)]

    source, destination = Growing(), Watching()
    await stock(source, 3)
    # Counted before it is copied, so that the shelf of the namespace is there to be copied.
    await source.put(f"v1/late/{DAY.date()}/{DIGEST}", b"no envelope")
    await copied(source, destination)
    registered = {
        each.namespace for each in await Registry(Ledger(destination), clock).registered()
    }
    assert registered == {"default", "late", "also-late"}


async def test_records_of_every_namespace_go_with_the_objects_of_one() -> None:
    source, destination = MemoryStore(), MemoryStore()
    await stock(source, 3, namespace="billing")
    await stock(source, 3)
    copier = Copier(source, destination, Selection(namespace="billing"))
    assert (await copier.run()).records_copied == 2


async def test_a_damaged_record_ends_the_copy_before_any_object() -> None:
    source, destination = MemoryStore(), MemoryStore()
    await stock(source, 3)
    holds = Holds(Ledger(source))
    hold = await holds.place(reason="", now=DAY, namespace="default", workflow_id="w")
    key = f"{LEDGER_PREFIX}holds/{hold.id}/hold"
    blob = (await everything(source))[key]
    await source.delete([key])
    await source.put(key, blob[:-1])
    with pytest.raises(BlobCorrupt, match="It lies in the source"):
        await copied(source, destination)
    assert not await everything(destination, "v1/")


async def test_encrypted_records_go_as_they_are_and_open_at_the_destination() -> None:
    source, destination = MemoryStore(), MemoryStore()
    await stock(source, 1, keys=ring("one"))
    await copied(source, destination)
    before = await everything(source, LEDGER_PREFIX)
    assert await everything(destination, LEDGER_PREFIX) == before
    assert (await copied(source, destination, keys=ring("one"), verify=True)).is_complete


async def test_a_record_of_a_later_release_is_not_passed_over_in_silence() -> None:
    source, destination = MemoryStore(), MemoryStore()
    await stock(source, 1)
    await Ledger(source).write("promises/1", {"keep": "this"})
    report = await copied(source, destination)
    assert report.wrong == {"unknown-record": 1}
    assert not report.is_complete


async def test_what_a_doctor_left_stays_and_is_nothing_wrong() -> None:
    source, destination = MemoryStore(), MemoryStore()
    await stock(source, 1)
    name = "doctor/20261122T000000-ab"
    await Ledger(source).write(name, {})
    assert (await copied(source, destination)).is_complete
    assert name not in await Ledger(destination).names()
