"""The codec server goes wrong, goes away or asks who is calling, and the workflows end well."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError
from temporalio.common import RawValue

from temporal_claimcheck.testing.servers import free_ports
from tests.server.commands import Command, serve_command
from tests.temporal.waiting import eventually
from tests.zigflow.example import city_service
from tests.zigflow.faulty_codec import FAULTS, Fault, FaultyCodec, faulty_codec
from tests.zigflow.stand import CodecCalls, Place, Runner, Stand, stand

pytestmark = pytest.mark.asyncio(loop_scope="session")

CITIES = len(city_service.cities())
COUNTRIES = len(city_service.countries())
WHOLE = {"whole": True, "cities": CITIES, "countries": COUNTRIES}
TOKEN = "0123456789abcdef"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def faulty(codec_server: Command) -> AsyncGenerator[FaultyCodec]:
    async with faulty_codec(codec_server.url) as codec:
        yield codec


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def attacked(
    runner: Runner,
    faulty: FaultyCodec,
    without_codec: Place,
    claims: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncGenerator[Stand]:
    """A runner that reaches the codec server through the one that goes wrong."""
    place = replace(without_codec, codec_url=faulty.url)
    folder = tmp_path_factory.mktemp("attacked")
    async with stand(runner, place, folder=folder, store=claims) as made:
        yield made


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_codec_server_that_encodes_wrong_is_tried_again(
    fault: Fault, attacked: Stand, faulty: FaultyCodec
) -> None:
    faulty.go_wrong(fault, times=2, verbs=("encode",))
    trace = await attacked.run("claimcheck-data-survives", {})
    assert len(faulty.done) == 2
    assert trace.result == WHOLE


async def test_a_codec_server_that_does_not_answer_is_tried_again(
    attacked: Stand, faulty: FaultyCodec
) -> None:
    faulty.go_wrong("no answer", times=2, verbs=("decode",))
    trace = await attacked.run("claimcheck-data-survives", {})
    assert len(faulty.done) == 2
    assert trace.result == WHOLE


@pytest.mark.parametrize("fault", ["fewer payloads", "status 500"])
async def test_the_go_sdk_fails_a_workflow_whose_codec_refuses_at_once(
    fault: Fault, attacked: Stand, faulty: FaultyCodec
) -> None:
    """Which is why our own server takes its time to refuse."""
    faulty.go_wrong(fault, times=1, verbs=("decode",))
    handle = await attacked.start("claimcheck-data-survives", {})
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert "unable to decode" in str(failed.value.__cause__)


@pytest_asyncio.fixture(loop_scope="session")
async def own_store(tmp_path: Path) -> Path:
    return tmp_path / "claims"


async def test_a_store_that_is_away_fails_no_workflow_that_decodes(
    runner: Runner, without_codec: Place, own_store: Path, tmp_path: Path
) -> None:
    away = tmp_path / "away"
    async with serve_command(store=own_store) as command:
        place = replace(without_codec, codec_url=command.url)
        async with stand(runner, place, folder=tmp_path, store=own_store) as made:
            handle = await made.start("claimcheck-listen", {"remark": "x" * 100_000})

            async def listens() -> bool:
                return bool(await made.tasks_done(handle))

            await eventually(listens)
            delivery = {"cities": city_service.cities(700_000), "countries": []}
            [claim] = await made.client.data_converter.encode([delivery])
            await asyncio.to_thread(own_store.rename, away)
            await made.raw.get_workflow_handle(handle.id).signal("deliver", RawValue(claim))
            await made.refusal(handle)
            assert made.deadlocks(), "the task failed, and not the workflow"
            await asyncio.to_thread(away.rename, own_store)
            trace = await made.trace(handle)
    assert trace.result["whole"] is True


async def test_a_codec_server_is_replaced_in_the_middle_of_runs(
    runner: Runner, without_codec: Place, own_store: Path, tmp_path: Path
) -> None:
    """Which work on nothing in that moment: what Go decodes just then would fail for good."""
    (port,) = free_ports(1)
    options, more = f"--port={port}", {"CLAIMCHECK_SERVER_REUSE_PORT": "true"}
    delivery = {"cities": city_service.cities(700_000), "countries": []}
    async with serve_command(options, store=own_store, **more) as old:
        place = replace(without_codec, codec_url=old.url)
        async with stand(runner, place, folder=tmp_path, store=own_store) as made:
            handles = [
                await made.start("claimcheck-listen", {"remark": f"{number}" * 100_000})
                for number in range(6)
            ]

            async def all_listen() -> bool:
                return all([await made.tasks_done(handle) for handle in handles])

            await eventually(all_listen)
            async with serve_command(options, store=own_store, **more) as new:
                code, before = await old.stop()
                for handle in handles:
                    await handle.signal("deliver", delivery)
                traces = [await made.trace(handle) for handle in handles]
                _, after = await new.stop()
    assert code == 0
    assert CodecCalls.of(before).seconds
    assert CodecCalls.of(after).seconds
    assert all(trace.result["whole"] for trace in traces)


async def test_the_codec_server_asks_who_is_calling(
    runner: Runner, without_codec: Place, own_store: Path, tmp_path: Path
) -> None:
    more = {"CLAIMCHECK_SERVER_TOKENS": f"default={TOKEN}"}
    async with serve_command(store=own_store, **more) as command:
        header = f"Authorization=Bearer {TOKEN}"
        place = replace(without_codec, codec_url=command.url, codec_header=header)
        async with stand(runner, place, folder=tmp_path, store=own_store) as made:
            trace = await made.run("claimcheck-data-survives", {})
        _, lines = await command.stop()
    assert trace.result == WHOLE
    assert CodecCalls.of(lines).statuses == {200}
