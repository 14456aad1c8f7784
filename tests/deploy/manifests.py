"""What Kustomize makes of the overlays and components, as data."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import yaml

from tests.deploy.places import KUBERNETES, ROOT, missing

Object = dict[str, Any]

OVERLAYS: Final = ("dev", "staging", "prod")
COMPONENTS: Final = tuple(sorted(path.name for path in (KUBERNETES / "components").iterdir()))
# The overlays as they are, and what a team makes of them with the components.
VARIANTS: Final[Mapping[str, tuple[str, ...]]] = {
    **{f"overlays/{name}": () for name in OVERLAYS},
    "overlays/dev with a worker": ("collector-worker", "delete-garbage"),
    "overlays/dev on Temporal Cloud": ("temporal-cloud", "encryption", "ingress"),
    "overlays/prod on Temporal Cloud": ("collector-worker", "temporal-cloud", "encryption"),
    "overlays/prod with certificates": ("temporal-mtls", "delete-garbage"),
    "overlays/prod with a worker": ("collector-worker", "temporal-mtls", "delete-garbage"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container, and the pod and the objects that it is part of."""

    workload: str
    pod: Object
    spec: Object
    objects: list[Object]

    def __str__(self) -> str:
        return f"{self.workload}/{self.spec['name']}"

    @property
    def config_maps(self) -> dict[str, str]:
        """The variables that come from ConfigMaps."""
        names = [each["configMapRef"]["name"] for each in self.spec.get("envFrom", [])]
        found: dict[str, str] = {}
        for name in names:
            [config] = [each for each in self.objects if _is(each, "ConfigMap", name)]
            found |= config["data"]
        return found

    @property
    def plain_variables(self) -> dict[str, str]:
        """The variables with a value of their own."""
        return {each["name"]: each["value"] for each in self._variables() if "value" in each}

    @property
    def secrets(self) -> dict[str, tuple[str, str]]:
        """The variables that come from Secrets, with name and key."""
        references = {
            each["name"]: each["valueFrom"]["secretKeyRef"]
            for each in self._variables()
            if "valueFrom" in each
        }
        return {name: (each["name"], each["key"]) for name, each in references.items()}

    @property
    def names(self) -> set[str]:
        """The names of all variables."""
        return {*self.config_maps, *(each["name"] for each in self._variables())}

    def _variables(self) -> list[Object]:
        return self.spec.get("env", [])


@cache
def variant(name: str) -> list[Object]:
    """Return the objects of a variant."""
    overlay, added = name.partition(" ")[0], VARIANTS[name]
    with TemporaryDirectory() as folder:
        copied = shutil.copytree(KUBERNETES, Path(folder) / "kubernetes")
        # As somebody would who edits the overlay.
        file = copied / overlay / "kustomization.yaml"
        kustomization = yaml.safe_load(file.read_text())
        kustomization.setdefault("components", []).extend(
            f"../../components/{each}" for each in added
        )
        file.write_text(yaml.safe_dump(kustomization))
        return _built(file.parent)


def of_kind(objects: list[Object], *kinds: str) -> list[Object]:
    """Return the objects of some kinds."""
    return [each for each in objects if each["kind"] in kinds]


def only(objects: list[Object], kind: str, name: str) -> Object:
    """Return the one object of this kind and name."""
    [found] = [each for each in objects if _is(each, kind, name)]
    return found


def pods(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    """Return the pod templates, with the names of what makes pods of them."""
    for each in of_kind(objects, "Deployment", "CronJob"):
        spec = each["spec"]
        if each["kind"] == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        yield f"{each['kind']}/{each['metadata']['name']}", spec["template"]


def containers(objects: list[Object]) -> list[Container]:
    """Return all containers."""
    return [
        Container(workload=name, pod=pod, spec=spec, objects=objects)
        for name, pod in pods(objects)
        for part in ("initContainers", "containers")
        for spec in pod["spec"].get(part, [])
    ]


def _is(each: Object, kind: str, name: str) -> bool:
    return each["kind"] == kind and each["metadata"]["name"] == name


def _built(folder: Path) -> list[Object]:
    kustomize = ROOT / ".deploy" / "kustomize"
    if not kustomize.exists():
        missing("kustomize", "run: make test-deploy (needs Go)")
    done = subprocess.run(  # noqa: S603 - our own
        [kustomize, "build", folder], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    # What it warns of, such as a deprecated field, breaks with a later version.
    assert done.stderr == ""
    return list(yaml.safe_load_all(done.stdout))
