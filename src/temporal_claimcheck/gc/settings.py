"""Settings of the collector: `CLAIMCHECK_GC_*`, or the table `gc` of the TOML file."""

import datetime as dt
from typing import Annotated, ClassVar, Self

from pydantic import Field, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict

from temporal_claimcheck.gc.plan import Rules
from temporal_claimcheck.settings import LayeredSettings

__all__ = ["CollectorSettings"]


class CollectorSettings(LayeredSettings):
    """Everything of the collector that can be set.

    Environment: `CLAIMCHECK_GC_` and the name in upper case; TOML: the table `gc`.
    """

    model_config = SettingsConfigDict(env_prefix="CLAIMCHECK_GC_")
    table: ClassVar[str | None] = "gc"

    profiles: Annotated[tuple[str, ...], NoDecode] = ()
    """Profiles of Temporal's configuration file, one for each cluster, separated by commas."""
    grace_hours: float = Field(default=48.0, ge=24)
    """A day is judged when it ended so long ago."""
    gap_hours: float = Field(default=24.0, ge=24)
    """Between the first pass that misses an object and the one that deletes it."""
    max_share: float = Field(default=0.5, gt=0, le=1)
    """Of the objects that are judged, at most this share is deleted at once."""
    at_once: int = Field(default=8, gt=0)
    """Histories that are read at a time."""
    requests_per_second: float = Field(default=100.0, gt=0)
    """Requests to each cluster at most."""

    @field_validator("profiles", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(name for part in value.split(",") if (name := part.strip()))
        return value

    @classmethod
    def load(cls, **overrides: object) -> Self:
        """Read the settings. Raises InvalidSettings that names each wrong one, never its value."""
        cls.warn_of_unknown()
        return cls.read(overrides)

    def rules(self, *, may_be_unreferenced: bool = False) -> Rules:
        """Return how careful the collector is to be."""
        return Rules(
            grace=dt.timedelta(hours=self.grace_hours),
            gap=dt.timedelta(hours=self.gap_hours),
            max_share=self.max_share,
            may_be_unreferenced=may_be_unreferenced,
        )
