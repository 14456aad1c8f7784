"""Copies between stores in memory: what is carried, what is compared, what is refused."""

import asyncio
import datetime as dt

import pytest

from temporal_claimcheck.copying.copier import Copier
from temporal_claimcheck.copying.plan import Selection
from temporal_claimcheck.copying.report import CopyReport
from temporal_claimcheck.envelope import open_envelope, seal_envelope
from temporal_claimcheck.errors import (
    InvalidSettings,
    StoreDenied,
    StoreFull,
    StoreUnavailable,
)
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.stores.read_only import ReadOnlyStore
from temporal_claimcheck.transforms.compression import NoCompression
from tests.copying.stocked import DAY, everything, stock
from tests.core.rings import ring

TOMORROW = DAY + dt.timedelta(days=1)


async def copied(
    source: MemoryStore, destination: MemoryStore, selection: Selection | None = None, **how: object
) -> CopyReport:
    copier = Copier(source, destination, selection or Selection(), **how)  # pyright: ignore[reportArgumentType]
    return await copier.run()


async def put_back(store: MemoryStore, key: str, blob: bytes) -> None:
    await store.delete([key])
    await store.put(key, blob)


async def test_objects_and_what_they_need_arrive_as_they_are() -> None:
    source, destination = MemoryStore(), MemoryStore()
    await stock(source, 30)
    await stock(source, 20, namespace="Billing/EU", day=TOMORROW)
    report = await copied(source, destination)
    assert await everything(destination) == await everything(source)
    assert report.is_complete
    assert (report.total("copied"), report.records_copied, report.unproven) == (50, 2, 0)
    assert {(shelf.namespace, shelf.copied) for shelf in report.shelves.values()} == {
        ("default", 30),
        ("Billing/EU", 20),
    }


async def test_a_second_run_copies_what_came_since_and_no_more() -> None:
    source, destination = MemoryStore(), MemoryStore()
    await stock(source, 30)
    await copied(source, destination)
    await stock(source, 5, seed="later ")
    report = await copied(source, destination)
    assert (report.total("present"), report.total("copied")) == (30, 5)
    assert await everything(destination) == await everything(source)


async def test_only_what_is_selected_is_copied() -> None:
    source, destination = MemoryStore(), MemoryStore()
    await stock(source, 3)
    wanted = await stock(source, 4, namespace="billing", day=TOMORROW)
    await stock(source, 5, day=TOMORROW)
    await copied(source, destination, Selection(namespace="billing", since=TOMORROW.date()))
    assert set(await everything(destination, "v1/")) == set(wanted)


async def test_a_dry_run_writes_nothing_and_says_what_it_would() -> None:
    source, destination = MemoryStore(), MemoryStore()
    await stock(source, 3)
    report = await copied(source, destination, dry_run=True)
    assert (report.total("copied"), report.records_copied) == (3, 1)
    assert not await everything(destination)


async def test_a_damaged_object_stays_behind_and_the_rest_goes_on() -> None:
    source, destination = MemoryStore(), MemoryStore()
    keys = await stock(source, 10)
    blobs = await everything(source)
    await put_back(source, keys[3], blobs[keys[3]][:-1] + b"x")
    report = await copied(source, destination)
    [finding] = report.findings
    assert (finding.key, finding.where, finding.kind) == (keys[3], "source", "blob-corrupt")
    assert set(await everything(destination, "v1/")) == set(keys) - {keys[3]}
    assert not report.is_complete


async def test_an_object_under_the_key_of_another_stays_behind() -> None:
    source, destination = MemoryStore(), MemoryStore()
    keys = await stock(source, 2)
    blobs = await everything(source)
    await put_back(source, keys[0], blobs[keys[1]])
    report = await copied(source, destination)
    assert [each.kind for each in report.findings] == ["digest-mismatch"]
    assert set(await everything(destination, "v1/")) == {keys[1]}


async def test_the_same_payload_stored_in_another_way_is_there_already() -> None:
    source, destination = MemoryStore(), MemoryStore()
    [key] = await stock(source, 1)
    digest = key.rpartition("/")[2]
    blob = (await everything(source))[key]
    plain = open_envelope(blob, key=key, digest=digest, max_plain_bytes=10**6)
    other = seal_envelope(plain, NoCompression(), key=key)
    assert len(other) != len(blob)
    await destination.put(key, other)
    report = await copied(source, destination)
    assert report.is_complete
    assert (await everything(destination))[key] == other


async def test_what_is_cut_off_at_the_destination_is_found_by_its_size() -> None:
    source, destination = MemoryStore(), MemoryStore()
    keys = await stock(source, 3)
    await copied(source, destination)
    await put_back(destination, keys[0], (await everything(source))[keys[0]][:-9])
    report = await copied(source, destination)
    [finding] = report.findings
    assert (finding.key, finding.where, finding.kind) == (keys[0], "destination", "blob-corrupt")


async def test_what_is_changed_at_the_destination_in_its_size_is_found_by_verify() -> None:
    source, destination = MemoryStore(), MemoryStore()
    keys = await stock(source, 3)
    await copied(source, destination)
    await put_back(destination, keys[0], (await everything(source))[keys[0]][:-1] + b"x")
    assert (await copied(source, destination)).is_complete
    report = await copied(source, destination, verify=True)
    assert [each.kind for each in report.findings] == ["blob-corrupt"]
    assert (await copied(source, destination, verify=True, dry_run=True)).wrong == report.wrong


async def test_a_store_that_stores_something_else_is_found_out() -> None:
    class Careless(MemoryStore):
        async def put(self, key: str, blob: bytes) -> bool:
            return await super().put(key, blob if "ledger" in key else blob[:-1] + b"x")

    source, destination = MemoryStore(), Careless()
    await stock(source, 3)
    report = await copied(source, destination)
    assert report.wrong == {"blob-corrupt": 3}
    assert report.total("copied") == 0


async def test_encrypted_objects_need_no_key_to_be_copied_and_one_to_be_proven() -> None:
    source, first, second = MemoryStore(), MemoryStore(), MemoryStore()
    await stock(source, 5, keys=ring("one"))
    without = await copied(source, first)
    assert (without.is_complete, without.unproven) == (True, 5)
    proven = await copied(source, second, keys=ring("two", "one"))
    assert (proven.is_complete, proven.unproven) == (True, 0)
    assert await everything(first) == await everything(second) == await everything(source)


async def test_two_encrypted_objects_of_one_key_are_told_apart_by_the_keys_alone() -> None:
    source, destination = MemoryStore(), MemoryStore()
    await stock(source, 2, keys=ring("one"))
    await stock(destination, 2, keys=ring("one"))
    without = await copied(source, destination, verify=True)
    assert without.wrong == {"encryption-key-missing": 2}
    assert (await copied(source, destination, verify=True, keys=ring("one"))).is_complete


async def test_what_goes_while_it_is_copied_is_no_error() -> None:
    class Vanishing(MemoryStore):
        async def get(self, key: str, *, max_bytes: int) -> bytes:
            if key.startswith("v1/"):
                await self.delete([key])
            return await super().get(key, max_bytes=max_bytes)

    source, destination = Vanishing(), MemoryStore()
    await stock(source, 3)
    report = await copied(source, destination)
    assert (report.total("vanished"), report.is_complete) == (3, True)


async def test_what_is_not_the_claim_checks_stays() -> None:
    source, destination = MemoryStore(), MemoryStore()
    await stock(source, 1)
    await source.put("v0/ns/default/somebody-elses", b"data")
    report = await copied(source, destination)
    assert (report.foreign, report.is_complete) == (1, True)
    assert len(await everything(destination)) == 2


@pytest.mark.parametrize("error", [StoreFull, StoreDenied])
async def test_a_store_that_takes_nothing_ends_the_copy_at_once(
    error: type[StoreFull | StoreDenied],
) -> None:
    class Refusing(MemoryStore):
        puts = 0

        async def put(self, key: str, blob: bytes) -> bool:
            if key.startswith("ledger/"):
                return await super().put(key, blob)
            self.puts += 1
            raise error("No.", remedy="Nothing.")

    source, destination = MemoryStore(), Refusing()
    await stock(source, 100)
    with pytest.raises(error):
        await copied(source, destination, at_once=4)
    assert destination.puts <= 4


async def test_a_store_that_is_down_ends_the_copy_and_one_that_stumbles_does_not() -> None:
    class Flaky(MemoryStore):
        reads = 0
        down = False

        async def get(self, key: str, *, max_bytes: int) -> bytes:
            self.reads += 1
            if key.startswith("v1/") and (self.down or self.reads % 10 == 0):
                raise StoreUnavailable("It hangs.", remedy="Wait.")
            return await super().get(key, max_bytes=max_bytes)

    source = Flaky()
    await stock(source, 100)
    report = await copied(source, MemoryStore())
    assert 0 < report.wrong["store-unavailable"] < 20
    source.down = True
    with pytest.raises(StoreUnavailable):
        await copied(source, MemoryStore())


async def test_a_destination_that_is_only_read_is_refused() -> None:
    source = MemoryStore()
    await stock(source, 3)
    with pytest.raises(StoreDenied, match="only reads"):
        await copied(source, ReadOnlyStore.over(MemoryStore()))  # pyright: ignore[reportArgumentType]


async def test_a_source_that_nobody_ever_wrote_to_looks_like_a_mistake() -> None:
    with pytest.raises(InvalidSettings, match="no object and no record"):
        await copied(MemoryStore(), MemoryStore())


async def test_as_many_objects_are_on_their_way_as_is_said_and_as_many_bytes() -> None:
    class Counting(MemoryStore):
        now = most = 0

        async def get(self, key: str, *, max_bytes: int) -> bytes:
            self.now += 1
            self.most = max(self.most, self.now)
            try:
                await asyncio.sleep(0)
                return await super().get(key, max_bytes=max_bytes)
            finally:
                self.now -= 1

    source = Counting()
    await stock(source, 50)
    await copied(source, MemoryStore(), at_once=5)
    assert source.most == 5
    source.most = 0
    await copied(source, MemoryStore(), at_once=5, max_bytes_in_flight=1)
    assert source.most == 1
