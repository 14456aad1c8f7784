"""Events as Prometheus metrics."""

from typing import Final

from temporal_claimcheck.errors import ClaimCheckError, MissingExtra
from temporal_claimcheck.events import Event, Failed, Offloaded, Retrieved

try:
    from prometheus_client import CollectorRegistry, Counter, Histogram
except ModuleNotFoundError as error:
    raise MissingExtra(
        "Metrics need the package prometheus-client.",
        remedy="Run: pip install 'temporal-claimcheck[metrics]'",
    ) from error

__all__ = ["PrometheusObserver"]

# From a cache hit to a large object from far away.
_SECONDS: Final = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_UNKNOWN: Final = "unexpected"


class PrometheusObserver:
    """Counts what the claim check does, in a registry that stays its owner's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics. Raises ValueError if the registry has them already."""
        self._offloads = Counter(
            "claimcheck_offload",
            "Payloads that were exchanged for claims",
            ("outcome",),
            registry=registry,
        )
        self._retrievals = Counter(
            "claimcheck_retrieval",
            "Claims that were exchanged for payloads",
            ("source",),
            registry=registry,
        )
        self._errors = Counter(
            "claimcheck_errors", "What failed", ("operation", "code"), registry=registry
        )
        self._stored = Counter(
            "claimcheck_storage_bytes", "Bytes of objects that were written", registry=registry
        )
        self._payloads = Counter(
            "claimcheck_payload_bytes", "Bytes of payloads", ("operation",), registry=registry
        )
        self._uploads = Histogram(
            "claimcheck_upload_latency_seconds",
            "Time of an offload that wrote",
            buckets=_SECONDS,
            registry=registry,
        )
        self._downloads = Histogram(
            "claimcheck_download_latency_seconds",
            "Time of a retrieval that read the store",
            buckets=_SECONDS,
            registry=registry,
        )

    def observe(self, event: Event) -> None:
        """Count an event."""
        match event:
            case Offloaded():
                self._offloads.labels(event.outcome.value).inc()
                self._payloads.labels("offload").inc(event.payload_bytes)
                if event.stored_bytes:
                    self._stored.inc(event.stored_bytes)
                    self._uploads.observe(event.seconds)
            case Retrieved():
                self._retrievals.labels("cache" if event.from_cache else "store").inc()
                self._payloads.labels("retrieve").inc(event.payload_bytes)
                if not event.from_cache:
                    self._downloads.observe(event.seconds)
            case Failed():
                error = event.error
                code = error.code if isinstance(error, ClaimCheckError) else _UNKNOWN
                self._errors.labels(event.operation, code).inc()
