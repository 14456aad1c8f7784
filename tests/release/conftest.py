"""What `make dist` built, and environments that know nothing of the checkout."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
DIST: Final = ROOT / "dist"
INSTALL_SECONDS: Final = 900


def only(pattern: str) -> Path:
    """Return the one file in dist that is called so."""
    found = sorted(DIST.glob(pattern))
    assert len(found) == 1, f"run `make dist`; found {[file.name for file in found]}"
    return found[0]


@pytest.fixture(scope="session")
def wheel() -> Path:
    return only("*.whl")


@pytest.fixture(scope="session")
def archive() -> Path:
    return only("*.tar.gz")


@pytest.fixture(scope="session")
def materials() -> Path:
    return only("*.cdx.json")


def outside(environment: dict[str, str] | None = None) -> dict[str, str]:
    """Return an environment in which nothing leads back to the checkout."""
    mine = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CLAIMCHECK_", "PYTHON", "PYTEST_", "VIRTUAL_ENV", "COV_"))
    }
    return mine | (environment or {})


def run(command: Sequence[str | Path], *, cwd: Path, seconds: float = INSTALL_SECONDS) -> str:
    """Return what a program printed; what it says on failure is the failure of the test."""
    done = subprocess.run(  # noqa: S603 - the programs are ours
        list(map(str, command)),
        cwd=cwd,
        env=outside(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
        timeout=seconds,
    )
    assert done.returncode == 0, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def base_python() -> Path:
    """Return the interpreter behind this environment."""
    return Path(getattr(sys, "_base_executable", sys.executable))


def fresh_environment(folder: Path, *requirements: str) -> Path:
    """Return the interpreter of a new environment that holds these, at the pinned versions."""
    run([base_python(), "-m", "venv", folder], cwd=folder.parent)
    python = folder / "bin" / "python"
    install = [python, "-m", "pip", "install", "--quiet", "--constraint", ROOT / "constraints.txt"]
    run([*install, "--upgrade", "pip"], cwd=folder.parent)
    run([*install, *requirements], cwd=folder.parent)
    return python
