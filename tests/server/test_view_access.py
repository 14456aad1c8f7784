"""Who may look at a payload, and what those who may not are told."""

import asyncio
from collections.abc import Iterator

import pytest

from temporal_claimcheck.errors import StoreUnavailable
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.testing.keys import HOSTILE_KEYS
from tests.core.rings import ring
from tests.server.view_server import (
    BROWSER,
    TOKEN,
    WITH_TOKENS,
    ViewServer,
    as_json,
    link_to,
    serving,
)

PARTS = ("", "/piece", "/search", "/content", "/image")
BEARER = {**BROWSER, "Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def server() -> Iterator[ViewServer]:
    with serving(settings=WITH_TOKENS) as running:
        yield running


@pytest.fixture(scope="module")
def key(server: ViewServer) -> str:
    return server.store(as_json('{"secret": "mandarin"}'), namespace="orders")


def path_to(link: str, part: str) -> str:
    path, _, query = link.partition("?")
    return f"{path}{part}?{query}"


@pytest.mark.parametrize("part", PARTS)
def test_without_link_and_token_nobody_gets_in(server: ViewServer, key: str, part: str) -> None:
    answer = server.get(f"/view/{key}{part}")
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "mandarin" not in answer.text


@pytest.mark.parametrize("part", PARTS[:-1])
def test_a_link_opens_its_payload(server: ViewServer, key: str, part: str) -> None:
    answer = server.get(path_to(link_to(key), part))
    assert answer.status == 200
    assert "mandarin" in answer.text or part == "/search"


def test_all_that_the_page_asks_for_carries_the_link(server: ViewServer, key: str) -> None:
    link = link_to(key)
    query = link.partition("?")[2].replace("&", "&amp;")
    page = server.get(link)
    assert f'data-access="{query}"' in page.text
    assert f'href="{key[-64:]}/content?{query}"' in page.text
    assert f"?as=hex&amp;{query}" in page.text
    assert ">Index</a>" not in page.text


@pytest.mark.parametrize("part", PARTS)
def test_a_forged_link_is_refused(server: ViewServer, key: str, part: str) -> None:
    forged = path_to(link_to(key), part)[:-1]
    assert server.get(forged + ("0" if not link_to(key).endswith("0") else "1")).status == 403


@pytest.mark.parametrize("part", PARTS)
def test_an_expired_link_is_refused(server: ViewServer, key: str, part: str) -> None:
    answer = server.get(path_to(link_to(key, now=1_000_000), part))
    assert answer.status == 403
    assert "This link has expired." in answer.text


def test_a_link_with_a_later_end_is_refused(server: ViewServer, key: str) -> None:
    link = link_to(key).replace("expires=1", "expires=9")
    assert server.get(link).status == 403


def test_a_link_opens_no_other_payload(server: ViewServer, key: str) -> None:
    other = server.store(as_json('{"other": "grapefruit"}'), namespace="orders")
    query = link_to(key).partition("?")[2]
    assert server.get(f"/view/{other}?{query}").status == 403


@pytest.mark.parametrize("query", ["?expires=", "?signature=", "?expires=9999999999"])
def test_half_a_link_is_refused(server: ViewServer, key: str, query: str) -> None:
    assert server.get(f"/view/{key}{query}").status == 403


def test_a_token_opens_its_own_namespace(server: ViewServer, key: str) -> None:
    page = server.get(f"/view/{key}", BEARER)
    assert page.status == 200
    assert "mandarin" in page.shown


@pytest.mark.parametrize("part", PARTS)
def test_a_token_opens_no_other_namespace(server: ViewServer, part: str) -> None:
    key = server.store(as_json('{"foreign": "clementine"}'), namespace="billing")
    answer = server.get(f"/view/{key}{part}", BEARER)
    assert answer.status == 403
    assert "clementine" not in answer.text


def test_a_namespace_in_a_header_opens_nothing(server: ViewServer) -> None:
    key = server.store(as_json('{"foreign": "kumquat"}'), namespace="billing")
    assert server.get(f"/view/{key}", {**BEARER, "X-Namespace": "orders"}).status == 403


def test_a_bad_token_is_refused(server: ViewServer, key: str) -> None:
    bad = {**BROWSER, "Authorization": "Bearer not-one-of-the-tokens"}
    assert server.get(f"/view/{key}", bad).status == 401


@pytest.mark.parametrize("key", HOSTILE_KEYS.values(), ids=HOSTILE_KEYS)
def test_what_is_no_key_is_refused_before_anything_is_read(server: ViewServer, key: str) -> None:
    encoded = "".join(f"%{byte:02x}" for byte in key.encode("utf-8", "surrogatepass"))
    for path in (encoded, encoded.replace("%2f", "/")):
        answer = server.get(f"/view/{path}", BEARER)
        assert answer.status in (400, 404)
        assert answer.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    "change",
    [
        ("v1/orders", "v1/ORDERS"),
        ("v1/orders", "v1/billing/../orders"),
        ("v1/orders", "v1/%2e%2e/orders"),
        ("v1/orders", "v1//orders"),
        ("v1/", "v2/"),
        ("orders/20", "orders/30-20"),
    ],
)
def test_another_spelling_of_a_key_is_none(
    server: ViewServer, key: str, change: tuple[str, str]
) -> None:
    assert server.get(f"/view/{key.replace(*change)}", BEARER).status == 400


def test_a_missing_object_is_gone(server: ViewServer, key: str) -> None:
    missing = key[:-8] + "00000000"
    answer = server.get(f"/view/{missing}", BEARER)
    assert (answer.status, answer.title) == (410, "The payload is gone")
    assert "What to do." in answer.text


def test_a_damaged_object_has_a_page_that_shows_none_of_it() -> None:
    store = MemoryStore()
    with serving(store=store) as server:
        key = server.store(as_json('{"damaged": "bergamot"}'))
        blob, stored_at = store._blobs[key]
        store._blobs[key] = (blob[:-1] + b"!", stored_at)
        # Another process has not seen it whole.
        with serving(store=store) as other:
            answer = other.get(f"/view/{key}")
    assert (answer.status, answer.title) == (502, "The payload cannot be shown")
    assert "is damaged" in answer.text
    assert "bergamot" not in answer.text


def test_an_object_of_another_payload_is_refused() -> None:
    store = MemoryStore()
    with serving(store=store) as server:
        key, other = server.store(as_json("[1]")), server.store(as_json("[2]"))
        store._blobs[key] = store._blobs[other]
        with serving(store=store) as fresh:
            assert fresh.get(f"/view/{key}").status == 502


def test_an_encrypted_object_without_its_key_is_refused_with_the_keys_id() -> None:
    store = MemoryStore()
    with serving(store=store, keys=ring("a")) as server:
        key = server.store(as_json("[1]"))
    with serving(store=store, keys=ring("b")) as server:
        answer = server.get(f"/view/{key}")
    assert answer.status == 502
    assert ring("a").newest.id in answer.text


class StoreThatIsDown(MemoryStore):
    async def get(self, key: str, *, max_bytes: int) -> bytes:
        raise StoreUnavailable(f"No {max_bytes} bytes of {key}.", remedy="Start the store.")


def test_a_store_that_is_down_is_said_to_be_so() -> None:
    with serving(store=StoreThatIsDown()) as server:
        key = server.store(as_json("[1]"))
        answer = server.get(f"/view/{key}")
    assert (answer.status, answer.title) == (503, "The store cannot be reached")
    assert "Start the store." in answer.text
    assert answer.headers["retry-after"]


def test_programs_are_refused_in_json(server: ViewServer, key: str) -> None:
    answer = server.get(f"/view/{key}", {"Accept": "application/json"})
    assert answer.status == 401
    assert '"code":"token-missing"' in answer.text


def test_on_loopback_without_authentication_every_namespace_is_open() -> None:
    with serving() as server:
        key = server.store(as_json("[1]"), namespace="billing")
        assert server.get(f"/view/{key}").status == 200


def test_what_was_opened_stays_closed_to_others(server: ViewServer, key: str) -> None:
    # The payload is in memory now; the right to it is asked for again.
    assert server.get(link_to(key)).status == 200
    assert server.get(f"/view/{key}").status == 401


def test_an_object_is_read_from_the_store_once() -> None:
    store = CountingStore()
    with serving(store=store) as server:
        key = server.store(as_json("[1]"))
    with serving(store=store) as server:
        for part in ("", "/piece", "/search?q=1", "/content", ""):
            assert server.get(f"/view/{key}{part}").status == 200
    assert store.reads == 1


class CountingStore(MemoryStore):
    reads = 0

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        self.reads += 1
        return await super().get(key, max_bytes=max_bytes)


def test_a_payload_over_the_cap_is_refused() -> None:
    store = MemoryStore()
    with serving(store=store) as large:
        key = large.store(as_json(f'["{"x" * 10_000}"]'))
    blob = asyncio.run(store.get(key, max_bytes=2**20))
    assert len(blob) < 1000
    with serving(store=store, max_payload_bytes=1000) as small:
        answer = small.get(f"/view/{key}")
    assert (answer.status, answer.title) == (413, "The payload is too large")
