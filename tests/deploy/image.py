"""What the image would hold, made by the Dockerfile's own steps in folders of the test."""

import os
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.deploy.dockerfile import Stage, context, stages
from tests.deploy.places import DOCKERFILE, ROOT

_INSTALLED: Final = "/opt/claimcheck"
_SECONDS: Final = 280


def build(folder: Path) -> Path:
    """Follow both stages; return the folder that stands for `/opt/claimcheck`."""
    installed, workdir, seen = folder / "claimcheck", folder / "build", folder / "context"
    _copy_context(seen)
    workdir.mkdir()
    building, runtime = stages(DOCKERFILE)
    _copy(building, seen, workdir, installed)
    environment = os.environ | building.environment | {"PATH": _path_with_python(folder)}
    for step in building.all_of("RUN"):
        done = subprocess.run(  # noqa: S603 - our own Dockerfile
            ["/bin/sh", "-ec", step.text.replace(_INSTALLED, str(installed))],
            cwd=workdir,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
        assert done.returncode == 0, f"{step.text}\n{done.stdout}{done.stderr}"
    _copy(runtime, seen, workdir, installed)
    return installed


def interpreter() -> Path:
    """Return a Python that every user may run: this one, or else the system's."""
    base = Path(os.path.realpath(sys.executable))
    open_to_all = all(each.stat().st_mode & stat.S_IXOTH for each in (base, *base.parents))
    return base if open_to_all else Path("/usr/bin/python3")


def _path_with_python(folder: Path) -> str:
    """Return a search path whose `python` is no part of the project's environment."""
    plain = folder / "python"
    subprocess.run([interpreter(), "-m", "venv", plain], check=True, timeout=_SECONDS)  # noqa: S603
    return f"{plain / 'bin'}:/usr/bin:/bin"


def _copy_context(seen: Path) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    for file in context(ROOT, tracked):
        if (ROOT / file).is_file():
            (seen / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, seen / file)


def _copy(stage: Stage, seen: Path, workdir: Path, installed: Path) -> None:
    for each in stage.all_of("COPY"):
        if each.flags:  # from the other stage, whose folder is the same one here
            continue
        *sources, target = shlex.split(each.text)
        to = workdir / target.replace(_INSTALLED, str(installed))
        for source in sources:
            if (seen / source).is_dir():
                shutil.copytree(seen / source, to, dirs_exist_ok=True)
            else:
                to.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(seen / source, to / source if to.is_dir() else to)
