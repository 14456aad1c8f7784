"""Every kind of payload has a page that says what it is and shows it."""

import json
from collections.abc import Iterator

import pytest
from temporalio.api.common.v1 import Payload

from tests.core.rings import ring
from tests.server.images import IMAGES
from tests.server.view_server import ViewServer, as_json, plain, serving


@pytest.fixture(scope="module")
def server() -> Iterator[ViewServer]:
    with serving() as running:
        yield running


def test_json_is_printed_a_value_a_line_and_highlighted(server: ViewServer) -> None:
    page = server.see(as_json('{"name":"Ada","tags":["a",1.50,true],"none":{}}'))
    assert (page.status, page.title) == (200, "JSON")
    assert page.shown.split("\n") == [
        "{",
        '  "name": "Ada",',
        '  "tags": [',
        '    "a",',
        "    1.50,",
        "    true",
        "  ],",
        '  "none": {}',
        "}",
    ]
    assert '<span class="k">&#34;name&#34;</span>' in page.piece
    assert '<span class="n">1.50</span>' in page.piece


def test_numbers_are_shown_as_they_are_written(server: ViewServer) -> None:
    numbers = ["1e400", "-0", "1" * 5000, "0.1000000000000000055511151231257827", "NaN"]
    page = server.see(as_json(f"[{','.join(numbers)}]"))
    assert [line.strip(" ,") for line in page.shown.split("\n")][1:-1] == numbers


def test_a_protobuf_message_in_json_is_named(server: ViewServer) -> None:
    metadata = {"encoding": b"json/protobuf", "messageType": b"shop.v1.Order"}
    page = server.see(Payload(metadata=metadata, data=b'{"id":"7"}'))
    assert page.title == "shop.v1.Order as JSON"
    assert '"id": "7"' in page.shown


def test_a_protobuf_message_in_bytes_is_named(server: ViewServer) -> None:
    metadata = {"encoding": b"binary/protobuf", "messageType": b"shop.v1.Order"}
    page = server.see(Payload(metadata=metadata, data=b"\x0a\x017"))
    assert page.title == "Protobuf message shop.v1.Order"
    assert page.shown.startswith("00000000  0a 01 37")
    assert page.shown.endswith("  ··7\n")


def test_a_list_of_records_is_a_table(server: ViewServer) -> None:
    records = [{"id": 1, "name": "Ada", "more": {"a": [1, None]}}, {"name": "Bo", "extra": True}]
    page = server.see(as_json(json.dumps(records)))
    assert page.title == "JSON: a list of records"
    assert [head.split("</th>")[0] for head in page.text.split('<th scope="col"')[1:]] == [
        ' class="n">id',
        ">name",
        ">more",
        ">extra",
    ]
    rows = page.piece.strip().split("\n")
    assert rows[0] == (
        '<tr><td class="n">1</td><td>Ada</td><td class="e">{a: [1, null]}</td><td></td></tr>'
    )
    assert rows[1] == '<tr><td></td><td>Bo</td><td></td><td class="w">true</td></tr>'


def test_a_table_can_be_looked_at_as_json_and_as_bytes(server: ViewServer) -> None:
    key = server.store(as_json('[{"id":1}]'))
    assert server.get(f"/view/{key}?as=json").shown == '[\n  {\n    "id": 1\n  }\n]'
    assert server.get(f"/view/{key}?as=hex").shown.startswith("00000000  5b 7b 22")


def test_every_record_of_a_long_list_is_in_one_of_the_pieces(server: ViewServer) -> None:
    records = [{"id": number, "text": "a, {b} \\ [c]" * 3} for number in range(5000)]
    key = server.store(as_json(json.dumps(records)))
    ids: list[int] = []
    number = 0
    while (answer := server.get(f"/view/{key}/piece?n={number}")).status == 200:
        ids += [int(cell.split("<")[0]) for cell in answer.text.split('<td class="n">')[1:]]
        number += 1
    assert number > 3
    assert ids == list(range(5000))


@pytest.mark.parametrize(
    "records",
    [
        '[{"a":1},{"a":2},3]',
        "[]",
        "[{}]",
        '{"a":1}',
        '[{"a":' + "[" * 100_000,
        '[{"long":"' + "x" * 2_000_000 + '"},{"long":1}]',
    ],
    ids=["mixed", "empty", "empty-record", "object", "deep", "long-record"],
)
def test_what_is_no_list_of_records_is_shown_as_json(server: ViewServer, records: str) -> None:
    page = server.see(as_json(records))
    assert (page.status, page.title) == (200, "JSON")


def test_what_is_no_record_among_records_stands_in_a_row_as_it_is(server: ViewServer) -> None:
    many = ",".join(f'{{"id":{number},"b":1}}' for number in range(6000))
    odd = ",".join(f"[[{number}]]" for number in range(20_000))
    key = server.store(as_json(f"[{many},{odd}]"))
    page = server.get(f"/view/{key}?q=19999")
    assert '<tr><td class="e" colspan="2">[[<mark data-hit>19999</mark>]]</td></tr>' in page.piece


def test_a_record_too_deep_to_be_read_is_shown_in_a_row(server: ViewServer) -> None:
    many = ",".join(f'{{"id":{number},"b":1}}' for number in range(6000))
    key = server.store(as_json(f'[{many},{{"id":{"[" * 50_000}{"]" * 50_000}}}]'))
    pieces = [server.get(f"/view/{key}/piece?n={number}").text for number in range(4)]
    assert '<td class="n">0</td>' in pieces[0]
    assert "".join(pieces).count('<td class="e" colspan="2">') == 1


@pytest.mark.parametrize("kind", IMAGES)
def test_an_image_is_shown_as_one(server: ViewServer, kind: str) -> None:
    key = server.store(plain(IMAGES[kind]))
    page = server.get(f"/view/{key}")
    assert page.title.endswith(" image")
    assert f'<img src="{key[-64:]}/image"' in page.text
    image = server.get(f"/view/{key}/image")
    assert image.headers["content-type"] == f"image/{kind}"
    assert image.body == IMAGES[kind]
    assert server.get(f"/view/{key}?as=hex").shown.startswith("00000000  ")


def test_svg_is_text_and_never_an_image(server: ViewServer) -> None:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    key = server.store(plain(svg))
    page = server.get(f"/view/{key}")
    assert (page.title, page.shown) == ("Text", svg.decode())
    assert server.get(f"/view/{key}/image").status == 404


def test_text_is_shown_as_text(server: ViewServer) -> None:
    text = "Zwölf Boxkämpfer\n\tjagen Viktor\r\n"
    page = server.see(plain(text.encode()))
    assert (page.title, page.shown) == ("Text", text.replace("\r\n", "\n"))


def test_json_without_a_name_is_known_by_its_looks(server: ViewServer) -> None:
    assert server.see(plain(b'{"a": 1}')).shown == '{\n  "a": 1\n}'


def test_bytes_are_shown_in_hexadecimal(server: ViewServer) -> None:
    page = server.see(plain(bytes(range(20)) + b"<&>"))
    assert page.title == "Bytes"
    assert page.shown.split("\n") == [
        "00000000  00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f  ················",
        "00000010  10 11 12 13 3c 26 3e                             ····<&>",
        "",
    ]


def test_null_has_a_page(server: ViewServer) -> None:
    page = server.see(Payload(metadata={"encoding": b"binary/null"}))
    assert (page.status, page.title) == (200, "Nothing (null)")
    assert "There is no content." in page.text


@pytest.mark.parametrize("encoding", [b"binary/encrypted", b"acme/sealed", b"\xff\xfe<script>"])
def test_what_a_users_own_codec_made_is_said_to_be_so(server: ViewServer, encoding: bytes) -> None:
    metadata = {"encoding": encoding, "encryption-key-id": b"prod-7"}
    page = server.see(Payload(metadata=metadata, data=b"\x00\x01sealed"))
    assert page.title == "Encoded by your own codec"
    assert "a codec of your own encrypted or converted" in page.text
    assert "prod-7" in page.text
    assert page.shown.startswith("00000000  00 01 73")


def test_a_payload_without_encoding_is_shown_by_its_looks(server: ViewServer) -> None:
    page = server.see(Payload(data=b"just words"))
    assert (page.title, page.shown) == ("Text", "just words")
    assert "does not say how it is encoded" in page.text


HOSTILE = {
    "half-a-character": b'["\\ud800", "\xed\xa0\x80"]',
    "nul": b'["a\x00b"]',
    "no-utf8": b'["\xff\xfe\xc3"]',
    "no-utf8-later": b'["' + b"a" * 5000 + b'\xff\xfe\x00"]',
    "deep": b"[" * 500_000,
    "closing": b"]" * 100_000,
    "open-string": b'["' + b"\\" * 100_000,
    "nothing": b"",
    "blank": b"  \n\t",
    "huge-number": b"[" + b"9" * 300_000 + b"]",
    "turned-round": '["\N{RIGHT-TO-LEFT OVERRIDE}abc"]'.encode(),
    "byte-order-mark": b'\xef\xbb\xbf{"a":1}',
    "records-of-halves": b'[{"\\ud800":"\\ud800"}]',
    "records-of-numbers": b'[{"a":' + b"9" * 10_000 + b'},{"a":1e999999}]',
    "records-twice-named": b'[{"a":1,"a":2}]',
}


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_hostile_content_has_a_page_in_every_view(server: ViewServer, content: bytes) -> None:
    for payload in (as_json(content), plain(content), Payload(data=content)):
        key = server.store(payload)
        for view in ("", "?as=json", "?as=text", "?as=table", "?as=hex", "?q=a", "?as=hex&q=a"):
            page = server.get(f"/view/{key}{view}")
            assert page.status == 200
            assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in page.text
            assert "\x00" not in page.text


def test_the_page_tells_how_the_object_is_stored(server: ViewServer) -> None:
    key = server.store(as_json(json.dumps(["the same"] * 1000)))
    text = server.get(f"/view/{key}").text
    assert "<dd>zstd</dd>" in text
    assert f'<code id="key">{key}</code>' in text
    assert "<dd>none</dd>" in text


def test_the_page_names_the_key_that_encrypts_the_object() -> None:
    keys = ring("a")
    with serving(keys=keys) as server:
        page = server.see(as_json('{"secret":1}'))
    assert f"<code>{keys.newest.id}</code>" in page.text
    assert '"secret": 1' in page.shown


def test_content_too_large_for_the_cache_is_shown_all_the_same() -> None:
    with serving(cache_bytes=0) as server:
        key = server.store(as_json(json.dumps(list(range(50_000)))))
        assert server.get(f"/view/{key}").status == 200
        assert "11000," in server.get(f"/view/{key}/piece?n=1").text.replace("</span>", "")


def test_search_works_without_a_script(server: ViewServer) -> None:
    key = server.store(as_json(json.dumps([f"word {number}" for number in range(20_000)])))
    page = server.get(f"/view/{key}?q=WORD+19999")
    assert "<mark data-hit>word 19999</mark>" in page.piece
    assert ">1 of 1</output>" in page.text
    assert ">nothing</output>" in server.get(f"/view/{key}?q=nowhere").text
    second = server.get(f"/view/{key}?q=word+1999&hit=1")
    assert ">2 of 11</output>" in second.text
    assert "?as=json&amp;q=word+1999&amp;hit=2" in second.text


@pytest.mark.parametrize("number", ["99", "-1", "x", "1e3", "9" * 30, "٣"])
def test_a_piece_that_is_not_there_is_refused(server: ViewServer, number: str) -> None:
    key = server.store(as_json("[1]"))
    path = f"/view/{key}/piece?n={number.encode().hex(' ') if not number.isascii() else number}"
    assert server.get(path.replace(" ", "%")).status == 404
