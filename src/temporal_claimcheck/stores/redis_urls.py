"""The forms of a Redis URL: one server, a cluster, or Sentinels that know the master. Pure."""

import re
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import SplitResult, unquote, urlsplit

from temporal_claimcheck.errors import InvalidSettings

__all__ = ["REDIS_SCHEMES", "RedisPlace"]

Kind = Literal["server", "cluster", "sentinel"]

REDIS_SCHEMES: Final[dict[str, tuple[Kind, bool]]] = {
    "redis": ("server", False),
    "rediss": ("server", True),
    "redis+cluster": ("cluster", False),
    "rediss+cluster": ("cluster", True),
    "redis+sentinel": ("sentinel", False),
    "rediss+sentinel": ("sentinel", True),
}
"""What each scheme means, and whether it is TLS."""

_FORMS: Final[dict[Kind, str]] = {
    "server": "redis://host:6379/0",
    "cluster": "redis+cluster://host:6379,host:6379",
    "sentinel": "redis+sentinel://host:26379,host:26379/mymaster/0",
}
_PATHS: Final[dict[Kind, re.Pattern[str]]] = {
    "server": re.compile(r"(?:/(?P<database>[0-9]{0,5}))?", re.ASCII),
    "cluster": re.compile(r"(?:/0?)?", re.ASCII),
    "sentinel": re.compile(r"/(?P<master>[^/]+)(?:/(?P<database>[0-9]{0,5}))?", re.ASCII),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RedisPlace:
    """Where Redis is, and who asks."""

    scheme: str
    hosts: tuple[tuple[str, int], ...]
    """The server; some servers of the cluster; or the Sentinels."""
    database: int
    master: str | None
    """The name under which the Sentinels know the master."""
    username: str | None
    password: str | None = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> "RedisPlace":
        """Take a URL apart. Raises InvalidSettings, which does not show it: it may be secret."""
        parts = urlsplit(url)
        kind, _ = REDIS_SCHEMES[parts.scheme]
        path = _PATHS[kind].fullmatch(parts.path)
        hosts = _hosts(parts, kind)
        if path is None or not hosts or parts.query or parts.fragment:
            form = _FORMS[kind]
            raise InvalidSettings(
                f"A URL with {parts.scheme}:// does not name Redis as it should.",
                remedy=f"Write it as in {form}, with rediss in front for TLS, and without options "
                "behind a question mark: they are settings.",
            )
        found = path.groupdict()
        user, _, password = parts.netloc.rpartition("@")[0].partition(":")
        return cls(
            scheme=parts.scheme,
            hosts=hosts,
            database=int(found.get("database") or 0),
            master=unquote(found["master"]) if "master" in found else None,
            username=unquote(user) or None,
            password=unquote(password) or None,
        )

    @property
    def kind(self) -> Kind:
        """What the hosts are."""
        return REDIS_SCHEMES[self.scheme][0]

    @property
    def tls(self) -> bool:
        """Whether connections are encrypted."""
        return REDIS_SCHEMES[self.scheme][1]

    @property
    def name(self) -> str:
        """The URL without credentials."""
        hosts = ",".join(f"[{h}]:{p}" if ":" in h else f"{h}:{p}" for h, p in self.hosts)
        master = "" if self.master is None else f"/{self.master}"
        database = "" if self.kind == "cluster" else f"/{self.database}"
        return f"{self.scheme}://{hosts}{master}{database}"


def _hosts(parts: SplitResult, kind: Kind) -> tuple[tuple[str, int], ...]:
    """Return the hosts, or nothing when one of them is none."""
    found: list[tuple[str, int]] = []
    for each in parts.netloc.rpartition("@")[2].split(","):
        try:
            host = urlsplit(f"//{each}")
            address = host.hostname, host.port or (26379 if kind == "sentinel" else 6379)
        except ValueError:
            return ()
        if not address[0]:
            return ()
        found.append((address[0], address[1]))
    return tuple(found) if kind != "server" or len(found) == 1 else ()
