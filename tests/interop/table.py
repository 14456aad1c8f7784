"""Which language reads what which other wrote, by which door: the table of the docs, as data."""

from dataclasses import dataclass
from typing import Final, Literal, get_args

Language = Literal["python", "go", "java", "typescript"]
DoorName = Literal["codec", "s3-driver"]

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
OTHERS: Final[tuple[Language, ...]] = LANGUAGES[1:]
DOORS: Final[tuple[DoorName, ...]] = get_args(DoorName)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What one language wrote by a door, before another that has the same door."""

    writer: Language
    reader: Language
    door: DoorName

    @property
    def reads(self) -> bool:
        """Whether the reader gets it: all do, but for the two names of the digest in a claim.

        Python, Go and Java write `hash_algorithm`, TypeScript `hashAlgorithm`, and each refuses a
        claim without its own name. We write both, and read either.
        """
        if self.door == "codec" or "python" in (self.writer, self.reader):
            return True
        return (self.writer == "typescript") == (self.reader == "typescript")


CELLS: Final = tuple(
    Cell(writer=writer, reader=reader, door=door)
    for door in DOORS
    for writer in LANGUAGES
    for reader in LANGUAGES
)
