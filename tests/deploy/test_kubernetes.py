"""The manifests are valid, and fit each other and the package."""

import importlib.util
from typing import Any

import pytest

from tests.deploy.commands import parses
from tests.deploy.manifests import (
    COMPONENTS,
    OVERLAYS,
    VARIANTS,
    Object,
    containers,
    of_kind,
    only,
    pods,
    variant,
)
from tests.deploy.places import KUBERNETES, ROOT, missing, version_of_the_package

# The oldest that the manifests need, for preStop.sleep, and the newest that there are schemas for.
KUBERNETES_VERSIONS = ("1.30", "1.33", "1.37")


def test_every_component_is_part_of_a_variant() -> None:
    added = {each for components in VARIANTS.values() for each in components}
    assert added == set(COMPONENTS) - {"release"}  # part of the base


@pytest.mark.parametrize("release", KUBERNETES_VERSIONS)
def test_every_object_is_what_the_schema_of_kubernetes_allows(
    objects: list[Object], release: str
) -> None:
    for each in objects:
        schemas().validate(each, release, strict=True)


def test_the_schema_finds_a_field_that_does_not_exist() -> None:
    wrong = {"apiVersion": "v1", "kind": "Service", "metadata": {}, "spec": {"prots": []}}
    with pytest.raises(schemas().ValidationError):
        schemas().validate(wrong, KUBERNETES_VERSIONS[-1], strict=True)


def test_every_object_has_what_it_refers_to(objects: list[Object]) -> None:
    names = {(each["kind"], each["metadata"]["name"]) for each in objects}
    for _, pod in pods(objects):
        assert ("ServiceAccount", pod["spec"]["serviceAccountName"]) in names
    for each in of_kind(objects, "Service", "PodDisruptionBudget"):
        selector = each["spec"]["selector"]
        wanted = selector.get("matchLabels", selector)
        assert [pod for _, pod in pods(objects) if wanted.items() <= labels(pod).items()]
    for each in of_kind(objects, "HorizontalPodAutoscaler"):
        target = each["spec"]["scaleTargetRef"]
        assert "replicas" not in only(objects, target["kind"], target["name"])["spec"]
    for each in of_kind(objects, "Deployment"):
        template = each["spec"]["template"]
        assert each["spec"]["selector"]["matchLabels"].items() <= labels(template).items()
    for each in containers(objects):
        assert each.names  # raises for a ConfigMap that is not there


def test_every_volume_is_mounted_and_every_mount_is_a_volume(objects: list[Object]) -> None:
    for name, pod in pods(objects):
        volumes = {each["name"] for each in pod["spec"]["volumes"]}
        mine = [each for each in containers(objects) if each.workload == name]
        mounts = [{mount["name"] for mount in each.spec["volumeMounts"]} for each in mine]
        assert set[str]().union(*mounts) == volumes


def test_all_objects_of_an_overlay_are_in_one_namespace_of_its_own() -> None:
    for overlay in OVERLAYS:
        objects = variant(f"overlays/{overlay}")
        [namespace] = of_kind(objects, "Namespace")
        assert namespace["metadata"]["name"] == f"claimcheck-{overlay}"
        others = {
            each["metadata"].get("namespace") for each in objects if each["kind"] != "Namespace"
        }
        assert others == {f"claimcheck-{overlay}"}


def test_the_release_stands_in_one_place_and_is_the_one_of_the_package() -> None:
    release = version_of_the_package()
    for name in VARIANTS:
        images = {each.spec["image"] for each in containers(variant(name))}
        assert images == {f"registry.example.com/temporal-claimcheck:{release}"}
    holding = [
        file.relative_to(KUBERNETES).as_posix()
        for file in KUBERNETES.rglob("*.yaml")
        if release in file.read_text()
    ]
    assert holding == ["components/release/kustomization.yaml"]


def test_every_command_is_one_that_claimcheck_has(objects: list[Object]) -> None:
    for each in containers(objects):
        if "command" in each.spec:
            [_, script] = each.spec["command"]
            assert script.startswith("/opt/claimcheck/examples/pipeline/")
            assert (ROOT / script.removeprefix("/opt/claimcheck/")).is_file()
        else:
            assert parses(each.spec["args"]), each.spec["args"]


def test_nothing_is_deleted_unless_the_component_is_there() -> None:
    for name, added in VARIANTS.items():
        deletes = {
            str(each): "--delete" in each.spec.get("args", []) for each in containers(variant(name))
        }
        if "delete-garbage" in added or name == "overlays/staging":
            assert list(deletes.values()).count(True) == 1, deletes
        else:
            assert not any(deletes.values()), deletes


def schemas() -> Any:
    """Return the package with the schemas, which is part of the group `deploy` alone."""
    if importlib.util.find_spec("kubernetes_validate") is None:
        missing("kubernetes-validate", "run: make test-deploy")
    return importlib.import_module("kubernetes_validate")


def labels(pod: Object) -> dict[str, str]:
    return pod["metadata"]["labels"]
