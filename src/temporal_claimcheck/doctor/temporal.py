"""Whether Temporal can be reached, and what it says of the namespace."""

import asyncio
import datetime as dt
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    GetSystemInfoRequest,
    PollActivityTaskQueueRequest,
)
from temporalio.client import Client
from temporalio.envconfig import ClientConfigProfile
from temporalio.service import RPCError, RPCStatusCode

from temporal_claimcheck.doctor import catalogue
from temporal_claimcheck.doctor.clocks import judge_clock
from temporal_claimcheck.doctor.findings import Finding
from temporal_claimcheck.doctor.running import Outcome
from temporal_claimcheck.doctor.trouble import is_about_tls
from temporal_claimcheck.errors import CollectionIncomplete, InvalidSettings
from temporal_claimcheck.gc.lifecycle.expiry import in_days
from temporal_claimcheck.gc.roots.connecting import connect_client, load_profiles

__all__ = ["Reached", "check_temporal", "check_temporal_clock", "clusters_of", "namespace_id"]

_REQUEST: Final = dt.timedelta(seconds=10)
_POLL: Final = dt.timedelta(seconds=30)
_ASK_AGAIN_SECONDS: Final = 0.05
# One name for all doctors, so that no cluster gathers queues that nobody uses.
_QUEUE: Final = "temporal-claimcheck-doctor"
_DENIALS: Final = {RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED}
_DENIED: Final = ("unauthenticated", "unauthorized", "permission", "forbidden")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """A cluster that answers, and that has the namespace."""

    name: str
    client: Client
    blob_limit_bytes: int | None
    """What it takes as one payload; None if it does not say."""


async def clusters_of(profiles: tuple[str, ...]) -> Outcome[list[tuple[str, ClientConfigProfile]]]:
    """Read Temporal's own configuration."""
    try:
        return Outcome(findings=[], value=load_profiles(profiles))
    except InvalidSettings as error:
        finding = catalogue.TEMPORAL_SETTINGS_INVALID.found(error.what, error.remedy)
        return Outcome(findings=[finding])


async def check_temporal(name: str, profile: ClientConfigProfile) -> Outcome[Reached]:
    """Connect to a cluster, and ask for the namespace of its profile."""
    try:
        client = await connect_client(name, profile)
        service = client.workflow_service
        system = await service.get_system_info(GetSystemInfoRequest(), timeout=_REQUEST)
        described = await service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace), timeout=_REQUEST
        )
    except CollectionIncomplete as error:
        return Outcome(findings=[_unreachable(name, error)])
    except RPCError as error:
        return Outcome(findings=[_refused(name, profile.namespace or "default", error)])
    limits = described.namespace_info.limits
    retention = described.config.workflow_execution_retention_ttl.ToTimedelta()
    said = (
        f"Temporal {system.server_version} at {_address(client)}, namespace {client.namespace}, "
        f"which keeps closed runs for {in_days(retention)}."
    )
    return Outcome(
        findings=[catalogue.TEMPORAL_REACHABLE.found(said)],
        value=Reached(
            name=name, client=client, blob_limit_bytes=limits.blob_size_limit_error or None
        ),
    )


async def check_temporal_clock(cluster: Reached, clock: Callable[[], dt.datetime]) -> Outcome[None]:
    """Compare our clock with the cluster's.

    Temporal tells its time nowhere but in what it did: so it is asked for work on a queue where
    there never is any, and says when it was asked.
    """
    service, namespace = cluster.client.workflow_service, cluster.client.namespace
    queue, identity = TaskQueue(name=_QUEUE), f"claimcheck-doctor-{secrets.token_hex(8)}"
    ask = DescribeTaskQueueRequest(
        namespace=namespace,
        task_queue=queue,
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    before = clock()
    poll = asyncio.ensure_future(
        service.poll_activity_task_queue(
            PollActivityTaskQueueRequest(namespace=namespace, task_queue=queue, identity=identity),
            timeout=_POLL,
        )
    )
    try:
        while not poll.done():
            found = await service.describe_task_queue(ask, timeout=_REQUEST)
            after = clock()
            for poller in found.pollers:
                if poller.identity == identity:
                    said = poller.last_access_time.ToDatetime(dt.UTC)
                    return Outcome(
                        findings=judge_clock(f"Temporal ({cluster.name})", said, before, after)
                    )
            await asyncio.sleep(_ASK_AGAIN_SECONDS)
        await poll
    except RPCError as error:
        said = f"The clock of {cluster.name} was not compared: {error.status.name}."
        return Outcome(
            findings=[catalogue.NOT_CHECKED.found(said, area=catalogue.CLOCK_AGREES.area)]
        )
    finally:
        poll.cancel()
        with suppress(asyncio.CancelledError, RPCError):
            await poll
    return Outcome(findings=[])


async def namespace_id(cluster: Reached, namespace: str) -> str | None:
    """Return what a cluster calls a namespace; None if it has none of that name.

    Raises RPCError.
    """
    try:
        described = await cluster.client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=namespace), timeout=_REQUEST
        )
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise
    return described.namespace_info.id


def _address(client: Client) -> str:
    return client.service_client.config.target_host


def _unreachable(name: str, error: CollectionIncomplete) -> Finding:
    said = str(error.__cause__).lower()
    if any(word in said for word in _DENIED):
        return _denied(name)
    if is_about_tls(error):
        return catalogue.TEMPORAL_TLS.found(
            f"No trusted TLS connection to Temporal at {name} came about.",
            "Set TEMPORAL_TLS=true if the cluster speaks TLS and unset it if not; "
            "TEMPORAL_TLS_SERVER_CA_CERT_PATH names the authority, TEMPORAL_TLS_SERVER_NAME the "
            "name in its certificate.",
        )
    return catalogue.TEMPORAL_UNREACHABLE.found(
        f"Temporal at {name} does not answer.",
        "Set TEMPORAL_ADDRESS (or the profile's address) to host:port of its frontend, and check "
        "that it runs.",
    )


def _refused(name: str, namespace: str, error: RPCError) -> Finding:
    if error.status is RPCStatusCode.NOT_FOUND:
        return catalogue.NAMESPACE_MISSING.found(
            f"Temporal at {name} has no namespace {namespace}.",
            "Correct TEMPORAL_NAMESPACE (or the profile's), or make it: temporal operator "
            f"namespace create --namespace {namespace}",
        )
    if error.status in _DENIALS:
        return _denied(name)
    return catalogue.TEMPORAL_UNREACHABLE.found(
        f"Temporal at {name} answers with {error.status.name}.",
        "Look at its log and its health: temporal operator cluster health",
    )


def _denied(name: str) -> Finding:
    return catalogue.TEMPORAL_DENIED.found(
        f"Temporal at {name} refuses these credentials.",
        "Check TEMPORAL_API_KEY, or the client certificate of TEMPORAL_TLS_CLIENT_CERT_PATH, and "
        "what they may do in the namespace.",
    )
