"""One test's own store, workers and view of the cluster, on a server that others use too."""

import datetime as dt
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from temporalio.api.common.v1 import Payload, WorkflowExecution, WorkflowType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DeleteWorkflowExecutionRequest,
    StartWorkflowExecutionRequest,
)
from temporalio.client import Client, WorkflowHandle
from temporalio.converter import DataConverter
from temporalio.worker import Worker

from temporal_claimcheck import ClaimCheckManager, ClaimCheckPlugin
from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.gc.cluster import Kind, Run, RunReferences
from temporal_claimcheck.gc.roots.temporal_cluster import TemporalCluster
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.temporal.plugin import Door
from temporal_claimcheck.transforms.encryption import KeyRing
from tests.gc import rooted
from tests.temporal.counting import CountingStore
from tests.temporal.waiting import eventually

NAMESPACE = "default"


@dataclass(kw_only=True)
class Room:
    """`client` has the claim check, `plain` has nothing; `cluster` is what is tested."""

    client: Client
    plain: Client
    store: CountingStore
    manager: ClaimCheckManager
    cluster: TemporalCluster
    task_queue: str = field(default_factory=lambda: f"queue-{uuid.uuid4()}")
    text: str = field(default_factory=lambda: f"{uuid.uuid4()} and what belongs to it " * 100)

    @property
    def stored(self) -> frozenset[str]:
        """Every key that was written; the claim check's own records are none."""
        return frozenset(key for key in self.store.puts if key.startswith("v1/"))

    def worker(self, **more: Any) -> Worker:
        return Worker(
            self.client,
            task_queue=self.task_queue,
            workflows=rooted.WORKFLOWS,
            activities=rooted.ACTIVITIES,
            **more,
        )

    async def start(
        self,
        run: Any,
        *args: Any,
        workflow_id: str | None = None,
        **more: Any,
    ) -> WorkflowHandle[Any, Any]:
        return await self.client.start_workflow(
            run, args=args, id=workflow_id or self.new_id(), task_queue=self.task_queue, **more
        )

    async def start_raw(self, **fields: Any) -> Run:
        """Start a run of Hold with a request of the test's own."""
        workflow_id = self.new_id()
        answer = await self.plain.workflow_service.start_workflow_execution(
            StartWorkflowExecutionRequest(
                namespace=NAMESPACE,
                workflow_id=workflow_id,
                workflow_type=WorkflowType(name="Hold"),
                task_queue=TaskQueue(name=self.task_queue),
                request_id=workflow_id,
                **fields,
            )
        )
        return Run(workflow_id=workflow_id, run_id=answer.run_id)

    def new_id(self) -> str:
        return f"root-{uuid.uuid4()}"

    async def payload(self, value: Any) -> Payload:
        """Return the value as a payload, as this room's manager would send it."""
        [payload] = await DataConverter.default.encode([value])
        return await self.manager.maybe_offload(payload)

    async def references(self, run: Run) -> RunReferences:
        found = await self.cluster.run(NAMESPACE, run)
        assert found is not None
        return found

    async def others(self, kind: Kind, name: str) -> list[str]:
        """Return the ids in the cluster's list that begin with a name."""
        return [
            each async for each in self.cluster.others(NAMESPACE, kind) if each.startswith(name)
        ]

    async def delete(self, run: Run) -> None:
        """Delete the run, as its retention would, and wait until it is gone."""
        await self.plain.workflow_service.delete_workflow_execution(
            DeleteWorkflowExecutionRequest(
                namespace=NAMESPACE,
                workflow_execution=WorkflowExecution(
                    workflow_id=run.workflow_id, run_id=run.run_id
                ),
            )
        )

        async def is_gone() -> bool:
            return await self.cluster.run(NAMESPACE, run) is None

        await eventually(is_gone)


def first_run(handle: WorkflowHandle[Any, Any]) -> Run:
    assert handle.result_run_id
    return Run(workflow_id=handle.id, run_id=handle.result_run_id)


async def open_room(
    address: str,
    *,
    door: Door = "driver",
    keys: KeyRing | None = None,
    read_namespaces: Iterable[str] = (),
    clock: Callable[[], dt.datetime] = utc_now,
    **client_options: Any,
) -> Room:
    store = CountingStore(clock=clock)
    manager = ClaimCheckManager(
        store,
        policy=OffloadPolicy(threshold_bytes=1000),
        keys=keys,
        read_namespaces=read_namespaces,
        clock=clock,
    )
    plugin = ClaimCheckPlugin(manager, door=door)
    plain = await Client.connect(address)
    return Room(
        client=await Client.connect(address, plugins=[plugin], **client_options),
        plain=plain,
        store=store,
        manager=manager,
        cluster=TemporalCluster(
            plain.service_client, decrypt=manager.for_replay().decrypt, attempts=2
        ),
    )
