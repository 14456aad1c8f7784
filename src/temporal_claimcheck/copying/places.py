"""The two stores of a copy, from URLs or from files of settings.

Each side may need settings of its own: another endpoint, other credentials. A file has what that
side's processes have in their environment, one `NAME=value` a line.
"""

import os
import re
import shlex
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from temporal_claimcheck import wiring
from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.policy import OffloadPolicy
from temporal_claimcheck.settings import Settings
from temporal_claimcheck.stores.base import BlobStore

if TYPE_CHECKING:
    # The package behind it is optional.
    from temporal_claimcheck.transforms.encryption import KeyRing

__all__ = ["Places", "open_places"]

_FILE: Final = "@"
_ASSIGNMENT: Final = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)")
# What a store that is wrapped so adds to its name.
_READ_ONLY: Final = ", read only"


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where a copy reads and writes; to be closed by who opened it."""

    source: BlobStore
    """Can only be read, whatever the credentials allow."""
    destination: BlobStore
    names: tuple[str, str]
    """Both, for people to read; without credentials."""
    keys: "KeyRing | None"
    """What proves the digests of encrypted objects."""
    policy: OffloadPolicy
    max_bytes_in_flight: int

    async def aclose(self) -> None:
        """Release the connections of both stores."""
        try:
            await self.source.aclose()
        finally:
            await self.destination.aclose()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    settings: Settings
    store: BlobStore
    endpoint: str | None

    @property
    def name(self) -> str:
        return self.store.name.removesuffix(_READ_ONLY)


def open_places(source: str, destination: str) -> Places:
    """Return the stores that two URLs, or `@` and a file of settings, name.

    Of a side only the store itself is used, not its mirrors or its cache. Raises
    ConfigurationError: also for a destination that is the source, or that may only be read.
    """
    with _environment_of(source) as named:
        old = _open(named, store_read_only=True)
        load = wiring.build_keys(old.settings)
        keys = None if load is None else load()
    with _environment_of(destination) as named:
        new = _open(named, store_read_only=False)
    if (old.name, old.endpoint) == (new.name, new.endpoint):
        raise InvalidSettings(
            f"The source and the destination are the same store, {old.name}.",
            remedy="Name two different ones.",
        )
    return Places(
        source=old.store,
        destination=new.store,
        names=(old.name, new.name),
        keys=keys,
        policy=wiring.build_policy(old.settings),
        max_bytes_in_flight=old.settings.max_bytes_in_flight,
    )


def _open(url: str | None, *, store_read_only: bool) -> _Side:
    settings = Settings.load()
    url = url or settings.store_url
    scheme = url.partition("://")[0]
    if scheme == "memory":
        raise InvalidSettings(
            "A store in memory ends with this command, and no other process sees it.",
            remedy="Copy between stores that last, such as file:///… or s3://….",
        )
    if settings.store_read_only and not store_read_only:
        raise InvalidSettings(
            "CLAIMCHECK_STORE_READ_ONLY is set, so nothing may be written to the destination.",
            remedy="Unset it for this command, or copy in the other direction.",
        )
    update: dict[str, object] = {
        "store": url,
        "store_mirrors": (),
        "store_cache": None,
        "store_read_only": store_read_only,
    }
    if store_read_only:
        # What would expire is of no interest where nothing is written.
        update["ttl_days"] = None
    settings = settings.model_copy(update=update)
    return _Side(
        settings=settings,
        store=wiring.build_store(settings),
        endpoint=_endpoint(settings, scheme),
    )


def _endpoint(settings: Settings, scheme: str) -> str | None:
    """Return what tells apart two stores of one name."""
    match scheme:
        case "s3":
            return settings.s3_endpoint or os.environ.get("AWS_ENDPOINT_URL")
        case "r2":
            return settings.r2_endpoint
        case _:
            return None


@contextmanager
def _environment_of(named: str) -> Generator[str | None]:
    """Yield a side's URL, None if its settings name it; they hold for the block."""
    if not named.startswith(_FILE):
        yield named
        return
    path = Path(named.removeprefix(_FILE))
    before = dict(os.environ)
    # Set for good until the clients are built: some of them read the environment themselves.
    os.environ.update(_read(path))
    try:
        yield None
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


def _read(path: Path) -> Mapping[str, str]:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        # `from None`: what cannot be decoded would show bytes of the file.
        raise InvalidSettings(
            f"The file of settings {path} cannot be read: {reason}.",
            remedy="Write @ and the path of a file with NAME=value on each line.",
        ) from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(text)
        try:
            value = " ".join(shlex.split(match[2], comments=True)) if match else None
        except ValueError:
            value = None
        if match is None or value is None:
            # Not the line itself: it may hold a secret.
            raise InvalidSettings(
                f"Line {number} of {path} is no setting.", remedy="Write it as NAME=value."
            )
        found[match[1]] = value
    return found
