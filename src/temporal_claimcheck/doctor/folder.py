"""Whether a folder is a place where payloads last."""

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import url2pathname

from temporal_claimcheck.doctor import catalogue
from temporal_claimcheck.doctor.findings import Finding
from temporal_claimcheck.doctor.running import Outcome

__all__ = ["check_folder"]

_PASSING: Final = ("/tmp", "/var/tmp", "/dev/shm", "/run", "/private/tmp")  # noqa: S108  # to warn of them


async def check_folder(url: str, *, least_free_share: float) -> Outcome[None]:
    """Look at the folder of a store's URL, and at the disk that it is on."""
    folder = Path(url2pathname(urlsplit(url).path))
    findings: list[Finding] = []
    places = {*map(Path, _PASSING), Path(tempfile.gettempdir())}
    if any(folder.is_relative_to(place) for place in places):
        findings.append(
            catalogue.FOLDER_TEMPORARY.found(
                f"{folder} lies where systems clean up by themselves, as after a restart.",
                "Use a folder that stays, such as /var/lib/claims.",
            )
        )
    there = next((each for each in (folder, *folder.parents) if each.exists()), Path("/"))
    disk = await asyncio.to_thread(shutil.disk_usage, there)
    gib = 1024**3
    if disk.total and disk.free < disk.total * least_free_share:
        findings.append(
            catalogue.FOLDER_NEARLY_FULL.found(
                f"The disk of {folder} has {disk.free / gib:,.1f} of {disk.total / gib:,.1f} GiB "
                "left.",
                "Give it a larger one, or let claimcheck gc delete what nothing refers to. When "
                "it is full, tasks wait.",
            )
        )
    elif disk.total:
        free = f"{disk.free / gib:,.1f} GiB are free on the disk of {folder}."
        findings.append(catalogue.FOLDER_HAS_ROOM.found(free))
    return Outcome(findings=findings)
