"""Every code block is what its language says, also where it is not run."""

import ast
import importlib
import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest

from temporal_claimcheck import Settings
from temporal_claimcheck.server.settings import ServerSettings
from temporal_claimcheck.settings import LayeredSettings
from tests.docs.doc_pages import CodeBlock, all_code_blocks

LANGUAGES = {"python", "sh", "text", "toml", "json", "java"}
PYTHON = all_code_blocks("python")
ASSIGNMENT = re.compile(
    r"^(?:export )?(?P<name>(?:CLAIMCHECK|R2|REDIS)_[A-Z_0-9]+)=(?P<value>.*)$", re.MULTILINE
)
ENVIRONMENTS = [block for block in all_code_blocks("sh") if ASSIGNMENT.search(block.text)]


def test_every_block_names_its_language() -> None:
    assert {block.language for block in all_code_blocks(*LANGUAGES, "")} <= LANGUAGES
    assert not [str(block) for block in all_code_blocks("")]


def parsed(block: CodeBlock) -> ast.Module:
    """Parse a block; a fragment may stand inside of an `async def`."""
    flags = ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    tree = compile(block.text, str(block), "exec", flags)
    assert isinstance(tree, ast.Module)
    return tree


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_a_python_block_compiles(block: CodeBlock) -> None:
    parsed(block)


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_what_a_python_block_imports_from_libraries_exists(block: CodeBlock) -> None:
    for node in ast.walk(parsed(block)):
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        if node.module.partition(".")[0] in {"temporal_claimcheck", "temporalio"}:
            module = importlib.import_module(node.module)
            assert [name.name for name in node.names if not hasattr(module, name.name)] == []


@pytest.mark.parametrize("block", all_code_blocks("json"), ids=str)
def test_a_json_block_is_json(block: CodeBlock) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", all_code_blocks("sh"), ids=str)
def test_a_shell_block_has_no_syntax_errors(block: CodeBlock) -> None:
    subprocess.run(["/bin/sh", "-n"], input=block.text, text=True, check=True)


@pytest.mark.parametrize("block", all_code_blocks("toml"), ids=str)
def test_a_toml_block_holds_valid_settings(
    block: CodeBlock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "claimcheck.toml"
    file.write_text(block.text)
    monkeypatch.setenv("CLAIMCHECK_CONFIG", str(file))
    settings = Settings.load()
    assert settings.model_fields_set == set(tomllib.loads(block.text))


@pytest.mark.parametrize("block", ENVIRONMENTS, ids=str)
def test_a_shell_block_sets_valid_settings(
    block: CodeBlock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    names: set[str] = set()
    for match in ASSIGNMENT.finditer(block.text):
        value = " ".join(shlex.split(match["value"], comments=True))
        monkeypatch.setenv(match["name"], value)
        names.add(match["name"])
    settings: list[LayeredSettings] = [Settings.load(), ServerSettings.load()]
    read = sum(len(each.model_fields_set) for each in settings)
    assert read == len(names - {"CLAIMCHECK_CONFIG"})
    assert not caplog.records, "an unknown name"
