"""Where things are, and what a test does when a tool is missing."""

import os
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
DOCKERFILE: Final = DEPLOY / "docker" / "Dockerfile"
KUBERNETES: Final = DEPLOY / "kubernetes"
SYSTEMD: Final = DEPLOY / "systemd"


def missing(tool: str, remedy: str) -> Any:
    """Skip the test, or fail it on the CI, where all tools must be there."""
    reason = f"no {tool} here: {remedy}"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)


def version_of_the_package() -> str:
    """Return the version, from where it stands."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return str(project["version"])
