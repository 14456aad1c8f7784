"""Workflows, activities and Nexus operations that each leave a large value in one place only."""

import asyncio
from datetime import timedelta
from typing import Any

import nexusrpc
from temporalio import activity, nexus, workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError

HOUR = timedelta(hours=1)


def grown(mark: str) -> str:
    """Return a large text that the mark gives."""
    return f"{mark} has grown; " * 200


@activity.defn
async def grow(mark: str) -> str:
    return grown(mark)


@activity.defn
async def measure(value: str) -> int:
    return len(value)


@activity.defn
async def beat(mark: str) -> None:
    """Heartbeat with a large detail, and go on until the test lets it end."""
    activity.heartbeat(grown(mark))
    while not activity.is_cancelled() and mark not in released:
        await asyncio.sleep(0.05)


@activity.defn
async def fail(mark: str) -> None:
    raise ApplicationError("on purpose", grown(mark))


released: set[str] = set()
"""Marks whose activities may end; the worker shares the test's process."""


@workflow.defn
class Hold:
    """Takes anything and waits until it is told to end."""

    def __init__(self) -> None:
        self._may_end = False
        self._updates_may_end = False

    @workflow.run
    async def run(self, value: str = "") -> int:
        await workflow.wait_condition(lambda: self._may_end)
        return len(value)

    @workflow.signal
    def put(self, value: str) -> None:
        pass

    @workflow.signal
    def end(self) -> None:
        self._may_end = True

    @workflow.signal
    def end_updates(self) -> None:
        self._updates_may_end = True

    @workflow.query
    def ask(self, value: str) -> str:
        return value.upper()

    @workflow.update
    async def wait(self, value: str) -> int:
        await workflow.wait_condition(lambda: self._updates_may_end)
        return len(value)

    @workflow.update
    def give(self, mark: str) -> str:
        return grown(mark)

    @workflow.update
    def refuse(self, value: str) -> None:
        pass

    @refuse.validator
    def refuse_everything(self, value: str) -> None:
        raise ApplicationError("refused", len(value))


@workflow.defn
class Grow:
    @workflow.run
    async def run(self, mark: str) -> str:
        return grown(mark)


@workflow.defn
class GrowOnce:
    """By cron: returns a large value in its first run, and waits in the second."""

    @workflow.run
    async def run(self, mark: str) -> str:
        if workflow.has_last_completion_result():
            await workflow.wait_condition(lambda: False)
        return grown(mark)


@workflow.defn
class FailOnce:
    """Fails in its first run with a large value deep inside, and waits in the second."""

    @workflow.run
    async def run(self, mark: str) -> None:
        if workflow.info().attempt > 1:
            await workflow.wait_condition(lambda: False)
        try:
            try:
                raise ApplicationError("the cause", grown(mark))
            except ApplicationError as error:
                raise ApplicationError("between") from error
        except ApplicationError as error:
            raise ApplicationError("the failure") from error


@workflow.defn
class FailWithWords:
    @workflow.run
    async def run(self, mark: str) -> None:
        raise ApplicationError(grown(mark))


@workflow.defn
class CallActivity:
    """Calls one activity, with the mark or with what grows from it; its result stays small."""

    @workflow.run
    async def run(self, name: str, mark: str, how: str = "") -> int:
        argument = grown(mark) if "grown" in how else mark
        if "local" in how:
            result: Any = await workflow.execute_local_activity(
                name, argument, start_to_close_timeout=HOUR
            )
        else:
            result = await workflow.execute_activity(
                name,
                argument,
                start_to_close_timeout=HOUR,
                retry_policy=RetryPolicy(initial_interval=HOUR),
            )
        return len(str(result))


@workflow.defn
class Remember:
    """Puts a large value into its memo."""

    @workflow.run
    async def run(self, mark: str) -> None:
        workflow.upsert_memo({"later": grown(mark)})


@workflow.defn
class Describe:
    """Gives a timer and itself large details."""

    @workflow.run
    async def run(self, mark: str) -> None:
        workflow.set_current_details(mark)
        await workflow.sleep(0.01, summary=mark)


@workflow.defn
class Parent:
    @workflow.run
    async def run(self, mark: str, child_id: str) -> None:
        await workflow.start_child_workflow(
            Hold.run,
            grown(mark),
            id=child_id,
            parent_close_policy=workflow.ParentClosePolicy.ABANDON,
        )


@workflow.defn
class GoOn:
    """Continues as new, once, with a large value."""

    @workflow.run
    async def run(self, mark: str) -> None:
        if workflow.info().continued_run_id is None:
            workflow.continue_as_new(grown(mark))
        await workflow.wait_condition(lambda: False)


@nexusrpc.service
class Post:
    take: nexusrpc.Operation[str, str]


@nexusrpc.handler.service_handler(service=Post)
class PostHandler:
    @nexus.workflow_run_operation
    async def take(
        self, ctx: nexus.WorkflowRunOperationContext, value: str
    ) -> nexus.WorkflowHandle[str]:
        return await ctx.start_workflow(Grow.run, value, id=f"taken-{ctx.request_id}")


@workflow.defn
class CallNexus:
    @workflow.run
    async def run(self, mark: str, endpoint: str) -> int:
        client = workflow.create_nexus_client(service=Post, endpoint=endpoint)
        return len(await client.execute_operation(Post.take, grown(mark)))


WORKFLOWS: list[type] = [
    Hold,
    Grow,
    GrowOnce,
    FailOnce,
    FailWithWords,
    CallActivity,
    Remember,
    Describe,
    Parent,
    GoOn,
    CallNexus,
]
ACTIVITIES = [grow, measure, beat, fail]
