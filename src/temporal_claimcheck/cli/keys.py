"""`claimcheck keys`: make encryption keys, and see which ones a process would use."""

import json
import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from temporal_claimcheck import wiring
from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.settings import Settings

__all__ = ["keys"]

keys = typer.Typer(help="Make encryption keys, and see which are in use.", no_args_is_help=True)


@keys.command()
def generate() -> None:
    """Print a new encryption key. Keep it in a secret store: without it nothing opens."""
    from temporal_claimcheck.transforms.encryption import EncryptionKey  # noqa: PLC0415

    key = EncryptionKey.generate()
    sys.stdout.write(f"{key.dump()}\n")
    # Beside the key and not in front of it, so that the output can be sent into a file.
    sys.stderr.write(f"Its id is {key.id}; the id is no secret.\n")


@keys.command("list")
def list_keys(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print a JSON document.")] = False
) -> None:
    """Show the ids of the keys that the settings name, never the keys."""
    load = wiring.build_keys(Settings.load())
    if load is None:
        raise InvalidSettings(
            "No encryption keys are set.",
            remedy="Set CLAIMCHECK_ENCRYPTION_KEYS or CLAIMCHECK_ENCRYPTION_KEYS_FILE.",
        )
    ids = load().ids
    if as_json:
        document = [{"id": each, "encrypts": each == ids[0]} for each in ids]
        sys.stdout.write(f"{json.dumps(document)}\n")
        return
    table = Table("key", "use", box=None, pad_edge=False)
    for each in ids:
        table.add_row(each, "encrypts and decrypts" if each == ids[0] else "decrypts")
    Console().print(table)
