"""The Dockerfile says what it should, as far as that can be seen without building it."""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from temporal_claimcheck.server.settings import ServerSettings
from tests.deploy.dockerfile import context, stages
from tests.deploy.places import DOCKERFILE, ROOT, missing

BUILD, RUNTIME = stages(DOCKERFILE)


def test_the_linter_of_dockerfiles_has_nothing_to_say() -> None:
    beside = Path(sys.executable).parent
    hadolint = shutil.which("hadolint", path=beside) or missing("hadolint", "run: make test-deploy")
    done = subprocess.run(  # noqa: S603 - found above
        [hadolint, "--no-color", str(DOCKERFILE)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_the_image_runs_as_a_user_that_kubernetes_can_tell_from_root() -> None:
    user, _, group = RUNTIME.only("USER").partition(":")
    assert int(user) >= 1000
    assert int(group) >= 1000
    # Nothing comes after it that root would have to do.
    verbs = [each.verb for each in RUNTIME.instructions]
    assert not {"RUN", "COPY", "ADD"} & set(verbs[verbs.index("USER") :])


def test_the_entrypoint_is_the_command_and_gets_signals_itself() -> None:
    # The form without brackets would put a shell in between.
    assert json.loads(RUNTIME.only("ENTRYPOINT")) == ["claimcheck"]
    assert json.loads(RUNTIME.only("CMD")) == ["serve"]


def test_the_image_serves_the_port_that_it_names() -> None:
    assert int(RUNTIME.only("EXPOSE")) == ServerSettings.model_fields["port"].default


def test_the_image_has_a_health_check() -> None:
    assert shlex.split(RUNTIME.only("HEALTHCHECK"))[-1].endswith("]")
    assert "/opt/claimcheck/healthcheck.py" in RUNTIME.only("HEALTHCHECK")


def test_the_image_says_what_it_is() -> None:
    labels = dict(word.split("=", 1) for word in shlex.split(RUNTIME.only("LABEL")))
    prefix = "org.opencontainers.image."
    assert labels[f"{prefix}version"] == "${VERSION}"
    assert labels[f"{prefix}revision"] == "${REVISION}"
    assert labels[f"{prefix}licenses"] == "Apache-2.0"
    assert labels[f"{prefix}title"] == "temporal-claimcheck"


def test_both_stages_have_the_same_python() -> None:
    froms = [line for line in DOCKERFILE.read_text().splitlines() if line.startswith("FROM")]
    assert froms == ["FROM ${PYTHON_IMAGE} AS build", "FROM ${PYTHON_IMAGE} AS runtime"]


def test_the_build_sees_what_it_needs_and_no_more() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"],  # noqa: S607 - wherever the system has it
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    others = [".env", ".git/config", "src/temporal_claimcheck/__pycache__/x.pyc", ".venv/x"]
    seen = context(ROOT, tracked + others)
    assert not set(others) & set(seen)
    assert {file.split("/")[0] for file in seen} == {
        *("LICENSE", "NOTICE", "README.md", "constraints.txt", "deploy", "examples"),
        *("pyproject.toml", "src"),
    }
    copied = [
        source
        for stage in (BUILD, RUNTIME)
        for each in stage.all_of("COPY")
        if not each.flags
        for source in shlex.split(each.text)[:-1]
    ]
    assert copied
    for source in copied:
        assert any(file == source or file.startswith(f"{source}/") for file in seen), source
