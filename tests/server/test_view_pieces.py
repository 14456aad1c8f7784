"""Content in pieces: together they are the whole, and no content makes them fail."""

import json
import re
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from temporal_claimcheck.server.content import View
from temporal_claimcheck.server.highlight import visible
from temporal_claimcheck.server.pieces import (
    PIECE_BYTES,
    CutFinder,
    Cuts,
    fixed_cut,
    json_cut,
    record_cut,
    text_cut,
)
from temporal_claimcheck.server.rendering import Rendering
from tests.server.view_server import text_of

CUTS: dict[str, CutFinder] = {
    "fixed": fixed_cut,
    "json": json_cut,
    "record": record_cut,
    "text": text_cut,
}
PIECE = 64  # Small, so that small examples have many pieces.
BLANKS = re.compile(rb'"(?:[^"\\]|\\.)*"|\s+', re.DOTALL)

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=60,
)
tokens = st.sampled_from([b'"', b"\\", b"{", b"}", b"[", b"]", b",", b":", b"1", b" ", b"\xc3\xa9"])
torn = st.lists(tokens | st.binary(max_size=3), max_size=400).map(b"".join)


def bare(text: bytes) -> bytes:
    """Return JSON without the blanks between its tokens."""
    return BLANKS.sub(lambda match: match[0] if match[0].startswith(b'"') else b"", text)


@pytest.mark.parametrize("find", CUTS.values(), ids=CUTS)
@given(content=torn)
@example(content=b'["' + b"a" * 1000 + b'"]')
@example(content=b'"' + b"\\" * 999)
def test_pieces_follow_each_other_without_a_gap(find: CutFinder, content: bytes) -> None:
    cuts = Cuts(len(content), find, piece_bytes=PIECE)
    pieces = [cuts.piece(content, number) for number in range(cuts.count)]
    assert pieces[0].start.offset == 0
    assert pieces[-1].end == len(content)
    assert all(a.end == b.start.offset for a, b in pairwise(pieces))
    assert all(piece.start.offset <= piece.end for piece in pieces)


@pytest.mark.parametrize("find", CUTS.values(), ids=CUTS)
@given(content=torn, at=st.floats(0, 1, exclude_max=True))
def test_a_place_is_in_the_piece_that_is_said(find: CutFinder, content: bytes, at: float) -> None:
    offset = int(at * len(content))
    cuts = Cuts(len(content), find, piece_bytes=PIECE)
    piece = cuts.piece(content, cuts.number_of(content, offset))
    assert piece.start.offset <= offset < piece.end or not content


@given(value=values)
@settings(max_examples=200)
def test_json_is_shown_as_it_is_but_for_blanks(value: object) -> None:
    content = json.dumps(value, ensure_ascii=False).encode(errors="replace")
    rendering = Rendering(View.JSON, len(content))
    rendering._cuts = Cuts(len(content), json_cut, piece_bytes=PIECE)
    shown = "".join(
        text_of(rendering.html(content, number, "")) for number in range(rendering.count)
    )
    assert bare(shown.encode()) == bare(visible(content.decode()).encode())


@pytest.mark.parametrize("view", [View.JSON, View.TABLE, View.TEXT, View.HEX])
@given(content=torn, query=st.text(min_size=1, max_size=3))
def test_no_content_and_no_query_make_a_view_fail(view: View, content: bytes, query: str) -> None:
    rendering = Rendering(view, len(content))
    rendering.find(content, query)
    for number in range(rendering.count):
        rendering.html(content, number, query).encode()


def test_the_state_at_a_cut_is_what_a_scan_from_the_beginning_finds() -> None:
    record = {"name": 'a "quoted" [{ name', "tags": [[1, 2], {"deep": [None]}], "long": "x" * 300}
    content = json.dumps({"records": [record] * 50}).encode()
    cuts = Cuts(len(content), json_cut, piece_bytes=PIECE)
    for number in range(cuts.count):
        start = cuts.piece(content, number).start
        strings = re.findall(rb'"(?:[^"\\]|\\.)*"?', content[: start.offset])
        inside = bool(strings) and content[: start.offset].endswith(strings[-1])
        inside = inside and not re.fullmatch(rb'"(?:[^"\\]|\\.)*"', strings[-1])
        outside = re.sub(rb'"(?:[^"\\]|\\.)*"?', b"", content[: start.offset])
        depth = len(re.findall(rb"[\[{]", outside)) - len(re.findall(rb"[\]}]", outside))
        assert (start.in_string, start.depth) == (inside, depth)


def test_a_place_right_before_the_nominal_cut_may_be_in_the_next_piece() -> None:
    content = '["{}"]'.format("\N{SNOWMAN}" * 10_000).encode()
    cuts = Cuts(len(content), json_cut, piece_bytes=PIECE)
    cut = cuts.piece(content, 1).start.offset
    assert cut == PIECE - 2
    assert cuts.number_of(content, cut) == 1
    assert Cuts(len(content), json_cut, piece_bytes=PIECE).number_of(content, PIECE - 1) == 1


def test_json_is_cut_behind_a_comma() -> None:
    content = json.dumps([{"number": number} for number in range(20_000)]).encode()
    cuts = Cuts(len(content), json_cut)
    assert cuts.count > 3
    for number in range(1, cuts.count):
        start = cuts.piece(content, number).start
        assert content[start.offset - 1 : start.offset] == b","
        assert start.offset - number * PIECE_BYTES < 100


def test_text_is_cut_behind_a_line() -> None:
    content = b"a line of text\n" * 20_000
    cuts = Cuts(len(content), text_cut)
    for number in range(1, cuts.count):
        assert content[cuts.piece(content, number).start.offset - 1 :].startswith(b"\n")


@pytest.mark.parametrize("view", [View.TEXT, View.JSON])
def test_no_character_is_torn_where_there_is_no_good_place(view: View) -> None:
    content = '"{}"'.format("\N{SNOWMAN}" * 100_000).encode()
    rendering = Rendering(view, len(content))
    shown = "".join(
        text_of(rendering.html(content, number, "")) for number in range(rendering.count)
    )
    assert rendering.count > 3
    assert shown.encode() == content


def test_deep_nesting_costs_no_more_than_its_size() -> None:
    content = b"[" * 200_000 + b"]" * 200_000
    rendering = Rendering(View.JSON, len(content))
    sizes = [len(rendering.html(content, number, "")) for number in range(rendering.count)]
    assert max(sizes) < 110 * PIECE_BYTES


@pytest.mark.parametrize("view", [View.JSON, View.TEXT, View.TABLE, View.HEX])
def test_every_place_that_is_found_is_marked_in_its_piece(view: View) -> None:
    content = json.dumps(
        [{"number": number, "word": "nee" + "DLE" * (number % 7 == 0)} for number in range(9000)]
    ).encode()
    rendering = Rendering(view, len(content))
    hits = rendering.find(content, "needle")
    assert hits.is_complete
    assert len(hits.pieces) == 1286
    for number in range(rendering.count):
        html = rendering.html(content, number, "needle")
        assert html.count("<mark data-hit>") == hits.pieces.count(number)


def test_a_text_across_two_pieces_is_found_once_and_marked_in_both() -> None:
    content = b"x" * (PIECE_BYTES - 3) + b"needle" + b"x" * 90_000
    rendering = Rendering(View.TEXT, len(content))
    assert rendering.find(content, "needle").pieces == [0]
    assert "<mark data-hit>nee</mark>" in rendering.html(content, 0, "needle")
    assert rendering.html(content, 1, "needle").startswith("<mark>dle</mark>")


@pytest.mark.parametrize(
    ("written", "query"),
    [
        ('["caf\\u00e9"]', "caf\N{LATIN SMALL LETTER E WITH ACUTE}"),
        ('["caf\N{LATIN SMALL LETTER E WITH ACUTE}"]', "CAF\N{LATIN CAPITAL LETTER E WITH ACUTE}"),
        ('["\\ud83d\\ude00"]', "\N{GRINNING FACE}"),
        ('["a \\"word\\""]', 'a "word"'),
        ('["c:\\\\temp"]', "c:\\temp"),
    ],
)
def test_json_is_searched_for_what_it_says_however_it_is_spelled(written: str, query: str) -> None:
    content = written.encode()
    assert Rendering(View.JSON, len(content)).find(content, query).pieces == [0]


def test_bytes_are_searched_in_hexadecimal() -> None:
    content = bytes(range(256)) * 100
    rendering = Rendering(View.HEX, len(content))
    hits = rendering.find(content, "0xfeff00")
    assert len(hits.pieces) == 99
    assert "<mark data-hit>fe ff</mark>" in rendering.html(content, 0, "0xfeff00")


def test_a_search_ends_when_there_is_too_much() -> None:
    content = b"a" * 100_000
    hits = Rendering(View.TEXT, len(content)).find(content, "a")
    assert len(hits.pieces) == 5000
    assert not hits.is_complete
