"""What storage costs a month, by list price or the user's own."""

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from typing import Final
from urllib.parse import urlsplit

from temporal_claimcheck.settings import Settings

__all__ = ["Price", "list_price", "own_price"]

_TABLE: Final = "prices.toml"
_GB: Final = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """The price of a gigabyte for a month."""

    name: str
    usd_per_gb_month: float
    bytes_per_gb: int
    as_of: str | None = None
    """When it was published so; None for the user's own."""

    def monthly_usd(self, stored_bytes: float) -> float:
        """Return what it costs to keep so many bytes for a month, requests not counted."""
        return stored_bytes / self.bytes_per_gb * self.usd_per_gb_month


def own_price(usd_per_gb_month: float) -> Price:
    """Return the price that the user names, for 10**9 bytes."""
    return Price(name="your price", usd_per_gb_month=usd_per_gb_month, bytes_per_gb=_GB)


def list_price(settings: Settings) -> Price | None:
    """Return the list price of the store; None for Redis, a folder, a server of one's own."""
    scheme = urlsplit(settings.store_url).scheme
    if scheme == "s3" and settings.s3_endpoint is not None:
        return None
    table = tomllib.loads(
        files("temporal_claimcheck.inspection").joinpath(_TABLE).read_text(encoding="utf-8")
    )
    entry = table.get(scheme)
    return None if entry is None else Price(**entry)
