"""The reference is complete, and says nothing of what does not exist."""

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from typing import Any, get_args

import pytest
from prometheus_client import CollectorRegistry
from pydantic import AliasChoices
from starlette.routing import Route
from typer.core import TyperGroup
from typer.main import get_command

import temporal_claimcheck
from temporal_claimcheck import ClaimCheckError, ClaimCheckManager, ClaimCheckPlugin, Settings
from temporal_claimcheck.cli import app
from temporal_claimcheck.events import (
    Collected,
    Failed,
    Occupied,
    Offloaded,
    OffloadOutcome,
    Retrieved,
)
from temporal_claimcheck.gc.plan import Verdict
from temporal_claimcheck.gc.settings import CollectorSettings
from temporal_claimcheck.metrics.catalogue import METRICS, Kind, Metric
from temporal_claimcheck.metrics.prometheus import PrometheusObserver
from temporal_claimcheck.server.app import build_app
from temporal_claimcheck.server.settings import ServerSettings
from temporal_claimcheck.settings import SettingsOverrides
from temporal_claimcheck.stores.memory import MemoryStore
from temporal_claimcheck.wiring import _BUILDERS
from tests.docs.doc_pages import ROOT, Page, Section, Table, all_pages, code_spans, page

SETTINGS = page("reference/settings.md")
ERRORS = page("reference/errors.md")
EVENTS = page("reference/events.md")
API = page("reference/api.md")
COMMANDS = page("reference/command-line.md")
SERVER = page("reference/codec-server.md")
METRICS_PAGE = page("reference/metrics.md")
SERVER_SETTINGS = page("reference/server-settings.md")
COLLECTOR_SETTINGS = page("reference/collector-settings.md")


def setting_rows() -> dict[str, list[str]]:
    tables = [table for table in SETTINGS.tables if table.head[0] == "Name"]
    return {code_spans(row[0])[0]: row for table in tables for row in table.rows}


def environment_name(setting: str) -> str:
    alias = Settings.model_fields[setting].validation_alias
    return (
        str(alias.choices[0])
        if isinstance(alias, AliasChoices)
        else f"CLAIMCHECK_{setting.upper()}"
    )


def shown_default(value: object) -> str:
    match value:
        case None:
            return "none"
        case frozenset() | tuple():
            return "empty"
        case bool():
            return f"`{str(value).lower()}`"
        case _:
            return f"`{value}`"


def test_every_setting_is_documented_and_no_other() -> None:
    assert set(setting_rows()) == set(Settings.model_fields)


@pytest.mark.parametrize("setting", sorted(Settings.model_fields))
def test_a_setting_has_the_environment_variable_that_is_documented(setting: str) -> None:
    assert setting_rows()[setting][1] == f"`{environment_name(setting)}`"


@pytest.mark.parametrize("setting", sorted(Settings.model_fields))
def test_a_setting_has_the_default_that_is_documented(setting: str) -> None:
    default: object = Settings.model_fields[setting].get_default(call_default_factory=True)
    assert setting_rows()[setting][2] == shown_default(default)


def test_the_keywords_of_load_are_documented() -> None:
    [sentence] = re.findall(
        r"take these keywords:(.*?)\n\n", SETTINGS.section("Examples").text, re.DOTALL
    )
    assert set(code_spans(sentence)) - {"open"} == set(SettingsOverrides.__annotations__)


def test_every_scheme_of_a_store_url_is_documented_and_no_other() -> None:
    [table] = SETTINGS.section("Store URLs").tables
    assert {url.split("://")[0] for url in table.names} == set(_BUILDERS)


@pytest.mark.parametrize("document", all_pages(), ids=str)
def test_no_page_names_a_setting_that_does_not_exist(document: Page) -> None:
    known = {environment_name(setting) for setting in Settings.model_fields}
    known |= {f"CLAIMCHECK_SERVER_{setting.upper()}" for setting in ServerSettings.model_fields}
    known |= {f"CLAIMCHECK_GC_{setting.upper()}" for setting in CollectorSettings.model_fields}
    named = set(re.findall(r"\bCLAIMCHECK_[A-Z_]*[A-Z]\b", document.source))
    assert named <= known | {"CLAIMCHECK_CONFIG"}


def server_setting_rows() -> dict[str, list[str]]:
    tables = [table for table in SERVER_SETTINGS.tables if table.head[0] == "Name"]
    return {code_spans(row[0])[0]: row for table in tables for row in table.rows}


def test_every_setting_of_the_server_is_documented_and_no_other() -> None:
    assert set(server_setting_rows()) == set(ServerSettings.model_fields)


@pytest.mark.parametrize("setting", sorted(ServerSettings.model_fields))
def test_a_setting_of_the_server_has_the_variable_and_default_that_are_documented(
    setting: str,
) -> None:
    default: object = ServerSettings.model_fields[setting].get_default(call_default_factory=True)
    listed = ",".join(sorted(default)) if isinstance(default, frozenset) else default
    shown = "empty" if listed == "" else shown_default(listed)
    assert server_setting_rows()[setting][1:3] == [f"`CLAIMCHECK_SERVER_{setting.upper()}`", shown]


def collector_setting_rows() -> dict[str, list[str]]:
    [table] = COLLECTOR_SETTINGS.tables
    return {code_spans(row[0])[0]: row for row in table.rows}


def test_every_setting_of_the_collector_is_documented_and_no_other() -> None:
    assert set(collector_setting_rows()) == set(CollectorSettings.model_fields)


@pytest.mark.parametrize("setting", sorted(CollectorSettings.model_fields))
def test_a_setting_of_the_collector_has_the_variable_and_default_that_are_documented(
    setting: str,
) -> None:
    shown = shown_default(CollectorSettings.model_fields[setting].get_default())
    assert collector_setting_rows()[setting][1:3] == [f"`CLAIMCHECK_GC_{setting.upper()}`", shown]


def test_every_refusal_of_the_server_is_documented_and_no_other() -> None:
    folder = ROOT / "src" / "temporal_claimcheck" / "server"
    source = "\n".join(file.read_text() for file in folder.glob("*.py"))
    codes = set(re.findall(r"Refused\(\s*[0-9]{3},\s*\"([a-z-]+)\"", source))
    # Each of these two stands in an expression.
    codes |= {"not-found", "refused", "token-missing", "token-refused"}
    [table] = [table for table in SERVER.section("Errors").tables if table.head[0] == "Code"]
    assert set(table.names) & {error.code for error in ALL_ERRORS} == set()
    assert {code_spans(row[0])[0] for row in table.rows} == codes


METRIC_ROWS = {
    code_spans(row[0])[0]: row
    for heading in ("Payloads", "Collector", "Codec server")
    for table in METRICS_PAGE.section(heading).tables
    for row in table.rows
}


def test_every_metric_is_documented_and_no_other() -> None:
    assert set(METRIC_ROWS) == set(METRICS)


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
def test_a_metric_has_the_kind_labels_and_meaning_that_are_documented(metric: Metric) -> None:
    assert METRIC_ROWS[metric.name][1:] == [
        metric.kind.value,
        ", ".join(f"`{label}`" for label in metric.labels),
        metric.help,
    ]


def test_every_label_of_a_metric_is_documented_and_no_other() -> None:
    [table] = METRICS_PAGE.section("Labels").tables
    documented = {code_spans(row[0])[0] for row in table.rows}
    assert documented == {label for metric in METRICS.values() for label in metric.labels}


def test_every_verdict_of_the_collector_is_documented() -> None:
    [table] = METRICS_PAGE.section("Labels").tables
    [values] = [row[1] for row in table.rows if row[0] == "`verdict`"]
    assert set(code_spans(values)) == {verdict.value for verdict in Verdict}


def test_the_server_registers_what_the_catalogue_has() -> None:
    registry = CollectorRegistry()
    PrometheusObserver(registry)
    build_app(ClaimCheckManager(MemoryStore()), ServerSettings(), registry=registry)
    names = {
        f"{metric.name}_total" if metric.type == "counter" else metric.name
        for metric in registry.collect()
    }
    # Gauges come with their first value.
    wanted = {each.name for each in METRICS.values() if each.kind is not Kind.GAUGE}
    assert names == wanted


def test_every_route_of_the_server_is_documented() -> None:
    app = build_app(
        ClaimCheckManager(MemoryStore()), ServerSettings(), registry=CollectorRegistry()
    )
    documented = {
        span.split()[-1].partition("?")[0]
        for span in SERVER.section("Routes").tables[0].names
        if span.startswith(("GET", "POST"))
    }
    assert {route.path for route in app.routes if isinstance(route, Route)} == documented


def errors_of_the_package() -> Iterator[type[ClaimCheckError]]:
    for module in pkgutil.walk_packages(temporal_claimcheck.__path__, "temporal_claimcheck."):
        # What is there to be run by `python -m` is not there to be imported.
        if not module.name.endswith("__main__") and ".examples" not in module.name:
            importlib.import_module(module.name)
    found = [ClaimCheckError]
    for error in found:
        found += error.__subclasses__()
    return (error for error in found if error.__module__.startswith("temporal_claimcheck"))


ALL_ERRORS = sorted(set(errors_of_the_package()), key=lambda error: error.code)


def test_every_error_is_documented_and_no_other() -> None:
    documented = [section.code_title for section in ERRORS.sections if section.level == 3]
    assert sorted(documented) == [error.code for error in ALL_ERRORS]


def test_no_two_errors_share_a_code() -> None:
    assert len({error.code for error in ALL_ERRORS}) == len(ALL_ERRORS)


@pytest.mark.parametrize("error", ALL_ERRORS, ids=lambda error: error.code)
def test_an_error_has_the_class_and_the_advice_that_are_documented(
    error: type[ClaimCheckError],
) -> None:
    helps = "yes" if error.retryable else "no"
    text = ERRORS.section(error.code).text.strip()
    assert text.startswith(f"Class `{error.__name__}`. Retrying helps: {helps}.\n\n")
    assert len(text.split("\n\n")) >= 2, "what it means and what to do"


ALL_EVENTS = [Offloaded, Retrieved, Failed, Occupied, Collected]


@pytest.mark.parametrize("event", ALL_EVENTS, ids=lambda event: event.__name__)
def test_every_field_of_an_event_is_documented_and_no_other(event: type) -> None:
    [table] = EVENTS.section(event.__name__).tables
    assert table.names == [field.name for field in dataclasses.fields(event)]


def test_the_documented_events_are_all_there_are() -> None:
    assert set(get_args(temporal_claimcheck.Event)) == set(ALL_EVENTS)
    titles = [section.code_title for section in EVENTS.sections if section.level == 2]
    assert titles == [
        "Offloaded",
        "OffloadOutcome",
        "Retrieved",
        "Failed",
        "Occupied",
        "Collected",
    ]


def test_every_outcome_of_an_offload_is_documented_and_no_other() -> None:
    [table] = EVENTS.section("OffloadOutcome").tables
    assert table.names == list(OffloadOutcome)


def test_every_public_name_is_documented_and_no_other() -> None:
    titles = {section.code_title for section in API.sections if section.level == 2}
    assert titles - {"Stores", "Modules"} == set(temporal_claimcheck.__all__)


PUBLIC_CLASSES = [
    public
    for name in temporal_claimcheck.__all__
    if inspect.isclass(public := getattr(temporal_claimcheck, name))
]


def own_names(public: type) -> set[str]:
    """What a class has of its own: not what the SDK or pydantic asks for."""
    inherited = {name for base in public.__mro__[1:] for name in vars(base)}
    fields = [field.name for field in dataclasses.fields(public)] if _is_data(public) else []
    methods = [
        name
        for name, value in vars(public).items()
        if inspect.isfunction(value) or isinstance(value, classmethod | property)
    ]
    return {name for name in (*fields, *methods) if name[0] != "_" and name not in inherited}


def _is_data(public: type) -> bool:
    return dataclasses.is_dataclass(public)


def method_table(section: Section) -> list[Table]:
    return [table for table in section.tables if table.head[0].startswith("Method")]


@pytest.mark.parametrize("public", PUBLIC_CLASSES, ids=lambda public: public.__name__)
def test_every_method_and_property_of_a_public_class_is_documented(public: type) -> None:
    section = API.section(public.__name__)
    named = {re.split(r"\W", span)[0] for span in code_spans(section.text)}
    assert own_names(public) <= named


@pytest.mark.parametrize("public", PUBLIC_CLASSES, ids=lambda public: public.__name__)
def test_every_documented_method_and_property_exists(public: type) -> None:
    for table in method_table(API.section(public.__name__)):
        for span in table.names:
            name = re.split(r"\W", span)[0]
            assert name == public.__name__ or hasattr(public, name), span


def test_every_parameter_of_the_plugin_is_documented_and_no_other() -> None:
    [table] = [
        table for table in API.section("ClaimCheckPlugin").tables if table.head[0] == "Parameter"
    ]
    assert table.names == list(inspect.signature(ClaimCheckPlugin).parameters)


def test_every_documented_store_can_be_imported() -> None:
    [table] = API.section("Stores").tables
    for first, second in table.rows:
        module = importlib.import_module(second.strip("`"))
        name = re.split(r"\W", code_spans(first)[0])[0]
        assert name in module.__all__


def commands_below(command: object, name: str) -> dict[str, Any]:
    """Return the commands of a group, and of the groups in it, by all their words."""
    if not isinstance(command, TyperGroup):
        return {name: command}
    return {
        words: found
        for each, below in command.commands.items()
        for words, found in commands_below(below, f"{name} {each}".strip()).items()
    }


COMMANDS_BY_NAME = commands_below(get_command(app), "")


def test_every_command_is_documented_and_no_other() -> None:
    titles = [section.code_title for section in COMMANDS.sections if section.level == 2]
    assert titles == [f"claimcheck {name}" for name in COMMANDS_BY_NAME]


@pytest.mark.parametrize("name", sorted(COMMANDS_BY_NAME))
def test_every_option_of_a_command_is_documented_and_no_other(name: str) -> None:
    tables = COMMANDS.section(f"claimcheck {name}").tables
    parameters = COMMANDS_BY_NAME[name].params
    of_kind = {
        kind: [each for each in parameters if each.param_type_name == kind.lower()]
        for kind in ("Option", "Argument")
    }
    documented = {
        kind: {span.split()[0] for table in tables if table.head[0] == kind for span in table.names}
        for kind in of_kind
    }
    options = {option for each in of_kind["Option"] for option in each.opts}
    assert documented["Option"] == options
    assert documented["Argument"] == {str(each.metavar) for each in of_kind["Argument"]}
