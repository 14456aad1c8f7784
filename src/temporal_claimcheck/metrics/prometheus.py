"""Events as metrics of the Prometheus client, for processes without Temporal's own meter."""

from typing import Final

from temporal_claimcheck.errors import MissingExtra
from temporal_claimcheck.events import Event
from temporal_claimcheck.metrics.catalogue import EXCHANGES, Kind, Metric
from temporal_claimcheck.metrics.samples import Sample, samples

try:
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
except ModuleNotFoundError as error:
    raise MissingExtra(
        "Metrics need the package prometheus-client.",
        remedy="Run: pip install 'temporal-claimcheck[metrics]'",
    ) from error

__all__ = ["PrometheusObserver", "counter", "histogram"]


def counter(metric: Metric, registry: CollectorRegistry) -> Counter:
    """Register a counter of the catalogue. Raises ValueError if the registry has it already."""
    return Counter(metric.name, metric.help, metric.labels, registry=registry)


def histogram(metric: Metric, registry: CollectorRegistry) -> Histogram:
    """Register a histogram of the catalogue. Raises ValueError if the registry has it already."""
    return Histogram(
        metric.name, metric.help, metric.labels, buckets=metric.buckets, registry=registry
    )


class PrometheusObserver:
    """Counts what the claim check does, in a registry that stays its owner's."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics. Raises ValueError if the registry has them already."""
        self._registry = registry
        self._counters: Final = {
            metric.name: counter(metric, registry)
            for metric in EXCHANGES
            if metric.kind is Kind.COUNTER
        }
        self._histograms: Final = {
            metric.name: histogram(metric, registry)
            for metric in EXCHANGES
            if metric.kind is Kind.HISTOGRAM
        }
        self._gauges: Final[dict[str, Gauge]] = {}

    def observe(self, event: Event) -> None:
        """Count an event."""
        for sample in samples(event):
            self._take(sample)

    def _take(self, sample: Sample) -> None:
        metric, value, labels = sample
        match metric.kind:
            case Kind.COUNTER:
                known = self._counters[metric.name]
                (known.labels(*labels) if labels else known).inc(value)
            case Kind.HISTOGRAM:
                known = self._histograms[metric.name]
                (known.labels(*labels) if labels else known).observe(value)
            case Kind.GAUGE:
                known = self._gauge(metric)
                (known.labels(*labels) if labels else known).set(value)

    def _gauge(self, metric: Metric) -> Gauge:
        # Not before there is a value: nought would say that the collector last ran in 1970.
        known = self._gauges.get(metric.name)
        if known is None:
            known = self._gauges[metric.name] = Gauge(
                metric.name, metric.help, metric.labels, registry=self._registry
            )
        return known
