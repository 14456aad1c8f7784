"""What a reviewer of a platform asks of manifests, asked of every container."""

import ipaddress

import pytest

from temporal_claimcheck.settings import DEFAULT_CACHE_BYTES
from tests.deploy.dockerfile import stages
from tests.deploy.manifests import Object, containers, of_kind, only, pods, variant
from tests.deploy.places import DOCKERFILE

UNITS = {"Mi": 1024**2, "Gi": 1024**3}


def test_every_pod_is_as_restricted_as_the_namespace_demands(objects: list[Object]) -> None:
    user, _, group = stages(DOCKERFILE)[-1].only("USER").partition(":")
    for name, pod in pods(objects):
        assert pod["spec"]["securityContext"] == {
            "runAsNonRoot": True,
            "runAsUser": int(user),
            "runAsGroup": int(group),
            "fsGroup": int(group),
            "seccompProfile": {"type": "RuntimeDefault"},
        }, name
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod["spec"])
        assert not [each for each in pod["spec"]["volumes"] if "hostPath" in each]
    for each in containers(objects):
        assert each.spec["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }, each
    for namespace in of_kind(objects, "Namespace"):
        labels = namespace["metadata"]["labels"]
        assert labels["pod-security.kubernetes.io/enforce"] == "restricted"


def test_no_pod_gets_a_token_or_the_variables_of_services(objects: list[Object]) -> None:
    for each in of_kind(objects, "ServiceAccount"):
        assert each["automountServiceAccountToken"] is False
    for name, pod in pods(objects):
        assert pod["spec"]["automountServiceAccountToken"] is False, name
        # A Service called redis would set REDIS_PORT, which is a setting.
        assert pod["spec"]["enableServiceLinks"] is False, name


def test_what_is_written_goes_to_volumes_of_bounded_size(objects: list[Object]) -> None:
    for name, pod in pods(objects):
        for volume in pod["spec"]["volumes"]:
            assert "secret" in volume or volume["emptyDir"]["sizeLimit"], name
    for each in containers(objects):
        for mount in each.spec["volumeMounts"]:
            assert mount["mountPath"] == "/tmp" or mount["readOnly"] is True  # noqa: S108


def test_every_container_asks_for_resources_and_has_an_end_of_memory(
    objects: list[Object],
) -> None:
    for each in containers(objects):
        resources = each.spec["resources"]
        assert set(resources["requests"]) == {"cpu", "memory"}
        assert in_bytes(resources["limits"]["memory"]) >= in_bytes(resources["requests"]["memory"])


def test_the_settings_fit_into_the_memory_by_the_sums_of_the_documentation(
    objects: list[Object],
) -> None:
    for each in containers(objects):
        limit = in_bytes(each.spec["resources"]["limits"]["memory"])
        settings = {name: int(value) for name, value in each.config_maps.items() if value.isdigit()}
        cache = settings.get("CLAIMCHECK_CACHE_BYTES", DEFAULT_CACHE_BYTES)
        match each.spec["name"]:
            case "codec-server":
                body = settings["CLAIMCHECK_SERVER_MAX_BODY_BYTES"]
                places = settings["CLAIMCHECK_SERVER_MAX_REQUESTS"]
                assert 100 * UNITS["Mi"] + cache + 3 * body * places <= limit
            case "worker":
                in_flight = settings["CLAIMCHECK_MAX_BYTES_IN_FLIGHT"]
                assert 150 * UNITS["Mi"] + cache + 1.6 * in_flight <= limit
            case _:
                assert limit >= 512 * UNITS["Mi"]


def test_a_network_policy_denies_all_that_no_other_allows(objects: list[Object]) -> None:
    deny = only(objects, "NetworkPolicy", "default-deny")["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_no_rule_leads_to_private_addresses_or_the_metadata_of_the_cloud(
    objects: list[Object],
) -> None:
    blocks = [
        target["ipBlock"]
        for policy in of_kind(objects, "NetworkPolicy")
        for rule in policy["spec"].get("egress", [])
        for target in rule["to"]
        if "ipBlock" in target
    ]
    assert blocks
    for block in blocks:
        excepted = [ipaddress.ip_network(each) for each in block["except"]]
        for text in ("10.1.2.3", "169.254.169.254", "192.168.0.1", "fd00::1"):
            address = ipaddress.ip_address(text)
            if address.version == ipaddress.ip_network(block["cidr"]).version:
                assert any(address in each for each in excepted), text


@pytest.mark.parametrize("workload", ["collector", "worker"])
def test_nothing_connects_to_what_only_asks_for_work(workload: str) -> None:
    for policy in of_kind(variant("overlays/prod"), "NetworkPolicy"):
        if "ingress" in policy["spec"]:
            assert policy["spec"]["podSelector"]["matchLabels"] != {
                "app.kubernetes.io/name": workload
            }


def test_a_pod_that_is_evicted_leaves_another_one_behind() -> None:
    objects = variant("overlays/prod")
    for each in of_kind(objects, "PodDisruptionBudget"):
        assert each["spec"]["maxUnavailable"] == 1
    assert only(objects, "HorizontalPodAutoscaler", "codec-server")["spec"]["minReplicas"] > 1
    assert only(objects, "Deployment", "worker")["spec"]["replicas"] > 1


def in_bytes(text: str) -> int:
    return int(text[:-2]) * UNITS[text[-2:]]
