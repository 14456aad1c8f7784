"""`claimcheck completion`, and that shells understand what it prints."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.programs import claimcheck

# What a shell does when Tab is pressed, told to bash without a terminal.
PRESS_TAB = """
source <(claimcheck completion bash)
COMP_WORDS=({words})
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
_claimcheck_completion claimcheck
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def completed(words: str) -> list[str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    run = subprocess.run(  # noqa: S603 - the words are ours
        ["bash", "--norc", "-c", PRESS_TAB.format(words=words)],  # noqa: S607 - wherever it is
        env=os.environ | {"PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert not run.stderr
    return run.stdout.split()


def test_bash_completes_commands() -> None:
    assert "gc" in completed("claimcheck g")
    assert not [word for word in completed("claimcheck g") if not word.startswith("g")]


def test_bash_completes_options_and_commands_of_groups() -> None:
    assert "--since" in completed("claimcheck copy --s")
    assert completed("claimcheck hold re") == ["remove"]
    assert completed("claimcheck completion f") == ["fish"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_has_no_syntax_errors(shell: str, tmp_path: Path) -> None:
    script = claimcheck("completion", shell, folder=tmp_path)
    assert script.returncode == 0, script.stderr
    assert "claimcheck" in script.stdout
    if shutil.which(shell) is None and not os.environ.get("CI"):
        pytest.skip(f"{shell} is not installed")
    subprocess.run([shell, "-n"], input=script.stdout, text=True, check=True)  # noqa: S603 - as above


def test_powershell_gets_a_script_too(tmp_path: Path) -> None:
    run = claimcheck("completion", "powershell", folder=tmp_path)
    assert "Register-ArgumentCompleter -Native -CommandName claimcheck" in run.stdout


@pytest.mark.parametrize(
    ("arguments", "reason"), [((), "Missing argument 'SHELL'"), (("tcsh",), "'tcsh' is not one of")]
)
def test_a_shell_that_is_not_known_is_one_line_and_exit_code_2(
    arguments: tuple[str, ...], reason: str, tmp_path: Path
) -> None:
    run = claimcheck("completion", *arguments, folder=tmp_path)
    assert run.returncode == 2
    assert reason in run.stderr
    assert run.stderr.count("\n") == 1
