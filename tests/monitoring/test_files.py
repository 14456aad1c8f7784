"""Dashboard, rules and runbooks name what there is, all of it, and nothing else."""

import re
from collections.abc import Iterator

import pytest
import yaml

from temporal_claimcheck.errors import ClaimCheckError, IntegrityError
from temporal_claimcheck.metrics.catalogue import METRICS
from tests.docs.doc_pages import page
from tests.monitoring.files import (
    ALERTS,
    FOLDER,
    PROMETHEUS,
    RECORDING_RULES,
    RULE_TESTS,
    Rule,
    alerts,
    dashboard_queries,
    metrics_in,
    panels,
    recording_rules,
    without_suffix,
)
from tests.monitoring.prometheus import needs_prometheus, promtool

RECORDED = {rule.name for rule in recording_rules()}
QUERIES = [
    *dashboard_queries(),
    *(rule.expression for rule in recording_rules()),
    *(rule.expression for rule in alerts()),
]


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_names_only_what_exists(query: str) -> None:
    named = {name if name in RECORDED else without_suffix(name) for name in metrics_in(query)}
    assert named
    assert named <= RECORDED | set(METRICS)


def test_every_metric_is_on_the_dashboard() -> None:
    recorded = {rule.name: rule.expression for rule in recording_rules()}
    shown: set[str] = set()
    waiting = dashboard_queries()
    while waiting:
        for name in metrics_in(waiting.pop()):
            if name in recorded:
                waiting.append(recorded.pop(name))
            else:
                shown.add(without_suffix(name))
    assert shown >= set(METRICS)


def test_every_recorded_series_is_used() -> None:
    used = {name for query in QUERIES for name in metrics_in(query)}
    assert used >= RECORDED


def test_no_two_panels_share_a_title_or_an_id() -> None:
    for field in ("title", "id"):
        values = [panel[field] for panel in panels()]
        assert len(set(values)) == len(values)


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_an_alert_says_what_happened_and_names_its_runbook(alert: Rule) -> None:
    runbooks = page("how-to/runbooks.md")
    annotations = alert.document["annotations"]
    assert set(annotations) == {"summary", "description", "runbook_url"}
    assert annotations["runbook_url"] == f"docs/how-to/runbooks.md#{alert.name.lower()}"
    section = runbooks.section(alert.name)
    for heading in ("**Means**", "**Look at**", "**Do**"):
        assert heading in section.text


def test_every_runbook_is_of_an_alert() -> None:
    sections = page("how-to/runbooks.md").sections
    titles = [section.code_title for section in sections if section.level == 2]
    assert titles == [alert.name for alert in alerts()]


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_the_runbook_has_the_severity_of_its_alert(alert: Rule) -> None:
    severity = alert.document["labels"]["severity"]
    assert severity in {"critical", "warning", "info"}
    section = page("how-to/runbooks.md").section(alert.name)
    assert section.text.strip().startswith(f"{severity.capitalize()}. ")


def test_the_alert_on_damage_knows_every_error_of_integrity() -> None:
    [alert] = [alert for alert in alerts() if alert.name == "ClaimCheckObjectDamaged"]
    for codes in re.findall(r'code=~"([^"]+)"', alert.expression):
        assert set(codes.split("|")) == {error.code for error in tree_of(IntegrityError)}


def test_every_code_in_a_rule_is_one_of_an_error() -> None:
    known = {error.code for error in tree_of(ClaimCheckError)}
    for query in QUERIES:
        for codes in re.findall(r'code=~?"([^"]+)"', query):
            assert set(codes.split("|")) <= known


@pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert.name)
def test_an_alert_has_tests_that_it_fires_and_that_it_does_not(alert: Rule) -> None:
    fires = keeps_quiet = False
    for group in yaml.safe_load(RULE_TESTS.read_text())["tests"]:
        jobs = set(re.findall(r'job="(\w+)"', str(group["input_series"])))
        for test in group["promql_expr_test"]:
            if f'alertname="{alert.name}"' in test["expr"]:
                alerted = set(re.findall(r'job="(\w+)"', str(test["exp_samples"])))
                fires |= bool(alerted)
                keeps_quiet |= bool(jobs - alerted)
    assert fires
    assert keeps_quiet


@pytest.mark.parametrize("rule", recording_rules(), ids=lambda rule: rule.name)
def test_a_recorded_series_has_a_test_or_is_part_of_what_has_one(rule: Rule) -> None:
    tested = metrics_in(RULE_TESTS.read_text())
    waiting = [rule.name]
    for name in waiting:
        users = (*recording_rules(), *alerts())
        waiting += [user.name for user in users if name in metrics_in(user.expression)]
    assert tested & set(waiting) or {alert.name for alert in alerts()} & set(waiting)


@needs_prometheus
def test_promtool_finds_the_rules_and_the_configuration_right() -> None:
    for kind, *files in (("rules", RECORDING_RULES, ALERTS), ("config", PROMETHEUS)):
        checked = promtool("check", kind, *files)
        assert checked.returncode == 0, checked.stdout + checked.stderr


@needs_prometheus
def test_the_rules_do_what_their_tests_say() -> None:
    tested = promtool("test", "rules", FOLDER / RULE_TESTS)
    assert tested.returncode == 0, tested.stdout + tested.stderr


def tree_of(error: type[ClaimCheckError]) -> Iterator[type[ClaimCheckError]]:
    yield error
    for child in error.__subclasses__():
        if child.__module__.startswith("temporal_claimcheck"):
            yield from tree_of(child)
