"""What an event says in metrics. Pure, and the same for whatever library shows them."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from temporal_claimcheck.errors import ClaimCheckError
from temporal_claimcheck.events import (
    Collected,
    Event,
    Failed,
    Occupied,
    Offloaded,
    OffloadOutcome,
    Retrieved,
)
from temporal_claimcheck.metrics import catalogue
from temporal_claimcheck.metrics.catalogue import Metric

__all__ = ["UNEXPECTED", "Sample", "samples"]

UNEXPECTED: Final = "unexpected"
"""The code of an error that is none of ours."""


class Sample(NamedTuple):
    """A value for a metric: to add to a counter, to show on a gauge, to sort into a histogram."""

    metric: Metric
    value: float
    labels: tuple[str, ...] = ()
    """In the order of the metric's labels."""


def samples(event: Event) -> Iterator[Sample]:
    """Yield what an event changes."""
    match event:
        case Offloaded():
            yield from _offloaded(event)
        case Retrieved():
            source = "cache" if event.from_cache else "store"
            yield Sample(catalogue.RETRIEVALS, 1, (source,))
            yield Sample(catalogue.PAYLOADS, event.payload_bytes, ("retrieve", source))
            if not event.from_cache:
                yield Sample(catalogue.DOWNLOADS, event.seconds)
        case Failed(error=error):
            code = error.code if isinstance(error, ClaimCheckError) else UNEXPECTED
            yield Sample(catalogue.ERRORS, 1, (event.operation, code))
        case Occupied():
            yield Sample(catalogue.IN_FLIGHT, event.in_flight_bytes)
            yield Sample(catalogue.CACHE, event.cache_bytes)
        case Collected():
            yield from _collected(event)


def _offloaded(event: Offloaded) -> Iterator[Sample]:
    yield Sample(catalogue.OFFLOADS, 1, (event.outcome.value,))
    yield Sample(catalogue.PAYLOADS, event.payload_bytes, ("offload", event.outcome.value))
    if event.outcome is OffloadOutcome.STORED:
        yield Sample(catalogue.STORED, event.stored_bytes)
        yield Sample(catalogue.UPLOADS, event.seconds)


def _collected(event: Collected) -> Iterator[Sample]:
    yield Sample(catalogue.COLLECTION_TIME, event.ended.timestamp())
    yield Sample(catalogue.COLLECTION_SECONDS, event.seconds)
    yield Sample(catalogue.COLLECTION_RUNS, event.runs)
    yield Sample(catalogue.COLLECTION_REFERENCES, event.references)
    for verdict, count in event.objects.items():
        yield Sample(catalogue.COLLECTED, count, (verdict,))
    for verdict, size in event.stored_bytes.items():
        yield Sample(catalogue.COLLECTED_BYTES, size, (verdict,))
    yield Sample(catalogue.DELETED, event.deleted_objects)
    yield Sample(catalogue.DELETED_BYTES, event.deleted_bytes)
