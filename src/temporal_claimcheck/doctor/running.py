"""Runs checks: each for itself, with a time of its own, so that none hides what others find."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from temporal_claimcheck.doctor import catalogue
from temporal_claimcheck.doctor.findings import Area, Finding, Kind, Report

__all__ = ["Outcome", "Runner"]

logger = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(Generic[T]):
    """What a check found, and what the checks after it need; None if they cannot have it."""

    findings: Sequence[Finding]
    value: T | None = None


class Runner:
    """Collects what checks find."""

    def __init__(self, *, seconds: float, progress: Callable[[str], None]) -> None:
        """Give each check so many seconds; `progress` is told what is looked at."""
        self._seconds = seconds
        self._progress = progress
        self._findings: list[Finding | Runner] = []

    def branch(self) -> "Runner":
        """Return a runner for checks that go on beside others.

        What it finds stands in the report where the branch began, whoever is faster.
        """
        branch = Runner(seconds=self._seconds, progress=self._progress)
        self._findings.append(branch)
        return branch

    @property
    def report(self) -> Report:
        """All that was found so far."""
        return Report.of(list(self._found()))

    async def run(
        self,
        title: str,
        area: Area,
        check: Callable[[], Awaitable[Outcome[T]]],
        *,
        late: Kind = catalogue.TIMED_OUT,
        late_remedy: str = "Raise --timeout, and look why it takes so long.",
    ) -> T | None:
        """Run a check and return its value. `late` is found when its time is over."""
        self._progress(title)
        try:
            async with asyncio.timeout(self._seconds):
                outcome = await check()
        except TimeoutError:
            said = f"Looking at {title} took longer than {self._seconds:g} seconds."
            self._findings.append(late.found(said, late_remedy, area=area))
            return None
        except Exception as error:
            # A defect of ours; the other checks are still worth having. Its text may hold what
            # must not be shown, so only its kind is.
            logger.debug("The check of %s failed", title, exc_info=True)
            self._findings.append(
                catalogue.CHECK_FAILED.found(
                    f"Looking at {title} failed: {type(error).__name__}.",
                    "This is a defect of claimcheck doctor: report it. The other checks count.",
                    area=area,
                )
            )
            return None
        self._findings += outcome.findings
        return outcome.value

    def _found(self) -> Iterator[Finding]:
        for each in self._findings:
            if isinstance(each, Runner):
                yield from each._found()
            else:
                yield each

    def skip(self, title: str, area: Area, because: str) -> None:
        """Note that a check cannot be made."""
        said = f"{title[0].upper()}{title[1:]}: not looked at, because {because}."
        self._findings.append(catalogue.NOT_CHECKED.found(said, area=area))
