"""What the page of the Python interface calls public is all documented there, and all there is."""

import importlib
import pkgutil
import re

import pytest

import temporal_claimcheck
import temporal_claimcheck.stores
from tests.docs.doc_pages import Section, code_spans, page

API = page("reference/api.md")
DETAILED = ("stores.base", "testing", "testing.servers")
STORES = sorted(
    module.name
    for module in pkgutil.iter_modules(temporal_claimcheck.stores.__path__)
    # Parts of RedisStore and ObjectStore, and what all stores share.
    if not module.name.startswith("redis_")
    and module.name not in {"base", "object_errors", "object_reading"}
)


def public_names(module: str) -> set[str]:
    return set(importlib.import_module(f"temporal_claimcheck.{module}").__all__)


def named_in(section: Section) -> set[str]:
    """Return the names that stand in the first columns of a section's tables."""
    return {
        re.split(r"\W", name.lstrip("*"))[0] for table in section.tables for name in table.names
    }


@pytest.mark.parametrize("module", DETAILED)
def test_every_name_of_a_public_module_is_documented_and_no_other(module: str) -> None:
    section = API.section(f"temporal_claimcheck.{module}")
    assert named_in(section) == public_names(module)


@pytest.mark.parametrize("module", STORES)
def test_every_name_of_a_module_of_stores_is_documented(module: str) -> None:
    text = API.section("Stores").text + API.section("Modules").text
    documented = {re.split(r"\W", span)[0] for span in code_spans(text)}
    assert public_names(f"stores.{module}") <= documented


def test_every_name_of_the_events_is_documented() -> None:
    text = page("reference/events.md").source + API.source
    documented = {re.split(r"\W", span)[0] for span in code_spans(text)}
    assert public_names("events") <= documented


def test_every_name_of_the_errors_is_documented() -> None:
    text = page("reference/errors.md").source
    documented = {re.split(r"\W", span)[0] for span in code_spans(text)}
    assert public_names("errors") <= documented


def test_every_public_module_exists() -> None:
    [table] = [each for each in API.section("Modules").tables if each.head[0] == "Module"]
    for name in table.names:
        if name.startswith("temporal_claimcheck.") and "…" not in name:
            importlib.import_module(name)
