"""The units are understood by systemd, start commands that exist, and are hardened."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

import pytest

from temporal_claimcheck import Settings
from temporal_claimcheck.server.settings import ServerSettings
from tests.deploy.commands import parses
from tests.deploy.places import SYSTEMD, missing
from tests.deploy.setting_names import TEMPORALS, filled_in, known
from tests.deploy.units import assignments, commands, units

SERVICES: Final = units(".service")
# Of 10: what systemd calls OK ends at 2.
_MOST_EXPOSED: Final = 1.5
_PREFIX: Final = "/etc/claimcheck/"


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze") or missing("systemd-analyze", "install systemd")
    return subprocess.run(  # noqa: S603 - found above
        [program, *arguments], capture_output=True, text=True, check=False
    )


def test_systemd_has_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    # It looks for the programs as well.
    program = tmp_path / "claimcheck"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    for file in SYSTEMD.glob("*.[st]*er*"):
        text = file.read_text().replace("/opt/claimcheck/bin/claimcheck", str(program))
        (tmp_path / file.name).write_text(text)
    named = [str(file) for file in tmp_path.glob("*.*")]
    assert len(named) == len(SERVICES) + len(units(".timer"))
    done = analyze("verify", *named)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_hardly_exposed(name: str) -> None:
    done = analyze("security", "--offline=yes", "--no-pager", str(SYSTEMD / name))
    [level] = re.findall(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert float(level) <= _MOST_EXPOSED, done.stdout


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_has_a_user_of_its_own_and_writes_nowhere(name: str) -> None:
    service = SERVICES[name]["Service"]
    assert service["DynamicUser"] == ["yes"]
    assert service["ProtectSystem"] == ["strict"]
    assert service["NoNewPrivileges"] == ["yes"]
    assert service["CapabilityBoundingSet"] == [""]
    assert not {"ReadWritePaths", "StateDirectory"} & set(service)
    assert "MemoryMax" in service


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_starts_a_command_that_there_is_and_deletes_nothing(name: str) -> None:
    started = commands(SERVICES[name])
    assert started
    for program, *arguments in started:
        assert program == "/opt/claimcheck/bin/claimcheck"
        assert parses(arguments), arguments
        assert "--delete" not in arguments


@pytest.mark.parametrize("name", SERVICES)
def test_the_files_that_a_service_reads_have_examples_with_valid_settings(
    name: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    files = [path.removeprefix("-") for path in SERVICES[name]["Service"]["EnvironmentFile"]]
    assert all(path.startswith(_PREFIX) for path in files)
    given: dict[str, str] = {}
    for path in files:
        given |= assignments(path.removeprefix(_PREFIX))
    assert set(given) <= known() | TEMPORALS
    for variable, value in given.items():
        monkeypatch.setenv(variable, filled_in(value))
    assert Settings.load().store_url == "r2://claims"
    settings = ServerSettings.load()
    if "serve" in commands(SERVICES[name])[0]:
        assert settings.has_authentication
    assert not caplog.records, "an unknown name"


def test_the_examples_hold_placeholders_in_the_place_of_secrets() -> None:
    given = {
        name: value
        for file in SYSTEMD.glob("*.env")
        for name, value in assignments(file.name).items()
    }
    for name in ("R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY", "CLAIMCHECK_SERVER_LINK_SECRET"):
        assert given[name].startswith("PLACEHOLDER-")


def test_another_collector_at_work_is_no_failure_of_the_daily_pass() -> None:
    assert SERVICES["claimcheck-gc.service"]["Service"]["SuccessExitStatus"] == ["4"]


def test_the_timer_is_for_a_service_that_exists_and_runs_each_day() -> None:
    [(name, timer)] = units(".timer").items()
    assert name.replace(".timer", ".service") in SERVICES
    [when] = timer["Timer"]["OnCalendar"]
    done = analyze("calendar", "--iterations=3", when)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["claimcheck-gc.service", "claimcheck-collector.service"])
def test_what_connects_to_temporal_can_read_the_memory_of_the_machine(name: str) -> None:
    # The SDK's core reads /proc/meminfo when it connects, and panics without it.
    assert "ProcSubset" not in SERVICES[name]["Service"]
