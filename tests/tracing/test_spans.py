"""Each exchange is a span, in the trace that it belongs to."""

import json
import uuid
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from temporalio.api.common.v1 import Payload
from temporalio.client import Client
from temporalio.contrib.opentelemetry import TracingInterceptor
from temporalio.worker import Worker

from temporal_claimcheck import BlobStore, ClaimCheckManager, ClaimCheckPlugin, OffloadPolicy
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.temporal.plugin import Door
from temporal_claimcheck.tracing.opentelemetry import OpenTelemetryObserver
from temporal_claimcheck.tracing.parents import CURRENT_PARENT, parent_in, under
from tests.core.witnesses import BreakingStore, payload
from tests.temporal.pipeline import ACTIVITIES, Pipeline

RECORDS = ["a large record " * 20_000]
PARENT = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}


class Traces:
    """Spans, as an exporter gets them."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = self.provider.get_tracer("test")

    @property
    def spans(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    @property
    def ours(self) -> Sequence[ReadableSpan]:
        return [span for span in self.spans if span.name.startswith("claimcheck.")]

    def manager(self, store: BlobStore | None = None, *, always: bool = False) -> ClaimCheckManager:
        observer = OpenTelemetryObserver(tracer_provider=self.provider, always=always)
        policy = OffloadPolicy(threshold_bytes=10_000)
        return ClaimCheckManager(store or MemoryStore(), policy=policy, observers=[observer])


@pytest.fixture
def traces() -> Traces:
    return Traces()


async def test_an_exchange_is_a_child_of_the_current_span(traces: Traces) -> None:
    manager = traces.manager()
    with traces.tracer.start_as_current_span("mine") as mine:
        claim = await manager.offload(payload())
        await manager.retrieve(claim)
    offload, retrieve = traces.ours
    for span in (offload, retrieve):
        assert span.parent is not None
        assert span.parent.span_id == mine.get_span_context().span_id
    assert offload.name == "claimcheck.offload"
    assert dict(offload.attributes or {}) == {
        "claimcheck.namespace": "default",
        "claimcheck.key": claim.key,
        "claimcheck.outcome": "stored",
        "claimcheck.payload_bytes": claim.payload_bytes,
        "claimcheck.stored_bytes": (offload.attributes or {})["claimcheck.stored_bytes"],
    }
    assert retrieve.name == "claimcheck.retrieve"
    assert dict(retrieve.attributes or {}) == {
        "claimcheck.namespace": "default",
        "claimcheck.key": claim.key,
        "claimcheck.source": "cache",
        "claimcheck.payload_bytes": claim.payload_bytes,
    }


async def test_a_span_lies_within_the_span_that_it_is_a_child_of(traces: Traces) -> None:
    with traces.tracer.start_as_current_span("mine"):
        await traces.manager().offload(payload(1_000_000))
    [offload] = traces.ours
    [mine] = [span for span in traces.spans if span.name == "mine"]
    times = (mine.start_time, offload.start_time, offload.end_time, mine.end_time)
    assert sorted(time or 0 for time in times) == list(times)


async def test_without_a_trace_there_is_no_span_unless_wanted(traces: Traces) -> None:
    await traces.manager().offload(payload())
    assert traces.ours == []
    await traces.manager(always=True).offload(payload())
    assert [span.parent for span in traces.ours] == [None]


async def test_a_failure_says_which_and_not_what(traces: Traces) -> None:
    manager = traces.manager(BreakingStore(fails=1))
    with traces.tracer.start_as_current_span("mine"), pytest.raises(Exception, match="down"):
        await manager.offload(payload())
    [span] = traces.ours
    assert (span.status.status_code, span.status.description) == (
        StatusCode.ERROR,
        "store-unavailable",
    )
    assert (span.attributes or {})["error.type"] == "store-unavailable"
    assert not span.events


async def test_the_trace_of_a_task_goes_before_the_span_that_its_worker_began_in(
    traces: Traces,
) -> None:
    manager = traces.manager()
    with traces.tracer.start_as_current_span("mine") as mine, under(PARENT):
        await manager.offload(payload())
        # As for the code of an activity.
        with under(None):
            await manager.offload(payload())
    assert CURRENT_PARENT.get() is None
    by_task, by_span = [span.parent for span in traces.ours]
    assert by_task is not None
    assert by_span is not None
    assert by_task.span_id == 0xB7AD6B7169203331
    assert by_span.span_id == mine.get_span_context().span_id


@pytest.mark.parametrize(
    "header",
    [
        None,
        Payload(metadata={"encoding": b"binary/encrypted"}, data=json.dumps(PARENT).encode()),
        Payload(metadata={"encoding": b"json/plain"}, data=b"{"),
        Payload(metadata={"encoding": b"json/plain"}, data=b"[1]"),
    ],
)
def test_a_header_that_tells_no_trace_is_passed_over(header: Payload | None) -> None:
    headers = {} if header is None else {"_tracer-data": header}
    assert parent_in(headers) is None


async def test_a_trace_that_is_none_is_passed_over(traces: Traces) -> None:
    header = Payload(
        metadata={"encoding": b"json/plain"}, data=b'{"traceparent": "rubbish", "more": 1}'
    )
    with under(parent_in({"_tracer-data": header})):
        await traces.manager().offload(payload())
    assert traces.ours == []


async def test_payloads_of_a_workflow_are_in_the_trace_of_the_client(
    traces: Traces, temporal_address: str, door: Door
) -> None:
    # A worker that remembers nothing: it reads what the client and others stored.
    store = MemoryStore()
    policy = OffloadPolicy(threshold_bytes=10_000)
    observer = OpenTelemetryObserver(tracer_provider=traces.provider)
    plugin = ClaimCheckPlugin(
        ClaimCheckManager(store, policy=policy, cache_bytes=0), door=door, observers=[observer]
    )
    client = await Client.connect(
        temporal_address,
        plugins=[plugin],
        interceptors=[TracingInterceptor(traces.tracer)],
    )
    queue = f"queue-{uuid.uuid4()}"
    with ThreadPoolExecutor() as executor, traces.tracer.start_as_current_span("mine") as mine:
        async with Worker(
            client,
            task_queue=queue,
            workflows=[Pipeline],
            activities=ACTIVITIES,
            activity_executor=executor,
        ):
            await client.execute_workflow(
                Pipeline.run, args=[RECORDS, False], id=f"workflow-{queue}", task_queue=queue
            )
    names = {span.context.span_id: span.name for span in traces.spans if span.context}
    children = {
        (span.name, names[span.parent.span_id]) for span in traces.ours if span.parent is not None
    }
    # The client stores the input; the workflow reads it and stores the activities' inputs; the
    # activities read theirs and store what they return.
    assert children == {
        ("claimcheck.offload", "StartWorkflow:Pipeline"),
        ("claimcheck.retrieve", "StartWorkflow:Pipeline"),
        ("claimcheck.retrieve", "StartActivity:transform"),
        ("claimcheck.offload", "StartActivity:transform"),
        ("claimcheck.retrieve", "StartActivity:summarize"),
    }
    assert all(span.parent is not None for span in traces.ours)
    trace_ids = {span.context.trace_id for span in traces.ours if span.context}
    assert trace_ids == {mine.get_span_context().trace_id}
