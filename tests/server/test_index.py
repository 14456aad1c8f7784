"""The index: what is stored, how the server fares, and who may see it."""

import asyncio
import datetime as dt
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.errors import StoreUnavailable
from temporal_claimcheck.server.inventory import take_inventory
from temporal_claimcheck.stores.base import BlobInfo
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.testing.keys import key_of
from tests.core.witnesses import PlainStore
from tests.server.view_server import BROWSER, TOKEN, WITH_TOKENS, as_json, serving, text_of

BEARER = {**BROWSER, "Authorization": f"Bearer {TOKEN}"}


def rows(html: str) -> list[list[str]]:
    """Return the texts of the cells of every row."""
    return [
        [text_of(cell.split("</td>")[0]).strip() for cell in row.split("<td")[1:]]
        for row in html.split("<tr>")[1:]
        if "<td" in row
    ]


def cells(html: str) -> list[list[str]]:
    return [[cell.split(">", 1)[-1] for cell in row] for row in rows(html)]


def test_it_counts_per_namespace_and_day_and_links_to_the_latest() -> None:
    with serving() as server:
        keys = [server.store(as_json(f"[{number}]")) for number in range(3)]
        other = server.store(as_json('["other"]'), namespace="Orders/EU")
        page = server.get("/")
        assert page.status == 200
        found = cells(page.text)
        day = keys[0].split("/")[2]
        sizes = {info.key: info.size_bytes for info in asyncio.run(listed(server.manager))}
        assert [day, "Orders/EU", "1", f"{sizes[other]} B"] in found
        assert [day, "default", "3", f"{sum(sizes[key] for key in keys)} B"] in found
        for key in (*keys, other):
            assert f'href="./view/{key}"' in page.text
            assert server.get(f"/view/{key}").status == 200


async def listed(manager: ClaimCheckManager) -> list[BlobInfo]:
    store = manager.store
    assert isinstance(store, MemoryStore)
    return [info async for info in store.scan()]


def test_with_authentication_it_explains_how_to_come_in() -> None:
    with serving(settings=WITH_TOKENS) as server:
        page = server.get("/")
    assert page.status == 401
    assert "follow its link in Temporal&#39;s Web UI" in page.text
    assert page.headers["www-authenticate"] == "Bearer"


def test_a_caller_sees_his_namespaces_only() -> None:
    with serving(settings=WITH_TOKENS) as server:
        mine = server.store(as_json("[1]"), namespace="orders")
        theirs = server.store(as_json("[2]"), namespace="billing")
        nearly = server.store(as_json("[3]"), namespace="orders2")
        text = server.get("/", BEARER).text
        everything = {**BROWSER, "Authorization": "Bearer token-of-somebody-who-may-all"}
        all_of_it = server.get("/", everything).text
    assert mine in text
    assert theirs not in text
    assert nearly not in text
    assert "billing" not in text
    assert theirs in all_of_it


def test_its_links_open_without_the_token() -> None:
    with serving(settings=WITH_TOKENS) as server:
        server.store(as_json('["mandarin"]'), namespace="orders")
        link = server.get("/", BEARER).text.split('href="./view/')[1].split('"')[0]
        page = server.get(f"/view/{link.replace('&amp;', '&')}")
    assert page.status == 200
    assert "mandarin" in page.shown


def test_a_bad_token_is_not_told_of_links() -> None:
    with serving(settings=WITH_TOKENS) as server:
        page = server.get("/", {**BROWSER, "Authorization": "Bearer no-token-of-this-server"})
    assert page.status == 401
    assert "not known" in page.text


def test_it_shows_what_the_process_did() -> None:
    with serving() as server:
        key = server.store(as_json("[1]"))
        server.get(f"/view/{key}")
        server.get(f"/view/{key}")
        server.get(f"/view/{key[:-4]}0000")
        text = " ".join(text_of(server.get("/").text.replace("</dt>", " ")).split())
    assert "Payloads read 2 50 % out of memory" in text
    assert "Answers 3 0 of them 5xx" in text
    assert "Errors blob-not-found 1" in text


def test_it_says_so_when_the_store_cannot_list() -> None:
    with serving(store=PlainStore()) as server:
        page = server.get("/")
    assert page.status == 200
    assert "This store cannot list what it holds" in page.text


class StoreThatIsDown(MemoryStore):
    async def check(self) -> None:
        raise StoreUnavailable("The store is <down>.", remedy="Start it.")

    async def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        await self.check()
        async for info in super().scan(prefix):
            yield info


def test_it_says_so_when_the_store_is_down() -> None:
    with serving(store=StoreThatIsDown()) as server:
        page = server.get("/")
    assert page.status == 200
    assert "store has a problem" in page.text
    assert "The store is &lt;down&gt;. Start it." in page.text


async def test_counting_stops_after_so_many_objects() -> None:
    store = MemoryStore()
    for number in range(30):
        await store.put(key_of(number), b"x")
    inventory = await take_inventory(store, None, max_objects=10, seconds=60)
    assert (inventory.objects, inventory.stopped_after) == (10, "10 objects")
    exactly = await take_inventory(store, None, max_objects=30, seconds=60)
    assert (exactly.objects, exactly.stopped_after) == (30, None)


class StoreWithoutEnd(MemoryStore):
    async def scan(self, prefix: str = "") -> AsyncIterator[BlobInfo]:
        for number in itertools.count():
            await asyncio.sleep(0)
            yield BlobInfo(
                key=prefix + key_of(number)[3:], size_bytes=1, modified=dt.datetime.now(dt.UTC)
            )


async def test_counting_stops_after_so_much_time() -> None:
    inventory = await take_inventory(StoreWithoutEnd(), None, max_objects=10**9, seconds=0.05)
    assert inventory.stopped_after == "0.05 seconds"
    assert inventory.objects > 0


async def test_the_latest_come_first_and_strange_objects_are_left_out() -> None:
    store = MemoryStore()
    start = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
    for number in range(50):
        moment = start + dt.timedelta(minutes=number * 7 % 50)
        store._blobs[key_of(number)] = (b"x" * number, moment)
    store._blobs["v1/lost+found"] = (b"", start)
    inventory = await take_inventory(store, None, max_objects=1000, seconds=60)
    moments = [each.stored_at for each in inventory.latest]
    assert len(moments) == 20
    assert moments == sorted(moments, reverse=True)
    assert moments[0] == start + dt.timedelta(minutes=49)
    assert inventory.objects == 50
    assert inventory.stored_bytes == sum(range(50))


async def test_a_namespace_that_cannot_be_one_is_left_out() -> None:
    inventory = await take_inventory(
        MemoryStore(), ["", "x" * 1000, "\ud800", "good"], max_objects=10, seconds=60
    )
    assert inventory.objects == 0


def test_it_counts_a_folder(tmp_path: Path) -> None:
    with serving(store=FileSystemStore(tmp_path)) as server:
        server.store(as_json("[1]"))
        assert server.get("/").text.count("<td") == 4 + 3
