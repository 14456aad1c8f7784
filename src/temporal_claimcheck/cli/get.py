"""`claimcheck get`: one payload, verified."""

import asyncio
import base64
import json
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.highlighter import JSONHighlighter
from rich.text import Text

from temporal_claimcheck.cli.gc_tables import bytes_text
from temporal_claimcheck.cli.progress import progress_on_stderr
from temporal_claimcheck.cli.temporal_options import Address, AsJson, Namespace, Profile, RunId
from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.settings import Settings

if TYPE_CHECKING:
    from temporal_claimcheck.inspection.fetching import Fetched, Place

__all__ = ["get"]


def get(
    target: Annotated[
        str | None,
        typer.Argument(metavar="KEY_OR_CLAIM", help="A whole key, or a claim as JSON."),
    ] = None,
    *,
    workflow_id: Annotated[
        str | None, typer.Option(metavar="ID", help="Workflow that has the payload instead.")
    ] = None,
    event: Annotated[
        str | None,
        typer.Option(metavar="EVENT", help="Its event, as `show` names it: 5, 5.2, or now."),
    ] = None,
    payload: Annotated[
        int | None,
        typer.Option(metavar="NUMBER", min=1, help="Which payload of the event; 1 without it."),
    ] = None,
    run_id: RunId = None,
    namespace: Namespace = None,
    address: Address = None,
    profile: Profile = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE", help="Write the bytes there.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Get a payload by its key, by a claim to it, or out of a workflow; always verified.

    `claimcheck get --workflow-id order-17 --event 5`

    A terminal shows JSON indented, text as it is, and the first bytes of all else; a pipe and
    `--output` get the very bytes. Exit codes: 0 done, 1 it is missing, damaged, not to be read
    by this process, or not in Temporal, 2 wrongly called or configured.
    """
    place = _place(target, workflow_id, event, payload)
    if target is not None and any((run_id, namespace, address, profile)):
        raise InvalidSettings(
            "A key and a claim say themselves where the payload is.",
            remedy="Give --run-id, --namespace, --address and --profile with --workflow-id only.",
        )
    if place is None or workflow_id is None:
        fetched = asyncio.run(_by_target(Settings.load(), target or ""))
    else:
        of_workflow = _of_workflow(
            Settings.load(),
            workflow_id,
            place,
            run_id=run_id or "",
            namespace=namespace,
            address=address,
            profile=profile,
        )
        fetched = asyncio.run(of_workflow)
    if output is not None:
        _save(fetched, output)
    # What was asked for goes to both; without it the file alone has been asked for.
    if as_json:
        sys.stdout.write(f"{json.dumps(_document(fetched), indent=2)}\n")
    elif output is None:
        _print(fetched)


def _place(
    target: str | None, workflow_id: str | None, event: str | None, payload: int | None
) -> "Place | None":
    from temporal_claimcheck.inspection.fetching import Place  # noqa: PLC0415

    if (target is None) == (workflow_id is None):
        raise InvalidSettings(
            "It is not clear which payload is meant.",
            remedy="Name it by a key or a claim, or by --workflow-id and --event.",
        )
    if (workflow_id is None) != (event is None) or (payload is not None and event is None):
        raise InvalidSettings(
            "--workflow-id and --event belong together.",
            remedy="Name both; `claimcheck show WORKFLOW_ID` lists the events with payloads.",
        )
    return None if event is None else Place.parse(event, payload)


async def _by_target(settings: Settings, target: str) -> "Fetched":
    from temporal_claimcheck.inspection.fetching import fetch, parse_target  # noqa: PLC0415
    from temporal_claimcheck.manager import ClaimCheckManager  # noqa: PLC0415

    wanted = parse_target(target)
    async with ClaimCheckManager.from_settings(settings) as manager:
        with progress_on_stderr("Reading"):
            return await fetch(manager, wanted)


async def _of_workflow(
    settings: Settings,
    workflow_id: str,
    place: "Place",
    *,
    run_id: str,
    namespace: str | None,
    address: str | None,
    profile: str | None,
) -> "Fetched":
    from temporal_claimcheck.inspection.fetching import fetch_item, find_item  # noqa: PLC0415
    from temporal_claimcheck.inspection.runs import RunReader, connect  # noqa: PLC0415
    from temporal_claimcheck.manager import ClaimCheckManager  # noqa: PLC0415

    async with ClaimCheckManager.from_settings(settings) as manager:
        with progress_on_stderr("Connecting") as tell:
            client = await connect(profile=profile, address=address)
            reader = RunReader(client, namespace=namespace)
            contents = await reader.read(workflow_id, run_id, progress=tell)
            item = find_item(contents, place)
            # As its workers, which may read their own namespace and those of the settings.
            return await fetch_item(manager.for_namespace(reader.namespace), item)


def _print(fetched: "Fetched") -> None:
    if sys.stdout.isatty():
        _print_for_people(fetched, Console(), Console(stderr=True))
        return
    # Whoever reads may have seen enough, as head does.
    with suppress(BrokenPipeError):
        sys.stdout.buffer.write(fetched.payload.data)
        sys.stdout.buffer.flush()


def _print_for_people(fetched: "Fetched", console: Console, aside: Console) -> None:
    from temporal_claimcheck.inspection.showing import Form, show_content  # noqa: PLC0415
    from temporal_claimcheck.inspection.texts import visible  # noqa: PLC0415

    shown = show_content(fetched.payload)
    size = bytes_text(len(fetched.payload.data))
    head = Text(visible(fetched.what), style="bold")
    head.append(f"{'  ' if fetched.what else ''}{visible(shown.title)}, {size}", style="not bold")
    aside.print(head)
    aside.print(Text(fetched.key or "in Temporal, not in the store", style="dim"), soft_wrap=True)
    if shown.note:
        aside.print(Text(visible(shown.note), style="yellow"))
    aside.print()
    text = Text(shown.text)
    if shown.form is Form.JSON:
        text = JSONHighlighter()(text)
    console.print(text, soft_wrap=True)
    if shown.is_cut:
        aside.print()
        aside.print(Text("There is more. --output FILE writes all of it.", style="yellow"))
    elif shown.form is Form.HEX:
        aside.print()
        aside.print(Text("--output FILE writes it to a file.", style="dim"))


def _save(fetched: "Fetched", path: Path) -> None:
    data = fetched.payload.data
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InvalidSettings(
            f"{path} cannot be written: {error.strerror or error}.",
            remedy="Name a file in a folder that is there and may be written to.",
        ) from error
    Console(stderr=True).print(f"Wrote {bytes_text(len(data))} to {path}.", highlight=False)


def _document(fetched: "Fetched") -> dict[str, Any]:
    payload, stored = fetched.payload, fetched.stored
    encryption = stored and stored.header.encryption
    return {
        "what": fetched.what or None,
        "key": fetched.key,
        "encoding": payload.metadata.get("encoding", b"").decode(errors="replace") or None,
        "payload_bytes": payload.ByteSize(),
        "data_bytes": len(payload.data),
        "stored_bytes": stored and stored.stored_bytes,
        "compression": stored and stored.header.compression,
        "encryption_key": encryption and encryption.key_id,
        "metadata": {name: _base64(value) for name, value in sorted(payload.metadata.items())},
        "data": _base64(payload.data),
    }


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
