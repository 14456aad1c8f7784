"""The pipeline under test: large in, transformed, large between, a small summary out."""

from datetime import timedelta
from typing import Any

from temporalio import activity, workflow

# Nearly no work of its own, so that what is measured is the way of the data. `list[Any]`: a
# narrower hint would have the SDK walk through every record, at a cost that hides all others.
Records = list[Any]


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
        timeout = timedelta(minutes=2)
        transformed = await workflow.execute_activity(
            transform, records, start_to_close_timeout=timeout
        )
        return await workflow.execute_activity(
            summarize, transformed, start_to_close_timeout=timeout
        )
