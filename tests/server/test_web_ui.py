"""Temporal's own Web UI in a real Chromium: people see, open and download what a claim is to."""

import json
import os
import re
import shutil
import uuid
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Page, async_playwright, expect
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment
from temporalio.worker import Worker

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.temporal.plugin import Door
from temporal_claimcheck.testing.servers import find_program, free_ports
from tests.server.serving import serving
from tests.temporal import kinds
from tests.temporal.setup import big

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
# CI must have it. Elsewhere the skip says what is missing.
pytestmark = [
    pytest.mark.skipif(
        not Path(CHROMIUM).exists() and not os.environ.get("CI"),
        reason="Chromium is missing: apt-get install chromium",
    ),
    pytest.mark.asyncio(loop_scope="module"),
]
# It waits for what must come, however busy the machine is.
expect.set_options(timeout=60_000)
LARGE = big("look at me")
doors = pytest.mark.parametrize("door", ["driver", "codec"])


@dataclass
class WebUi:
    """The Web UI of a server, and one finished workflow for each door."""

    url: str
    runs: dict[str, tuple[str, str]]
    browser: Browser

    async def open(self, door: Door, *, codec: str | None = None) -> Page:
        """Open the history of a workflow; with `codec`, another codec server than the UI's own."""
        context = await self.browser.new_context(
            viewport={"width": 1400, "height": 1000}, accept_downloads=True
        )
        context.set_default_timeout(60_000)
        page = await context.new_page()
        if codec is not None:
            # As a person does it under "codec server" in the UI, which keeps it in the browser.
            await page.goto(self.url)
            await page.evaluate(
                "endpoint => { localStorage.setItem('endpoint', JSON.stringify(endpoint)); "
                "localStorage.setItem('overrideRemoteCodecConfiguration', 'true'); }",
                codec,
            )
        workflow_id, run_id = self.runs[door]
        await page.goto(f"{self.url}/namespaces/default/workflows/{workflow_id}/{run_id}/history")
        return page


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def web_ui() -> AsyncGenerator[WebUi]:
    store = MemoryStore()
    (ui_port,) = free_ports(1)
    async with (
        serving(store=store) as codec,
        await WorkflowEnvironment.start_local(  # pyright: ignore[reportUnknownMemberType]
            dev_server_existing_path=find_program("temporal"),
            dev_server_log_level="error",
            dev_server_extra_args=["--ui-codec-endpoint", codec.url],
            ui=True,
            ui_port=ui_port,
        ) as environment,
        async_playwright() as playwright,
    ):
        address = environment.client.service_client.config.target_host
        runs = {door: await run_workflow(address, door, store) for door in ("driver", "codec")}
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield WebUi(f"http://127.0.0.1:{ui_port}", runs, browser)
        await browser.close()


async def run_workflow(address: str, door: Door, store: MemoryStore) -> tuple[str, str]:
    plugin = ClaimCheckPlugin(ClaimCheckManager(store), door=door)
    client = await Client.connect(address, plugins=[plugin])
    queue = str(uuid.uuid4())
    async with Worker(client, task_queue=queue, workflows=[kinds.Measure]):
        handle = await client.start_workflow(
            kinds.Measure.run, LARGE, id=f"large-by-{door}", task_queue=queue
        )
        assert await handle.result() == len(LARGE)
    return handle.id, (await handle.describe()).run_id


@doors
async def test_a_large_input_is_downloaded_as_what_it_is(door: Door, web_ui: WebUi) -> None:
    page = await web_ui.open(door)
    size = page.get_by_role("button", name=re.compile(r"9\.54 MB"))
    async with page.expect_download() as started:
        await size.click()
    downloaded = (await (await started.value).path()).read_text("utf-8")  # a small wait in a test
    assert LARGE in downloaded


@doors
async def test_the_link_beside_it_leads_to_the_view_page(door: Door, web_ui: WebUi) -> None:
    page = await web_ui.open(door)
    shown = page.get_by_text("/view/v1/default/").first
    await expect(shown).to_be_visible()
    text = "".join((await page.locator("body").inner_text()).split())
    [link] = set(re.findall(r'"view":"(http://[^"]+)"', text))
    await page.goto(link)
    await expect(page.get_by_text("look at me").first).to_be_visible()


@doors
async def test_the_preview_says_what_it_is_and_where(door: Door, web_ui: WebUi) -> None:
    page = await web_ui.open(door)
    async with page.expect_request(re.compile("/decode")) as asked:
        await page.reload()
    base = (await asked.value).url.split("/decode")[0]
    page = await web_ui.open(door, codec=f"{base}/preview")
    await expect(page.get_by_text("Claim check: 10,000,0").first).to_be_visible()
    text = "".join((await page.locator("body").inner_text()).split())
    [link] = set(re.findall(r"Viewat:(http://[^\"]+)\"", text))
    answer = await page.goto(json.loads(f'"{link}"'))
    assert answer is not None
    assert answer.status == 200
