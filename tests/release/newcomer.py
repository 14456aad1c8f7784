"""A reader who begins with nothing: makes the environment of the page, and types the rest."""

import os
import subprocess
from pathlib import Path
from typing import Final

import pytest

from temporal_claimcheck.testing.servers import free_ports
from tests.docs.doc_pages import CodeBlock
from tests.docs.reader import Reader
from tests.release.conftest import ROOT, base_python

_START_SERVER: Final = "temporal server start-dev"
_INSTALL_SECONDS: Final = 600
_BELONGS_TO_US: Final = (
    "CLAIMCHECK_",
    "TEMPORAL_",
    "PYTHON",
    "VIRTUAL_ENV",
    "AWS_",
    "R2_",
    "REDIS_",
)


class Newcomer(Reader):
    """Follows a page in an empty folder, outside of the checkout and without what is in it.

    pip gets what is no concern of the page: which versions, and that the package, which the
    registry need not have yet, is the wheel that was built.
    """

    def __init__(self, folder: Path, request: pytest.FixtureRequest, *, wheel: Path) -> None:
        super().__init__(folder, request)
        self._wheel = wheel
        self._port, self._ui_port = free_ports(2)

    @property
    def environment(self) -> Path:
        """Where the page made its environment."""
        return self._programs / ".venv"

    @property
    def home_of_the_package(self) -> Path:
        """The file from which the environment imports the package."""
        done = subprocess.run(  # noqa: S603 - a line of this test
            [
                str(self.environment / "bin" / "python"),
                "-c",
                "import temporal_claimcheck; print(temporal_claimcheck.__file__)",
            ],
            cwd=self._programs,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
            capture_output=True,
            text=True,
            check=True,
        )
        return Path(done.stdout.strip())

    def follow(self, block: CodeBlock) -> None:
        """Do what the comment before the block says; install and start the server too."""
        match block.verb:
            case "install":
                self._install(block)
            case "server":
                assert block.text.strip() == _START_SERVER
                # As the page has it, but for ports that others on this machine may have taken.
                self._start(block)
            case _:
                super().follow(block)

    def _install(self, block: CodeBlock) -> None:
        done = subprocess.run(  # noqa: S603 - the pages are ours
            self._command(block),
            cwd=self._programs,
            env=self._environment(block) | self._pip(),
            capture_output=True,
            stdin=subprocess.DEVNULL,
            text=True,
            check=False,
            timeout=_INSTALL_SECONDS,
        )
        assert done.returncode == 0, f"{block}:\n{done.stdout}{done.stderr}"

    def _pip(self) -> dict[str, str]:
        version = self._wheel.name.split("-")[1]
        constraints = self._folder / "constraints.txt"
        constraints.write_text(
            (ROOT / "constraints.txt").read_text() + f"\ntemporal-claimcheck=={version}\n"
        )
        links = (os.environ.get("PIP_FIND_LINKS"), str(self._wheel.parent))
        return {
            "PIP_CONSTRAINT": str(constraints),
            "PIP_FIND_LINKS": " ".join(link for link in links if link),
        }

    def _command(self, block: CodeBlock, before: str = "") -> list[str]:
        text = self._here(block.text)
        if block.verb == "server":
            text = f"{_START_SERVER} --port {self._port} --ui-port {self._ui_port}"
        if block.language == "python":
            return super()._command(block, before)
        # A terminal in which the environment was activated, but for the one that makes it.
        activate = "" if block.verb == "install" else ". .venv/bin/activate; "
        return ["/bin/sh", "-euc", activate + before + text]

    def _address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def _environment(self, block: CodeBlock) -> dict[str, str]:
        mine = {
            name: value for name, value in os.environ.items() if not name.startswith(_BELONGS_TO_US)
        }
        # Nothing of the environment that runs this test: only the system, and its Python.
        base = base_python().parent
        mine["PATH"] = os.pathsep.join((str(base), "/usr/local/bin", "/usr/bin", "/bin"))
        mine["PYTHONFAULTHANDLER"] = "1"
        if "temporal " in block.text:
            mine["TEMPORAL_ADDRESS"] = self._address()
        return mine
