"""Units of systemd as data."""

import shlex
from collections.abc import Mapping
from pathlib import Path

from tests.deploy.places import SYSTEMD

Unit = Mapping[str, Mapping[str, list[str]]]


def units(suffix: str) -> dict[str, Unit]:
    """Return the units with this suffix, by name."""
    return {file.name: _read(file) for file in sorted(SYSTEMD.glob(f"*{suffix}"))}


def commands(unit: Unit) -> list[list[str]]:
    """Return the command lines of a service, in order."""
    service = unit["Service"]
    lines = [*service.get("ExecStartPre", []), *service.get("ExecStart", [])]
    return [shlex.split(line) for line in lines]


def assignments(file: str) -> dict[str, str]:
    """Return the variables of an example of an EnvironmentFile."""
    lines = (SYSTEMD / file).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def _read(file: Path) -> Unit:
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in file.read_text().splitlines():
        if line.startswith("["):
            section = sections.setdefault(line.strip("[]"), {})
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            section.setdefault(name, []).append(value)
    return sections
