"""Whoever builds this commit gets these bytes."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.release.conftest import ROOT, run

BUILDER = ROOT / ".venv-release" / "bin" / "python"


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def built(source: Path, target: Path, epoch: str | None) -> dict[str, str]:
    environment = {key: value for key, value in os.environ.items() if key != "SOURCE_DATE_EPOCH"}
    if epoch is not None:
        environment["SOURCE_DATE_EPOCH"] = epoch
    subprocess.run(  # noqa: S603 - the release's own tool
        [str(BUILDER), "-m", "build", "--no-isolation", "--outdir", str(target), str(source)],
        env=environment,
        check=True,
        capture_output=True,
    )
    return {file.name: digest(file) for file in sorted(target.iterdir())}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The checkout in another folder, with other times and rights, as another person has it."""
    folder = tmp_path / "somewhere else"
    for name in run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT).splitlines():
        if (source := ROOT / name).is_file():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)
            target.chmod(0o600 | (source.stat().st_mode & 0o111))
            os.utime(target, (1_000_000_000, 1_000_000_000))
    return folder


def test_a_second_build_elsewhere_gives_the_same_bytes(
    copy: Path, tmp_path: Path, wheel: Path, archive: Path
) -> None:
    epoch = run(["git", "log", "-1", "--format=%ct"], cwd=ROOT).strip()
    again = built(copy, tmp_path / "again", epoch)
    assert again == {file.name: digest(file) for file in sorted((wheel, archive))}


def test_a_build_from_the_archive_gives_the_same_wheel(
    tmp_path: Path, archive: Path, wheel: Path
) -> None:
    shutil.unpack_archive(archive, tmp_path)
    [unpacked] = [path for path in tmp_path.iterdir() if path.is_dir()]
    epoch = run(["git", "log", "-1", "--format=%ct"], cwd=ROOT).strip()
    again = built(unpacked, tmp_path / "again", epoch)
    assert again[wheel.name] == digest(wheel)
