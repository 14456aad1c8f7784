"""The seed's pipeline in small: large in, large between, small out."""

from datetime import timedelta
from typing import Any

from temporalio import activity, workflow
from temporalio.common import RetryPolicy

QUICK_RETRY = RetryPolicy(initial_interval=timedelta(milliseconds=50), backoff_coefficient=1.0)


@activity.defn
def transform(records: list[str]) -> list[str]:
    return [record.upper() for record in records]


@activity.defn
def summarize(records: list[str]) -> int:
    return sum(len(record) for record in records)


ACTIVITIES = [transform, summarize]


@workflow.defn
class Pipeline:
    """Passes its input to an activity twice, and the result to two activities."""

    def __init__(self) -> None:
        self._transformed: list[str] = []
        self._released = False

    @workflow.run
    async def run(self, records: list[str], wait: bool, activity_seconds: float = 60) -> int:
        options: Any = {
            "start_to_close_timeout": timedelta(seconds=activity_seconds),
            "retry_policy": QUICK_RETRY,
        }
        self._transformed = await workflow.execute_activity(transform, records, **options)
        again = await workflow.execute_activity(transform, records, **options)
        if wait:
            await workflow.wait_condition(lambda: self._released)
        first = await workflow.execute_activity(summarize, self._transformed, **options)
        second = await workflow.execute_activity(summarize, again, **options)
        return first + second

    @workflow.signal
    def release(self) -> None:
        self._released = True

    @workflow.query
    def transformed(self) -> list[str]:
        return self._transformed

    @workflow.query
    def reversed(self) -> list[str]:
        """An answer that stands nowhere in the history."""
        return self._transformed[::-1]
