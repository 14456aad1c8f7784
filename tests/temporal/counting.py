"""A store that counts, and a way to look at what Temporal really carries."""

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.message import Message
from temporalio.api.common.v1 import Payload
from temporalio.client import WorkflowHandle

from temporal_claimcheck.claim import Claim
from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.ledger import LEDGER_PREFIX
from temporal_claimcheck.payloads import (
    claim_from_claim_payload,
    claim_from_reference,
    is_claim_payload,
    is_storage_reference,
)
from temporal_claimcheck.stores.memory import MemoryStore


class CountingStore(MemoryStore):
    """Counts what is written and read, by key."""

    def __init__(self, *, clock: Callable[[], dt.datetime] = utc_now) -> None:
        super().__init__(clock=clock)
        self.puts: Counter[str] = Counter()
        self.gets: Counter[str] = Counter()

    async def put(self, key: str, blob: bytes) -> bool:
        if not key.startswith(LEDGER_PREFIX):
            self.puts[key] += 1
        return await super().put(key, blob)

    async def get(self, key: str, *, max_bytes: int) -> bytes:
        self.gets[key] += 1
        return await super().get(key, max_bytes=max_bytes)

    def forget_counts(self) -> None:
        self.puts.clear()
        self.gets.clear()


def payloads_in(message: Message) -> Iterator[Payload]:
    """Yield every payload anywhere in a protobuf message."""
    if isinstance(message, Payload):
        yield message
        return
    for field, value in message.ListFields():
        if field.message_type is None:
            continue
        if field.message_type.GetOptions().map_entry:
            if field.message_type.fields_by_name["value"].message_type is not None:
                for item in value.values():
                    yield from payloads_in(item)
        elif isinstance(value, Message):
            yield from payloads_in(value)
        else:
            for item in value:
                yield from payloads_in(item)


def claim_in(payload: Payload) -> Claim | None:
    """Return the claim that a payload carries in either wire form."""
    if is_claim_payload(payload):
        return claim_from_claim_payload(payload)
    return claim_from_reference(payload) if is_storage_reference(payload) else None


async def history_payloads(handle: WorkflowHandle[Any, Any]) -> list[Payload]:
    """Return every payload in a workflow's history, as Temporal carries it."""
    history = await handle.fetch_history()
    return [payload for event in history.events for payload in payloads_in(event)]
