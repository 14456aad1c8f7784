"""Who has an error finds what to do about it."""

import inspect

import pytest

from temporal_claimcheck import errors
from tests.docs.doc_pages import code_spans, page

TROUBLES = page("how-to/troubleshoot.md")
CODES = sorted(
    error.code
    for _, error in inspect.getmembers(errors, inspect.isclass)
    if issubclass(error, errors.ClaimCheckError)
)
[TABLE] = TROUBLES.section("By error code").tables
ROWS = {code: row for row in TABLE.rows for code in code_spans(row[0])}


@pytest.mark.parametrize("code", CODES)
def test_every_error_code_has_an_entry_with_a_first_and_a_second_step(code: str) -> None:
    assert f"[`{code}`](../reference/errors.md#{code})" in ROWS[code][0]
    assert all(ROWS[code][1:3])


def test_no_entry_is_for_a_code_that_does_not_exist() -> None:
    assert set(ROWS) == set(CODES)


def test_every_symptom_says_what_to_do() -> None:
    symptoms = [section for section in TROUBLES.sections if section.level == 3]
    assert len(symptoms) > 10
    assert [section.title for section in symptoms if len(section.text.split()) < 10] == []
