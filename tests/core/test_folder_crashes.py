"""Killed at any instruction, a folder store holds each blob whole or not at all."""

import random
import time
from pathlib import Path

import pytest

from temporal_claimcheck.stores.filesystem import FileSystemStore
from tests.core import folder_programs
from tests.core.folder_programs import LIMIT, content_of, key_of


@pytest.mark.parametrize(("verb", "fewest_lines"), [("first-put", 80), ("put", 50), ("delete", 25)])
def test_dying_at_any_line_leaves_blobs_whole_or_missing(
    tmp_path: Path, verb: str, fewest_lines: int
) -> None:
    lines = int(folder_programs.run("die_at_every_line", tmp_path, verb))
    assert lines > fewest_lines


async def test_being_killed_at_any_moment_leaves_blobs_whole_or_missing(tmp_path: Path) -> None:
    dice = random.Random(20261122)  # noqa: S311  # not a secret
    root = tmp_path / "claims"
    for round_number in range(50):
        with folder_programs.start("put_for_ever", root, round_number * 10_000) as process:
            assert process.stdout is not None
            stored = [process.stdout.readline().strip()]
            time.sleep(dice.uniform(0, 0.03))  # noqa: ASYNC251  # the moment of death itself
            process.kill()
            stored += [line.strip() for line in process.stdout if line.endswith("\n")]
        store = FileSystemStore(root)
        for key in stored:
            assert await store.get(key, max_bytes=LIMIT) == content_of(key)

    listed = [blob.key async for blob in FileSystemStore(root).scan()]
    for key in listed:
        assert (root / key).read_bytes() == content_of(key)
    others = {file for file in root.rglob("*") if file.is_file()} - {root / key for key in listed}
    assert {file.relative_to(root).parts[0] for file in others} <= {".claimcheck", ".incoming"}
    assert all(file.suffix == ".part" for file in (root / ".incoming").iterdir())


def test_several_processes_may_put_the_same_blobs_at_once(tmp_path: Path) -> None:
    # Two go up and two go down the same range, so that they meet.
    ranges = [(0, 60, 1), (59, -1, -1), (0, 60, 1), (59, -1, -1)]
    processes = [folder_programs.start("put_range", tmp_path / "claims", *r) for r in ranges]
    for process in processes:
        with process:
            process.communicate(timeout=120)
        assert process.returncode == 0
    for number in range(60):
        assert (tmp_path / "claims" / key_of(number)).read_bytes() == content_of(key_of(number))
    assert not list((tmp_path / "claims" / ".incoming").iterdir())
