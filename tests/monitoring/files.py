"""What lies in deploy/monitoring, as data."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import yaml

from tests.docs.doc_pages import ROOT

FOLDER: Final = ROOT / "deploy" / "monitoring"
RECORDING_RULES: Final = FOLDER / "recording-rules.yml"
ALERTS: Final = FOLDER / "alerts.yml"
RULE_TESTS: Final = FOLDER / "rules.test.yml"
DASHBOARD: Final = FOLDER / "dashboard.json"
PROMETHEUS: Final = FOLDER / "prometheus.yml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A recording or an alert rule."""

    name: str
    expression: str
    document: dict[str, Any]

    @property
    def without_limit(self) -> str:
        """The expression without the comparison that it ends with."""
        limit = re.search(r"\s[<>]\s*[0-9.e]+\s*$", self.expression)
        assert limit, f"{self.name} does not end with a limit"
        return self.expression[: limit.start()]


def recording_rules() -> list[Rule]:
    return list(_rules(RECORDING_RULES.read_text(), "record"))


def alerts() -> list[Rule]:
    return list(_rules(ALERTS.read_text(), "alert"))


def panels() -> list[dict[str, Any]]:
    dashboard = json.loads(DASHBOARD.read_text())
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def dashboard_queries() -> list[str]:
    """Return the queries as Grafana sends them, for all jobs and a short step."""
    return [_filled(target["expr"]) for panel in panels() for target in panel["targets"]]


def metrics_in(expression: str) -> set[str]:
    """Return the names that an expression mentions: the metrics', and those of recorded series."""
    return set(re.findall(r"(?:\bjob:)?\bclaimcheck_[a-z_]+(?::[a-z0-9]+)?", expression))


def without_suffix(name: str) -> str:
    """Return the metric whose series this is: a histogram has three kinds."""
    return re.sub(r"_(bucket|sum|count)$", "", name)


def _filled(expression: str) -> str:
    for variable, value in (
        ("$job", ".*"),
        ("$__rate_interval", "1m"),
        ("$__range", "1h"),
    ):
        expression = expression.replace(variable, value)
    assert "$" not in expression
    return expression


def _rules(text: str, kind: str) -> Iterator[Rule]:
    for group in yaml.safe_load(text)["groups"]:
        for rule in group["rules"]:
            yield Rule(name=rule[kind], expression=rule["expr"], document=rule)
