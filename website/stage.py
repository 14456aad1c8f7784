"""Gathers the pages of the site into a folder, so that `docs` stays plain Markdown for git hosts.

The order of the pages is that of `docs/index.md`. Pages outside of `docs` that it links to, such as
the security policy, come along; links to files that are no pages become plain text. Pages from the
docstrings are added, for each public name.
"""

import os
import re
import runpy
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
DOCS: Final = ROOT / "docs"
HERE: Final = Path(__file__).parent
STAGE: Final = ROOT / "build" / "site"
PAGES: Final = STAGE / "pages"

_LINK: Final = re.compile(r"\[(?P<text>(?:[^][]|\[[^][]*\])*)\]\((?P<target>[^()\s]+)\)")
_DIRECTIVE: Final = re.compile(r"^[ ]*<!-- test: .*? -->\n", re.MULTILINE | re.DOTALL)
_FENCE: Final = re.compile(r"^(?P<indent> *)```.*?^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_PAGE_LINK: Final = re.compile(r"\]\((?P<target>[^()\s#]+\.md)\)")

_HEADING: Final = re.compile(r"^## `(\w+)`$", re.MULTILINE)

# What every project has, at the end of the navigation.
_PROJECT: Final = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")

# The docstrings, a page for each of these: title, and what stands on it.
_MODULES: Final = {
    "events": ("Events", ["temporal_claimcheck.events"]),
    "errors": ("Errors", ["temporal_claimcheck.errors"]),
    "stores": (
        "Stores",
        [
            "temporal_claimcheck.stores.base",
            "temporal_claimcheck.stores.filesystem.FileSystemStore",
            "temporal_claimcheck.stores.memory.MemoryStore",
            "temporal_claimcheck.stores.redis.RedisStore",
            "temporal_claimcheck.stores.object_store.ObjectStore",
            "temporal_claimcheck.stores.mirrored.MirroredStore",
            "temporal_claimcheck.stores.tiered.TieredStore",
            "temporal_claimcheck.stores.prefixed.PrefixedStore",
            "temporal_claimcheck.stores.read_only.ReadOnlyStore",
        ],
    ),
    "testing": (
        "Contract suites",
        [
            "temporal_claimcheck.testing.stores",
            "temporal_claimcheck.testing.abilities",
            "temporal_claimcheck.testing.transforms",
            "temporal_claimcheck.testing.keys",
            "temporal_claimcheck.testing.servers",
        ],
    ),
}


def place_of(file: Path) -> Path:
    """Return where a page of the repository lies in the site."""
    if file.is_relative_to(DOCS):
        return file.relative_to(DOCS)
    return Path("project") / file.relative_to(ROOT)


def rewritten(file: Path) -> tuple[str, set[Path]]:
    """Return a page's text for the site, and the pages that it links to."""
    linked: set[Path] = set()

    def link(match: re.Match[str]) -> str:
        path, mark, fragment = match["target"].partition("#")
        if not path or "://" in path:
            return match[0]
        target = (file.parent / path).resolve()
        if target.suffix != ".md":
            return match["text"]
        linked.add(target)
        there = os.path.relpath(place_of(target), place_of(file).parent)
        return f"[{match['text']}]({there}{mark}{fragment})"

    source = _DIRECTIVE.sub("", file.read_text(encoding="utf-8"))
    parts: list[str] = []
    end = 0
    for fence in _FENCE.finditer(source):
        parts += (_LINK.sub(link, source[end : fence.start()]), fence[0])
        end = fence.end()
    parts.append(_LINK.sub(link, source[end:]))
    return "".join(parts), linked


def stage_pages() -> None:
    """Write every page that can be reached from the index."""
    waiting, done = {DOCS / "index.md", *(ROOT / name for name in _PROJECT)}, set[Path]()
    while waiting:
        file = waiting.pop()
        done.add(file)
        text, linked = rewritten(file)
        target = PAGES / place_of(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        waiting |= linked - done


def stage_docstrings() -> None:
    """Write the pages that mkdocstrings fills."""
    package = ROOT / "src" / "temporal_claimcheck"
    # It loads nothing else, so what it needs need not be installed.
    homes: dict[str, str] = runpy.run_path(str(package / "__init__.py"))["_HOMES"]
    reference = (DOCS / "reference" / "api.md").read_text(encoding="utf-8")
    in_order = [name for name in _HEADING.findall(reference) if name in homes]
    names = [f"{package.name}.{homes[name]}.{name}" for name in in_order]
    folder = PAGES / "docstrings"
    folder.mkdir()
    pages = {"interface": ("Public names", names)} | _MODULES
    for page, (title, identifiers) in pages.items():
        shown = "\n\n".join(f"::: {each}" for each in identifiers)
        (folder / f"{page}.md").write_text(f"# {title}\n\n{shown}\n", encoding="utf-8")


def navigation() -> Iterator[str]:
    """Yield the navigation in the order of the index, as lines of YAML."""
    yield "nav:"
    yield "  - Start: index.md"
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    for kind in re.split(r"^## ", index, flags=re.MULTILINE)[1:]:
        title, _, body = kind.partition("\n")
        yield f"  - {title}:"
        indent = " " * 6
        for line in body.splitlines():
            if line.startswith("### "):
                yield f"{' ' * 6}- {line[4:]}:"
                indent = " " * 10
            for link in _PAGE_LINK.finditer(line):
                if not link["target"].startswith(".."):
                    yield f"{indent}- {link['target']}"
        if title == "Reference":
            yield "      - Docstrings:"
            yield from (f"          - docstrings/{page}.md" for page in ("interface", *_MODULES))
    yield "  - Project:"
    yield from (f"      - project/{name}" for name in _PROJECT)


def main() -> None:
    """Stage everything below build/site; the generator writes to build/site/html."""
    shutil.rmtree(STAGE, ignore_errors=True)
    PAGES.mkdir(parents=True)
    stage_pages()
    stage_docstrings()
    shutil.copy(HERE / "site.css", PAGES)
    look = (HERE / "mkdocs.yml").read_text(encoding="utf-8")
    order = "\n".join(navigation())
    (STAGE / "mkdocs.yml").write_text(
        f"{look}\ndocs_dir: pages\nsite_dir: html\n\n{order}\n", encoding="utf-8"
    )


if __name__ == "__main__":
    main()
