"""What the site is built from. That it can be built, `make docs` shows."""

import importlib
import runpy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import temporal_claimcheck
from tests.docs.doc_pages import DOCS, ROOT, all_pages

STAGING = runpy.run_path(str(ROOT / "website" / "stage.py"))


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that the generator is given."""
    folder = tmp_path_factory.mktemp("site")
    functions: dict[str, Any] = STAGING["main"].__globals__
    before = functions["STAGE"], functions["PAGES"]
    functions["STAGE"], functions["PAGES"] = folder / "stage", folder / "stage" / "pages"
    STAGING["main"]()
    yield folder / "stage"
    functions["STAGE"], functions["PAGES"] = before


def pages_in_the_navigation(staged: Path) -> list[str]:
    _, _, order = (staged / "mkdocs.yml").read_text().partition("\nnav:\n")
    return [line.split()[-1] for line in order.splitlines() if line.endswith(".md")]


def test_every_page_is_in_the_navigation_once(staged: Path) -> None:
    ours = [page for page in pages_in_the_navigation(staged) if not page.startswith("docstrings/")]
    pages = [page.path for page in all_pages() if page.path.is_relative_to(DOCS)]
    in_docs = [page for page in ours if not page.startswith("project/")]
    assert sorted(in_docs) == sorted(page.relative_to(DOCS).as_posix() for page in pages)


def test_the_navigation_leads_to_pages(staged: Path) -> None:
    for page in pages_in_the_navigation(staged):
        assert (staged / "pages" / page).is_file()


def test_a_page_of_each_kind_is_under_the_heading_of_its_kind(staged: Path) -> None:
    _, _, order = (staged / "mkdocs.yml").read_text().partition("\nnav:\n")
    kinds = {"Tutorial": "tutorial", "How to": "how-to", "Reference": "reference"}
    kinds |= {"Explanation": "explanation"}
    for part in order.split("\n  - ")[1:]:
        title, _, below = part.partition(":\n")
        if title in kinds:
            folders = {
                line.split("- ")[1].split("/")[0] for line in below.splitlines() if "/" in line
            }
            assert folders - {"docstrings"} == {kinds[title]}


def test_no_directive_of_the_tests_is_left(staged: Path) -> None:
    for page in (staged / "pages").rglob("*.md"):
        assert "<!-- test:" not in page.read_text()


def test_every_public_name_has_its_docstring_shown(staged: Path) -> None:
    text = (staged / "pages" / "docstrings" / "interface.md").read_text()
    shown = {line.rpartition(".")[2] for line in text.splitlines() if line.startswith(":::")}
    assert shown == set(temporal_claimcheck.__all__)


def test_what_is_shown_exists(staged: Path) -> None:
    for page in (staged / "pages" / "docstrings").glob("*.md"):
        for line in page.read_text().splitlines():
            if line.startswith("::: "):
                module, _, name = line[4:].rpartition(".")
                try:
                    importlib.import_module(line[4:])
                except ModuleNotFoundError:
                    assert hasattr(importlib.import_module(module), name)
