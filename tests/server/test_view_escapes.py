"""Nothing in a payload ever runs or becomes part of a page, wherever it stands."""

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser

import pytest
from temporalio.api.common.v1 import Payload

from tests.server.images import IMAGES
from tests.server.view_server import ViewServer, as_json, plain, serving

ATTACKS = {
    "script": "<script>alert(1)</script>",
    "closing-script": "</script><script>alert(1)</script>",
    "closing-pre": "</pre></tbody></table><img src=x onerror=alert(1)>",
    "attribute": "\" onmouseover='alert(1)' autofocus onfocus=alert(1) x=\"",
    "svg": "<svg/onload=alert(1)>",
    "template": "{{ 7 * 7 }}{% raw %}",
    "comment": "--><!--<script>",
    "entity": "&lt;script&gt;&#60;script&#62;",
    "javascript": "javascript:alert(1)",
    "frame": "<iframe srcdoc='<script>alert(1)</script>'>",
    "base": "<base href='//evil.example/'><meta http-equiv=refresh content='0;//evil.example'>",
}
ALLOWED = frozenset(
    [
        "html",
        "head",
        "meta",
        "title",
        "script",
        "link",
        "body",
        "header",
        "div",
        "span",
        "svg",
        "path",
        "circle",
        "nav",
        "a",
        "button",
        "main",
        "section",
        "h1",
        "h2",
        "p",
        "dl",
        "dt",
        "dd",
        "small",
        "code",
        "form",
        "input",
        "output",
        "pre",
        "mark",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "dialog",
        "kbd",
        "img",
        "strong",
    ]
)


@pytest.fixture(scope="module")
def server() -> Iterator[ViewServer]:
    with serving() as running:
        yield running


class Outline(HTMLParser):
    """What a browser would make of a page: its elements, and the attributes that act."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED, tag
        names = {name for name, _ in attrs}
        assert not any(name.startswith("on") or name in ("style", "srcdoc") for name in names)
        for name, value in attrs:
            if name in ("href", "src", "action"):
                assert not re.match(r"\s*[a-z]+:|//", value or "", re.IGNORECASE)
        if tag == "script":
            [source] = [value for name, value in attrs if name == "src"]
            assert re.fullmatch(
                r"(\.\./)*(\./)?static/(theme|view)\.js\?v=[0-9a-f]{12}", str(source)
            )
        self.elements.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def payloads_with(text: str) -> dict[str, Payload]:
    quoted = json.dumps(text, ensure_ascii=False)
    raw = text.encode()
    return {
        "json value": as_json(f"[{quoted}]"),
        "json key": as_json(f"{{{quoted}: 1}}"),
        "json that is none": as_json(text),
        "json number": as_json(f"[1{text}]"),
        "text": plain(raw),
        "bytes": plain(b"\x00" + raw),
        "table cell": as_json(f'[{{"a": {quoted}, "b": [{quoted}], "c": {{{quoted}: 1}}}}]'),
        "table head": as_json(f"[{{{quoted}: 1}}]"),
        "table row that is none": as_json(f'[{{"a": 1}}, {text}]'),
        "encoding": Payload(metadata={"encoding": raw}, data=b"x"),
        "message type": Payload(
            metadata={"encoding": b"json/protobuf", "messageType": raw}, data=b"{}"
        ),
        "protobuf type": Payload(metadata={"encoding": b"binary/protobuf", "messageType": raw}),
        "metadata value": Payload(metadata={"encoding": b"json/plain", "note": raw}, data=b"1"),
        "metadata name": Payload(metadata={"encoding": b"json/plain", text: b"1"}, data=b"1"),
        "image": plain(IMAGES["png"] + raw),
    }


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_no_part_of_a_payload_becomes_an_element(server: ViewServer, attack: str) -> None:
    harmless = payloads_with("harmless")
    for place, payload in payloads_with(attack).items():
        key = server.store(payload)
        expected = Outline(server.see(harmless[place]).text).elements
        for query in ("", "?q=alert", "?as=hex", "?as=json"):
            answer = server.get(f"/view/{key}{query}")
            assert answer.status == 200
            found = Outline(answer.text).elements
            if not query and place not in ("json that is none", "bytes", "text", "json number"):
                without = [element for element in found if element not in ("span", "td", "tr")]
                others = [element for element in expected if element not in ("span", "td", "tr")]
                assert without == others, place
        Outline(server.get(f"/view/{key}/piece?q=alert").text)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_a_search_text_is_only_a_text(server: ViewServer, attack: str) -> None:
    key = server.store(as_json('["a"]'))
    quoted = "".join(f"%{byte:02x}" for byte in attack.encode())
    page = server.get(f"/view/{key}?q={quoted}&as={quoted}")
    assert page.status == 200
    Outline(page.text)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_address_is_only_a_text(server: ViewServer, attack: str) -> None:
    quoted = "".join(f"%{byte:02x}" for byte in attack.encode())
    for path in (f"/view/{quoted}", f"/{quoted}", f"/static/{quoted}"):
        page = server.get(path)
        assert page.status in (400, 404)
        Outline(page.text)


def test_what_was_escaped_is_still_what_people_read(server: ViewServer) -> None:
    for attack in ATTACKS.values():
        assert server.see(plain(f"a {attack}".encode())).shown == f"a {attack}"


POLICY = {
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
}


@pytest.mark.parametrize("path", ["/", "/view/nonsense", "/view/{key}", "/nothing-here"])
def test_every_page_has_the_policy(server: ViewServer, path: str) -> None:
    key = server.store(as_json("[1]"))
    page = server.get(path.format(key=key))
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert set(page.headers["content-security-policy"].split("; ")) == POLICY
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("part", ["piece", "content", "image"])
def test_what_is_handed_out_alone_is_boxed_in(server: ViewServer, part: str) -> None:
    key = server.store(plain(IMAGES["png"]))
    answer = server.get(f"/view/{key}/{part}")
    assert answer.status == 200
    policy = answer.headers["content-security-policy"]
    assert policy == "sandbox; default-src 'none'; frame-ancestors 'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("payload", "extension"),
    [
        (as_json("[1]"), "json"),
        (plain(b"text"), "txt"),
        (plain(b"<html><script>alert(1)</script>"), "txt"),
        (plain(b"\x00"), "bin"),
        (plain(IMAGES["gif"]), "gif"),
        (Payload(metadata={"encoding": b"binary/protobuf"}, data=b"\x08\x01"), "pb"),
        (Payload(metadata={"encoding": b"text/html"}, data=b"<script>"), "bin"),
    ],
)
def test_a_download_is_the_content_as_a_file(
    server: ViewServer, payload: Payload, extension: str
) -> None:
    key = server.store(payload)
    answer = server.get(f"/view/{key}/content")
    assert answer.body == payload.data
    assert answer.headers["content-type"] == "application/octet-stream"
    _, namespace, day, digest = key.split("/")
    name = f"{namespace}-{day}-{digest[:12]}.{extension}"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'


def test_the_name_of_a_file_holds_nothing_strange(server: ViewServer) -> None:
    key = server.store(as_json("[1]"), namespace='a"; filename="../é\r\nX: 1')
    answer = server.get(f"/view/{key}/content")
    disposition = answer.headers["content-disposition"]
    assert re.fullmatch(r'attachment; filename="[A-Za-z0-9._-]+"', disposition)
    assert "x" not in answer.headers


@pytest.mark.parametrize("name", ["page.css", "theme.js", "view.js", "icon.svg"])
def test_scripts_and_style_are_files_of_the_package(server: ViewServer, name: str) -> None:
    answer = server.get(f"/static/{name}")
    assert answer.status == 200
    assert "max-age=31536000" in answer.headers["cache-control"]
    assert not re.search(rb"https?://(?!www\.w3\.org/)", answer.body)


@pytest.mark.parametrize("name", ["..%2fapp.py", "../app.py", "%2e%2e/app.py", "base.html", ""])
def test_no_other_file_is_served(server: ViewServer, name: str) -> None:
    assert server.get(f"/static/{name}").status == 404
