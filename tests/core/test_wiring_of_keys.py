"""Keys from the environment, a file, or the program."""

from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from temporal_claimcheck import ClaimCheckPlugin
from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.wiring import build_keys
from tests.core.rings import key, ring
from tests.core.witnesses import payload

TEXT = f"{key('new').dump()}, {key('old').dump()}"


def load(**settings: object) -> Settings:
    return Settings.load(**cast("Any", {"store": "memory://", **settings}))


def test_without_keys_nothing_is_encrypted() -> None:
    assert build_keys(load()) is None
    assert not ClaimCheckManager.from_settings(load()).encrypts


def test_keys_come_from_the_environment(clean_environment: pytest.MonkeyPatch) -> None:
    clean_environment.setenv("CLAIMCHECK_ENCRYPTION_KEYS", TEXT)
    loaded = build_keys(load())
    assert loaded is not None
    assert loaded() == ring("new", "old")
    assert ClaimCheckManager.from_settings(load()).encrypts


async def test_keys_come_from_a_file_that_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "keys"
    file.write_text(f"{key('old').dump()}\n")
    reader = ClaimCheckManager.from_settings(load(encryption_keys_file=file))
    claim = await ClaimCheckManager(reader.store, keys=ring("new")).offload(payload())
    file.write_text(f"# November\n{key('new').dump()}\n{key('old').dump()} # until March\n")
    assert await reader.retrieve(claim) == payload()


def test_keys_come_from_the_program() -> None:
    settings = load(encryption_keys=SecretStr(TEXT))
    assert ClaimCheckManager.from_settings(settings).encrypts
    assert ClaimCheckPlugin("memory://", keys=ring("a"))._manager.encrypts
    assert ClaimCheckPlugin("memory://", keys=lambda: ring("a"))._manager.encrypts


def test_the_programs_keys_go_before_the_settings(clean_environment: pytest.MonkeyPatch) -> None:
    clean_environment.setenv("CLAIMCHECK_ENCRYPTION_KEYS", "no key at all")
    assert ClaimCheckManager.from_settings(load(), keys=ring("a")).encrypts


def test_keys_beside_a_manager_are_refused() -> None:
    manager = ClaimCheckManager.from_settings(load())
    with pytest.raises(InvalidSettings, match="its own settings and keys"):
        ClaimCheckPlugin(manager, keys=ring("a"))


def test_keys_from_two_places_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="both set"):
        build_keys(load(encryption_keys=SecretStr(TEXT), encryption_keys_file=tmp_path / "keys"))


@pytest.mark.parametrize("text", ["", ",", "hunter2", f"{key('a').dump()},hunter2"])
def test_an_empty_or_wrong_setting_never_turns_encryption_off(text: str) -> None:
    with pytest.raises(InvalidSettings) as caught:
        ClaimCheckManager.from_settings(load(encryption_keys=SecretStr(text)))
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"", b"# no key\n", b"hunter2", b"\xff\xfe hunter2"])
def test_a_file_without_keys_never_turns_encryption_off(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "keys"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidSettings) as caught:
        ClaimCheckManager.from_settings(load(encryption_keys_file=file))
    assert "hunter2" not in str(caught.value)
