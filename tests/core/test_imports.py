"""The package is light to import, and has the names that it promises."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import pytest

import temporal_claimcheck

PUBLIC = [
    "BlobStore",
    "Claim",
    "ClaimCheckCodec",
    "ClaimCheckDriver",
    "ClaimCheckError",
    "ClaimCheckManager",
    "ClaimCheckPlugin",
    "EncryptionKey",
    "Event",
    "Health",
    "KeyRing",
    "Observer",
    "OffloadPolicy",
    "Settings",
]
CORE = [
    "access",
    "cache",
    "claim",
    "envelope",
    "errors",
    "events",
    "flow",
    "health",
    "inline",
    "keychain",
    "keyspace",
    "loops",
    "manager",
    "payloads",
    "policy",
    "settings",
    "stores.base",
    "stores.filesystem",
    "stores.memory",
    "threads",
    "transforms.base",
    "transforms.compression",
    "vault",
    "wiring",
]


def loaded_by(statement: str) -> set[str]:
    """Return the names of all modules that a fresh interpreter has after a statement."""
    finished = subprocess.run(  # noqa: S603  # our own interpreter
        [sys.executable, "-c", f"import sys, json\n{statement}\nprint(json.dumps([*sys.modules]))"],
        cwd=Path(temporal_claimcheck.__path__[0]).parent,
        stdout=subprocess.PIPE,
        check=True,
        timeout=60,
    )
    return set(json.loads(finished.stdout))


def test_the_public_names_are_the_documented_ones() -> None:
    assert temporal_claimcheck.__all__ == PUBLIC
    assert dir(temporal_claimcheck) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_what_its_own_module_calls_so(name: str) -> None:
    found = getattr(temporal_claimcheck, name)
    home = import_module(f"temporal_claimcheck.{temporal_claimcheck._HOMES[name]}")
    assert found is getattr(home, name)


def test_every_public_name_has_a_home() -> None:
    assert sorted(temporal_claimcheck._HOMES) == PUBLIC


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="Nonsense"):
        _ = temporal_claimcheck.Nonsense  # pyright: ignore[reportAttributeAccessIssue]
    assert not hasattr(temporal_claimcheck, "__wrapped__")


def test_importing_the_package_loads_nothing_else() -> None:
    ours = loaded_by("import temporal_claimcheck") - loaded_by("pass")
    assert {name for name in ours if name.startswith("temporal_claimcheck")} == {
        "temporal_claimcheck"
    }
    foreign = {"temporalio", "pydantic", "pydantic_settings", "blake3", "google", "backports"}
    assert not {name.partition(".")[0] for name in ours} & foreign


@pytest.mark.parametrize("name", ["ClaimCheckError", "Claim", "OffloadPolicy"])
def test_a_light_name_loads_no_heavy_module(name: str) -> None:
    loaded = loaded_by(f"from temporal_claimcheck import {name}")
    assert not {module.partition(".")[0] for module in loaded} & {
        "temporalio",
        "pydantic",
        "blake3",
        "asyncio",
    }


@pytest.mark.parametrize("module", CORE)
def test_the_names_of_a_module_exist(module: str) -> None:
    loaded = import_module(f"temporal_claimcheck.{module}")
    assert loaded.__all__ == sorted(loaded.__all__, key=_as_ruff_sorts)
    for name in loaded.__all__:
        assert hasattr(loaded, name)


def _as_ruff_sorts(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def test_no_optional_package_is_needed_for_the_core() -> None:
    statement = "\n".join(f"import temporal_claimcheck.{module}" for module in CORE)
    optional = {
        "redis",
        "obstore",
        "cryptography",
        "starlette",
        "uvicorn",
        "prometheus_client",
        "opentelemetry",
    }
    assert not {module.partition(".")[0] for module in loaded_by(statement)} & optional


def test_only_the_testing_package_needs_pytest() -> None:
    modules = [
        module.name
        for module in walk_packages(temporal_claimcheck.__path__, "temporal_claimcheck.")
        if ".testing" not in module.name and not module.name.endswith("__main__")
    ]
    assert len(modules) > 20
    loaded = loaded_by(
        "from contextlib import suppress\n"
        "from importlib import import_module\n"
        "from temporal_claimcheck.errors import MissingExtra\n"
        f"for module in {modules!r}:\n"
        "    with suppress(MissingExtra):\n"
        "        import_module(module)"
    )
    assert "temporal_claimcheck.temporal.plugin" in loaded
    assert not {"pytest", "pytest_asyncio", "hypothesis"} & loaded
