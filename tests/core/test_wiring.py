"""Settings become live objects."""

import logging
from pathlib import Path
from typing import Any, cast

import pytest

from temporal_claimcheck.access import Access
from temporal_claimcheck.errors import BlobNotFound, InvalidSettings, UnknownScheme
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.wiring import build_compression, build_policy, build_store

SECRET = "hunter2"


def load(**overrides: object) -> Settings:
    return Settings.load(**cast("Any", overrides))


def test_memory_is_a_store_in_this_process() -> None:
    assert isinstance(build_store(load(store="memory://")), MemoryStore)


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("file:///var/lib/claims", "/var/lib/claims"),
        ("file:///var/lib/claims/", "/var/lib/claims"),
        ("file://localhost/var/lib/claims", "/var/lib/claims"),
        ("file:/var/lib/claims", "/var/lib/claims"),
        ("FILE:///var/lib/claims", "/var/lib/claims"),
        ("file:///var/lib/my%20claims", "/var/lib/my claims"),
        ("file:///var/lib/%C3%A9", "/var/lib/\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ("file:///var/lib/a%23b%3Fc%25", "/var/lib/a#b?c%"),
    ],
)
def test_a_file_url_names_a_folder(url: str, folder: str) -> None:
    store = build_store(load(store=url))
    assert isinstance(store, FileSystemStore)
    assert store.name == Path(folder).as_uri()


@pytest.mark.parametrize(
    "url",
    [
        "file://claims",
        "file://claims/prod",
        "file:claims",
        "file:",
        "file://",
        "file:///var/lib/claims?sync=1",
        "file:///var/lib/claims#1",
        "file:///var/lib/claims%00",
        "file://[broken/claims",
    ],
)
def test_a_file_url_that_names_no_folder_here_is_refused(url: str) -> None:
    with pytest.raises(InvalidSettings):
        build_store(load(store=url))


@pytest.mark.parametrize("url", [f"ftp://u:{SECRET}@host/x", SECRET, "://", f"//{SECRET}"])
def test_an_unknown_scheme_is_refused_without_showing_the_url(url: str) -> None:
    with pytest.raises(UnknownScheme, match="file://") as caught:
        build_store(load(store=url))
    assert SECRET not in str(caught.value)


def test_mirrors_a_cache_and_read_only_are_put_around_the_store() -> None:
    settings = load(
        store="file:///a", store_mirrors="file:///b", store_cache="memory://", store_read_only=True
    )
    assert build_store(settings).name == ("file:///a and file:///b behind memory://, read only")


@pytest.mark.parametrize(
    "overrides",
    [
        {"store_mirrors": ["memory://", "file:///a"]},
        {"store_mirrors": ["file:///b", "file:///b/"]},
        {"store_cache": "file:///a"},
    ],
)
def test_a_store_that_is_named_twice_is_refused(overrides: dict[str, object]) -> None:
    with pytest.raises(InvalidSettings, match="twice"):
        build_store(load(store="file:///a", **overrides))


async def test_a_process_that_only_reads_writes_no_copies_either(tmp_path: Path) -> None:
    urls = [(tmp_path / name).as_uri() for name in ("store", "mirror", "cache")]
    first, mirror, cache = (build_store(load(store=url)) for url in urls)
    await mirror.put("v1/a", b"blob")
    store = build_store(
        load(store=urls[0], store_mirrors=[urls[1]], store_cache=urls[2], store_read_only=True)
    )
    assert await store.get("v1/a", max_bytes=9) == b"blob"
    for untouched in (first, cache):
        with pytest.raises(BlobNotFound):
            await untouched.get("v1/a", max_bytes=9)


def test_a_wrong_mirror_is_refused_without_showing_its_url() -> None:
    with pytest.raises(UnknownScheme) as caught:
        build_store(load(store="memory://", store_mirrors=[f"ftp://u:{SECRET}@host"]))
    assert SECRET not in str(caught.value)


def test_no_store_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="CLAIMCHECK_STORE"):
        ClaimCheckManager.open()


@pytest.mark.parametrize("scheme", ["file:///var/lib/claims", "memory://"])
def test_days_to_live_are_warned_of_where_they_do_nothing(
    scheme: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        build_store(load(store=scheme, ttl_days=30))
    assert "CLAIMCHECK_TTL_DAYS" in caplog.text


def test_the_policy_is_as_set() -> None:
    settings = load(threshold_bytes=1, max_payload_bytes=2, enabled=False)
    assert build_policy(settings) == OffloadPolicy(
        threshold_bytes=1, max_payload_bytes=2, enabled=False
    )


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ({}, "zstd"),
        ({"compression": "gzip"}, "gzip"),
        ({"compression": "none"}, "none"),
        ({"compression_enabled": False}, "none"),
        ({"compression": "gzip", "compression_enabled": False}, "none"),
    ],
)
def test_the_compression_is_as_set(overrides: dict[str, object], name: str) -> None:
    assert build_compression(load(**overrides)).name == name


def test_the_level_is_as_set_and_checked() -> None:
    text = b"".join(b"line %d\n" % number for number in range(10_000))
    small, fast = (
        build_compression(load(compression="gzip", compression_level=level)) for level in (9, 0)
    )
    assert len(small.apply(text)) < len(fast.apply(text))
    with pytest.raises(InvalidSettings, match="42"):
        build_compression(load(compression="gzip", compression_level=42))


async def test_a_manager_is_as_set() -> None:
    settings = load(
        store="memory://",
        namespace="orders",
        read_namespaces="billing",
        threshold_bytes=7,
        max_bytes_in_flight=9,
        cache_bytes=0,
    )
    manager = ClaimCheckManager.from_settings(settings)
    assert manager.namespace == "orders"
    assert manager.policy.threshold_bytes == 7
    assert isinstance(manager.store, MemoryStore)
    assert manager._access == Access.to("orders", {"billing"})
    assert manager._vault._budget.get()._max_bytes == 9
    assert manager._vault._cache._payloads.maxsize == 0


def test_a_store_that_is_given_goes_before_the_one_that_is_set() -> None:
    store = MemoryStore()
    manager = ClaimCheckManager.from_settings(load(store="ftp://nowhere"), store=store)
    assert manager.store is store
