"""The built site loads nothing from elsewhere, and is whole."""

import json
import re
from pathlib import Path

import pytest

from tests.docs.doc_pages import DOCS
from tests.release.conftest import ROOT

SITE = ROOT / "site"
PAGES = sorted(SITE.rglob("*.html"))
# What a browser fetches by itself: not what a person clicks on.
FETCHED = re.compile(r"<(?:script|img|link|iframe|source)\b[^>]*?(?:src|href)=[\"']?([^\"' >]+)")


def test_there_is_a_page_for_each_page() -> None:
    built = {page.relative_to(SITE).with_suffix(".md").as_posix() for page in PAGES}
    assert {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")} <= built


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_fetches_nothing_from_elsewhere(page: Path) -> None:
    fetched = FETCHED.findall(page.read_text())
    assert fetched
    assert [each for each in fetched if re.match(r"(?:https?:)?//", each)] == []


def test_the_search_knows_the_settings_and_the_errors() -> None:
    index = json.dumps(json.loads((SITE / "search.json").read_text()))
    for word in ("CLAIMCHECK_STORE_MIRRORS", "encryption-key-missing", "ClaimCheckPlugin"):
        assert word in index
