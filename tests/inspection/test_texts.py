"""Text for terminals: readable, harmless, and of the same meaning."""

import json
import random

import pytest
from temporalio.api.common.v1 import Payload

from temporal_claimcheck.inspection.showing import Form, show_content
from temporal_claimcheck.inspection.texts import hex_lines, indented_json, visible

ODD = [
    "",
    "a",
    'quote " and \\ back',
    "Zürich 😀",
    "\x1b[31m",
    "\u202e\x9b\0",
    "\ud800",
    "a,b:{[]}",
]


def anything(chance: random.Random, depth: int = 4) -> object:
    kind = chance.randrange(7 if depth else 5)
    if kind < 5:
        return (chance.choice(ODD), chance.randrange(10**20), chance.random(), None, True)[kind]
    if kind == 5:
        return [anything(chance, depth - 1) for _ in range(chance.randrange(4))]
    return {f"{chance.choice(ODD)}{n}": anything(chance, depth - 1) for n in range(3)}


@pytest.mark.parametrize("seed", range(200))
def test_indented_json_means_the_same_and_commands_nothing(seed: int) -> None:
    value = anything(random.Random(seed))  # noqa: S311 - no secret
    for is_ascii in (True, False):
        text = json.dumps(value, ensure_ascii=is_ascii, separators=(",", ":"))
        shown = indented_json(text)
        assert json.loads(shown) == value
        assert shown.replace("\n", "").isprintable()
        if "\\u" not in shown and "[\n]" not in shown:
            assert shown.split("\n") == json.dumps(value, indent=2, ensure_ascii=False).split("\n")


@pytest.mark.parametrize("number", ["1.10", "1e400", "12345678901234567890.50", "-0", "1E+5"])
def test_a_number_stays_as_it_was_written(number: str) -> None:
    assert indented_json(f"[{number}]") == f"[\n  {number}\n]"


def test_what_would_command_a_terminal_is_spelled_out() -> None:
    assert visible("plain Zürich") == "plain Zürich"
    assert visible("\x1b[2J\x9b\u202e\n") == "\\u001b[2J\\u009b\\u202e\\u000a"
    assert visible("a\tb", keep="\t") == "a\tb"


def test_bytes_are_shown_as_every_hex_dump_does() -> None:
    [line] = hex_lines(b"ab\x00z")
    assert line.startswith("00000000  61 62 00 7a ")
    assert line.endswith("  ab.z")


def of(data: bytes, encoding: str) -> Payload:
    return Payload(metadata={"encoding": encoding.encode()}, data=data)


@pytest.mark.parametrize(
    ("payload", "form"),
    [
        (of(b'{"a":1}', "json/plain"), Form.JSON),
        (of(b"{no json", "json/plain"), Form.TEXT),
        (of(b"[" * 100_000, "json/plain"), Form.TEXT),
        (of("Zürich".encode(), "binary/plain"), Form.TEXT),
        (of(b"\x00\x01", "binary/plain"), Form.HEX),
        (of(b"\x89PNG\r\n\x1a\n", "binary/plain"), Form.HEX),
        (of(b"", "binary/null"), Form.HEX),
        (Payload(), Form.HEX),
    ],
)
def test_content_is_shown_for_what_it_is(payload: Payload, form: Form) -> None:
    assert show_content(payload).form is form


@pytest.mark.parametrize(
    "payload",
    [
        of(json.dumps(list(range(5000))).encode(), "json/plain"),
        of(json.dumps("x" * 1_000_000).encode(), "json/plain"),
        of(b"line\n" * 5000, "binary/plain"),
        of(bytes(300), "binary/plain"),
    ],
)
def test_more_than_people_look_at_is_cut_and_said_to_be(payload: Payload) -> None:
    shown = show_content(payload)
    assert shown.is_cut
    assert len(shown.text) <= 300_000
