"""Clusters are named and configured as in every other tool of Temporal's."""

from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload

from temporal_claimcheck.errors import CollectionIncomplete, InvalidSettings
from temporal_claimcheck.gc.roots.connecting import connect_clusters
from temporal_claimcheck.testing.servers import free_ports


async def decrypt(payload: Payload) -> Payload:
    return payload


def profiles(folder: Path, **addresses: str) -> Path:
    file = folder / "temporal.toml"
    file.write_text(
        "".join(f'[profile.{name}]\naddress = "{each}"\n' for name, each in addresses.items())
    )
    return file


async def test_each_profile_is_a_cluster(
    temporal_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = profiles(tmp_path, east=temporal_address, west=temporal_address)
    # It cannot be meant for both.
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    clusters = await connect_clusters(["east", "west"], decrypt=decrypt, config_file=file)
    assert [cluster.name for cluster in clusters] == ["east", "west"]
    for cluster in clusters:
        assert await cluster.namespace("default")


async def test_the_environment_goes_before_the_file(
    temporal_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = profiles(tmp_path, east="127.0.0.1:1")
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    [cluster] = await connect_clusters(["east"], decrypt=decrypt, config_file=file)
    assert await cluster.namespace("default")


async def test_without_a_profile_the_environment_is_enough(
    temporal_address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEMPORAL_CONFIG_FILE", str(profiles(tmp_path)))
    monkeypatch.setenv("TEMPORAL_ADDRESS", temporal_address)
    [cluster] = await connect_clusters(decrypt=decrypt)
    assert cluster.name == temporal_address
    assert await cluster.namespace("default")


@pytest.mark.parametrize("names", [["north"], ["east", "north"], ["east", "east"]], ids=str)
async def test_a_profile_that_cannot_be_meant_is_refused(names: list[str], tmp_path: Path) -> None:
    file = profiles(tmp_path, east="127.0.0.1:1")
    with pytest.raises(InvalidSettings, match="Temporal's"):
        await connect_clusters(names, decrypt=decrypt, config_file=file)


async def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "temporal.toml"
    file.write_text("[profile")
    with pytest.raises(InvalidSettings, match="cannot be used"):
        await connect_clusters(decrypt=decrypt, config_file=file)


async def test_a_cluster_that_is_away_is_named(tmp_path: Path) -> None:
    file = profiles(tmp_path, east=f"127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(CollectionIncomplete, match="'east' cannot be reached"):
        await connect_clusters(["east"], decrypt=decrypt, config_file=file)
