"""How many requests a read takes, and that their answers are of one object."""

import asyncio
import re
import secrets
import uuid

import obstore
import pytest
from aiohttp import web

from temporal_claimcheck.errors import BlobTooLarge, StoreDenied
from temporal_claimcheck.stores.object_store import Patience
from temporal_claimcheck.testing import key_of
from temporal_claimcheck.testing.servers import S3Server
from tests.stores.go_between import go_between, s3_error, whole
from tests.stores.s3_clients import open_store

MIB = 1024**2
PART = 8 * MIB
LARGE = 8 * PART + 5


def range_start(request: web.Request) -> int | None:
    found = re.fullmatch(r"bytes=(\d+)-\d+", request.headers.get("Range", ""))
    return None if found is None else int(found[1])


@pytest.fixture
def place() -> str:
    return f"reading/{uuid.uuid4()}"


async def stored(s3: S3Server, place: str, size: int) -> bytes:
    blob = secrets.token_bytes(size)
    assert await open_store(s3, place, patience=Patience()).put(key_of(1), blob)
    return blob


async def test_large_object_is_read_in_parts_eight_at_a_time(s3: S3Server, place: str) -> None:
    blob = await stored(s3, place, LARGE)
    eight = asyncio.Barrier(8)

    async def wait_for_eight(request: web.Request) -> None:
        if range_start(request):
            async with asyncio.timeout(30):
                await eight.wait()

    async with go_between(s3, before=wait_for_eight) as between:
        store = open_store(s3, place, endpoint=between.endpoint, patience=Patience())
        assert await store.view(key_of(1), max_bytes=LARGE) == blob
        assert between.count("GET") == 9
        assert {range_start(request) for request in between.asked} == set(range(0, LARGE, PART))


@pytest.mark.parametrize("size", [1, PART])
async def test_object_that_packed_well_takes_one_request(
    s3: S3Server, place: str, size: int
) -> None:
    blob = await stored(s3, place, size)
    async with go_between(s3) as between:
        store = open_store(s3, place, endpoint=between.endpoint, patience=Patience())
        assert await store.view(key_of(1), max_bytes=100 * MIB) == blob
        assert between.count("GET") == 1


async def test_no_more_than_a_part_is_read_of_a_too_large_object(s3: S3Server, place: str) -> None:
    await stored(s3, place, LARGE)
    async with go_between(s3) as between:
        store = open_store(s3, place, endpoint=between.endpoint, patience=Patience())
        with pytest.raises(BlobTooLarge):
            await store.view(key_of(1), max_bytes=LARGE - 1)
        assert [range_start(request) for request in between.asked] == [0]


# Two processes may store one payload at the same moment, and encrypted ones differ each time.
async def test_object_that_is_replaced_while_it_is_read_is_read_whole(
    s3: S3Server, place: str
) -> None:
    await stored(s3, place, LARGE)
    second = secrets.token_bytes(LARGE)
    writing = open_store(s3, place, patience=Patience())

    async def replace(request: web.Request) -> None:
        if range_start(request) == PART:
            await obstore.put_async(writing.client, key_of(1), second)

    async with go_between(s3, before=replace) as between:
        store = open_store(s3, place, endpoint=between.endpoint, patience=Patience())
        assert await store.view(key_of(1), max_bytes=LARGE) == second
        assert range_start(between.asked[-1]) is None


async def test_part_that_is_refused_ends_the_read(s3: S3Server, place: str) -> None:
    await stored(s3, place, LARGE)

    async def refuse(request: web.Request) -> web.Response | None:
        return s3_error(403, "AccessDenied") if range_start(request) == 3 * PART else None

    async with go_between(s3, before=refuse) as between:
        store = open_store(s3, place, endpoint=between.endpoint, patience=Patience())
        with pytest.raises(StoreDenied):
            await store.view(key_of(1), max_bytes=LARGE)


@pytest.mark.parametrize("status", [200, 400, 416])
async def test_server_without_ranges_gives_the_large_whole(
    s3: S3Server, place: str, status: int
) -> None:
    blob = await stored(s3, place, LARGE)

    async def refuse(request: web.Request) -> web.Response | None:
        refused = status != 200 and "Range" in request.headers
        return s3_error(status, "InvalidRange") if refused else None

    async with go_between(s3, before=refuse, after=whole) as between:
        store = open_store(s3, place, endpoint=between.endpoint, patience=Patience())
        assert await store.view(key_of(1), max_bytes=LARGE) == blob
        assert await store.view(key_of(1), max_bytes=LARGE) == blob
        assert between.count("GET") == 3
