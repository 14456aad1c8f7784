"""A copy that is killed with SIGKILL in the middle, and run again, between real stores."""

import asyncio
import datetime as dt
import json
import os
import random
import uuid
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload

from temporal_claimcheck import ClaimCheckManager
from temporal_claimcheck.gc.verify import Selection, verify
from temporal_claimcheck.keyspace import Key
from temporal_claimcheck.stores.base import BlobStore, CollectableStore
from temporal_claimcheck.stores.filesystem import FileSystemStore
from temporal_claimcheck.stores.redis import RedisStore
from temporal_claimcheck.testing.servers import ServerProcess
from tests.cli.programs import claimcheck, claimcheck_running
from tests.copying.stocked import DAY, everything

OBJECTS = int(
    os.environ.get("CLAIMCHECK_TEST_COPY_OBJECTS", "10000" if os.environ.get("CI") else "2000")
)
NAMESPACES = ("default", "billing")
DAYS = 5
ASK_AGAIN_SECONDS = 0.1


async def fill(store: BlobStore, count: int) -> None:
    """Store payloads of every size up to 20 kB, in several namespaces and on several days."""
    chance = random.Random(20261122)  # noqa: S311  # repeatable, not secret
    share = count // (DAYS * len(NAMESPACES))
    for number in range(DAYS):
        day = DAY + dt.timedelta(days=number)
        for namespace in NAMESPACES:
            manager = ClaimCheckManager(store, namespace=namespace, clock=lambda day=day: day)
            payloads = [
                Payload(data=chance.randbytes(chance.randrange(20_000))) for _ in range(share)
            ]
            await manager.offload_many(payloads)


async def count_objects(store: CollectableStore) -> int:
    return len([info async for info in store.scan("v1/")])


async def kill_a_copy_at(count: int, urls: tuple[str, str], store: BlobStore, folder: Path) -> int:
    """Copy until so many objects are there, and kill; return how many are there then."""
    assert isinstance(store, CollectableStore)
    async with claimcheck_running("copy", *urls, folder=folder) as process:
        while await count_objects(store) < count:
            assert process.returncode is None, "it was done before it could be killed"
            await asyncio.sleep(ASK_AGAIN_SECONDS)
        process.kill()
        await process.communicate()
    assert process.returncode == -9
    return await count_objects(store)


async def copy_killed_twice(
    urls: tuple[str, str], source: BlobStore, destination: BlobStore, folder: Path
) -> None:
    total = len(await everything(source, "v1/"))
    first = await kill_a_copy_at(total // 5, urls, destination, folder)
    second = await kill_a_copy_at(total // 2, urls, destination, folder)
    assert 0 < first < second < total
    run = claimcheck("copy", *urls, "--json", folder=folder)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    # What was there was not copied again, and nothing is missing.
    assert (report["present"], report["copied"]) == (second, total - second)
    assert report["is_complete"]
    assert await everything(destination) == await everything(source)
    # And as readers see it, not as the copy does.
    found = await verify(ClaimCheckManager(destination), Selection())
    assert (found.is_sound, found.sound, found.foreign) == (True, total, 0)
    assert {Key.parse(key).namespace for key in await everything(source, "v1/")} == set(NAMESPACES)


@pytest.mark.timeout(600)
async def test_from_a_folder_to_a_bucket(use_s3: str, tmp_path: Path) -> None:
    source = FileSystemStore(tmp_path / "source")
    await fill(source, OBJECTS)
    url = f"{use_s3}/{uuid.uuid4()}"
    async with ClaimCheckManager.open(url) as manager:
        urls = (f"file://{tmp_path / 'source'}", url)
        await copy_killed_twice(urls, source, manager.store, tmp_path)


@pytest.mark.timeout(600)
async def test_from_redis_to_a_folder(redis: ServerProcess, tmp_path: Path) -> None:
    url = f"redis://127.0.0.1:{redis.port}/1"
    source, destination = RedisStore(url), FileSystemStore(tmp_path / "destination")
    await fill(source, OBJECTS // 5)
    urls = (url, f"file://{tmp_path / 'destination'}")
    await copy_killed_twice(urls, source, destination, tmp_path)
    await source.aclose()
