"""What `claimcheck verify` shows to people."""

from typing import Final

from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from temporal_claimcheck.gc.referring import LiveReferences
from temporal_claimcheck.gc.verify import Verification

__all__ = ["READ_ONLY", "print_references", "print_verification"]

READ_ONLY: Final = ", read only"
"""What a store that is wrapped so adds to its name."""
_MAX_WIDTH: Final = 100
_SHOWN: Final = 20


def print_verification(found: Verification, console: Console) -> None:
    """Show what was found in a store."""
    width = min(console.width, _MAX_WIDTH)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, header_style="bold")
    table.add_column(found.store.removesuffix(READ_ONLY), overflow="fold")
    table.add_column("objects", justify="right")
    table.add_column("bytes", justify="right")
    table.add_row("sound payloads", f"{found.sound:,}", decimal(found.sound_bytes))
    table.add_row("sound records", f"{found.records:,}", "")
    for kind, count in sorted(found.wrong.items()):
        table.add_row(Text(kind, style="red"), Text(f"{count:,}", style="red"), "")
    if found.vanished:
        table.add_row("vanished meanwhile", f"{found.vanished:,}", "")
    if found.foreign:
        table.add_row("not the claim check's", f"{found.foreign:,}", "")
    console.print()
    console.print(table, width=width)
    console.print()
    for each in found.findings[:_SHOWN]:
        console.print(Text(each.key, style="bold"), soft_wrap=True)
        said = each.what.replace(f" under {each.key}", "")
        console.print(Text(f"  {each.kind}: {said}", style="red"), width=width)
    if found.findings:
        console.print()
    hidden = found.wrong.total() - min(len(found.findings), _SHOWN)
    if hidden:
        console.print(Text(f"And {hidden:,} more; --json lists the first thousand."), width=width)
    if found.is_sound:
        read = found.sound + found.records
        console.print(Text(f"All {read:,} objects that were read are sound.", style="bold green"))
    else:
        wrong = found.wrong.total()
        console.print(Text(f"{wrong:,} of {found.read:,} are not sound.", style="bold red"))


def print_references(found: LiveReferences, console: Console) -> None:
    """Show whether what Temporal refers to is stored."""
    width = min(console.width, _MAX_WIDTH)
    asked = found.present + found.missing
    console.print()
    for each in found.dangling[:_SHOWN]:
        console.print(Text(each.key, style="bold"), soft_wrap=True)
        console.print(Text(f"  not stored; {each.referrer} refers to it", style="red"), width=width)
    if found.dangling:
        console.print()
    hidden = found.missing - min(len(found.dangling), _SHOWN)
    if hidden:
        console.print(Text(f"And {hidden:,} more; --json lists the first thousand."), width=width)
    runs = f"{found.runs:,} runs and all else in Temporal refer to {asked:,} objects"
    if found.all_resolve:
        console.print(Text(f"{runs}: all are stored.", style="bold green"), width=width)
    else:
        text = f"{runs}: {found.missing:,} are not stored."
        console.print(Text(text, style="bold red"), width=width)
