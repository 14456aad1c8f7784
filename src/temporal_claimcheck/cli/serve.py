"""`claimcheck serve`: the codec server."""

import asyncio
import logging
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from temporal_claimcheck.errors import MissingExtra
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.settings import Settings

__all__ = ["serve"]


def serve(  # each is an option
    *,
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    unix_socket: Annotated[
        Path | None, typer.Option(help="Socket file to listen on instead.")
    ] = None,
    root_path: Annotated[
        str | None, typer.Option(help="Path under which a proxy serves this server.")
    ] = None,
) -> None:
    """Serve payloads to the Web UI, the command line and other languages.

    Options go before `CLAIMCHECK_SERVER_*`. Without authentication it serves this machine only.
    """
    try:
        import uvicorn  # noqa: PLC0415
        from prometheus_client import CollectorRegistry  # noqa: PLC0415

        from temporal_claimcheck.metrics.prometheus import PrometheusObserver  # noqa: PLC0415
        from temporal_claimcheck.server.app import build_app  # noqa: PLC0415
        from temporal_claimcheck.server.settings import ServerSettings  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "The codec server needs further packages.",
            remedy="Run: pip install 'temporal-claimcheck[server]'",
        ) from error
    given: dict[str, Any] = {
        "host": host,
        "port": port,
        "unix_socket": unix_socket,
        "root_path": root_path,
    }
    settings = ServerSettings.load(
        **{name: value for name, value in given.items() if value is not None}
    )
    registry = CollectorRegistry()
    manager = ClaimCheckManager.from_settings(
        Settings.load(), observers=[PrometheusObserver(registry)]
    )
    config = uvicorn.Config(
        build_app(manager, settings, registry=registry),
        host=settings.host,
        port=settings.port,
        uds=None if settings.unix_socket is None else str(settings.unix_socket),
        ssl_certfile=settings.tls_certificate_file,
        ssl_keyfile=settings.tls_key_file,
        root_path=settings.root_path,
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=int(settings.request_seconds) + 1,
    )
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(message)s")
    asyncio.run(_run(uvicorn.Server(config), manager))


async def _run(server: Any, manager: ClaimCheckManager) -> None:  # noqa: ANN401  # an optional package's
    async with manager:
        await server.serve()
