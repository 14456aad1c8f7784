"""Each planted fault is found, and the finding says what to do."""

import pytest

from temporal_claimcheck.doctor.findings import Report, Severity
from tests.doctor import faults_of_settings, faults_of_stores, faults_of_temporal
from tests.doctor.bench import FAULTS, Bench, Fault

TABLES = (faults_of_settings, faults_of_stores, faults_of_temporal)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
async def test_a_planted_fault_is_found_with_its_remedy(fault: Fault, bench: Bench) -> None:
    async with fault.plant(bench):
        report = await bench.examine()
    found = [each for each in report.findings if each.code == fault.code]
    assert found, shown(report)
    assert any(fault.remedy in each.remedy for each in found), shown(report)
    errors = {each.code for each in report.findings if each.severity is Severity.ERROR}
    assert errors <= {fault.code}, shown(report)


def shown(report: Report) -> str:
    return "\n".join(f"{each.code}: {each.what} {each.remedy}" for each in report.findings)
