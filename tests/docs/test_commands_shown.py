"""What the pages tell to type, and is not run, would be understood by who is told."""

import ast
import functools
import inspect
import itertools
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command

import temporal_claimcheck
from temporal_claimcheck.cli import app
from temporal_claimcheck.settings import SettingsOverrides
from tests.docs.doc_pages import ROOT, CodeBlock, all_code_blocks

NOT_RUN = [block for block in all_code_blocks("sh") if block.verb is None]
# What follows is for the shell, or another command.
END = {">", ">>", "2>", "<", "|", "||", "&&", ";", "&"}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def lines_of(program: str) -> list[Any]:
    """Return the words behind each call of a program."""
    found: list[Any] = []
    for block in NOT_RUN:
        for line in whole_lines(block.text):
            words = list(itertools.takewhile(lambda word: word not in END, line))
            while words and re.match(r"[A-Z_]+=", words[0]):
                del words[0]
            if words[:1] == [program]:
                found.append(pytest.param(words[1:], id=f"{block}:{' '.join(words)}"[:110]))
    return found


def whole_lines(text: str) -> Iterator[list[str]]:
    """Yield the words of each line; one whose quotes are open goes on."""
    begun = ""
    for line in text.replace("\\\n", " ").splitlines():
        begun += line
        try:
            words = shlex.split(begun, comments=True)
        except ValueError:
            begun += "\n"
            continue
        begun = ""
        yield words


def parse(words: list[str]) -> None:
    """Let the command read its words, and do nothing."""
    command: Any = get_command(app)
    context = command.make_context("claimcheck", [], resilient_parsing=True)
    while words and isinstance(command, TyperGroup):
        name, *words = words
        if name.startswith("-"):
            assert any(name in each.opts for each in command.params) or name == "--help"
            return
        command = command.commands[name]
        is_group = isinstance(command, TyperGroup)
        context = command.make_context(
            name, [] if is_group else list(words), parent=context, resilient_parsing=is_group
        )


@pytest.mark.parametrize("words", lines_of("claimcheck"))
def test_the_command_understands_its_words(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for word in words:
        if re.fullmatch(r"\w+\.(csv|json|html|pem)", word):
            (tmp_path / word).touch()
    parse(words)


def test_a_word_that_does_not_exist_would_be_found() -> None:
    with pytest.raises(typer.TyperException):
        parse(["verify", "--sampel", "3"])


@pytest.mark.parametrize("words", lines_of("pip"))
def test_pip_is_told_of_extras_that_exist(words: list[str]) -> None:
    [requirement] = [word for word in words if word.startswith("temporal-claimcheck")]
    extras = re.findall(r"\[(.*)\]", requirement)
    named = {extra for part in extras for extra in part.split(",")}
    assert named <= set(PROJECT["optional-dependencies"])


@functools.cache
def options_of_temporal(words: tuple[str, ...]) -> set[str]:
    program = Path(sys.executable).parent / "temporal"
    found: set[str] = set()
    for asked in ((*words, "--help"), ("options",)):
        done = subprocess.run(  # noqa: S603 - the server's own program
            [program, *asked], capture_output=True, text=True, check=True
        )
        found |= set(re.findall(r"--[a-z][a-z-]+", done.stdout))
    return found


@pytest.mark.parametrize("words", lines_of("temporal"))
def test_temporal_has_the_options_that_are_shown(words: list[str]) -> None:
    command = tuple(word for word in words[:2] if not word.startswith("-"))
    given = {word for word in words if word.startswith("--")}
    assert given <= options_of_temporal(command)


CALLS = [
    pytest.param(block, call, id=f"{block}:{call.lineno}")
    for block in all_code_blocks("python")
    for call in ast.walk(
        compile(
            block.text,
            str(block),
            "exec",
            ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT,
        )
    )
    if isinstance(call, ast.Call) and call.keywords
]


def callee(call: ast.Call) -> tuple[object, set[str]] | None:
    """Return what of ours is called, and further keywords that it takes."""
    match call.func:
        case ast.Name(id=name) if name in temporal_claimcheck.__all__:
            return getattr(temporal_claimcheck, name), set()
        case ast.Attribute(value=ast.Name(id=name), attr=method) if (
            name in temporal_claimcheck.__all__
        ):
            takes_settings = method in {"open", "load"}
            further = set(SettingsOverrides.__annotations__) if takes_settings else set[str]()
            return getattr(getattr(temporal_claimcheck, name), method), further
        case _:
            return None


@pytest.mark.parametrize(("block", "call"), CALLS)
def test_a_call_of_ours_has_the_keywords_that_are_shown(block: CodeBlock, call: ast.Call) -> None:
    found = callee(call)
    if found is None:
        return
    called, further = found
    assert callable(called)
    known = set(inspect.signature(called).parameters) | further
    assert {word.arg for word in call.keywords if word.arg} <= known, block
