"""A Dockerfile as data, and the files that a build gets to see."""

import fnmatch
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_FLAG = re.compile(r"--[a-z]+=\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """One instruction: `RUN`, its flags, and the rest of its line."""

    verb: str
    flags: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """What stands between one `FROM` and the next."""

    name: str
    instructions: tuple[Instruction, ...]

    def all_of(self, verb: str) -> list[Instruction]:
        """Return the instructions with this verb, in order."""
        return [each for each in self.instructions if each.verb == verb]

    def only(self, verb: str) -> str:
        """Return what the only instruction with this verb says."""
        [found] = self.all_of(verb)
        return found.text

    @property
    def environment(self) -> dict[str, str]:
        """The variables that the stage sets."""
        words = (word for each in self.all_of("ENV") for word in shlex.split(each.text))
        return dict(word.split("=", 1) for word in words)


def stages(file: Path) -> list[Stage]:
    """Return the stages of a Dockerfile."""
    found: list[tuple[str, list[Instruction]]] = []
    for verb, line in _lines(file):
        flags, text = list[str](), line
        while match := _FLAG.match(text):
            flags.append(match.group())
            text = text[match.end() :].lstrip()
        if verb == "FROM":
            found.append((text.split()[-1], []))
        elif found:
            instruction = Instruction(verb=verb, flags=tuple(flags), text=text)
            found[-1][1].append(instruction)
    return [Stage(name=name, instructions=tuple(each)) for name, each in found]


def context(root: Path, files: list[str]) -> list[str]:
    """Return those of the files, relative to the root, that `.dockerignore` lets through."""
    rules = [
        line
        for line in (root / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    return [file for file in files if not _is_ignored(file, rules)]


def _is_ignored(file: str, rules: list[str]) -> bool:
    ignored = False
    # The last rule that matches a file, or a folder that it is in, holds.
    for rule in rules:
        pattern = rule.removeprefix("!").removeprefix("**/")
        names = _names(file) if "**/" not in rule else file.split("/")
        if any(fnmatch.fnmatchcase(name, pattern) for name in names):
            ignored = not rule.startswith("!")
    return ignored


def _names(file: str) -> list[str]:
    """Return the file and the folders that it is in."""
    parts = file.split("/")
    return ["/".join(parts[: count + 1]) for count in range(len(parts))]


def _lines(file: Path) -> Iterator[tuple[str, str]]:
    lines = (line for line in file.read_text().splitlines() if not line.startswith("#"))
    for line in "\n".join(lines).replace("\\\n", "").splitlines():
        if line.strip():
            verb, _, text = line.strip().partition(" ")
            yield verb, text.lstrip()
