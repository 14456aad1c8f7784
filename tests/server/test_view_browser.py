"""The pages in a real Chromium: fast, searched, scrolled, and without a word on its console."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.server.images import IMAGES
from tests.server.view_server import WITH_TOKENS, ViewServer, as_json, link_to, plain, serving

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
# CI must have it. Elsewhere the skip says what is missing.
pytestmark = pytest.mark.skipif(
    not Path(CHROMIUM).exists() and not os.environ.get("CI"),
    reason="Chromium is missing: apt-get install chromium",
)
# It waits for what must come, however busy the machine is.
expect.set_options(timeout=60_000)
TEN_MEGABYTES = 10 * 1024**2
Open = Callable[[str], Page]


@pytest.fixture(scope="module")
def server() -> Iterator[ViewServer]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def large(server: ViewServer) -> str:
    """Path of the page of a JSON of 10 MB."""
    line = {"title": 'A "lamp"', "price": 12.50, "tags": ["a", "b"], "stock": {"here": True}}
    lines = [{"sku": f"SKU-{number:06}", **line} for number in range(100_000)]
    content = json.dumps({"order": "first-words", "lines": lines, "end": "last-words"}).encode()
    assert len(content) >= TEN_MEGABYTES
    return f"/view/{server.store(as_json(content))}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 860}, color_scheme="light")
    context.set_default_timeout(20_000)
    yield context
    context.close()


@pytest.fixture
def open_page(context: BrowserContext, server: ViewServer) -> Iterator[Open]:
    """Open pages on which the browser finds nothing to complain of."""
    complaints: list[str] = []

    def open_(path: str) -> Page:
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("requestfailed", lambda request: complaints.append(request.url))
        page.goto(path if path.startswith("http") else f"{server.url}{path}")
        return page

    yield open_
    assert complaints == []


def place(page: Page) -> int:
    """Return the number of the piece in view, from 1."""
    return int(page.locator("#where").inner_text().split(" / ")[0])


def test_ten_megabytes_open_with_their_first_piece_only(open_page: Open, large: str) -> None:
    page = open_page(large)
    expect(page.locator("pre[data-n='0']")).to_contain_text('"order": "first-words"')
    assert page.evaluate("document.documentElement.innerHTML.length") < TEN_MEGABYTES / 8
    assert "last-words" not in page.content()


def test_pieces_come_as_one_scrolls_and_go_when_there_are_many(open_page: Open, large: str) -> None:
    page = open_page(large)
    for _ in range(8):
        before = page.locator("pre[data-n]").last.get_attribute("data-n")
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        page.wait_for_function(
            "before => [...document.querySelectorAll('pre[data-n]')].at(-1).dataset.n !== before",
            arg=before,
        )
    numbers = page.locator("pre[data-n]").evaluate_all("all => all.map(each => +each.dataset.n)")
    assert len(numbers) <= 5
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert numbers[0] > 2


def test_what_one_reads_stays_where_it_is_when_a_piece_comes_above(
    open_page: Open, large: str
) -> None:
    page = open_page(large)
    page.keyboard.press("]")
    expect(page.locator("pre[data-n='1']")).to_be_visible()
    page.wait_for_selector("pre[data-n='0']", state="attached")
    top = page.locator("pre[data-n='1']").evaluate("each => each.getBoundingClientRect().top")
    tools = page.locator(".tools").evaluate("each => each.getBoundingClientRect().bottom")
    assert abs(top - tools) < 5


def test_the_page_answers_while_it_shows_ten_megabytes(open_page: Open, large: str) -> None:
    page = open_page(large)
    page.evaluate(
        """() => {
          window.longest = 0;
          new PerformanceObserver((list) => {
            for (const task of list.getEntries()) longest = Math.max(longest, task.duration);
          }).observe({ type: "longtask", buffered: true });
        }"""
    )
    for _ in range(5):
        page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
        expect(page.locator(".loading")).to_have_count(0)
    # A machine under load may be slow; one that renders everything takes many seconds.
    assert page.evaluate("longest") < 2000


def test_search_goes_from_place_to_place(open_page: Open, large: str) -> None:
    page = open_page(large)
    page.keyboard.press("/")
    expect(page.locator("#q")).to_be_focused()
    page.keyboard.type("sku-09999")
    page.keyboard.press("Enter")
    expect(page.locator("#hits")).to_have_text("1 of 10")
    expect(page.locator("mark.current")).to_have_text("SKU-09999")
    expect(page.locator("mark.current")).to_be_in_viewport()
    page.keyboard.press("Escape")
    expect(page.locator("#q")).to_have_value("sku-09999")
    page.keyboard.press("n")
    expect(page.locator("#hits")).to_have_text("2 of 10")
    expect(page.locator("span:has(> mark.current)")).to_have_text('"SKU-099991"')
    page.keyboard.press("N")
    page.keyboard.press("N")
    expect(page.locator("#hits")).to_have_text("10 of 10")
    expect(page.locator("span:has(> mark.current)")).to_have_text('"SKU-099999"')
    expect(page.locator("mark.current")).to_be_in_viewport()


def test_search_finds_what_is_far_away(open_page: Open, large: str) -> None:
    page = open_page(large)
    page.locator("#q").fill("last-words")
    page.keyboard.press("Enter")
    expect(page.locator("mark.current")).to_be_in_viewport()
    last = page.locator("#where").inner_text().split(" / ")[1]
    expect(page.locator("#where")).to_have_text(re.compile(rf"{last} / {last}"))


def test_a_search_for_nothing_is_said_to_be_so_and_one_can_leave_it(
    open_page: Open, large: str
) -> None:
    page = open_page(large)
    page.locator("#q").fill("no such words")
    page.keyboard.press("Enter")
    expect(page.locator("#hits")).to_have_text("nothing")
    page.locator("#q").fill("")
    page.keyboard.press("Enter")
    expect(page.locator("#hits")).to_be_empty()


def test_keys_go_to_the_end_and_to_the_beginning(open_page: Open, large: str) -> None:
    page = open_page(large)
    page.keyboard.press("G")
    expect(page.locator("#pieces")).to_contain_text("last-words")
    expect(page.get_by_text('"last-words"')).to_be_in_viewport()
    page.keyboard.press("g")
    expect(page.locator("#pieces")).to_contain_text("first-words")
    assert page.evaluate("scrollY") == 0


def test_the_slider_goes_anywhere(open_page: Open, large: str) -> None:
    page = open_page(large)
    page.locator("#place").fill("80")
    expect(page.locator("pre[data-n='80']")).to_be_visible()
    expect(page.locator(".loading")).to_have_count(0)
    assert place(page) == 81


def test_a_key_downloads_the_content(open_page: Open, server: ViewServer, tmp_path: Path) -> None:
    key = server.store(as_json('{"a": "<b>"}'))
    page = open_page(f"/view/{key}")
    with page.expect_download() as download:
        page.keyboard.press("d")
    assert download.value.suggested_filename == f"default-{key[11:21]}-{key[22:34]}.json"
    saved = tmp_path / "saved"
    download.value.save_as(saved)
    assert saved.read_bytes() == b'{"a": "<b>"}'


def test_a_key_copies_the_content(
    open_page: Open, context: BrowserContext, server: ViewServer
) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    key = server.store(as_json('{"a":"\\u00e9"}'))
    page = open_page(f"/view/{key}")
    page.keyboard.press("c")
    expect(page.locator("#notice")).to_have_text("Copied.")
    assert page.evaluate("navigator.clipboard.readText()") == '{"a":"\\u00e9"}'
    page.locator("#copy-key").click()
    page.wait_for_function(
        "key => navigator.clipboard.readText().then(text => text === key)", arg=key
    )


def ground(page: Page) -> str:
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_it_is_dark_or_light_as_the_system_says_until_one_chooses(
    open_page: Open, server: ViewServer
) -> None:
    path = f"/view/{server.store(as_json('[1]'))}"
    page = open_page(path)
    light = ground(page)
    page.emulate_media(color_scheme="dark")
    dark = ground(page)
    assert dark != light
    page.locator("#theme").click()
    assert ground(page) == light
    page.reload()
    assert ground(page) == light
    page.keyboard.press("t")
    assert ground(page) == dark
    page.emulate_media(color_scheme="light")
    assert ground(page) == dark
    assert ground(open_page("/")) == dark


def test_a_key_explains_the_keys(open_page: Open, server: ViewServer) -> None:
    page = open_page(f"/view/{server.store(as_json('[1]'))}")
    page.keyboard.press("?")
    expect(page.get_by_role("heading", name="Keys")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("heading", name="Keys")).to_be_hidden()


def test_records_come_in_pieces_under_a_head_that_stays(
    open_page: Open, server: ViewServer
) -> None:
    records = [{"id": number, "name": f"name {number}"} for number in range(20_000)]
    page = open_page(f"/view/{server.store(as_json(json.dumps(records)))}")
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait_for_selector("tbody[data-n='1']", state="attached")
    expect(page.get_by_role("columnheader", name="name")).to_be_in_viewport()
    page.locator("#q").fill("name 19999")
    page.keyboard.press("Enter")
    expect(page.locator("mark.current")).to_be_in_viewport()
    page.keyboard.press("Escape")
    page.keyboard.press("2")
    expect(page.locator("#pieces.json")).to_be_visible()


def test_an_image_is_drawn(open_page: Open, server: ViewServer) -> None:
    page = open_page(f"/view/{server.store(plain(IMAGES['png']))}")
    size = page.locator(".picture img").evaluate("each => [each.naturalWidth, each.naturalHeight]")
    assert size == [320, 200]


def test_it_works_without_scripts(browser: Browser, server: ViewServer, large: str) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{server.url}{large}")
    expect(page.locator("#pieces")).to_contain_text("first-words")
    page.get_by_role("link", name="After").click()
    expect(page.locator("pre[data-n='1']")).to_be_visible()
    page.locator("#q").fill("sku-09999")
    page.keyboard.press("Enter")
    expect(page.locator("#hits")).to_have_text("1 of 10")
    expect(page.locator("#theme")).to_be_hidden()
    context.close()


def test_with_a_link_all_of_the_page_works(open_page: Open) -> None:
    with serving(settings=WITH_TOKENS) as closed:
        words = json.dumps([f"word {number}" for number in range(20_000)])
        key = closed.store(as_json(words), namespace="orders")
        page = open_page(f"{closed.url}{link_to(key)}")
        page.keyboard.press("/")
        page.keyboard.type("word 19999")
        page.keyboard.press("Enter")
        expect(page.locator("mark.current")).to_have_text("word 19999")
        page.keyboard.press("Escape")
        with page.expect_download() as download:
            page.keyboard.press("d")
        assert Path(download.value.path()).read_text() == words
        page.keyboard.press("2")
        expect(page.locator("#pieces.hex")).to_be_visible()


def test_nothing_in_a_payload_runs(open_page: Open, server: ViewServer) -> None:
    attack = "</script></pre><img src=x onerror='window.hit=1'><script>window.hit=1</script>"
    for payload in (
        as_json(json.dumps({attack: [attack, {attack: 1}]})),
        as_json(json.dumps([{attack: attack}] * 3000)),
        plain(attack.encode() * 3000),
    ):
        page = open_page(f"/view/{server.store(payload)}?q=onerror")
        expect(page.locator("mark.current")).to_be_visible()
        page.keyboard.press("G")
        expect(page.locator(".loading")).to_have_count(0)
        assert page.evaluate("window.hit === undefined")
        assert page.locator("#pieces img").count() == 0


def test_a_failure_is_told_and_the_page_goes_on(
    context: BrowserContext, server: ViewServer, large: str
) -> None:
    page = context.new_page()
    page.goto(f"{server.url}{large}")
    page.route(
        "**/search?*",
        lambda route: route.fulfill(status=503, json={"message": "Down.", "remedy": "Wait."}),
    )
    page.locator("#q").fill("sku")
    page.keyboard.press("Enter")
    expect(page.locator("#notice")).to_have_text("Down. Wait.")
    page.unroute("**/search?*")
    page.keyboard.press("Enter")
    expect(page.locator("mark.current")).to_be_visible()


def test_a_narrow_screen_has_no_sideways_scrolling(
    open_page: Open, server: ViewServer, large: str
) -> None:
    records = as_json(json.dumps([{f"column {n}": "x" * 30 for n in range(20)}]))
    hexadecimal = plain(bytes(range(256)))
    paths = ["/", large, "/view/" + server.store(records), "/view/" + server.store(hexadecimal)]
    for path in paths:
        page = open_page(path)
        page.set_viewport_size({"width": 360, "height": 740})
        page.wait_for_function("document.readyState === 'complete'")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, path


@pytest.mark.parametrize("path", ["/view/nonsense", "/nothing-here", "/view/a/b/c/d/e/f"])
def test_a_refusal_has_its_style(context: BrowserContext, server: ViewServer, path: str) -> None:
    page = context.new_page()
    page.goto(f"{server.url}{path}")
    expect(page.locator(".refusal")).to_have_css("border-radius", "14px")
    page.locator("#theme").click()
