"""A reader who types what a page says, in one empty folder and against a real server."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final, Self

import pytest

from tests.docs.doc_pages import ROOT, CodeBlock

_SERVER: Final = "localhost:7233"
_FOLDER: Final = "/tmp/"  # noqa: S108 - what the pages say, not a place of ours
_SECONDS: Final = 120
_CRASHES: Final = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS)
_TRIES: Final = 5
_FOREIGN: Final = ("CLAIMCHECK_", "TEMPORAL_", "R2_", "REDIS_", "AWS_")


class Reader:
    """Follows the blocks of one page. What it leaves running ends with the `with` block."""

    def __init__(self, folder: Path, request: pytest.FixtureRequest) -> None:
        self._folder = folder
        self._request = request
        self._programs = folder / "programs"
        self._programs.mkdir()
        self._running: dict[str, subprocess.Popen[str]] = {}
        self._printed: str | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._running.values():
            process.kill()
        for process in self._running.values():
            process.communicate()

    def follow(self, block: CodeBlock) -> None:
        """Do what the comment before the block says; nothing without one."""
        match block.verb:
            case "file":
                (self._programs / block.argument).write_text(self._here(block.text))
            case "run":
                self._run(block)
            case "background":
                self._start(block)
            case "output":
                self._compare(block)
            case _:
                pass

    def _run(self, block: CodeBlock) -> None:
        expected = int(block.argument.removeprefix("exits ") or 0)
        done = self._once(block)
        # A thread of the SDK may outlive the interpreter on Python 3.11 and crash a process that
        # has done its work, also where nobody uses a claim check: one in six on a busy machine.
        # That is no fault of the page.
        tries = 1
        while _crashed_at_exit(done) and tries < _TRIES:
            done = self._once(block)
            tries += 1
        assert done.returncode == expected, (
            f"{block} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
        )
        self._printed = done.stdout if expected == 0 else done.stderr

    def _once(self, block: CodeBlock) -> subprocess.CompletedProcess[str]:
        return subprocess.run(  # noqa: S603 - the pages are ours
            self._command(block),
            cwd=self._programs,
            env=self._environment(block),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=_SECONDS,
        )

    def _start(self, block: CodeBlock) -> None:
        if (same := self._running.pop(block.text, None)) is not None:
            same.terminate()
            same.communicate(timeout=_SECONDS)
        log = self._folder / f"block_{block.line}.log"
        with log.open("wb") as errors:
            process = subprocess.Popen(  # noqa: S603 - the pages are ours
                self._command(block, before="exec "),
                cwd=self._programs,
                env=self._environment(block),
                stdout=subprocess.PIPE,
                stderr=errors,
                stdin=subprocess.DEVNULL,
                text=True,
            )
        self._running[block.text] = process
        assert process.stdout is not None
        # The pages' programs print one line when they are ready.
        assert process.stdout.readline(), f"{block} ended at once:\n{log.read_text()}"

    def _compare(self, block: CodeBlock) -> None:
        assert self._printed is not None, f"{block} shows the output of nothing"
        shown = [re.escape(part) for part in _narrow(self._here(block.text)).split("…")]
        # Columns are as wide as the widest of what others left on the server.
        assert re.fullmatch(".*?".join(shown), _narrow(self._printed), re.DOTALL), (
            f"{block} shows what was not printed; this was:\n{self._printed}"
        )

    def _command(self, block: CodeBlock, before: str = "") -> list[str]:
        if block.language == "python":
            program = self._programs / f"block_{block.line}.py"
            program.write_text(self._here(block.text))
            return [sys.executable, program.name]
        return ["/bin/sh", "-euc", before + self._here(block.text)]

    def _here(self, text: str) -> str:
        """Point the page's server and folders to the test's own."""
        if _SERVER in text:
            text = text.replace(_SERVER, self._address())
        return text.replace(_FOLDER, f"{self._folder}/")

    def _address(self) -> str:
        return self._request.getfixturevalue("temporal_address")

    def _environment(self, block: CodeBlock) -> dict[str, str]:
        mine = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
        beside = Path(sys.executable).parent
        mine["PATH"] = os.pathsep.join((str(beside), mine["PATH"]))
        mine["PYTHONPATH"] = str(ROOT / "src")
        # A crash says where it was.
        mine["PYTHONFAULTHANDLER"] = "1"
        if "temporal " in block.text:
            mine["TEMPORAL_ADDRESS"] = self._address()
        return mine


def _crashed_at_exit(done: subprocess.CompletedProcess[str]) -> bool:
    """Say whether the interpreter crashed when no line of Python was left to run."""
    _, crash, threads = done.stderr.partition("Fatal Python error: ")
    ended_by = {-done.returncode, done.returncode - 128}
    return bool(crash) and not ended_by.isdisjoint(_CRASHES) and 'File "' not in threads


def _narrow(text: str) -> str:
    return re.sub(" {2,}", "  ", text.strip())
