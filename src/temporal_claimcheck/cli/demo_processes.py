"""The example's scripts as processes of their own: started, listened to, and always ended."""

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncGenerator, Coroutine, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, Final, Self, cast

from temporal_claimcheck.errors import ClaimCheckError, ConfigurationError

__all__ = [
    "DemoFailed",
    "ExampleScripts",
    "UnusableRecords",
    "example_folder",
    "to_the_end",
]

_READY: Final = b"Worker ready"
_READY_SECONDS: Final = 60
_WRONG_INPUT: Final = 2


class DemoFailed(ClaimCheckError):
    """The demo could not show what it promises."""

    code = "demo-failed"
    retryable = False


class UnusableRecords(ConfigurationError):
    """There are no records to be had from what the user named."""

    code = "unusable-records"


def example_folder() -> Path:
    """Return where the example pipeline lies: in the installed package, or in the checkout."""
    package = Path(str(files("temporal_claimcheck")))
    for folder in (
        package / "examples/pipeline",
        package.parents[1] / "examples/pipeline",
    ):
        if (folder / "worker.py").is_file():
            return folder
    raise DemoFailed(
        "The example pipeline is not part of this installation.",
        remedy="Install the package from a wheel, or run the demo from a whole checkout.",
    )


async def to_the_end(work: Coroutine[Any, Any, None]) -> None:
    """Await work that must not be broken off: a signal that comes meanwhile counts after it."""
    task = asyncio.create_task(work)
    try:
        await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait([task])
        raise


class ExampleScripts:
    """Runs the example's scripts with this interpreter, their output kept in one log file."""

    def __init__(self, folder: Path, *, log_file: Path, environment: Mapping[str, str]) -> None:
        self._folder = folder
        self._log_file = log_file
        self._environment = dict(environment)

    def with_environment(self, **settings: str) -> Self:
        """Return the same scripts with some environment variables added."""
        return type(self)(
            self._folder,
            log_file=self._log_file,
            environment=self._environment | settings,
        )

    async def write_records(
        self, output_file: Path, *, input_file: Path | None, size: str | None
    ) -> dict[str, Any]:
        """Write the records to a file as JSON; return what the script says about them.

        Raises UnusableRecords with the script's own reason.
        """
        arguments = ["--json", "--output", str(output_file)]
        if input_file is not None:
            arguments += ["--input", str(input_file)]
        if size is not None:
            arguments += ["--size", size]
        async with self._started("records.py", *arguments) as process:
            stdout, _ = await process.communicate()
        if process.returncode == _WRONG_INPUT:
            raise UnusableRecords(
                self.log_tail(1).removeprefix("error: "),
                remedy="Nothing was started.",
            )
        if process.returncode != 0:
            raise self._failed("The records could not be prepared", process.returncode)
        return json.loads(stdout)

    @contextlib.asynccontextmanager
    async def worker(self) -> AsyncGenerator[asyncio.Task[None]]:
        """Run a worker; yields, once it polls, a task that fails if the worker ends by itself."""
        async with self._started("worker.py") as process:
            ready = asyncio.Event()
            listening = asyncio.create_task(self._listen(process, ready))
            try:
                await self._wait_until_ready(ready, listening)
                yield listening
            finally:
                listening.cancel()
                await asyncio.wait([listening])

    async def start_workflow(self, *, input_file: Path, workflow_id: str) -> dict[str, Any]:
        """Run the pipeline's workflow; return the JSON that says how it ended, good or bad."""
        arguments = ["--input", str(input_file), "--workflow-id", workflow_id, "--json"]
        async with self._started("start_workflow.py", *arguments) as process:
            stdout, _ = await process.communicate()
        lines = stdout.splitlines()
        try:
            # The outcome is the last line; Temporal's SDK may write warnings before it.
            document: object = json.loads(lines[-1]) if lines else None
        except ValueError:
            document = None
        if not isinstance(document, dict):
            raise self._failed("start_workflow.py broke off", process.returncode)
        return cast("dict[str, Any]", document)

    def log_tail(self, line_count: int = 15) -> str:
        """Return the last lines that the scripts wrote."""
        if not self._log_file.exists():
            return ""
        text = self._log_file.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-line_count:])

    async def _wait_until_ready(self, ready: asyncio.Event, listening: asyncio.Task[None]) -> None:
        polling = asyncio.create_task(ready.wait())
        try:
            await asyncio.wait(
                [polling, listening],
                timeout=_READY_SECONDS,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            polling.cancel()
        if listening.done():
            await listening
        if not ready.is_set():
            raise DemoFailed(
                f"The worker was not ready within {_READY_SECONDS} seconds.",
                remedy="Look at its last lines above.",
            )

    async def _listen(self, process: asyncio.subprocess.Process, ready: asyncio.Event) -> None:
        """Keep the worker's output in the log until it ends, which it should not do."""
        assert process.stdout is not None  # noqa: S101 - it was started with a pipe
        with self._log_file.open("ab") as log:
            async for line in process.stdout:
                log.write(line)
                if line.startswith(_READY):
                    ready.set()
        raise self._failed("The worker stopped by itself", await process.wait())

    @contextlib.asynccontextmanager
    async def _started(
        self, script: str, *arguments: str
    ) -> AsyncGenerator[asyncio.subprocess.Process]:
        # Its own session: Ctrl-C in the terminal reaches us only, and we end it in order.
        starting = asyncio.create_task(self._start(script, *arguments))
        try:
            process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            await _end(await starting)
            raise
        try:
            yield process
        finally:
            await to_the_end(_end(process))

    async def _start(self, script: str, *arguments: str) -> asyncio.subprocess.Process:
        with self._log_file.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable,
                str(self._folder / script),
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=self._environment,
                start_new_session=True,
            )

    def _failed(self, what: str, exit_code: int | None) -> DemoFailed:
        return DemoFailed(f"{what} (exit code {exit_code}).", remedy="Its last lines are above.")


async def _end(process: asyncio.subprocess.Process) -> None:
    """Return when the process is gone. Not asked first: it has nothing that is worth saving."""
    if process.returncode is None:
        process.kill()
    await process.wait()
