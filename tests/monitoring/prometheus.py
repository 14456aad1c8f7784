"""Prometheus and promtool, as Debian has them; nothing is installed as a service."""

import asyncio
import contextlib
import json
import os
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from temporal_claimcheck.testing.servers import free_ports, running, wait_for_port
from tests.monitoring.files import ALERTS, RECORDING_RULES

_PROGRAMS: Final = ("prometheus", "promtool")
_SECONDS: Final = 60.0

needs_prometheus: Final = pytest.mark.skipif(
    # On the CI they must be there.
    not all(map(shutil.which, _PROGRAMS)) and "CI" not in os.environ,
    reason="Prometheus or promtool is missing: apt-get install prometheus",
)


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the program is Debian's
        ["promtool", *map(str, arguments)],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Prometheus:
    """A server that scrapes every second."""

    url: str

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """Return what an instant query finds and is a number; fail the test if it is refused."""
        path = f"{self.url}/api/v1/query?{urllib.parse.urlencode({'query': expression})}"

        def ask() -> Any:
            try:
                with urllib.request.urlopen(path, timeout=10) as answer:  # noqa: S310
                    return json.load(answer)
            except urllib.error.HTTPError as error:
                raise AssertionError(f"{expression}: {error.read().decode()}") from error

        found = (await asyncio.to_thread(ask))["data"]["result"]
        return [series for series in found if series["value"][1] != "NaN"]

    async def value(self, expression: str) -> float | None:
        found = await self.query(expression)
        return float(found[0]["value"][1]) if found else None

    async def finds(self, *expressions: str) -> list[str]:
        """Wait until each expression finds something; return those that never do."""
        missing = list(expressions)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_SECONDS):
                while missing:
                    missing = [each for each in missing if not await self.query(each)]
                    await asyncio.sleep(0.2)
        return missing

    async def scrape(self, *jobs: str) -> None:
        """Wait until each job was scraped once more than now."""
        count = "count_over_time(up{{job='{}'}}[1h])"
        before = {job: await self.value(count.format(job)) or 0 for job in jobs}
        async with asyncio.timeout(_SECONDS):
            for job, seen in before.items():
                # The one that is under way may have begun before.
                while (await self.value(count.format(job)) or 0) < seen + 2:
                    await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def prometheus(folder: Path, jobs: Mapping[str, str]) -> AsyncGenerator[Prometheus]:
    """Scrape the address of each job, with the rules that are shipped."""
    configuration: dict[str, Any] = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(RECORDING_RULES), str(ALERTS)],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": [address]}]}
            for job, address in jobs.items()
        ],
    }
    file = folder / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration))
    (port,) = free_ports(1)
    command = (
        *("prometheus", f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"),
        f"--web.listen-address=127.0.0.1:{port}",
    )
    log = folder / "prometheus.log"
    async with running(command, log=log, ready=lambda: wait_for_port(port)):
        yield Prometheus(url=f"http://127.0.0.1:{port}")
