"""Every metric, once: name, kind, help, labels, buckets. Pure.

Observers, the documentation's test and the test of dashboard and rules all read it here. No label
has a value that a payload, a workflow or a caller could make up: labels are words of ours, so the
number of series is bounded.
"""

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

__all__ = [
    "CACHE",
    "COLLECTED",
    "COLLECTED_BYTES",
    "COLLECTION",
    "COLLECTION_REFERENCES",
    "COLLECTION_RUNS",
    "COLLECTION_SECONDS",
    "COLLECTION_TIME",
    "DELETED",
    "DELETED_BYTES",
    "DOWNLOADS",
    "ERRORS",
    "EXCHANGES",
    "HISTOGRAM_BUCKETS",
    "IN_FLIGHT",
    "METRICS",
    "OFFLOADS",
    "PAYLOADS",
    "RETRIEVALS",
    "SERVER",
    "SERVER_REQUESTS",
    "SERVER_SECONDS",
    "STORED",
    "UPLOADS",
    "Kind",
    "Metric",
]

# From a cache hit to a large object from far away. One second is among them on purpose: the
# dashboard knows by it whether a worker's buckets are these.
_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Kind(enum.StrEnum):
    """What a metric does with the values that it gets."""

    COUNTER = "counter"
    """Adds them up, and begins anew with the process."""
    GAUGE = "gauge"
    """Shows the last one."""
    HISTOGRAM = "histogram"
    """Counts them by size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric."""

    name: str
    """As Prometheus shows it; counters end in `_total`, and the unit is part of it."""
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()
    """Upper bounds, of a histogram only."""

    def __post_init__(self) -> None:
        if self.name.endswith("_total") != (self.kind is Kind.COUNTER):
            raise ValueError(f"{self.name} is a {self.kind}: counters end in _total, others do not")
        if bool(self.buckets) != (self.kind is Kind.HISTOGRAM):
            raise ValueError(f"{self.name} is a {self.kind}: histograms have buckets, others not")


OFFLOADS: Final = Metric(
    name="claimcheck_offload_total",
    kind=Kind.COUNTER,
    help="Payloads that were exchanged for claims",
    labels=("outcome",),
)
RETRIEVALS: Final = Metric(
    name="claimcheck_retrieval_total",
    kind=Kind.COUNTER,
    help="Claims that were exchanged for payloads",
    labels=("source",),
)
ERRORS: Final = Metric(
    name="claimcheck_errors_total",
    kind=Kind.COUNTER,
    help="What failed, by the code of the error",
    labels=("operation", "code"),
)
PAYLOADS: Final = Metric(
    name="claimcheck_payload_bytes_total",
    kind=Kind.COUNTER,
    help="Bytes of payloads that were exchanged, before compression",
    labels=("operation", "outcome"),
)
STORED: Final = Metric(
    name="claimcheck_storage_bytes_total",
    kind=Kind.COUNTER,
    help="Bytes of objects that were written to the store",
)
UPLOADS: Final = Metric(
    name="claimcheck_upload_latency_seconds",
    kind=Kind.HISTOGRAM,
    help="Time of an offload that wrote",
    buckets=_SECONDS,
)
DOWNLOADS: Final = Metric(
    name="claimcheck_download_latency_seconds",
    kind=Kind.HISTOGRAM,
    help="Time of a retrieval that read the store",
    buckets=_SECONDS,
)
IN_FLIGHT: Final = Metric(
    name="claimcheck_in_flight_bytes",
    kind=Kind.GAUGE,
    help="Memory held by payloads that are being stored or read at this moment",
)
CACHE: Final = Metric(
    name="claimcheck_cache_bytes",
    kind=Kind.GAUGE,
    help="Memory held by verified payloads that may be asked for again",
)

EXCHANGES: Final[Sequence[Metric]] = (
    OFFLOADS,
    RETRIEVALS,
    ERRORS,
    PAYLOADS,
    STORED,
    UPLOADS,
    DOWNLOADS,
    IN_FLIGHT,
    CACHE,
)
"""What workers, clients and the codec server count."""

COLLECTION_TIME: Final = Metric(
    name="claimcheck_gc_last_completed_timestamp_seconds",
    kind=Kind.GAUGE,
    help="When the latest complete pass of the collector ended, in seconds since 1970",
)
COLLECTION_SECONDS: Final = Metric(
    name="claimcheck_gc_pass_seconds",
    kind=Kind.GAUGE,
    help="How long that pass took",
)
COLLECTION_RUNS: Final = Metric(
    name="claimcheck_gc_runs",
    kind=Kind.GAUGE,
    help="Workflow runs that it saw in Temporal",
)
COLLECTION_REFERENCES: Final = Metric(
    name="claimcheck_gc_references",
    kind=Kind.GAUGE,
    help="References to objects that it found in Temporal",
)
COLLECTED: Final = Metric(
    name="claimcheck_gc_objects",
    kind=Kind.GAUGE,
    help="Objects that it found in the store, by what became of them",
    labels=("verdict",),
)
COLLECTED_BYTES: Final = Metric(
    name="claimcheck_gc_stored_bytes",
    kind=Kind.GAUGE,
    help="Bytes of these objects",
    labels=("verdict",),
)
DELETED: Final = Metric(
    name="claimcheck_gc_deleted_objects",
    kind=Kind.GAUGE,
    help="Objects that it deleted",
)
DELETED_BYTES: Final = Metric(
    name="claimcheck_gc_deleted_bytes",
    kind=Kind.GAUGE,
    help="Bytes that it deleted",
)

COLLECTION: Final[Sequence[Metric]] = (
    COLLECTION_TIME,
    COLLECTION_SECONDS,
    COLLECTION_RUNS,
    COLLECTION_REFERENCES,
    COLLECTED,
    COLLECTED_BYTES,
    DELETED,
    DELETED_BYTES,
)
"""What is known of the latest complete pass of the collector, by whoever carried it out."""

SERVER_REQUESTS: Final = Metric(
    name="claimcheck_server_requests_total",
    kind=Kind.COUNTER,
    help="Answers of the codec server",
    labels=("route", "status"),
)
SERVER_SECONDS: Final = Metric(
    name="claimcheck_server_request_seconds",
    kind=Kind.HISTOGRAM,
    help="Time of an answer",
    labels=("route",),
    buckets=_SECONDS,
)

SERVER: Final[Sequence[Metric]] = (SERVER_REQUESTS, SERVER_SECONDS)
"""What the codec server counts beside that."""

METRICS: Final[Mapping[str, Metric]] = {
    metric.name: metric for metric in (*EXCHANGES, *COLLECTION, *SERVER)
}
"""All of them, by name."""

HISTOGRAM_BUCKETS: Final[Mapping[str, Sequence[float]]] = {
    metric.name: metric.buckets for metric in EXCHANGES if metric.buckets
}
"""For `histogram_bucket_overrides` of Temporal's `PrometheusConfig` and `OpenTelemetryConfig`.

Without it their histograms have buckets for milliseconds, and only counts and sums are of use.
"""
