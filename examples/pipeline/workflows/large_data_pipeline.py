"""The pipeline itself. Nothing in it knows that its data is too large for Temporal."""

from datetime import timedelta

from temporalio import workflow
from temporalio.common import RawValue, RetryPolicy

with workflow.unsafe.imports_passed_through():
    from model import Summary

ONE_ATTEMPT = timedelta(minutes=10)
ALL_ATTEMPTS = timedelta(hours=1)
RETRIES = RetryPolicy(initial_interval=timedelta(seconds=1), maximum_interval=timedelta(minutes=1))


@workflow.defn
class LargeDataPipeline:
    """Transforms a large data set and returns a small summary of it."""

    @workflow.run
    async def run(self, records: RawValue) -> Summary:
        # RawValue: the workflow hands the data on, so it need not parse it. Ten megabytes of
        # JSON would cost it about a second a time, and Temporal allows it two without a pause.
        transformed = await workflow.execute_activity(
            "transform_large_dataset",
            records,
            result_type=RawValue,
            start_to_close_timeout=ONE_ATTEMPT,
            schedule_to_close_timeout=ALL_ATTEMPTS,
            retry_policy=RETRIES,
        )
        return await workflow.execute_activity(
            "generate_summary",
            transformed,
            result_type=Summary,
            start_to_close_timeout=ONE_ATTEMPT,
            schedule_to_close_timeout=ALL_ATTEMPTS,
            retry_policy=RETRIES,
        )
