"""A workflow runner that knows when an activation is a replay.

The SDK encodes a replayed workflow's commands again, though Temporal only compares their kinds
with the history and throws the payloads away. Storing them again would leave orphans in the
store, one set for each replay on a later day. This runner wraps every workflow instance, sees
each activation, and tells the doors through the context what the payload is for.
"""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from temporalio.converter import (
    ActivitySerializationContext,
    SerializationContext,
    StorageDriverStoreContext,
)
from temporalio.worker import WorkflowInstance, WorkflowInstanceDetails, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner

from temporal_claimcheck.temporal.intent import Intent, carry_intent

if TYPE_CHECKING:
    from temporalio.bridge.proto.workflow_activation import WorkflowActivation
    from temporalio.bridge.proto.workflow_completion import WorkflowActivationCompletion
    from temporalio.worker._command_aware_visitor import CommandInfo
    from temporalio.workflow import Info, _Definition

__all__ = ["ReplayAwareRunner", "ReplayAwareSandboxedRunner", "replay_aware"]

# The claim check itself, so that a workflow's module may import it. And the client of Redis: its
# connection pool imports a module of its own when it is collected, which happens wherever Python
# runs just then, also in a workflow.
_LET_THROUGH: Final = ("temporal_claimcheck", "redis")


def replay_aware(runner: WorkflowRunner) -> WorkflowRunner:
    """Return a runner that runs workflows as the given one does, and knows of replays.

    A `SandboxedWorkflowRunner` stays one, so that other plugins still find and extend it; the
    claim check itself is let through the sandbox, so a workflow's module may import it.
    """
    if isinstance(runner, ReplayAwareRunner | ReplayAwareSandboxedRunner):
        return runner
    if type(runner) is SandboxedWorkflowRunner:
        return ReplayAwareSandboxedRunner(
            restrictions=runner.restrictions.with_passthrough_modules(*_LET_THROUGH),
            runner_class=runner.runner_class,
        )
    return ReplayAwareRunner(runner)


class ReplayAwareInstance(WorkflowInstance):
    """A workflow instance that tells the doors whether what they encode is a replay's."""

    def __init__(self, instance: WorkflowInstance) -> None:
        self._instance = instance
        self._replaying = False

    def activate(self, act: "WorkflowActivation") -> "WorkflowActivationCompletion":
        """Run the activation and remember whether its commands stand in the history already."""
        self._replaying = False
        completion = self._instance.activate(act)
        # A query that is asked during a replay has an answer that nobody has stored yet, and
        # the failure of a task is new as well, whatever the task was.
        self._replaying = (
            act.is_replaying
            and not any(job.HasField("query_workflow") for job in act.jobs)
            and not completion.HasField("failed")
        )
        return completion

    def get_serialization_context(
        self, command_info: "CommandInfo | None"
    ) -> SerializationContext | None:
        """Return the context for the codec."""
        context = self._instance.get_serialization_context(command_info)
        intent = self._intent_for(context)
        if context is None or intent is Intent.STORE:
            return context
        return carry_intent(context, intent)

    def get_external_store_context(
        self, command_info: "CommandInfo | None"
    ) -> StorageDriverStoreContext:
        """Return the context for the storage driver."""
        context = self._instance.get_external_store_context(command_info)
        intent = self._intent_for(self._instance.get_serialization_context(command_info))
        if context.target is None or intent is Intent.STORE:
            return context
        # The target is the one part that reaches both the driver and its selector.
        return dataclasses.replace(context, target=carry_intent(context.target, intent))

    def get_info(self) -> "Info":
        """Return the workflow's info."""
        return self._instance.get_info()

    def get_thread_id(self) -> int | None:
        """Return the thread that the workflow runs on."""
        return self._instance.get_thread_id()

    def _intent_for(self, context: SerializationContext | None) -> Intent:
        # A local activity's arguments stay in this process: core hands them to a local task and
        # never puts them in the history. Minting a claim for them would be wrong besides: a
        # local activity that had not finished before the replay really runs during it.
        if isinstance(context, ActivitySerializationContext) and context.is_local:
            return Intent.KEEP
        return Intent.MINT if self._replaying else Intent.STORE


@dataclasses.dataclass(frozen=True)
class ReplayAwareSandboxedRunner(SandboxedWorkflowRunner):
    """The sandboxed runner, with instances that know of replays."""

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Create an instance."""
        return ReplayAwareInstance(super().create_instance(det))


class ReplayAwareRunner(WorkflowRunner):
    """Any other runner, with instances that know of replays."""

    def __init__(self, runner: WorkflowRunner) -> None:
        self._runner = runner

    def prepare_workflow(self, defn: "_Definition") -> None:
        """Prepare a workflow."""
        self._runner.prepare_workflow(defn)

    def create_instance(self, det: WorkflowInstanceDetails) -> WorkflowInstance:
        """Create an instance."""
        return ReplayAwareInstance(self._runner.create_instance(det))

    def set_worker_level_failure_exception_types(
        self, types: Sequence[type[BaseException]]
    ) -> None:
        """Pass the worker's setting on."""
        self._runner.set_worker_level_failure_exception_types(types)
