"""Which namespace a request is about, and whether its caller may have it."""

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.keyspace import check_namespace
from temporal_claimcheck.server.callers import Authenticator, Caller, first_of
from temporal_claimcheck.server.refusals import Refused

__all__ = ["Rights"]

_NAMESPACE: Final = "x-namespace"


class Rights:
    """Knows callers, and lets each have his namespaces only."""

    def __init__(self, authenticators: Sequence[Authenticator], *, namespace: str) -> None:
        """Use these authenticators; `namespace` is that of a request which names none."""
        self._authenticators = authenticators
        self._namespace = namespace

    async def to_read(self, request: Request) -> str:
        """Return the namespace of the request. Raises Refused if its caller may not read it."""
        caller, namespace = await self._caller(request), self._namespace_of(request)
        caller.check_reading(namespace)
        return namespace

    async def to_write(self, request: Request) -> str:
        """Return the namespace of the request. Raises Refused if its caller may not write it."""
        caller, namespace = await self._caller(request), self._namespace_of(request)
        caller.check_writing(namespace)
        return namespace

    async def reader(self, request: Request) -> Caller:
        """Return the caller. Raises Refused for an unknown one."""
        return await self._caller(request)

    async def _caller(self, request: Request) -> Caller:
        caller = await first_of(self._authenticators, request.headers.getlist("authorization"))
        request.state.caller = caller.name
        return caller

    def _namespace_of(self, request: Request) -> str:
        """Return the namespace in the path, else that of `X-Namespace`, else our own."""
        named: list[str] = request.headers.getlist(_NAMESPACE)
        in_path: str | None = request.path_params.get("namespace")
        if in_path is not None:
            named = [in_path, *named]
        if len(set(named)) > 1:
            raise Refused(
                400,
                "namespace-unclear",
                "The request names more than one namespace.",
                remedy="Name it once: in the path or in X-Namespace.",
            )
        namespace = named[0] if named else self._namespace
        try:
            check_namespace(namespace)
        except InvalidSettings:
            raise Refused(
                400,
                "namespace-invalid",
                "The request names a namespace that cannot be one.",
                remedy="Name a namespace of Temporal in X-Namespace.",
            ) from None
        return namespace
