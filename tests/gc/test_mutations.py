"""The rules can still be taken out: whoever moves one finds its mutation here."""

import shutil
from pathlib import Path

import pytest

from tests.gc.mutations import MUTATIONS, Mutation

SOURCES = Path(__file__).parents[2] / "src"


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.rule)
def test_a_rule_stands_where_its_mutation_looks_for_it(mutation: Mutation, tmp_path: Path) -> None:
    file = Path("temporal_claimcheck") / mutation.file
    (tmp_path / file).parent.mkdir(parents=True)
    shutil.copy(SOURCES / file, tmp_path / file)
    mutation.apply(tmp_path)
