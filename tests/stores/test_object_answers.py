"""What other S3 servers answer, said by a go-between before a real one."""

import asyncio
import time

import pytest
from aiohttp import web

from temporal_claimcheck.errors import (
    BlobNotFound,
    BlobTooLarge,
    StoreDenied,
    StoreError,
    StoreUnavailable,
)
from temporal_claimcheck.stores.object_store import Patience
from temporal_claimcheck.testing import key_of
from temporal_claimcheck.testing.servers import S3Server
from tests.stores.go_between import Rule, go_between, s3_error, whole
from tests.stores.s3_clients import open_store


def conditions_answered(status: int, code: str) -> Rule:
    async def rule(request: web.Request) -> web.Response | None:
        await request.read()
        return s3_error(status, code) if "If-None-Match" in request.headers else None

    return rule


# Amazon tells who may not list neither that an object is missing.
def missing_is_forbidden(request: web.Request, answer: web.Response) -> web.Response:
    is_missing = request.method in {"GET", "HEAD"} and answer.status == 404
    return s3_error(403, "AccessDenied") if is_missing else answer


@pytest.mark.parametrize(
    ("status", "code"), [(501, "NotImplemented"), (400, "InvalidArgument"), (400, "InvalidRequest")]
)
async def test_server_that_refuses_conditions_is_asked_without_and_that_is_remembered(
    s3: S3Server, status: int, code: str
) -> None:
    async with go_between(s3, before=conditions_answered(status, code)) as between:
        store = open_store(s3, f"plain/{status}/{code}", endpoint=between.endpoint)
        assert await store.put(key_of(1), b"first")
        assert between.count("PUT") == 2
        assert await store.put(key_of(2), b"second")
        assert between.count("PUT") == 3
        assert await store.get(key_of(1), max_bytes=9) == b"first"


@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidToken", "RequestExpired"])
async def test_expired_credentials_are_a_denial_and_no_refused_condition(
    s3: S3Server, code: str
) -> None:
    async with go_between(s3, before=conditions_answered(400, code)) as between:
        store = open_store(s3, f"expired/{code}", endpoint=between.endpoint)
        for _ in range(2):
            with pytest.raises(StoreDenied, match="refused the credentials"):
                await store.put(key_of(1), b"blob")
        assert all("If-None-Match" in request.headers for request in between.asked)


async def test_refusal_of_every_put_does_not_turn_conditions_off(s3: S3Server) -> None:
    refusing = True

    async def rule(request: web.Request) -> web.Response | None:
        await request.read()
        return s3_error(400, "InvalidRequest") if refusing else None

    async with go_between(s3, before=rule) as between:
        store = open_store(s3, "refusal", endpoint=between.endpoint)
        with pytest.raises(StoreError):
            await store.put(key_of(1), b"blob")
        refusing = False
        assert await store.put(key_of(1), b"blob")
        assert "If-None-Match" in between.asked[-1].headers


async def test_refused_replacement_of_what_is_there_is_no_error(s3: S3Server) -> None:
    await open_store(s3, "replace").put(key_of(1), b"blob")
    async with go_between(s3, before=conditions_answered(403, "AccessDenied")) as between:
        store = open_store(s3, "replace", endpoint=between.endpoint)
        assert not await store.put(key_of(1), b"blob")
        with pytest.raises(StoreDenied):
            await store.put(key_of(2), b"blob")


async def test_refused_read_says_that_the_object_may_be_missing(s3: S3Server) -> None:
    async with go_between(s3, after=missing_is_forbidden) as between:
        store = open_store(s3, "forbidden", endpoint=between.endpoint)
        with pytest.raises(StoreDenied, match=r"missing.*s3:GetObject.*s3:ListBucket"):
            await store.get(key_of(1), max_bytes=9)


async def test_check_works_where_the_missing_is_forbidden_and_writes_once(s3: S3Server) -> None:
    async with go_between(s3, after=missing_is_forbidden) as between:
        store = open_store(s3, "check", endpoint=between.endpoint)
        await store.check()
        await store.check()
        await open_store(s3, "check", endpoint=between.endpoint).check()
        assert between.count("PUT") == 1
        # From now on also for who may only read.
        await open_store(s3, "check", endpoint=between.endpoint, identity="reader").check()
        assert [blob async for blob in store.scan()] == []


async def test_check_refuses_who_may_neither_know_nor_write(s3: S3Server) -> None:
    async with go_between(s3, after=missing_is_forbidden) as between:
        store = open_store(s3, "no-check", endpoint=between.endpoint, identity="reader")
        with pytest.raises(StoreDenied):
            await store.check()


async def test_large_object_is_stored_where_the_missing_is_forbidden(s3: S3Server) -> None:
    blob = bytes(17 * 1024**2)
    async with go_between(s3, after=missing_is_forbidden) as between:
        store = open_store(s3, "large", endpoint=between.endpoint, patience=Patience())
        assert await store.put(key_of(7), blob)
        assert not await store.put(key_of(7), blob)


# Ranges.


@pytest.mark.parametrize("status", [200, 400, 416, 501])
async def test_server_that_gives_no_ranges_is_asked_for_the_whole_and_that_is_remembered(
    s3: S3Server, status: int
) -> None:
    async def refuse(request: web.Request) -> web.Response | None:
        refused = status != 200 and "Range" in request.headers
        return s3_error(status, "InvalidRange") if refused else None

    await open_store(s3, "ranges").put(key_of(1), b"blob")
    async with go_between(s3, before=refuse, after=whole) as between:
        store = open_store(s3, "ranges", endpoint=between.endpoint)
        assert await store.get(key_of(1), max_bytes=4) == b"blob"
        assert between.count("GET") == 2
        assert await store.get(key_of(1), max_bytes=9) == b"blob"
        assert between.count("GET") == 3
        with pytest.raises(BlobTooLarge):
            await store.get(key_of(1), max_bytes=3)
        with pytest.raises(BlobNotFound):
            await store.get(key_of(2), max_bytes=9)


async def test_empty_object_does_not_turn_ranges_off(s3: S3Server) -> None:
    async with go_between(s3) as between:
        store = open_store(s3, "empty", endpoint=between.endpoint)
        await store.put(key_of(1), b"")
        await store.put(key_of(2), b"blob")
        assert await store.get(key_of(1), max_bytes=9) == b""
        assert await store.get(key_of(2), max_bytes=9) == b"blob"
        assert between.asked[-1].headers["Range"] == "bytes=0-9"


async def test_no_more_is_read_of_a_too_large_object_than_tells_so(s3: S3Server) -> None:
    await open_store(s3, "too-large").put(key_of(1), bytes(1_000_000))
    given: list[int] = []

    def count(request: web.Request, answer: web.Response) -> web.Response:
        del request
        given.append(answer.content_length or 0)
        return answer

    async with go_between(s3, after=count) as between:
        with pytest.raises(BlobTooLarge):
            await open_store(s3, "too-large", endpoint=between.endpoint).get(
                key_of(1), max_bytes=1000
            )
    assert given == [1001]


# Time.


async def never(_: web.Request) -> web.Response:
    await asyncio.sleep(60)
    return web.Response()


@pytest.mark.parametrize("verb", ["put", "get"])
async def test_server_that_never_answers_is_given_up_in_time(s3: S3Server, verb: str) -> None:
    patience = Patience(request_seconds=0.5, retry_seconds=0)
    async with go_between(s3, before=never) as between:
        store = open_store(s3, endpoint=between.endpoint, patience=patience)
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await (
                store.put(key_of(1), b"") if verb == "put" else store.get(key_of(1), max_bytes=9)
            )
        assert 0.4 < time.monotonic() - started < 5
        assert len(between.asked) == 1


@pytest.mark.parametrize("status", [206, 200], ids=["as a range", "whole"])
async def test_download_that_moves_on_may_take_longer_than_one_request(
    s3: S3Server, status: int
) -> None:
    async def slowly(request: web.Request) -> web.StreamResponse:
        about = {"ETag": '"1"', "Last-Modified": "Sun, 22 Nov 2026 00:00:00 GMT"}
        if status == 206:
            about["Content-Range"] = "bytes 0-7/8"
        answer = web.StreamResponse(status=status, headers=about)
        answer.content_length = 8
        await answer.prepare(request)
        for _ in range(8):
            await answer.write(b"x")
            await asyncio.sleep(0.2)
        return answer

    patience = Patience(request_seconds=0.8, retry_seconds=0)
    async with go_between(s3, before=slowly) as between:
        store = open_store(s3, endpoint=between.endpoint, patience=patience)
        assert await store.get(key_of(1), max_bytes=8) == b"x" * 8


async def test_busy_server_is_asked_again(s3: S3Server) -> None:
    busy = [503, 429, 500]

    async def rule(request: web.Request) -> web.Response | None:
        await request.read()
        return s3_error(busy.pop(), "SlowDown") if busy else None

    async with go_between(s3, before=rule) as between:
        store = open_store(s3, "busy", endpoint=between.endpoint, patience=Patience())
        assert await store.put(key_of(1), b"blob")
        assert between.count("PUT") == 4


@pytest.mark.parametrize(("seconds", "least", "most"), [(0, 1, 1), (1, 3, 11)])
async def test_retries_end_in_time(s3: S3Server, seconds: float, least: int, most: int) -> None:
    async def rule(request: web.Request) -> web.Response:
        await request.read()
        return s3_error(503, "SlowDown")

    async with go_between(s3, before=rule) as between:
        store = open_store(s3, endpoint=between.endpoint, patience=Patience(retry_seconds=seconds))
        started = time.monotonic()
        with pytest.raises(StoreUnavailable):
            await store.get(key_of(1), max_bytes=9)
        assert time.monotonic() - started < seconds + 3
        assert least <= len(between.asked) <= most
