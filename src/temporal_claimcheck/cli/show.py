"""`claimcheck show`: where each payload of a workflow is."""

import asyncio
import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from temporal_claimcheck.cli.progress import progress_on_stderr
from temporal_claimcheck.cli.temporal_options import Address, AsJson, Namespace, Profile, RunId
from temporal_claimcheck.settings import Settings

if TYPE_CHECKING:
    from temporal_claimcheck.inspection.items import RunContents

__all__ = ["show"]


def show(
    workflow_id: Annotated[str, typer.Argument(metavar="WORKFLOW_ID", help="The workflow.")],
    *,
    run_id: RunId = None,
    namespace: Namespace = None,
    address: Address = None,
    profile: Profile = None,
    keys: Annotated[
        bool, typer.Option("--keys", help="List the whole keys below the table.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show where each payload of a workflow is: in Temporal or in the store, and how large.

    `claimcheck show order-17`

    Reads the history, and of each object the head; nothing is changed. An object that is gone
    is shown as missing. Exit codes: 0 done, 1 Temporal or the store cannot be asked or there is
    no such workflow, 2 wrongly called or configured.
    """
    from temporal_claimcheck.cli.show_table import document, print_run  # noqa: PLC0415

    reading = _read(
        Settings.load(),
        workflow_id,
        run_id or "",
        namespace=namespace,
        address=address,
        profile=profile,
    )
    contents = asyncio.run(reading)
    if as_json:
        sys.stdout.write(f"{json.dumps(document(contents), indent=2)}\n")
        return
    print_run(contents, Console(), keys=keys)


async def _read(
    settings: Settings,
    workflow_id: str,
    run_id: str,
    *,
    namespace: str | None,
    address: str | None,
    profile: str | None,
) -> "RunContents":
    from temporal_claimcheck.inspection.heads import Heads  # noqa: PLC0415
    from temporal_claimcheck.inspection.runs import RunReader, connect, with_stored  # noqa: PLC0415
    from temporal_claimcheck.manager import ClaimCheckManager  # noqa: PLC0415

    if not settings.store_mirrors:
        # The store itself shows heads, what is wrapped gives whole objects. Nothing is written.
        settings = settings.model_copy(update={"store_cache": None, "store_read_only": False})
    async with ClaimCheckManager.from_settings(settings) as manager:
        with progress_on_stderr("Connecting") as tell:
            client = await connect(profile=profile, address=address)
            reader = RunReader(client, namespace=namespace)
            contents = await reader.read(workflow_id, run_id, progress=tell)
            heads = Heads(manager.store, max_payload_bytes=manager.policy.max_payload_bytes)
            return await with_stored(contents, heads, progress=tell)
