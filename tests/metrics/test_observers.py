"""Both observers show the same metrics, by the names of the catalogue."""

import asyncio
import datetime as dt
import urllib.request
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families
from temporalio.common import MetricMeter
from temporalio.runtime import MetricBuffer, PrometheusConfig, Runtime, TelemetryConfig

from temporal_claimcheck.errors import ClaimCheckError, DigestMismatch
from temporal_claimcheck.events import (
    Collected,
    Event,
    Failed,
    Occupied,
    Offloaded,
    OffloadOutcome,
    Retrieved,
)
from temporal_claimcheck.metrics import HISTOGRAM_BUCKETS
from temporal_claimcheck.metrics.catalogue import COLLECTION, EXCHANGES, METRICS, Kind, Metric
from temporal_claimcheck.metrics.prometheus import PrometheusObserver
from temporal_claimcheck.metrics.samples import samples
from temporal_claimcheck.metrics.temporal_meter import TemporalMeterObserver
from temporal_claimcheck.testing.servers import free_ports

ENDED = dt.datetime(2026, 11, 22, 12, tzinfo=dt.UTC)
SECRET = "made up by whoever"

EVENTS: tuple[Event, ...] = (
    *(
        Offloaded(
            namespace=SECRET,
            key=SECRET,
            outcome=outcome,
            payload_bytes=1000,
            stored_bytes=300 if outcome is OffloadOutcome.STORED else 0,
            seconds=0.3,
        )
        for outcome in OffloadOutcome
    ),
    *(
        Retrieved(
            namespace=SECRET, key=SECRET, from_cache=cached, payload_bytes=1000, seconds=0.002
        )
        for cached in (True, False)
    ),
    Failed(
        namespace=SECRET,
        key=SECRET,
        operation="retrieve",
        error=DigestMismatch(SECRET, remedy=SECRET),
        seconds=1,
    ),
    Failed(namespace=SECRET, key=None, operation="offload", error=OSError(SECRET), seconds=1),
    Occupied(in_flight_bytes=5_000_000_000, cache_bytes=7),
    Collected(
        ended=ENDED,
        seconds=90.5,
        runs=10,
        references=20,
        objects={"live": 3, "young": 0},
        stored_bytes={"live": 3_000_000_000_000, "young": 0},
        deleted_objects=4,
        deleted_bytes=400,
    ),
)

Shown = dict[tuple[str, frozenset[tuple[str, str]]], float]


def shown(text: str) -> Shown:
    """Return the samples of our metrics: all but the buckets, of which the next tests tell."""
    return {
        (
            sample.name,
            frozenset(
                (name, value) for name, value in sample.labels.items() if name != "service_name"
            ),
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.name.endswith(("_created", "_bucket"))
    }


def kinds(text: str) -> dict[str, str]:
    return {
        f"{family.name}_total" if family.type == "counter" else family.name: family.type
        for family in text_string_to_metric_families(text)
        if not family.name.endswith("_created")
    }


def buckets(text: str, name: str) -> list[float]:
    return [
        float(sample.labels["le"])
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == f"{name}_bucket"
    ]


def by_prometheus(events: Iterable[Event] = EVENTS) -> str:
    registry = CollectorRegistry()
    observer = PrometheusObserver(registry)
    for event in events:
        observer.observe(event)
    return generate_latest(registry).decode()


def by_temporal(events: Iterable[Event] = EVENTS, **config: Any) -> str:
    (port,) = free_ports(1)
    metrics = PrometheusConfig(bind_address=f"127.0.0.1:{port}", **config)
    runtime = Runtime(telemetry=TelemetryConfig(metrics=metrics))
    observer = TemporalMeterObserver(runtime.metric_meter)
    for event in events:
        observer.observe(event)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        return answer.read().decode()


def test_the_endpoint_of_a_worker_shows_what_the_prometheus_client_shows() -> None:
    theirs = shown(by_temporal())
    assert theirs == shown(by_prometheus())
    assert {name for name, _ in theirs} >= {
        metric.name for metric in METRICS.values() if metric.kind is not Kind.HISTOGRAM
    } - {"claimcheck_server_requests_total"}


@pytest.mark.parametrize("show", [by_prometheus, by_temporal])
def test_each_metric_is_of_the_kind_that_the_catalogue_says(show: Any) -> None:
    found = kinds(show())
    # A counter of Temporal's has its name without `_total` taken off.
    assert found == {metric.name: metric.kind.value for metric in (*EXCHANGES, *COLLECTION)}


def test_with_the_buckets_of_the_catalogue_both_have_the_same() -> None:
    text = by_temporal(histogram_bucket_overrides=HISTOGRAM_BUCKETS)
    for name, bounds in HISTOGRAM_BUCKETS.items():
        assert buckets(text, name) == buckets(by_prometheus(), name) == [*bounds, float("inf")]


def test_settings_of_the_endpoint_change_no_name_but_those_of_counters() -> None:
    plain = shown(by_temporal())
    assert shown(by_temporal(unit_suffix=True, durations_as_seconds=True)) == plain
    suffixed = {name for name, _ in shown(by_temporal(counters_total_suffix=True))}
    # What the relabelling in deploy/monitoring/prometheus.yml is for.
    assert suffixed == {f"{name}_total" if name.endswith("_total") else name for name, _ in plain}


def test_a_buffer_gets_them_too() -> None:
    buffer = MetricBuffer(1000)
    runtime = Runtime(telemetry=TelemetryConfig(metrics=buffer))
    observer = TemporalMeterObserver(lambda: runtime.metric_meter)
    for event in EVENTS:
        observer.observe(event)
    updates = buffer.retrieve_updates()
    ours: set[Metric] = {*EXCHANGES, *COLLECTION}
    assert {update.metric.name for update in updates} == {metric.name for metric in ours}
    described = {update.metric.name: update.metric.description for update in updates}
    assert described == {metric.name: metric.help for metric in ours}


def test_without_metrics_in_the_runtime_nothing_is_counted() -> None:
    asked: list[None] = []

    def meter() -> MetricMeter:
        asked.append(None)
        return MetricMeter.noop

    observer = TemporalMeterObserver(meter)
    for event in EVENTS:
        observer.observe(event)
    assert len(asked) == 1


def test_no_label_has_a_value_that_somebody_could_make_up() -> None:
    codes = {error.code for error in _tree(ClaimCheckError)} | {"unexpected"}
    words = codes | {"offload", "retrieve", "cache", "store", "live", "young"}
    words |= {outcome.value for outcome in OffloadOutcome}
    for event in EVENTS:
        for sample in samples(event):
            assert set(sample.labels) <= words
            assert len(sample.labels) == len(sample.metric.labels)


def test_figures_of_the_collector_are_not_shown_before_there_are_any() -> None:
    text = by_prometheus([Occupied(in_flight_bytes=1, cache_bytes=1)])
    assert "claimcheck_gc" not in text


def test_a_counter_must_end_in_total_and_a_histogram_have_buckets() -> None:
    for wrong in (
        {"name": "claimcheck_x", "kind": Kind.COUNTER},
        {"name": "claimcheck_x_total", "kind": Kind.GAUGE},
        {"name": "claimcheck_x", "kind": Kind.HISTOGRAM},
        {"name": "claimcheck_x", "kind": Kind.GAUGE, "buckets": (1.0,)},
    ):
        with pytest.raises(ValueError, match="claimcheck_x"):
            Metric(help="", **wrong)  # pyright: ignore[reportArgumentType]


async def test_several_threads_may_count_at_once() -> None:
    registry = CollectorRegistry()
    buffer = MetricBuffer(100_000)
    runtime = Runtime(telemetry=TelemetryConfig(metrics=buffer))
    observers = (PrometheusObserver(registry), TemporalMeterObserver(runtime.metric_meter))
    cached = [event for event in EVENTS if isinstance(event, Retrieved) and event.from_cache]

    def count() -> None:
        for _ in range(500):
            for observer in observers:
                observer.observe(cached[0])

    await asyncio.gather(*(asyncio.to_thread(count) for _ in range(4)))
    labels: Mapping[str, str] = {"source": "cache"}
    assert registry.get_sample_value("claimcheck_retrieval_total", dict(labels)) == 2000
    assert (
        sum(
            update.value
            for update in buffer.retrieve_updates()
            if update.metric.name == "claimcheck_retrieval_total"
        )
        == 2000
    )


def _tree(error: type[ClaimCheckError]) -> Iterable[type[ClaimCheckError]]:
    yield error
    for child in error.__subclasses__():
        yield from _tree(child)
