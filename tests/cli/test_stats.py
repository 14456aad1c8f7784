"""`claimcheck stats` as a user runs it, on a real Temporal server, a folder and Redis."""

import datetime as dt
import random
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.testing.servers import redis_server, temporal_server
from tests.cli.looking import Place, assert_one_line, clean, fits
from tests.gc import rooted
from tests.temporal.waiting import eventually

LARGE = "a large text, " * 500


@pytest.fixture
def place(tmp_path: Path, temporal_address: str, monkeypatch: pytest.MonkeyPatch) -> Place:
    url = f"file://{tmp_path / 'store'}"
    clean(monkeypatch, url, temporal_address)
    return Place(address=temporal_address, url=url, folder=tmp_path)


async def fill(place: Place, namespace: str, days_ago: int, count: int) -> int:
    """Store so many payloads as if that many days ago; return their size."""
    store = FileSystemStore(place.folder / "store")
    chance = random.Random(f"{namespace} {days_ago}")  # noqa: S311 - no secret
    payloads = [
        Payload(data=f"{number} ".encode() * chance.randrange(100, 4000)) for number in range(count)
    ]
    async with ClaimCheckManager(
        store, namespace=namespace, clock=lambda: utc_now() - dt.timedelta(days=days_ago)
    ) as manager:
        await manager.offload_many(payloads)
    await store.aclose()
    return sum(payload.ByteSize() for payload in payloads)


async def test_objects_are_counted_by_namespace_and_day(place: Place) -> None:
    sizes = [
        await fill(place, "default", 0, 3),
        await fill(place, "default", 1, 4),
        await fill(place, "Billing", 1, 5),
    ]
    found = await place.json("stats")
    stored = sum(
        file.stat().st_size for file in (place.folder / "store" / "v1").rglob("*") if file.is_file()
    )
    total = found["total"]
    assert (total["objects"], total["stored_bytes"]) == (12, stored)
    assert (total["payload_bytes"], total["payload_bytes_is_exact"]) == (sum(sizes), True)
    by_namespace = {each["namespace"]: each["objects"] for each in found["namespaces"]}
    assert by_namespace == {"Billing": 5, "default": 7}
    assert [(each["objects"], each["payload_bytes"]) for each in found["days"]] == [
        (3, sizes[0]),
        (9, sizes[1] + sizes[2]),
    ]
    assert len(found["shelves"]) == 3
    assert found["growth"]["days"] == 1
    assert found["growth"]["objects_per_day"] == 9
    only = await place.json("stats", "--namespace", "Billing")
    assert only["total"]["objects"] == 5


async def test_what_is_estimated_says_so_and_comes_close(place: Place) -> None:
    size = await fill(place, "default", 1, 400)
    found = await place.json("stats", "--sample", "100")
    total = found["total"]
    assert found["heads_read"] == 100
    assert not total["payload_bytes_is_exact"]
    # Twice as far away as 95 of 100 samples are: one in ten thousand is.
    assert abs(total["payload_bytes"] - size) <= 2 * total["payload_bytes_margin"]
    run = await place.run("stats", "--sample", "100")
    assert "~ is estimated from the heads of 100 of 400 objects" in " ".join(run.stdout.split())
    few = await place.run("stats", "--sample", "5")
    assert "say too little about 400" in " ".join(few.stdout.split())


async def test_the_tables_fit_80_columns(place: Place) -> None:
    for days_ago in range(17):
        await fill(place, "a-namespace-with-a-long-name-for-its-team", days_ago, 1)
    run = await place.run("stats", "--price-per-gb-month", "0.5")
    assert run.returncode == 0, run.stderr
    # The first line is the URL of the store, which is never broken.
    assert fits(run.stdout.splitlines()[2:])
    assert "3 earlier" in run.stdout
    assert "the last 7 whole days" in run.stdout
    assert "less than a cent a month for storage at $0.5 a GB (your price)" in " ".join(
        run.stdout.split()
    )


async def test_types_of_workflows_are_counted_from_their_histories(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with temporal_server() as environment:
        address = environment.client.service_client.config.target_host
        place = Place(address=address, url=f"file://{tmp_path / 'store'}", folder=tmp_path)
        clean(monkeypatch, place.url, address)
        async with place.worker() as client:
            for _ in range(2):
                handle = await place.start(client, rooted.Hold.run, LARGE)
                await handle.signal(rooted.Hold.put, LARGE)
                await handle.signal(rooted.Hold.end)
                await handle.result()
            await (await place.start(client, rooted.CallActivity.run, "grow", "a type")).result()

        async def are_listed() -> bool:
            return (await place.json("stats", "--by-type"))["usage"]["runs"] == 3

        await eventually(are_listed)
        found = (await place.json("stats", "--by-type"))["usage"]
        types = {each["workflow_type"]: each for each in found["types"]}
        assert found["is_complete"]
        hold = types["Hold"]
        assert (hold["runs"], hold["claims"], hold["objects"], hold["missing"]) == (2, 4, 1, 0)
        assert hold["shared_bytes"] == 0.75 * hold["claimed_bytes"]
        assert (types["CallActivity"]["claims"], types["CallActivity"]["objects"]) == (1, 1)
        run = await place.run("stats", "--by-type", "--max-runs", "2")
        assert "Only the latest 2 runs were read" in run.stdout
        # The first line is the URL of the store, which is never broken.
    assert fits(run.stdout.splitlines()[2:])


async def test_a_namespace_of_another_cluster_is_named(place: Place) -> None:
    await fill(place, "elsewhere", 0, 1)
    run = await place.run("stats", "--by-type", "--max-runs", "1")
    assert run.returncode == 0, run.stderr
    assert "Not on this cluster: elsewhere." in run.stdout


async def test_what_is_no_object_of_ours_is_not_counted_in_sizes(place: Place) -> None:
    size = await fill(place, "default", 0, 2)
    folder = next((place.folder / "store" / "v1" / "default").iterdir())
    (folder / f"{0:064x}").write_bytes(b"something else")
    found = await place.json("stats")
    assert (found["total"]["objects"], found["heads_unreadable"]) == (3, 1)
    # Three objects, two sizes: too few to tell the third's.
    assert found["total"]["payload_bytes"] is None
    assert size > 0


async def test_an_empty_store_is_no_error(place: Place) -> None:
    run = await place.run("stats", "--by-type")
    assert run.returncode == 0, run.stderr
    assert "There is nothing in it." in run.stdout
    assert (await place.json("stats"))["total"]["objects"] == 0


async def test_redis_is_counted_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with redis_server(tmp_path, arguments=("--appendonly", "yes")) as server:
        url = f"redis://127.0.0.1:{server.port}/0"
        clean(monkeypatch, url)
        async with ClaimCheckManager.open(url) as manager:
            await manager.offload(Payload(data=b"x" * 100_000))
        place = Place(address="", url=url, folder=tmp_path)
        total = (await place.json("stats"))["total"]
        assert (total["objects"], total["payload_bytes_is_exact"]) == (1, True)
        assert total["payload_bytes"] > 100_000 > total["stored_bytes"]


async def test_a_store_that_is_down_is_one_line(
    place: Place, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setenv("CLAIMCHECK_STORE", f"redis://127.0.0.1:{unused_tcp_port}/0")
    monkeypatch.setenv("CLAIMCHECK_RETRY_SECONDS", "0")
    assert_one_line(await place.run("stats"), 1, "[store-unavailable]")


async def test_a_cluster_that_is_away_is_one_line(place: Place, unused_tcp_port: int) -> None:
    run = await place.run("stats", "--by-type", "--address", f"127.0.0.1:{unused_tcp_port}")
    assert_one_line(run, 1, "[temporal-unavailable]")


@pytest.mark.parametrize(
    "arguments",
    [("--sample", "0"), ("--max-runs", "x"), ("--price-per-gb-month", "-1"), ("--by", "type")],
)
async def test_a_wrong_option_is_one_line(place: Place, arguments: tuple[str, ...]) -> None:
    assert_one_line(await place.run("stats", *arguments), 2, arguments[0])
