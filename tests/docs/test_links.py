"""Every link within the documentation leads somewhere."""

from urllib.parse import urlsplit

import pytest

from tests.docs.doc_pages import DOCS, README, ROOT, Link, Page, all_pages

LINKS = [link for page in all_pages() for link in page.links]
INTERNAL = [link for link in LINKS if not urlsplit(link.target).scheme]
EXTERNAL = [link for link in LINKS if urlsplit(link.target).scheme]


@pytest.mark.parametrize("link", INTERNAL, ids=str)
def test_an_internal_link_leads_to_a_place_that_exists(link: Link) -> None:
    parts = urlsplit(link.target)
    target = (link.page.path.parent / parts.path).resolve() if parts.path else link.page.path
    assert target.is_relative_to(ROOT)
    assert target.exists()
    if parts.fragment:
        assert parts.fragment in Page(target).anchors


@pytest.mark.parametrize("link", EXTERNAL, ids=str)
def test_an_external_link_is_encrypted_or_to_this_machine(link: Link) -> None:
    parts = urlsplit(link.target)
    assert parts.scheme == "https" or parts.hostname == "localhost"


def test_every_page_is_linked_from_the_index() -> None:
    index = DOCS / "index.md"
    linked = {(DOCS / urlsplit(link.target).path).resolve() for link in Page(index).links}
    assert {page.path for page in all_pages()} - linked == {README, index}


@pytest.mark.parametrize("page", all_pages(), ids=str)
def test_a_page_has_one_title_and_it_comes_first(page: Page) -> None:
    assert page.source.startswith("# ")
    assert [section.level for section in page.sections].count(1) == 1
