"""Heavy work stays off the event loop, and one manager serves many loops and threads."""

import asyncio
import os
import threading
from pathlib import Path
from typing import Any, ClassVar

import pytest

from temporal_claimcheck import vault as vault_module
from temporal_claimcheck.claim import Claim
from temporal_claimcheck.envelope import digest_of
from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.payloads import is_claim_payload
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.transforms.compression import ZstdCompression
from tests.core.witnesses import PlainStore, payload


class WatchedCompression:
    """zstd that notes on which threads it ran."""

    name: ClassVar[str] = "zstd"

    def __init__(self) -> None:
        self.threads: set[int] = set()
        self._zstd = ZstdCompression()

    def apply(self, data: bytes) -> bytes:
        self.threads.add(threading.get_ident())
        return self._zstd.apply(data)

    def undo(self, data: bytes | memoryview, *, plain_bytes: int) -> bytes:
        self.threads.add(threading.get_ident())
        return self._zstd.undo(data, plain_bytes=plain_bytes)


async def test_heavy_work_on_a_large_payload_never_runs_on_the_loop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: dict[str, set[int]] = {"digest": set(), "open": set(), "fsync": set()}
    fsync, open_envelope = os.fsync, vault_module.open_envelope

    def watched_digest(data: bytes) -> str:
        threads["digest"].add(threading.get_ident())
        return digest_of(data)

    def watched_open(blob: bytes, **arguments: Any) -> bytes:
        threads["open"].add(threading.get_ident())
        return open_envelope(blob, **arguments)

    def watched_fsync(descriptor: int) -> None:
        threads["fsync"].add(threading.get_ident())
        fsync(descriptor)

    monkeypatch.setattr(vault_module, "digest_of", watched_digest)
    monkeypatch.setattr(vault_module, "open_envelope", watched_open)
    monkeypatch.setattr(os, "fsync", watched_fsync)
    compression = WatchedCompression()
    large = payload(50_000_000)
    store = FileSystemStore(tmp_path / "claims")
    claim = await ClaimCheckManager(store, compression=compression).offload(large)
    assert await ClaimCheckManager(store).retrieve(claim) == large
    await store.aclose()
    for ran_on in (compression.threads, *threads.values()):
        assert ran_on
        assert threading.get_ident() not in ran_on


def test_one_manager_serves_one_loop_after_another() -> None:
    store = PlainStore()
    manager = ClaimCheckManager(store)
    claims = [asyncio.run(manager.offload(payload(300_000))) for _ in range(3)]
    assert len(set(claims)) == 1
    assert store.count("put") == 1
    assert asyncio.run(manager.retrieve(claims[0])) == payload(300_000)


def test_one_manager_serves_many_loops_at_once() -> None:
    manager = ClaimCheckManager(MemoryStore(), cache_bytes=500_000, max_bytes_in_flight=400_000)
    together = threading.Barrier(6)
    wrong: list[BaseException] = []

    async def use() -> None:
        originals = [payload(200_000, letter=letter) for letter in "abcdef"]
        for _ in range(5):
            claims = await manager.offload_many(originals)
            assert await manager.retrieve_many(claims) == originals

    def run() -> None:
        together.wait(20)
        try:
            asyncio.run(use())
        except BaseException as error:  # noqa: BLE001  # reported below, from the main thread
            wrong.append(error)

    threads = [threading.Thread(target=run) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


async def test_a_closed_manager_opens_again_what_it_needs() -> None:
    manager = ClaimCheckManager(MemoryStore())
    async with manager as entered:
        assert entered is manager
        claim = await manager.offload(payload(1_000_000))
    await manager.aclose()
    assert await manager.retrieve(claim) == payload(1_000_000)
    assert await manager.offload(payload(1_000_000)) == claim
    assert (await manager.health()).ok
    await manager.aclose()


async def test_closing_ends_the_managers_threads() -> None:
    manager = ClaimCheckManager(MemoryStore())
    before = set(threading.enumerate())
    await manager.offload(payload(1_000_000))
    started = set(threading.enumerate()) - before
    assert started
    await manager.aclose()
    for thread in started:
        await asyncio.to_thread(thread.join, 20)
    assert not [thread for thread in started if thread.is_alive()]


async def test_only_a_store_that_the_manager_opened_is_closed() -> None:
    store = PlainStore()
    manager = ClaimCheckManager(store)
    async with manager, manager.for_namespace("other"), manager.for_replay():
        pass
    assert store.closed == 0


async def test_a_managers_own_store_is_closed_by_it_alone(tmp_path: Path) -> None:
    manager = ClaimCheckManager.open((tmp_path / "claims").as_uri())
    store = manager.store
    assert isinstance(store, FileSystemStore)
    await manager.offload(payload())
    for other in (manager.for_namespace("other"), manager.for_replay()):
        await other.aclose()
        assert store._threads._pool is not None
    await manager.aclose()
    assert store._threads._pool is None


async def test_open_takes_a_url_and_settings(tmp_path: Path) -> None:
    url = (tmp_path / "claims").as_uri()
    async with ClaimCheckManager.open(url, threshold_bytes=100, namespace="orders") as manager:
        assert (manager.namespace, manager.store.name) == ("orders", url)
        stored = await manager.maybe_offload(payload(200))
        assert is_claim_payload(stored)
    async with ClaimCheckManager.open(url, namespace="orders") as reader:
        assert await reader.maybe_retrieve(stored) == payload(200)


def test_a_namespace_that_fits_no_key_is_refused_when_the_manager_is_made() -> None:
    for namespace in ("", "x" * 201):
        with pytest.raises(InvalidSettings):
            ClaimCheckManager(MemoryStore(), namespace=namespace)
        with pytest.raises(InvalidSettings):
            ClaimCheckManager(MemoryStore(), read_namespaces=[namespace])
        with pytest.raises(InvalidSettings):
            ClaimCheckManager(MemoryStore()).for_namespace(namespace)


def test_a_manager_for_its_own_namespace_is_itself() -> None:
    manager = ClaimCheckManager(MemoryStore(), namespace="orders")
    assert manager.for_namespace("orders") is manager


async def test_managers_for_namespaces_share_cache_and_store() -> None:
    store = PlainStore()
    maker = ClaimCheckManager(store)
    claims: list[Claim] = []
    for _ in range(2):
        other = maker.for_namespace("other")
        claims.append(await other.offload(payload()))
        assert await other.retrieve(claims[-1]) == payload()
    assert claims[0] == claims[1]
    assert [verb for verb, _ in store.calls] == ["put"]
