"""Each namespace stands in the keyspace, by the id of every cluster that it is used on."""

from collections.abc import Awaitable, Callable

import pytest

from temporal_claimcheck.ledger import Ledger
from temporal_claimcheck.registry import Registered, Registry
from temporal_claimcheck.stores.memory import MemoryStore
from tests.core.witnesses import Clock


def answering(namespace_id: str | None) -> Callable[[], Awaitable[str | None]]:
    async def identify() -> str | None:
        return namespace_id

    return identify


@pytest.mark.parametrize("order", [("east", "west"), ("west", "east")])
async def test_a_namespace_of_two_clusters_registers_both(order: tuple[str, str]) -> None:
    registry = Registry(Ledger(MemoryStore()), Clock())
    for cluster in order:
        registry.identify_by("default", cluster, answering(f"id-of-{cluster}"))
    await registry.ensure("default")
    assert {entry.namespace_id for entry in await registry.registered()} == {
        "id-of-east",
        "id-of-west",
    }


async def test_a_cluster_that_does_not_answer_hides_none_that_does() -> None:
    registry = Registry(Ledger(MemoryStore()), Clock())
    registry.identify_by("default", "east", answering(None))
    registry.identify_by("default", "west", answering("id-of-west"))
    await registry.ensure("default")
    assert {entry.namespace_id for entry in await registry.registered()} == {None, "id-of-west"}


async def test_who_has_no_client_registers_by_name() -> None:
    registry = Registry(Ledger(MemoryStore()), Clock())
    await registry.ensure("orders")
    assert await registry.registered() == [Registered(namespace="orders", namespace_id=None)]
