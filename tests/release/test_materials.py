"""The bill of materials names what users get, and all of it may be used with Apache-2.0."""

import json
import re
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import pytest

from tests.release.conftest import ROOT, run

# Permissive, or public domain: none asks anything of who only installs and uses them together.
COMPATIBLE = {
    "0BSD",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "PSF-2.0",
    "Unlicense",
}
# How those say it that do not use the standard's names yet.
CLASSIFIERS = {
    "License :: OSI Approved :: Apache Software License": "Apache-2.0",
    "License :: OSI Approved :: BSD License": "BSD-3-Clause",
    "License :: OSI Approved :: MIT License": "MIT",
}
# Say it only in words of their own; read there by a person.
READ = {"protobuf": ("3-Clause BSD License", "BSD-3-Clause")}


@pytest.fixture(scope="module")
def bill(materials: Path) -> dict[str, Any]:
    return json.loads(materials.read_text())


def licences(component: dict[str, Any]) -> set[str]:
    """Return the names of all licences that are said, whether by "and" or "or"."""
    said: list[str] = [
        entry.get("expression") or entry["license"].get("id") or entry["license"]["name"]
        for entry in component.get("licenses", [])
    ]
    return {
        word
        for text in said
        for word in re.findall(r"[\w.-]+", CLASSIFIERS.get(text, text))
        if word not in {"AND", "OR", "WITH"}
    }


def test_every_part_has_a_licence_that_goes_with_ours(bill: dict[str, Any]) -> None:
    wrong: dict[str, set[str]] = {}
    for component in bill["components"]:
        name, said = component["name"], licences(component)
        if not said and name in READ:
            words, licence = READ[name]
            assert metadata(name)["License"] == words
            said = {licence}
        if not said or not said <= COMPATIBLE:
            wrong[name] = said
    assert wrong == {}


def test_every_part_is_named_with_its_version_and_where_to_get_it(bill: dict[str, Any]) -> None:
    parts = [part for part in bill["components"] if part["name"] != "temporal-claimcheck"]
    assert len(parts) > 30
    assert [part["name"] for part in parts if not part["purl"].startswith("pkg:pypi/")] == []
    pinned = dict(
        re.findall(r"^([\w.-]+)==([\w.]+)", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    )
    normal = {re.sub(r"[-_.]+", "-", name).lower(): version for name, version in pinned.items()}
    for part in parts:
        assert normal[re.sub(r"[-_.]+", "-", part["name"]).lower()] == part["version"]


def test_the_bill_is_of_this_version_and_free_of_places_of_the_builder(
    bill: dict[str, Any], materials: Path
) -> None:
    subject = bill["metadata"]["component"]
    assert subject["name"] == "temporal-claimcheck"
    assert materials.name == f"temporal_claimcheck-{subject['version']}.cdx.json"
    assert str(ROOT) not in materials.read_text()
    assert "file://" not in materials.read_text()


def test_the_bill_is_valid(materials: Path, tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from cyclonedx.schema import SchemaVersion\n"
        "from cyclonedx.validation.json import JsonStrictValidator\n"
        "text = open(sys.argv[1]).read()\n"
        "found = JsonStrictValidator(SchemaVersion.V1_6).validate_str(text)\n"
        "sys.exit(str(found) if found else 0)\n"
    )
    run([ROOT / ".venv-release/bin/python", "-c", program, materials], cwd=tmp_path)
