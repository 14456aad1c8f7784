import json
from pathlib import Path

import pytest

from temporal_claimcheck.transforms.encryption import EncryptionKey, KeyRing
from tests.cli.programs import claimcheck


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLAIMCHECK_ENCRYPTION_KEYS", "CLAIMCHECK_ENCRYPTION_KEYS_FILE"):
        monkeypatch.delenv(name, raising=False)


def test_a_generated_key_is_all_of_stdout_and_its_id_stands_beside_it(tmp_path: Path) -> None:
    runs = [claimcheck("keys", "generate", folder=tmp_path) for _ in range(2)]
    generated = [EncryptionKey.parse(run.stdout.removesuffix("\n")) for run in runs]
    assert generated[0] != generated[1]
    assert generated[0].id in runs[0].stderr
    assert generated[0].dump() not in runs[0].stderr


def test_the_keys_in_use_are_listed_by_id_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ring = KeyRing((EncryptionKey.generate(), EncryptionKey.generate()))
    file = tmp_path / "keys"
    lines = ["# rotated in November", ring.keys[0].dump(), "", f"{ring.keys[1].dump()}  # old"]
    file.write_text("\n".join(lines))
    monkeypatch.setenv("CLAIMCHECK_ENCRYPTION_KEYS_FILE", str(file))
    run = claimcheck("keys", "list", folder=tmp_path)
    assert [line.split()[0] for line in run.stdout.splitlines()] == ["key", *ring.ids]
    assert not any(key.dump() in run.stdout for key in ring.keys)
    document = json.loads(claimcheck("keys", "list", "--json", folder=tmp_path).stdout)
    assert document == [
        {"id": ring.ids[0], "encrypts": True},
        {"id": ring.ids[1], "encrypts": False},
    ]


def test_without_keys_the_list_says_what_to_set(tmp_path: Path) -> None:
    run = claimcheck("keys", "list", folder=tmp_path)
    assert run.returncode == 2
    assert "CLAIMCHECK_ENCRYPTION_KEYS" in run.stderr


def test_a_wrong_key_is_one_line_without_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAIMCHECK_ENCRYPTION_KEYS", "hunter2")
    run = claimcheck("keys", "list", folder=tmp_path)
    assert run.returncode == 2
    assert "claimcheck keys generate" in run.stderr
    assert "hunter2" not in run.stderr + run.stdout
