"""Real servers for tests: each on free loopback ports, stopped by the process id that was kept.

Every program comes as a wheel, but Azurite's, which comes from npm. They are looked for beside the
interpreter and on the PATH. Use them as asynchronous context managers, in fixtures of your own:

    @pytest.fixture
    async def s3(tmp_path):
        async with seaweedfs(tmp_path, bucket="claims") as server:
            yield server
"""

import asyncio
import base64
import hmac
import os
import shutil
import signal
import socket
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

from temporalio.testing import WorkflowEnvironment

__all__ = [
    "AzureServer",
    "ProgramMissing",
    "S3Server",
    "ServerProcess",
    "azurite",
    "find_program",
    "free_ports",
    "rclone_s3",
    "redis_server",
    "seaweedfs",
    "temporal_server",
    "wait_for_port",
]

_START_SECONDS: Final = 60.0
_STOP_SECONDS: Final = 10.0
_ASK_AGAIN_SECONDS: Final = 0.05
# Public: every Azurite has this account.
_AZURITE_ACCOUNT: Final = "devstoreaccount1"
_AZURITE_KEY: Final = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)


class ProgramMissing(RuntimeError):
    """A server's program is not installed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerProcess:
    """A server that runs in a process of its own."""

    process: asyncio.subprocess.Process
    port: int
    log: Path
    """What the server printed."""

    def kill(self) -> None:
        """End it at once, as a crash does."""
        self.process.kill()

    def pause(self) -> None:
        """Stop it from answering without ending it."""
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused server go on."""
        self.process.send_signal(signal.SIGCONT)


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Server(ServerProcess):
    """A server that speaks S3."""

    bucket: str
    access_key_id: str
    secret_access_key: str
    ca: Path | None = None
    """Certificate of the authority to trust, if the server speaks TLS."""

    @property
    def endpoint(self) -> str:
        """URL of the S3 API."""
        scheme = "http" if self.ca is None else "https"
        return f"{scheme}://127.0.0.1:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureServer(ServerProcess):
    """A server that speaks Azure Blob Storage, with the account that every emulator has."""

    container: str

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs in its environment to use this server."""
        return {
            "AZURE_STORAGE_USE_EMULATOR": "true",
            "AZURITE_BLOB_STORAGE_URL": f"http://127.0.0.1:{self.port}",
        }


def find_program(*names: str) -> str:
    """Return the path of the first of these programs that is installed.

    Raises ProgramMissing.
    """
    beside = Path(sys.executable).parent
    for name in names:
        found = shutil.which(name, path=os.pathsep.join((str(beside), os.environ["PATH"])))
        if found is not None:
            return found
    raise ProgramMissing(f"Install {' or '.join(names)}: `make install` does it here.")


def free_ports(count: int) -> list[int]:
    """Return loopback ports that nothing listens on at this moment."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


async def wait_for_port(port: int) -> None:
    """Return when something accepts connections on the loopback port."""
    while True:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
        else:
            writer.close()
            await writer.wait_closed()
            return


@asynccontextmanager
async def running(
    command: Sequence[str],
    *,
    log: Path,
    ready: Callable[[], Awaitable[None]],
    environment: Mapping[str, str] | None = None,
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """Run a server for the block: started, ready, and in the end stopped for certain."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, **(environment or {})},
        )
    try:
        await _until_ready(process, ready, log)
        yield process
    finally:
        await _stop(process)


async def _until_ready(
    process: asyncio.subprocess.Process, ready: Callable[[], Awaitable[None]], log: Path
) -> None:
    ended = asyncio.ensure_future(process.wait())
    is_ready = asyncio.ensure_future(ready())
    try:
        await asyncio.wait(
            (ended, is_ready), timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if not is_ready.done() or ended.done():
            raise RuntimeError(f"The server did not start. It printed:\n{_tail(log)}")
        is_ready.result()
    finally:
        ended.cancel()
        is_ready.cancel()


def _tail(log: Path) -> str:
    return log.read_text(errors="replace")[-2000:]


async def _stop(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    process.send_signal(signal.SIGCONT)
    process.terminate()
    try:
        async with asyncio.timeout(_STOP_SECONDS):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()


@asynccontextmanager
async def temporal_server(*, arguments: Sequence[str] = ()) -> AsyncGenerator[WorkflowEnvironment]:
    """Run Temporal's dev server, in memory, with namespace `default`."""
    async with await WorkflowEnvironment.start_local(  # pyright: ignore[reportUnknownMemberType]
        dev_server_existing_path=find_program("temporal"),
        dev_server_extra_args=arguments,
        dev_server_log_level="error",
    ) as environment:
        yield environment


@asynccontextmanager
async def redis_server(
    folder: Path,
    *,
    arguments: Sequence[str] = (),
    programs: Sequence[str] = ("redis-server", "valkey-server"),
    port: int | None = None,
) -> AsyncGenerator[ServerProcess]:
    """Run Redis, or Valkey where Redis has no wheel, with its data in `folder`."""
    port = port or free_ports(1)[0]
    log = folder / "redis.log"
    command = [
        find_program(*programs),
        *("--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)),
        *arguments,
    ]
    async with running(command, log=log, ready=lambda: wait_for_port(port)) as process:
        yield ServerProcess(process=process, port=port, log=log)


@asynccontextmanager
async def seaweedfs(
    folder: Path,
    *,
    bucket: str,
    arguments: Sequence[str] = (),
    ports: Sequence[int] = (),
    ca: Path | None = None,
    certificate: Path | None = None,
) -> AsyncGenerator[S3Server]:
    """Run SeaweedFS's S3 API with its data in `folder` and one bucket.

    With the ten `ports` of a server that ran before, it is found where that one was. With a
    certificate, in one file with its key, it speaks TLS.
    """
    names = ("master", "volume", "filer", "s3", "admin")
    ports = ports or free_ports(2 * len(names))
    http, grpc = dict(zip(names, ports, strict=False)), dict(zip(names, ports[5:], strict=True))
    port, tls = http["s3"], list[str]()
    if certificate is not None:
        (port,) = free_ports(1)
        tls = [f"-s3.port.https={port}"]
        tls += [f"-s3.{part}.file={certificate}" for part in ("cert", "key")]
    key_id, secret = "claimcheck", "claimcheck-secret"
    log = folder / "seaweedfs.log"
    data = folder / "seaweedfs"
    data.mkdir(exist_ok=True)
    command = [
        *(find_program("weed"), "mini", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"),
        *(f"-{name}.port={port}" for name, port in http.items()),
        *(f"-{name}.port.grpc={port}" for name, port in grpc.items()),
        *("-s3.port.iceberg=0", "-s3.port.lance=0", "-master.telemetry=false", "-webdav=false"),
        *tls,
        *arguments,
    ]
    server_environment = {
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
        "S3_BUCKET": bucket,
    }

    async def ready() -> None:
        await wait_for_port(port)
        # The bucket is made after S3 answers; as a folder of the filer it needs no signature.
        await _wait_for_path(http["filer"], f"/buckets/{bucket}/")

    async with running(command, log=log, ready=ready, environment=server_environment) as process:
        yield S3Server(
            process=process,
            port=port,
            log=log,
            bucket=bucket,
            access_key_id=key_id,
            secret_access_key=secret,
            ca=ca,
        )


async def _wait_for_path(port: int, path: str) -> None:
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(f"HEAD {path} HTTP/1.0\r\n\r\n".encode())
        answer = await reader.readline()
        writer.close()
        if b" 200 " in answer:
            return
        await asyncio.sleep(_ASK_AGAIN_SECONDS)


@asynccontextmanager
async def rclone_s3(
    folder: Path, *, bucket: str, ca: Path | None = None, certificate: Path | None = None
) -> AsyncGenerator[S3Server]:
    """Run rclone's S3 API with its data in `folder` and one bucket.

    It ignores `If-None-Match`, so it stands for all servers without conditional writes. With
    a certificate, in one file with its key, it speaks TLS.
    """
    (port,) = free_ports(1)
    key_id, secret = "claimcheck", "claimcheck-secret"
    log = folder / "rclone.log"
    data = folder / "rclone"
    (data / bucket).mkdir(parents=True, exist_ok=True)
    command = [
        *(find_program("rclone"), "serve", "s3", str(data), f"--addr=127.0.0.1:{port}"),
        *(f"--auth-key={key_id},{secret}", "--config="),
        *(() if certificate is None else (f"--cert={certificate}", f"--key={certificate}")),
    ]
    async with running(command, log=log, ready=lambda: wait_for_port(port)) as process:
        yield S3Server(
            process=process,
            port=port,
            log=log,
            bucket=bucket,
            access_key_id=key_id,
            secret_access_key=secret,
            ca=ca,
        )


@asynccontextmanager
async def azurite(folder: Path, *, container: str) -> AsyncGenerator[AzureServer]:
    """Run Microsoft's emulator of Azure Blob Storage (`npm install azurite`) with one container."""
    (port,) = free_ports(1)
    log = folder / "azurite.log"
    command = [
        *(find_program("azurite-blob"), "--blobHost=127.0.0.1", f"--blobPort={port}"),
        *(f"--location={folder}", "--silent", "--skipApiVersionCheck", "--disableTelemetry"),
    ]

    async def ready() -> None:
        await wait_for_port(port)
        await asyncio.to_thread(_make_container, port, container)

    async with running(command, log=log, ready=ready) as process:
        yield AzureServer(process=process, port=port, log=log, container=container)


def _make_container(port: int, container: str) -> None:
    # By hand, because the client of the store makes no containers.
    # https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-12-02"}
    signed = "\n".join(
        (
            "PUT",
            *[""] * 11,
            *(f"{name}:{value}" for name, value in headers.items()),
            f"/{_AZURITE_ACCOUNT}/{_AZURITE_ACCOUNT}/{container}",
            "restype:container",
        )
    )
    digest = hmac.digest(base64.b64decode(_AZURITE_KEY), signed.encode(), "sha256")
    headers["Authorization"] = f"SharedKey {_AZURITE_ACCOUNT}:{base64.b64encode(digest).decode()}"
    connection = HTTPConnection("127.0.0.1", port, timeout=_STOP_SECONDS)
    with closing(connection):
        path = f"/{_AZURITE_ACCOUNT}/{container}?restype=container"
        connection.request("PUT", path, headers=headers)
        answer = connection.getresponse()
        if answer.status != HTTPStatus.CREATED:
            raise RuntimeError(f"Azurite made no container: {answer.read().decode()}")
