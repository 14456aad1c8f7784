"""The built wheel keeps the promises of the core, where nothing else of ours can be reached."""

import shutil
import tarfile
import tomllib
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.release.conftest import ROOT, fresh_environment, run

# What the tests of the core import of their own; they look for it beside themselves.
COPIED = ("__init__.py", "conftest.py", "core", "golden")
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


# Installing takes the time that pip takes.
pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """A folder with the wheel installed and the core's tests, and no way back to the sources."""
    folder = tmp_path_factory.mktemp("laboratory")
    # Two installations: what users get must not need what only tests bring.
    fresh_environment(folder / ".venv", f"{wheel}[all]")
    tools = ("pytest", "pytest-asyncio", "pytest-timeout", "pytest-xdist", "hypothesis")
    python = folder / ".venv" / "bin" / "python"
    run([python, "-c", "import temporal_claimcheck.cli, temporal_claimcheck.wiring"], cwd=folder)
    pinned = ROOT / "constraints.txt"
    run([python, "-m", "pip", "install", "--quiet", "-c", pinned, *tools], cwd=folder)
    for name in COPIED:
        source, target = ROOT / "tests" / name, folder / "tests" / name
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            target.parent.mkdir(exist_ok=True)
            shutil.copy(source, target)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def in_the_laboratory(laboratory: Path, program: str) -> str:
    python = laboratory / ".venv" / "bin" / "python"
    return run([python, "-c", program], cwd=laboratory).strip()


def test_the_package_comes_from_the_wheel(laboratory: Path) -> None:
    home = in_the_laboratory(
        laboratory, "import temporal_claimcheck; print(temporal_claimcheck.__file__)"
    )
    assert Path(home).is_relative_to(laboratory / ".venv")


def test_the_core_passes_its_tests_with_the_sources_out_of_reach(laboratory: Path) -> None:
    python = laboratory / ".venv" / "bin" / "python"
    said = run([python, "-m", "pytest", "-q", "-n", "2", "tests"], cwd=laboratory)
    # That the tests were there at all.
    assert int(said.rsplit(" passed", 1)[0].rsplit(maxsplit=1)[-1]) > 500, said


def test_every_module_of_the_wheel_can_be_imported(laboratory: Path) -> None:
    program = (
        "import importlib, pkgutil, temporal_claimcheck as package\n"
        "found = pkgutil.walk_packages(package.__path__, 'temporal_claimcheck.')\n"
        "names = [module.name for module in found]\n"
        "names = [n for n in names if '__main__' not in n and '.examples' not in n]\n"
        "print(len([importlib.import_module(name) for name in names]))"
    )
    assert int(in_the_laboratory(laboratory, program)) > 100


def test_the_command_says_the_version_of_the_project(laboratory: Path) -> None:
    said = run([laboratory / ".venv" / "bin" / "claimcheck", "--version"], cwd=laboratory)
    assert said.split() == ["claimcheck", VERSION]


def test_the_wheel_is_typed_and_brings_no_tests(wheel: Path) -> None:
    names = ZipFile(wheel).namelist()
    assert "temporal_claimcheck/py.typed" in names
    tops = {name.split("/")[0] for name in names}
    assert tops == {"temporal_claimcheck", f"temporal_claimcheck-{VERSION}.dist-info"}
    kinds = {Path(name).suffix for name in names if name.startswith("temporal_claimcheck/")}
    assert kinds <= {
        ".py",
        ".typed",
        ".html",
        ".css",
        ".js",
        ".svg",
        ".md",
        ".txt",
        ".json",
        ".toml",
    }


def test_the_archive_has_what_the_checks_need(archive: Path) -> None:
    with tarfile.open(archive) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    tracked = run(["git", "ls-files"], cwd=ROOT).splitlines()
    missing = {name for name in tracked if name not in names}
    assert missing <= {".gitattributes"}


def test_what_this_release_writes_is_kept_for_later_ones() -> None:
    assert (ROOT / "tests" / "golden" / VERSION / "set.json").is_file()
