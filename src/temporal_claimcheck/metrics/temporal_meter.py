"""Events as metrics of Temporal's own meter: they appear where the worker's metrics are."""

from collections.abc import Callable
from typing import Final

from temporalio.common import MetricMeter

from temporal_claimcheck.events import Event
from temporal_claimcheck.metrics.catalogue import Kind, Metric
from temporal_claimcheck.metrics.samples import Sample, samples

__all__ = ["TemporalMeterObserver"]

Record = Callable[[float], None]


class TemporalMeterObserver:
    """Counts what the claim check does, on the meter of a Temporal runtime.

    Its endpoint, its OTLP exporter or its buffer then has the claim check's metrics too. Costs
    nothing where the runtime has no metrics. Safe for several threads.
    """

    def __init__(self, meter: MetricMeter | Callable[[], MetricMeter]) -> None:
        """Count on `meter`; a function is called for it at the first event.

        It is `runtime.metric_meter` of the runtime that the client was connected with.
        """
        self._meter = meter
        # Bounded as the labels are.
        self._records: Final[dict[tuple[str, tuple[str, ...]], Record]] = {}

    def observe(self, event: Event) -> None:
        """Count an event."""
        meter = self._meter
        if not isinstance(meter, MetricMeter):
            meter = self._meter = meter()
        if meter is MetricMeter.noop:
            return
        for sample in samples(event):
            place = (sample.metric.name, sample.labels)
            record = self._records.get(place)
            if record is None:
                # Two threads may both come here. The runtime gives both the same metric.
                record = self._records[place] = _record_on(meter, sample)
            record(sample.value)


def _record_on(meter: MetricMeter, sample: Sample) -> Record:
    metric: Metric = sample.metric
    labels = dict(zip(metric.labels, sample.labels, strict=True))
    # The unit is part of the name. Stated once more, it would be appended to it where the
    # endpoint has `unit_suffix`.
    match metric.kind:
        case Kind.COUNTER:
            counter = meter.create_counter(metric.name, metric.help)
            add = counter.with_additional_attributes(labels).add
            return lambda value: add(int(value))
        case Kind.HISTOGRAM:
            histogram = meter.create_histogram_float(metric.name, metric.help)
            return histogram.with_additional_attributes(labels).record
        case Kind.GAUGE:
            gauge = meter.create_gauge_float(metric.name, metric.help)
            return gauge.with_additional_attributes(labels).set
