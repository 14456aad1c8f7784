"""What a cluster calls its namespaces."""

import datetime as dt
import logging
from typing import Final

from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.service import RPCError, ServiceClient

__all__ = ["namespace_id"]

logger = logging.getLogger(__name__)

_PATIENCE: Final = dt.timedelta(seconds=5)


async def namespace_id(service: ServiceClient, namespace: str) -> str | None:
    """Return the id that the cluster gave its namespace; None if it does not tell.

    The id is the same in every region of a namespace, and no two clusters give the same.
    """
    try:
        answer = await service.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=namespace), timeout=_PATIENCE
        )
    except RPCError as error:
        logger.info("The cluster does not tell the id of namespace %r: %s", namespace, error)
        return None
    return answer.namespace_info.id or None
