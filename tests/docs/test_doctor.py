"""The reference of the doctor's findings is complete, and says nothing of what does not exist."""

import pytest

from temporal_claimcheck.doctor.catalogue import ALL_KINDS
from temporal_claimcheck.doctor.findings import Severity
from tests.docs.doc_pages import code_spans, page
from tests.doctor import test_faults
from tests.doctor.bench import FAULTS

DOCTOR = page("reference/doctor.md")
EVERYWHERE = "Everywhere"
ROWS = {
    code_spans(row[0])[0]: (section.title, row)
    for section in DOCTOR.sections
    if section.level == 2
    for table in section.tables
    if table.head[0] == "Code"
    for row in table.rows
}


def test_every_finding_is_documented_and_no_other() -> None:
    assert set(ROWS) == set(ALL_KINDS)


def test_every_severity_is_documented_and_no_other() -> None:
    [table] = [table for table in DOCTOR.tables if table.head[0] == "Severity"]
    assert table.names == list(Severity)


@pytest.mark.parametrize("code", sorted(ALL_KINDS))
def test_a_finding_has_the_area_and_severity_that_are_documented(code: str) -> None:
    kind = ALL_KINDS[code]
    title, row = ROWS[code]
    assert title == (EVERYWHERE if kind.area is None else kind.area.value.capitalize())
    assert row[1] == f"`{kind.severity}`"
    if kind.severity in {Severity.WARNING, Severity.ERROR}:
        assert row[3], "what to do"


def test_every_finding_that_can_be_planted_is() -> None:
    assert len(test_faults.TABLES) == len({each.__name__ for each in test_faults.TABLES})
    bad = {
        code
        for code, kind in ALL_KINDS.items()
        if kind.severity in {Severity.WARNING, Severity.ERROR}
    }
    # A defect of ours, and its like: test_running makes them.
    unplanted = {"check-timed-out", "check-failed"}
    assert bad - unplanted == {fault.code for fault in FAULTS}
