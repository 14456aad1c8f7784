"""The variables in the manifests are settings with right values, and none is a secret."""

import re
from urllib.parse import urlsplit

import pytest
from prometheus_client import CollectorRegistry
from pydantic import AliasChoices
from starlette.routing import Route

from temporal_claimcheck import ClaimCheckManager, Settings
from temporal_claimcheck.gc.settings import CollectorSettings
from temporal_claimcheck.server.app import build_app
from temporal_claimcheck.server.settings import ServerSettings
from tests.deploy.dockerfile import stages
from tests.deploy.manifests import Container, Object, containers, of_kind, only
from tests.deploy.places import DOCKERFILE, KUBERNETES
from tests.deploy.setting_names import EXAMPLES, PLACEHOLDERS, SECRETS, TEMPORALS, filled_in, known

IMAGE = stages(DOCKERFILE)[-1].environment


def test_every_variable_is_a_setting(objects: list[Object]) -> None:
    for each in containers(objects):
        assert each.names <= known() | TEMPORALS | EXAMPLES


def test_the_settings_are_valid_once_the_placeholders_are_filled_in(
    objects: list[Object], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for each in containers(objects):
        with monkeypatch.context() as patch:
            for name, value in environment(each).items():
                patch.setenv(name, value)
            assert Settings.load().store_url.startswith("r2://claims")
            assert CollectorSettings.load() == CollectorSettings()
            if each.spec["name"] == "codec-server":
                server = ServerSettings.load()
                assert server.has_authentication
                assert not server.is_local
                # A link leads to where people reach the server, and a Web UI may call it.
                assert server.public_url
                assert server.cors_origins
            assert not caplog.records, "an unknown name"


def test_what_is_secret_comes_from_secrets_by_reference(objects: list[Object]) -> None:
    assert not of_kind(objects, "Secret")
    for each in containers(objects):
        assert not SECRETS & {*each.config_maps, *each.plain_variables}
        assert {"R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"} <= set(each.secrets)
        assert all(key == name for name, (_, key) in each.secrets.items())


def test_no_file_of_the_deployment_holds_what_looks_like_a_secret() -> None:
    looks_secret = re.compile(
        r"PRIVATE KEY|AKIA[0-9A-Z]{12}|eyJ[A-Za-z0-9_-]{20}|://[^/\s:]+:[^@\s]+@|"
        r"\b(?=[A-Za-z0-9+_-]*[0-9])(?=[A-Za-z0-9+_-]*[A-Z])(?=[A-Za-z0-9+_-]*[a-z])"
        r"[A-Za-z0-9+_-]{32,}\b"
    )
    files = [file for file in KUBERNETES.parent.rglob("*") if file.is_file()]
    assert files
    texts = {str(file): re.sub(r"PLACEHOLDER[\w-]*", "", file.read_text()) for file in files}
    assert not [name for name, text in texts.items() if looks_secret.search(text)]


def test_r2_has_the_names_and_placeholders_that_were_promised() -> None:
    store = (KUBERNETES / "base/settings/store.env").read_text()
    assert "R2_BUCKET=PLACEHOLDER-R2-BUCKET-NAME\n" in store
    assert "R2_ENDPOINT=PLACEHOLDER-R2-ENDPOINT-URL\n" in store
    fields = [field.validation_alias for field in Settings.model_fields.values()]
    names = {str(each.choices[0]) for each in fields if isinstance(each, AliasChoices)}
    assert {"R2_BUCKET", "R2_ENDPOINT", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY"} <= names
    assert "PLACEHOLDER-R2-BUCKET-NAME" in PLACEHOLDERS


def test_probes_service_and_ingress_reach_what_the_server_serves(objects: list[Object]) -> None:
    [server] = [each for each in containers(objects) if each.spec["name"] == "codec-server"]
    [port] = server.spec["ports"]
    settings = environment(server)
    default = str(ServerSettings.model_fields["port"].default)
    assert port["containerPort"] == int(settings.get("CLAIMCHECK_SERVER_PORT", default))
    paths = routes()
    probes = {name: server.spec[f"{name}Probe"]["httpGet"] for name in PROBES}
    assert {name: probe["path"] for name, probe in probes.items()} == PROBES
    assert set(PROBES.values()) <= paths
    assert {probe["port"] for probe in probes.values()} == {port["name"]}
    service = only(objects, "Service", "codec-server")["spec"]["ports"]
    assert [each["targetPort"] for each in service] == [port["name"]]


def test_the_ingress_lets_through_what_people_need_and_nothing_for_the_cluster(
    objects: list[Object],
) -> None:
    [server] = [each for each in containers(objects) if each.spec["name"] == "codec-server"]
    for each in of_kind(objects, "Ingress"):
        [rule] = each["spec"]["rules"]
        [tls] = each["spec"]["tls"]
        assert tls["hosts"] == [rule["host"]]
        if "PLACEHOLDER" not in rule["host"]:
            public = urlsplit(server.config_maps["CLAIMCHECK_SERVER_PUBLIC_URL"])
            assert (public.scheme, public.hostname) == ("https", rule["host"])
        allowed = {(path["path"], path["pathType"]) for path in rule["http"]["paths"]}
        for route in routes():
            first = "/" + route.split("/")[1]
            passes = (route, "Exact") in allowed or (first, "Prefix") in allowed
            of_namespace = route.startswith("/{namespace}")
            assert passes is not (route in FOR_THE_CLUSTER or of_namespace), route


def test_the_body_that_the_ingress_lets_through_is_the_one_that_the_server_takes(
    objects: list[Object],
) -> None:
    [server] = [each for each in containers(objects) if each.spec["name"] == "codec-server"]
    for each in of_kind(objects, "Ingress"):
        size = each["metadata"]["annotations"]["nginx.ingress.kubernetes.io/proxy-body-size"]
        limit = int(server.config_maps["CLAIMCHECK_SERVER_MAX_BODY_BYTES"])
        assert int(size.removesuffix("m")) * 1024**2 == limit


def test_a_request_in_work_is_finished_before_the_server_is_killed(objects: list[Object]) -> None:
    [server] = [each for each in containers(objects) if each.spec["name"] == "codec-server"]
    pause = server.spec["lifecycle"]["preStop"]["sleep"]["seconds"]
    request = float(ServerSettings.model_fields["request_seconds"].default)
    assert server.pod["spec"]["terminationGracePeriodSeconds"] > pause + request + 1


PROBES = {"startup": "/healthz", "liveness": "/healthz", "readiness": "/readyz"}
FOR_THE_CLUSTER = {"/healthz", "/readyz", "/metrics"}


def routes() -> set[str]:
    with_memory = ClaimCheckManager.from_settings(Settings.load(store="memory://"))
    app = build_app(with_memory, ServerSettings.load(), registry=CollectorRegistry())
    return {route.path for route in app.routes if isinstance(route, Route)}


def environment(container: Container) -> dict[str, str]:
    """What the process finds, with made-up values for secrets and placeholders."""
    secrets = dict.fromkeys(container.secrets, "made-up-and-long-enough")
    if "CLAIMCHECK_SERVER_TOKENS" in secrets:
        secrets["CLAIMCHECK_SERVER_TOKENS"] = "*=made-up-and-long-enough"
    given = container.config_maps | container.plain_variables
    ours = {name: value for name, value in IMAGE.items() if name.startswith("CLAIMCHECK_")}
    return ours | {name: filled_in(value) for name, value in given.items()} | secrets
