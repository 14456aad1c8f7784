"""What the Dockerfile's steps make, run with the manifests' settings as Kubernetes would run it."""

import asyncio
import base64
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from temporal_claimcheck.testing.servers import (
    S3Server,
    free_ports,
    seaweedfs,
)
from tests.deploy.confinement import child, confined, first_line, words
from tests.deploy.image import build
from tests.deploy.manifests import Container, containers, variant
from tests.deploy.places import version_of_the_package
from tests.deploy.test_kubernetes_settings import IMAGE, environment

TOKEN = "made-up-and-long-enough"
# An installation of all packages, in a test that comes first.
pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def installed() -> Iterator[Path]:
    """The folder that is /opt/claimcheck in the image. Others than root may look into it."""
    folder = Path(tempfile.mkdtemp(prefix="claimcheck-image-"))
    folder.chmod(0o755)
    try:
        yield build(folder)
    finally:
        shutil.rmtree(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def r2() -> AsyncGenerator[S3Server]:
    """A bucket in the place of R2's."""
    folder = Path(tempfile.mkdtemp(prefix="claimcheck-r2-"))
    try:
        async with seaweedfs(folder, bucket="claims-prod") as server:
            yield server
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def deployed(name: str, *, added: str = "") -> Container:
    found = containers(variant(f"overlays/prod{added}"))
    [container] = [each for each in found if each.spec["name"] == name]
    return container


def settings_of(container: Container, r2: S3Server, **more: str) -> dict[str, str]:
    ours = environment(container) | {
        "R2_ENDPOINT": r2.endpoint,
        "R2_ACCESS_KEY_ID": r2.access_key_id,
        "R2_SECRET_ACCESS_KEY": r2.secret_access_key,
    }
    return (
        {"PATH": "/usr/bin:/bin"}
        | {name: IMAGE[name] for name in IMAGE if name.startswith("PYTHON")}
        | ours
        | more
    )


def test_the_command_of_the_image_is_this_version(installed: Path) -> None:
    done = subprocess.run(  # noqa: S603 - just built
        [installed / "bin/claimcheck", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout == f"claimcheck {version_of_the_package()}\n"


def test_the_environment_of_the_image_cannot_install_anything(installed: Path) -> None:
    assert not (installed / "bin/pip").exists()
    assert not list(installed.glob("lib/python*/site-packages/pip"))


async def test_the_codec_server_serves_confined_and_with_the_settings_of_the_overlay(
    installed: Path, r2: S3Server
) -> None:
    server = deployed("codec-server")
    [port] = free_ports(1)
    given = settings_of(server, r2, CLAIMCHECK_SERVER_PORT=str(port))
    command = [str(installed / "bin/claimcheck"), *server.spec["args"]]
    python = installed / "bin/python"
    async with confined(python, *command, environment=given, processes_only=True) as process:
        said = await first_line(process)
        assert f"://{r2.bucket}/ at http://0.0.0.0:{port}, to holders of a static token" in said
        assert is_confined(child(process))
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as http:
            for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
                # As the kubelet asks: by the address of the pod.
                answer = await http.get(
                    server.spec[probe]["httpGet"]["path"], headers={"host": f"10.0.0.7:{port}"}
                )
                assert answer.status_code == 200, answer.text
            await store_and_read(http)
        assert health_check(installed, port) == 0
        os.kill(child(process), signal.SIGTERM)
        async with asyncio.timeout(20):
            _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
    assert health_check(installed, port) == 1


async def test_the_collectors_worker_stops_at_once_though_it_is_process_1(
    installed: Path, r2: S3Server, temporal_address: str
) -> None:
    worker = deployed("collector", added=" with a worker")
    given = settings_of(worker, r2, TEMPORAL_ADDRESS=temporal_address, TEMPORAL_NAMESPACE="default")
    # The variant has certificates too, which the dev server does not.
    given = {name: value for name, value in given.items() if "_TLS_" not in name}
    command = [str(installed / "bin/claimcheck"), *worker.spec["args"]]
    python = installed / "bin/python"
    async with confined(python, *command, environment=given) as process:
        assert f"://{r2.bucket}/ on task queue" in await first_line(process)
        os.kill(child(process), signal.SIGTERM)
        async with asyncio.timeout(20):
            _, errors = await process.communicate()
        assert process.returncode == 143, errors.decode()


async def test_a_pass_of_the_collector_runs_confined(
    installed: Path, r2: S3Server, temporal_address: str
) -> None:
    collector = deployed("collector")
    given = settings_of(
        collector, r2, TEMPORAL_ADDRESS=temporal_address, TEMPORAL_NAMESPACE="default"
    )
    command = [str(installed / "bin/claimcheck"), *collector.spec["args"]]
    python = installed / "bin/python"
    async with confined(python, *command, environment=given) as process:
        async with asyncio.timeout(120):
            output, errors = await process.communicate()
        # 3: nobody has written to the bucket by Temporal, and so no namespace is registered.
        assert process.returncode in (0, 3), errors.decode()
        assert process.returncode == 3 or output.startswith(b"{")


async def test_the_examples_worker_runs_confined(
    installed: Path, r2: S3Server, temporal_address: str
) -> None:
    worker = deployed("worker")
    given = settings_of(worker, r2, TEMPORAL_ADDRESS=temporal_address, TEMPORAL_NAMESPACE="default")
    _, *script = words(worker.spec["command"], installed)
    python = installed / "bin/python"
    async with confined(python, *script, environment=given) as process:
        assert await first_line(process) == (
            f"Worker ready on {temporal_address}, task queue 'large-data-pipeline'.\n"
        )
        os.kill(child(process), signal.SIGTERM)
        async with asyncio.timeout(20):
            _, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()


async def test_a_server_without_authentication_does_not_start(
    installed: Path, r2: S3Server
) -> None:
    server = deployed("codec-server")
    given = {
        name: value
        for name, value in settings_of(server, r2).items()
        if "JWKS" not in name and "TOKENS" not in name
    }
    process = await asyncio.create_subprocess_exec(
        installed / "bin/claimcheck",
        *server.spec["args"],
        env=given,
        stderr=asyncio.subprocess.PIPE,
    )
    _, errors = await process.communicate()
    assert process.returncode == 2
    assert b"open to everybody" in errors


def is_confined(process: int) -> bool:
    status = Path(f"/proc/{process}/status").read_text()
    said = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert said["Uid"].split() == ["10001"] * 4
    assert said["NoNewPrivs"] == "1"
    assert said["CapEff"] == said["CapBnd"] == "0" * 16
    assert said["NSpid"].split()[-1] == "1"
    mounts = Path(f"/proc/{process}/mountinfo").read_text().splitlines()
    [root] = [line.split()[5] for line in mounts if line.split()[4] == "/"]
    return "ro" in root.split(",")


def health_check(installed: Path, port: int) -> int:
    return subprocess.run(  # noqa: S603 - just built
        [installed / "bin/python", installed / "healthcheck.py"],
        env={"CLAIMCHECK_SERVER_PORT": str(port)},
        check=False,
    ).returncode


async def store_and_read(http: httpx.AsyncClient) -> None:
    text = base64.b64encode(b'"' + b"large " * 50_000 + b'"').decode()
    document = {"payloads": [{"metadata": {"encoding": "anNvbi9wbGFpbg=="}, "data": text}]}
    caller = {"authorization": f"Bearer {TOKEN}", "x-namespace": "prod"}
    stored = await http.post("/encode", json=document, headers=caller)
    assert stored.status_code == 200, stored.text
    assert len(stored.content) < 2_000
    read = await http.post("/decode", json=stored.json(), headers=caller)
    assert read.json() == document
    assert (await http.post("/decode", json=stored.json())).status_code == 401
