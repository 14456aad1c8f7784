from importlib.metadata import version
from pathlib import Path

from tests.cli.programs import claimcheck


def test_the_version_is_that_of_the_distribution(tmp_path: Path) -> None:
    run = claimcheck("--version", folder=tmp_path)
    assert run.stdout == f"claimcheck {version('temporal-claimcheck')}\n"


def test_an_unknown_option_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    run = claimcheck("demo", "--sice", "3MB", folder=tmp_path)
    assert run.returncode == 2
    assert run.stderr.startswith("claimcheck: No such option: --sice")
    assert run.stderr.count("\n") == 1


def test_without_a_command_the_help_is_shown(tmp_path: Path) -> None:
    run = claimcheck(folder=tmp_path)
    assert run.returncode == 2
    assert "demo" in run.stdout
