"""Which trace a worker's task belongs to; needs no tracing library.

A worker decodes and encodes payloads before and after its own code runs, where the spans of the
SDK are not open yet, or closed. But a task comes with the headers that name its trace.
"""

import json
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final, cast

from temporalio.api.common.v1 import Payload

__all__ = ["CURRENT_PARENT", "Carrier", "parent_in", "under"]

Carrier = Mapping[str, str]
"""What a propagator of OpenTelemetry reads, such as `traceparent`."""

CURRENT_PARENT: ContextVar[Carrier | None] = ContextVar("claimcheck_trace_parent", default=None)
"""The trace of the task that a worker works on."""

# What both of the SDK's tracing interceptors call it.
_HEADER: Final = "_tracer-data"


def parent_in(headers: Mapping[str, Payload]) -> Carrier | None:
    """Return what the headers of a task say of its trace.

    None without tracing, and for headers that are encoded: a trace is not worth reading keys.
    """
    if _HEADER not in headers:
        return None
    header = headers[_HEADER]
    if header.metadata.get("encoding") != b"json/plain":
        return None
    try:
        found: object = json.loads(header.data)
    except ValueError:
        return None
    if not isinstance(found, dict):
        return None
    fields = cast("Mapping[object, object]", found)
    return {str(name): value for name, value in fields.items() if isinstance(value, str)}


@contextmanager
def under(parent: Carrier | None) -> Generator[None]:
    """Let spans of the block belong to that trace; with None to that of the current span."""
    before = CURRENT_PARENT.set(parent)
    try:
        yield
    finally:
        CURRENT_PARENT.reset(before)
