"""Where the server listens: an address, or a socket file."""

import contextlib
import socket
import stat
from pathlib import Path
from typing import Final

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.server.settings import ServerSettings

__all__ = ["address_of", "forget", "listen", "url_of"]

_EVERY_ADDRESS: Final = frozenset({"0.0.0.0", "::"})  # noqa: S104 - compared, not listened on


def listen(settings: ServerSettings) -> socket.socket:
    """Return a socket that listens. Raises InvalidSettings for a place that cannot be had."""
    try:
        if settings.unix_socket is not None:
            return _listen_on_file(settings.unix_socket)
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        listening = socket.create_server(
            (settings.host, settings.port), family=family, reuse_port=settings.reuse_port
        )
    except OSError as error:
        place = settings.unix_socket or f"{settings.host}, port {settings.port}"
        raise InvalidSettings(
            f"The server cannot listen on {place}: {error.strerror or error}.",
            remedy="Choose another with --host, --port or --unix-socket.",
        ) from error
    # Each connection inherits it. An answer is written in two parts, and without it the second
    # waits up to 40 ms for the caller to acknowledge the first. asyncio sets it by itself on
    # sockets that name their protocol, which those of create_server do not.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def forget(settings: ServerSettings) -> None:
    """Remove the socket file of a server that has stopped."""
    if settings.unix_socket is not None:
        settings.unix_socket.unlink(missing_ok=True)


def address_of(listening: socket.socket, settings: ServerSettings) -> str:
    """Return where the server listens."""
    if settings.unix_socket is not None:
        return str(settings.unix_socket)
    scheme = "http" if settings.tls_certificate_file is None else "https"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{listening.getsockname()[1]}"


def url_of(listening: socket.socket, settings: ServerSettings) -> str | None:
    """Return the URL at which callers reach the server; None if that cannot be told from here."""
    cannot_be_told = settings.unix_socket is not None or settings.host in _EVERY_ADDRESS
    if settings.public_url is not None or cannot_be_told:
        return settings.public_url
    return address_of(listening, settings)


def _listen_on_file(path: Path) -> socket.socket:
    listening = socket.socket(socket.AF_UNIX)
    try:
        if _is_left_over(path):
            path.unlink()
        # The process's umask says who may connect: its own user alone as a rule.
        listening.bind(str(path))
        listening.listen()
    except BaseException:
        listening.close()
        raise
    return listening


def _is_left_over(path: Path) -> bool:
    """Return whether a server that is gone has left its socket file behind."""
    with contextlib.suppress(FileNotFoundError):
        if stat.S_ISSOCK(path.stat().st_mode):
            with socket.socket(socket.AF_UNIX) as caller:
                try:
                    caller.connect(str(path))
                except ConnectionRefusedError:
                    return True
    return False
