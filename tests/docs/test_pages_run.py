"""The marked blocks of every page are followed in order, as a reader would."""

from pathlib import Path

import pytest

from tests.docs.doc_pages import DOCS, Page, all_pages
from tests.docs.reader import Reader

RUNNABLE = [page for page in all_pages() if any(block.verb for block in page.code_blocks)]


@pytest.mark.parametrize("page", RUNNABLE, ids=str)
def test_a_page_does_what_it_says(
    page: Page, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    with Reader(tmp_path, request) as reader:
        for block in page.code_blocks:
            reader.follow(block)


def test_every_tutorial_is_followed() -> None:
    tutorials = set((DOCS / "tutorial").glob("*.md"))
    assert tutorials
    assert tutorials <= {page.path for page in RUNNABLE}
