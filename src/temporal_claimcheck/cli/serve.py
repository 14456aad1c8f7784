"""`claimcheck serve`: the codec server."""

import asyncio
import logging
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from temporal_claimcheck.errors import InvalidSettings, MissingExtra
from temporal_claimcheck.manager import ClaimCheckManager
from temporal_claimcheck.settings import Settings

if TYPE_CHECKING:
    import uvicorn

    from temporal_claimcheck.server.settings import ServerSettings

__all__ = ["serve"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


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

        from temporal_claimcheck.gc.figures import LatestPass  # noqa: PLC0415
        from temporal_claimcheck.metrics.prometheus import PrometheusObserver  # noqa: PLC0415
        from temporal_claimcheck.server.app import build_app  # noqa: PLC0415
        from temporal_claimcheck.server.listening import forget, listen  # noqa: PLC0415
        from temporal_claimcheck.server.logs import JsonLines  # noqa: PLC0415
        from temporal_claimcheck.server.settings import ServerSettings  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise MissingExtra(
            "The codec server needs further packages.",
            remedy="Run: pip install 'temporal-claimcheck[server]'",
        ) from error
    _log_to_stderr(JsonLines())
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
    observer = PrometheusObserver(registry)
    manager = ClaimCheckManager.from_settings(Settings.load(), observers=[observer])
    config = uvicorn.Config(
        build_app(
            manager,
            settings,
            registry=registry,
            before_metrics=LatestPass(manager, observer).tell,
        ),
        ssl_certfile=settings.tls_certificate_file,
        ssl_keyfile=settings.tls_key_file,
        root_path=settings.root_path,
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=int(settings.request_seconds) + 1,
    )
    _read_certificate(config)
    with listen(settings) as listening:
        try:
            server = uvicorn.Server(config)
            # Before anybody is told that it serves, and may tell it to stop.
            _stop_at_signals(server)
            _introduce(listening, settings, manager)
            asyncio.run(_run(server, manager, listening))
        finally:
            forget(settings)


def _stop_at_signals(server: "uvicorn.Server") -> None:
    # Uvicorn stops gracefully at a signal and then sends it to whoever had it before. That is
    # here: having stopped as it was told to, the command has done its work.
    def stop(*_: object) -> None:
        server.should_exit = True

    for each in _SIGNALS:
        signal.signal(each, stop)


async def _run(
    server: "uvicorn.Server", manager: ClaimCheckManager, listening: socket.socket
) -> None:
    async with manager:
        await server.serve(sockets=[listening])


def _introduce(
    listening: socket.socket, settings: "ServerSettings", manager: ClaimCheckManager
) -> None:
    """Say what is served where and to whom, and how to use it."""
    from temporal_claimcheck.server.listening import address_of, url_of  # noqa: PLC0415

    address, url = address_of(listening, settings), url_of(listening, settings)
    typer.echo(f"Serving {manager.store.name} at {address}, {settings.audience}.")
    if url == address and settings.is_local:
        typer.echo(f"Web UI: temporal server start-dev --ui-codec-endpoint {url}")
    elif url is not None:
        typer.echo(f"Web UI: run it with TEMPORAL_CODEC_ENDPOINT={url}")


def _read_certificate(config: "uvicorn.Config") -> None:
    try:
        config.load()
    except OSError as error:
        # Of the library's own errors one says which file, and none what to do.
        raise InvalidSettings(
            f"The TLS certificate and its key cannot be used: {error.strerror or error}.",
            remedy="Correct CLAIMCHECK_SERVER_TLS_CERTIFICATE_FILE and "
            "CLAIMCHECK_SERVER_TLS_KEY_FILE.",
        ) from error


def _log_to_stderr(formatter: logging.Formatter) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    # Its notes on how it starts and stops tell nothing new; what goes wrong is a warning.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
