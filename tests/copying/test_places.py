"""The two stores of a copy, with settings that may differ."""

import os
import uuid
from pathlib import Path

import pytest

from temporal_claimcheck.copying.copier import Copier
from temporal_claimcheck.copying.places import open_places
from temporal_claimcheck.copying.plan import Selection
from temporal_claimcheck.errors import InvalidSettings, StoreDenied
from temporal_claimcheck.testing.servers import S3Server
from tests.copying.conftest import s3_settings
from tests.copying.stocked import everything, stock
from tests.core.rings import key


def written(file: Path, settings: dict[str, str]) -> str:
    file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
    return f"@{file}"


async def test_each_side_has_settings_of_its_own(
    s3: S3Server, rclone: S3Server, tmp_path: Path
) -> None:
    url = {"CLAIMCHECK_STORE": "s3://claims/same-name"}
    old = written(tmp_path / "old.env", s3_settings(rclone) | url)
    new = written(tmp_path / "new.env", s3_settings(s3) | url)
    before = dict(os.environ)
    places = open_places(old, new)
    assert os.environ == before
    turned = open_places(new, old)
    await stock(turned.destination, 7)
    report = await Copier(places.source, places.destination, Selection(), names=places.names).run()
    assert report.total("copied") == 7
    assert await everything(turned.source) == await everything(turned.destination)


async def test_credentials_that_may_only_read_are_enough_for_a_source_and_not_for_a_destination(
    s3: S3Server, tmp_path: Path
) -> None:
    url = {"CLAIMCHECK_STORE": f"s3://claims/{uuid.uuid4()}"}
    may_read = {"AWS_ACCESS_KEY_ID": "reader", "AWS_SECRET_ACCESS_KEY": "reader-secret"}
    writer = written(tmp_path / "writer.env", s3_settings(s3) | url)
    reader = written(tmp_path / "reader.env", s3_settings(s3) | url | may_read)
    folder = f"file://{tmp_path}/store"
    await stock(open_places(folder, writer).destination, 3)
    places = open_places(reader, folder)
    report = await Copier(places.source, places.destination, Selection()).run()
    assert report.total("copied") == 3
    await stock(places.destination, 1, seed="more ")
    places = open_places(folder, reader)
    with pytest.raises(StoreDenied):
        await Copier(places.source, places.destination, Selection()).run()


async def test_the_source_is_never_written_to(tmp_path: Path) -> None:
    places = open_places(f"file://{tmp_path}/a", f"file://{tmp_path}/b")
    with pytest.raises(StoreDenied):
        await places.source.put("v1/key", b"")
    assert places.names == (f"file://{tmp_path}/a", f"file://{tmp_path}/b")


@pytest.mark.parametrize("second", ["", "/", "//"])
def test_a_store_is_not_copied_to_itself(second: str, use_s3: str) -> None:
    with pytest.raises(InvalidSettings, match="are the same store"):
        open_places(use_s3, use_s3 + second)


def test_a_destination_that_may_only_be_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLAIMCHECK_STORE_READ_ONLY", "true")
    with pytest.raises(InvalidSettings, match="CLAIMCHECK_STORE_READ_ONLY"):
        open_places(f"file://{tmp_path}/a", f"file://{tmp_path}/b")


@pytest.mark.parametrize("urls", [("memory://", "file:///tmp/x"), ("file:///tmp/x", "memory://")])
def test_a_store_that_ends_with_the_command_is_refused(urls: tuple[str, str]) -> None:
    with pytest.raises(InvalidSettings, match="in memory"):
        open_places(*urls)


def test_a_file_is_read_as_shells_and_services_read_it(tmp_path: Path) -> None:
    file = tmp_path / "old.env"
    file.write_text(
        f"# the old store\n\nexport CLAIMCHECK_STORE='file://{tmp_path}/old'  # here\n"
        f"CLAIMCHECK_ENCRYPTION_KEYS={key('one').dump()}\n"
    )
    places = open_places(f"@{file}", f"file://{tmp_path}/new")
    assert places.names[0] == f"file://{tmp_path}/old"
    assert places.keys is not None
    assert places.keys.ids == (key("one").id,)


def test_a_line_that_is_no_setting_is_named_by_its_number_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "old.env"
    file.write_text("CLAIMCHECK_STORE=file:///tmp/x\nsecret-of-somebody\n")
    with pytest.raises(InvalidSettings, match=r"Line 2 of .*/old\.env is no setting") as caught:
        open_places(f"@{file}", f"file://{tmp_path}/new")
    assert "secret" not in str(caught.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match="cannot be read: No such file"):
        open_places(f"@{tmp_path}/none.env", f"file://{tmp_path}/new")
