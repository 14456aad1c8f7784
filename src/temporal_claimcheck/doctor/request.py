"""What the doctor is asked to look at, and with whose eyes."""

import datetime as dt
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Final

from temporal_claimcheck.clock import utc_now
from temporal_claimcheck.errors import InvalidSettings

__all__ = ["Request", "installed_version"]

# Without credentials, which would be shown.
_ENDPOINT: Final = re.compile(r"https?://[^/?#\s@]+(/[^?#\s]*)?")
_ORIGIN: Final = re.compile(r"https?://[^/?#,\s@]+")


def installed_version(package: str) -> str | None:
    """Return the version of an installed package; None without it."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to look at besides the settings of the environment. Raises InvalidSettings."""

    codec_endpoint: str | None = None
    """URL of the codec server, as the Web UI has it; `{namespace}` stands for one."""
    web_ui_origin: str | None = None
    """Scheme and host of the Web UI whose pages call the codec server."""
    profiles: tuple[str, ...] = ()
    """Profiles of Temporal's configuration, one for each cluster."""
    runs_end_within: dt.timedelta | None = None
    """The user's word on how long runs without an execution timeout live."""
    seconds: float = 15.0
    """Time for each check."""
    least_free_share: float = 0.1
    """Of a disk or of Redis's memory: what should be free."""
    clock: Callable[[], dt.datetime] = utc_now
    version_of: Callable[[str], str | None] = installed_version

    def __post_init__(self) -> None:
        if self.codec_endpoint is not None and not _ENDPOINT.fullmatch(self.codec_endpoint):
            raise InvalidSettings(
                "The codec endpoint is no URL of a server.",
                remedy="Write it without credentials, as in --codec-endpoint "
                "https://codec.example.com.",
            )
        if self.web_ui_origin is not None and not _ORIGIN.fullmatch(self.web_ui_origin):
            raise InvalidSettings(
                "The origin of the Web UI is none that a browser sends.",
                remedy="Write scheme and host, with no slash behind, as in --web-ui-origin "
                "https://cloud.temporal.io.",
            )
        if not 0 < self.seconds < math.inf:
            raise InvalidSettings(
                "The time for a check is none.", remedy="Give seconds, as in --timeout 30."
            )
