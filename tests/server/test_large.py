"""Large payloads: read and written as any other, and nobody has to wait for them."""

import base64
import json
import threading

import pytest
from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st
from temporalio.api.common.v1 import Payload, Payloads

from temporal_claimcheck.server import codec_routes
from temporal_claimcheck.server.json_strings import decode_base64, encode_base64
from temporal_claimcheck.server.protocol import dump_payloads, parse_payloads
from temporal_claimcheck.server.refusals import Refused
from tests.server.serving import body_of, json_payload, serving

LONG = 300_000
DATA = bytes(range(256)) * (LONG // 256)
SMALL = json_payload('"small"')


def parsed(body: str | bytes) -> list[Payload]:
    return parse_payloads(body.encode() if isinstance(body, str) else body, max_payloads=9)


def text_of(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize("size", [LONG - 1, LONG, LONG + 1, LONG + 2, 3 * 64 * 1024, 64 * 1024])
def test_a_large_payload_is_read_as_it_was_written(size: int) -> None:
    large = Payload(metadata={"encoding": b"binary/plain", "long": DATA}, data=(DATA * 2)[:size])
    payloads = [SMALL, large, Payload(), SMALL, large]
    assert parsed(json.dumps(body_of(payloads))) == payloads
    assert parsed(json.dumps(body_of(payloads), indent=2)) == payloads
    assert parsed(dump_payloads(payloads)) == payloads


def test_both_alphabets_and_no_padding_will_do() -> None:
    data = b"\xfb\xff" * LONG
    for text in (text_of(data), base64.urlsafe_b64encode(data).decode().rstrip("=")):
        assert parsed(f'{{"payloads":[{{"data":"{text}"}}]}}') == [Payload(data=data)]


def test_what_json_may_escape_may_be_escaped() -> None:
    body = json.dumps(body_of([SMALL, Payload(data=DATA)]))
    for character, escaped in (("/", "\\/"), ("+", "\\u002b"), ("A", "\\u0041")):
        text = text_of(DATA).replace(character, escaped)
        assert parsed(body.replace(text_of(DATA), text)) == [SMALL, Payload(data=DATA)]


def test_other_encodings_of_json_will_do() -> None:
    body = json.dumps(body_of([Payload(data=DATA)]))
    for encoding in ("utf-16", "utf-32-be"):
        assert parsed(body.encode(encoding)) == [Payload(data=DATA)]


@pytest.mark.parametrize(
    "body",
    [
        '{"payloads":[{"data":"%s"}]}' % ("A===" + "A" * LONG),
        '{"payloads":[{"data":"%s"}]}' % ("A" * LONG + "\n"),
        '{"payloads":[{"data":"%s"}]}' % ("A" * LONG + "%"),
        '{"payloads":[{"data":"%s"}]}' % ("é" * LONG),
        '{"payloads":[{"data":"%s]}' % ("A" * LONG),
        '{"payloads":[{"metadata":{"%s":"YQ=="}}]}' % ("a" * LONG),
        '{"payloads":["%s"]}' % ("A" * LONG),
        '{"payloads":"%s"}' % ("A" * LONG),
        '"%s"' % ("A" * LONG),
        '"' + "A" * LONG,
        "A" * LONG,
        # What stands in the place of a long string cannot be written by a caller.
        '{"payloads":[{"data":"\\u00000"},{"data":"%s"}]}' % ("A" * LONG),
        '{"payloads":[{"data":"\0000"},{"data":"%s"}]}' % ("A" * LONG),
        '{"payloads":[{"data":"\\u00000"}]}',
    ],
    ids=lambda body: f"{body[:40]!r}-{body[-12:]!r}",
)
def test_a_large_body_that_is_no_request_is_refused(body: str) -> None:
    with pytest.raises(Refused) as caught:
        parsed(body)
    assert caught.value.status == 400


def test_a_long_name_or_value_that_nobody_knows_is_ignored() -> None:
    body = {"n" * LONG: "v" * LONG, "payloads": [{"later": "w" * LONG}]}
    assert parsed(json.dumps(body)) == [Payload()]


@given(st.binary(max_size=50), st.integers(0, 400_000))
def test_base64_goes_there_and_back(data: bytes, zeros: int) -> None:
    data = data + bytes(zeros) + data
    text = encode_base64(data)
    assert text == base64.b64encode(data)
    assert decode_base64(text) == data


PAYLOADS = st.lists(
    st.builds(
        Payload,
        metadata=st.dictionaries(st.text(max_size=5), st.binary(max_size=9), max_size=3),
        data=st.binary(max_size=99),
        external_payloads=st.lists(
            st.builds(Payload.ExternalPayloadDetails, size_bytes=st.integers(0, 2**50)), max_size=2
        ),
    ),
    max_size=4,
)


@given(PAYLOADS)
def test_an_answer_is_protobufs_json(payloads: list[Payload]) -> None:
    written = json.loads(dump_payloads(payloads))
    expected = MessageToDict(Payloads(payloads=payloads))
    assert written == {"payloads": expected.get("payloads", [])}
    assert parsed(json.dumps(written)) == payloads


async def test_large_bodies_are_read_and_written_off_the_event_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: dict[str, set[int]] = {"parse": set(), "dump": set()}

    def watched_parse(body: bytes, *, max_payloads: int) -> list[Payload]:
        ran["parse"].add(threading.get_ident())
        return parse_payloads(body, max_payloads=max_payloads)

    def watched_dump(payloads: list[Payload]) -> bytes:
        ran["dump"].add(threading.get_ident())
        return dump_payloads(payloads)

    monkeypatch.setattr(codec_routes, "parse_payloads", watched_parse)
    monkeypatch.setattr(codec_routes, "dump_payloads", watched_dump)
    large = Payload(data=DATA)
    async with serving() as served:
        assert await served.convert("/decode", [large]) == [large]
    for ran_on in ran.values():
        assert ran_on
        assert threading.get_ident() not in ran_on
