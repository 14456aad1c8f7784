"""The documentation as data: pages, their headings, links, tables and code blocks.

A comment right before a code block says how the block is tested:

    <!-- test: run -->            a complete program (python), or commands (sh); must succeed
    <!-- test: run, exits 1 -->   the same, and must end with this exit code
    <!-- test: file NAME -->      is written to NAME, for later blocks of the page
    <!-- test: background -->     commands that go on running until the page is done, or until the
                                  same commands come again: then they are stopped and started anew
    <!-- test: output -->         what the last `run` printed; … stands for anything
    <!-- test: install -->        makes the environment; followed in a fresh one by tests/release
    <!-- test: server -->         starts Temporal; followed there too, elsewhere one is running

The blocks of a page run in order, in one empty folder.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT: Final = Path(__file__).parents[2]
DOCS: Final = ROOT / "docs"
README: Final = ROOT / "README.md"

_DIRECTIVE: Final = re.compile(r"<!-- test: (?P<verb>[a-z]+)(?P<rest>.*?) -->", re.DOTALL)
_VERBS: Final = {"run", "file", "background", "output", "install", "server"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBlock:
    """A fenced block of code."""

    page: "Page"
    line: int
    language: str
    text: str
    verb: str | None
    """What the comment before the block asks for; None without one."""
    argument: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link or an image."""

    page: "Page"
    line: int
    target: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line} -> {self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table; its cells are Markdown."""

    head: list[str]
    rows: list[list[str]]

    @property
    def names(self) -> list[str]:
        """What stands in backquotes in the first column, in order."""
        return [name for row in self.rows for name in code_spans(row[0])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What stands between a heading and the next heading of the same or a higher level."""

    level: int
    title: str
    """The heading's source, with its backquotes."""
    text: str
    """The source below the heading."""

    @property
    def code_title(self) -> str:
        """The heading without backquotes."""
        return self.title.replace("`", "")

    @property
    def tables(self) -> list[Table]:
        """The tables in it, those below deeper headings included."""
        return _tables(self.text)


@dataclass(frozen=True)
class Page:
    """One Markdown file."""

    path: Path

    def __str__(self) -> str:
        return self.path.relative_to(ROOT).as_posix()

    @cached_property
    def source(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def _tokens(self) -> list[Token]:
        return MarkdownIt("commonmark").enable("table").parse(self.source)

    @cached_property
    def code_blocks(self) -> list[CodeBlock]:
        return list(self._find_code_blocks())

    @cached_property
    def links(self) -> list[Link]:
        return [
            Link(page=self, line=(token.map or [0])[0] + 1, target=str(target))
            for token in self._tokens
            for child in token.children or []
            if (target := child.attrGet("href") or child.attrGet("src")) is not None
        ]

    @cached_property
    def tables(self) -> list[Table]:
        return _tables(self.source)

    @cached_property
    def sections(self) -> list[Section]:
        lines = self.source.splitlines(keepends=True)
        heads = [
            (int(token.tag[1]), self._tokens[index + 1].content, token.map or [0, 0])
            for index, token in enumerate(self._tokens)
            if token.type == "heading_open"
        ]
        return [
            Section(
                level=level,
                title=title,
                text="".join(
                    lines[
                        place[1] : next(
                            (after[0] for other, _, after in heads[index + 1 :] if other <= level),
                            len(lines),
                        )
                    ]
                ),
            )
            for index, (level, title, place) in enumerate(heads)
        ]

    @cached_property
    def anchors(self) -> set[str]:
        """The fragments that links may name, as GitHub makes them from headings."""
        seen: dict[str, int] = {}
        anchors: set[str] = set()
        for section in self.sections:
            text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", section.title).lower()
            slug = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
            count = seen.get(slug, 0)
            seen[slug] = count + 1
            anchors.add(f"{slug}-{count}" if count else slug)
        return anchors

    def section(self, title: str) -> Section:
        """Return the section with this heading, backquotes aside."""
        [found] = [section for section in self.sections if section.code_title == title]
        return found

    def _find_code_blocks(self) -> Iterator[CodeBlock]:
        directive: re.Match[str] | None = None
        for token in self._tokens:
            if token.type == "html_block":
                directive = _DIRECTIVE.fullmatch(token.content.strip())
            elif token.type == "fence":
                yield CodeBlock(
                    page=self,
                    line=(token.map or [0])[0] + 1,
                    language=token.info.strip(),
                    text=token.content,
                    verb=_verb(directive),
                    argument=directive["rest"].strip(" ,") if directive else "",
                )
                directive = None
            else:
                directive = None


@cache
def page(path: str) -> Page:
    """Return the page at this path below `docs`."""
    return Page(DOCS / path)


@cache
def all_pages() -> tuple[Page, ...]:
    """Return the README and every page below `docs`."""
    return Page(README), *(Page(path) for path in sorted(DOCS.rglob("*.md")))


def all_code_blocks(*languages: str) -> list[CodeBlock]:
    """Return the blocks in one of these languages, of every page."""
    return [
        block for each in all_pages() for block in each.code_blocks if block.language in languages
    ]


def code_spans(text: str) -> list[str]:
    """Return what stands in single backquotes."""
    return re.findall(r"`([^`\n]+)`", text)


def _tables(text: str) -> list[Table]:
    tables: list[Table] = []
    for match in re.finditer(r"(?:^\|.*\|\n?)+", text, re.MULTILINE):
        head, _, *rows = [_cells(row) for row in match.group().strip().splitlines()]
        tables.append(Table(head=head, rows=rows))
    return tables


def _verb(directive: re.Match[str] | None) -> str | None:
    if directive is None:
        return None
    if directive["verb"] not in _VERBS:
        raise ValueError(f"no such directive: {directive.group()}")
    return directive["verb"]


def _cells(row: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", row.strip())[1:-1]]
