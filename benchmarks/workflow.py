"""The pipeline under test: large in, transformed, large between, a small summary out."""

from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.common import RawValue

# Nearly no work of its own, so that what is measured is the way of the data. `list[Any]`: a
# narrower hint would have the SDK walk through every record, at a cost that hides all others.
Records = list[Any]

TIMEOUT = timedelta(minutes=2)


@activity.defn
def transform(records: Records) -> Records:
    return [{**record, "transformed": True} for record in records]


@activity.defn
def summarize(records: Records) -> int:
    return sum(record["transformed"] for record in records)


ACTIVITIES = [transform, summarize]


@workflow.defn
class BenchmarkPipeline:
    @workflow.run
    async def run(self, records: Records) -> int:
        transformed = await workflow.execute_activity(
            transform, records, start_to_close_timeout=TIMEOUT
        )
        return await workflow.execute_activity(
            summarize, transformed, start_to_close_timeout=TIMEOUT
        )


@workflow.defn
class RawBenchmarkPipeline:
    """The same for a workflow that hands its data on without parsing it."""

    @workflow.run
    async def run(self, records: RawValue) -> int:
        transformed = await workflow.execute_activity(
            "transform", records, result_type=RawValue, start_to_close_timeout=TIMEOUT
        )
        return await workflow.execute_activity(
            "summarize", transformed, result_type=int, start_to_close_timeout=TIMEOUT
        )


WORKFLOWS = [BenchmarkPipeline, RawBenchmarkPipeline]
