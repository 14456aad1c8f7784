"""Stands between the collector and a real server: passes requests on, fails or alters answers."""

from collections.abc import Awaitable, Callable
from typing import Any

from temporalio.service import RPCError, RPCStatusCode, ServiceClient

Answer = Any
Meddle = Callable[[Any, Callable[[], Awaitable[Answer]]], Awaitable[Answer]]
"""Gets a request and how to pass it on; answers instead."""


class GoBetween:
    """A service client whose workflow service does to each method what it was told to."""

    def __init__(self, service: ServiceClient) -> None:
        self.config = service.config
        self.workflow_service = _Methods(service.workflow_service)

    def meddle(self, method: str, how: Meddle) -> None:
        self.workflow_service.meddled[method] = how


class _Methods:
    def __init__(self, service: Any) -> None:
        self._service = service
        self.meddled: dict[str, Meddle] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._service, name)
        how = self.meddled.get(name)
        if how is None:
            return method

        async def call(request: Any, **options: Any) -> Any:
            return await how(request, lambda: method(request, **options))

        return call


def fails(status: RPCStatusCode, *, after: int = 0, times: int | None = None) -> Meddle:
    """Let `after` requests pass, fail `times` of them or all, and let the rest pass."""
    seen = 0

    async def meddle(_: Any, pass_on: Callable[[], Awaitable[Answer]]) -> Answer:
        nonlocal seen
        seen += 1
        if seen > after and (times is None or seen <= after + times):
            raise RPCError("made up by the test", status, b"")
        return await pass_on()

    return meddle


def alters(change: Callable[[Answer], None]) -> Meddle:
    """Change every answer before it is handed on."""

    async def meddle(_: Any, pass_on: Callable[[], Awaitable[Answer]]) -> Answer:
        answer = await pass_on()
        change(answer)
        return answer

    return meddle
