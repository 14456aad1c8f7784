"""From nothing, by the text of the tutorial alone: no checkout, no environment, no server."""

from collections.abc import Generator
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.docs.doc_pages import DOCS, CodeBlock, Page
from tests.release.newcomer import Newcomer

TUTORIALS = [Page(path) for path in sorted((DOCS / "tutorial").glob("*.md"))]


@pytest.fixture
def newcomer(tmp_path: Path, wheel: Path, request: pytest.FixtureRequest) -> Generator[Newcomer]:
    with Newcomer(tmp_path, request, wheel=wheel) as reader:
        yield reader


@pytest.mark.timeout(900)
@pytest.mark.parametrize("page", TUTORIALS, ids=str)
def test_who_types_what_the_page_says_gets_what_it_shows(
    page: Page, newcomer: Newcomer, wheel: Path
) -> None:
    for block in page.code_blocks:
        newcomer.follow(block)
    # It was this wheel, and neither the checkout nor what a registry may have of that version.
    [record] = [name for name in ZipFile(wheel).namelist() if name.endswith(".dist-info/RECORD")]
    built = set(ZipFile(wheel).read(record).decode().splitlines())
    [installed] = newcomer.environment.glob(f"lib/python3*/site-packages/{record}")
    assert built - {f"{record},,"} <= set(installed.read_text().splitlines())
    assert newcomer.home_of_the_package.is_relative_to(newcomer.environment)


@pytest.mark.parametrize(
    "block", [block for page in TUTORIALS for block in page.code_blocks], ids=str
)
def test_every_block_of_a_tutorial_is_followed(block: CodeBlock) -> None:
    assert block.verb is not None
