"""A stored object: sealed, opened, and refused when it is not what it says."""

import json
import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from temporal_claimcheck.envelope import (
    ENVELOPE_OVERHEAD_BYTES,
    Header,
    digest_of,
    open_envelope,
    read_header,
    seal_envelope,
)
from temporal_claimcheck.errors import (
    BlobCorrupt,
    BlobTooLarge,
    DigestMismatch,
    IntegrityError,
    UnsupportedEnvelope,
)
from temporal_claimcheck.transforms.base import Compression
from temporal_claimcheck.transforms.compression import (
    GzipCompression,
    NoCompression,
    ZstdCompression,
)
from tests.core.envelopes import KEY, envelope, header

LIMIT = 2**31 - 1
compressions = st.sampled_from([ZstdCompression(), GzipCompression(), NoCompression()])
datas = st.one_of(
    st.binary(max_size=2000),
    st.builds(bytes.__mul__, st.binary(max_size=50), st.integers(min_value=0, max_value=200)),
)


def open_data(blob: bytes, *, data: bytes = b"data", limit: int = LIMIT) -> bytes:
    return open_envelope(blob, key=KEY, digest=digest_of(data), max_plain_bytes=limit)


@given(datas, compressions)
@example(b"", ZstdCompression())
@example(b"", NoCompression())
def test_any_bytes_come_back(data: bytes, compression: Compression) -> None:
    blob = seal_envelope(data, compression)
    assert open_data(blob, data=data, limit=len(data)) == data


@given(datas, compressions)
def test_an_object_is_never_much_larger_than_its_payload(
    data: bytes, compression: Compression
) -> None:
    assert len(seal_envelope(data, compression)) <= len(data) + ENVELOPE_OVERHEAD_BYTES


@given(datas, compressions)
def test_compression_is_kept_only_if_it_saves_a_tenth(
    data: bytes, compression: Compression
) -> None:
    written, body = read_header(seal_envelope(data, compression), key=KEY)
    pays = len(compression.apply(data)) <= len(data) * 0.9
    assert written.compression == (compression.name if pays else "none")
    assert bytes(body) == (compression.apply(data) if pays else data)


@pytest.mark.parametrize(("random_share", "kept"), [(0.95, False), (0.85, True)])
@pytest.mark.parametrize("compression", [ZstdCompression(), GzipCompression()])
def test_saving_less_than_a_tenth_is_not_worth_it(
    compression: Compression, random_share: float, kept: bool
) -> None:
    dice = random.Random(20261122)  # noqa: S311  # not a secret
    unpackable = int(100_000 * random_share)
    data = dice.randbytes(unpackable) + bytes(100_000 - unpackable)
    assert len(compression.apply(data)) < 100_000
    written, _ = read_header(seal_envelope(data, compression), key=KEY)
    assert written.compression == (compression.name if kept else "none")


def test_every_object_says_what_it_is() -> None:
    blob = seal_envelope(b"claim check " * 100, ZstdCompression())
    written, _ = read_header(blob, key=KEY)
    assert written == Header(compression="zstd", plain_bytes=1200)
    assert json.loads(written.dump()) == {
        "body": "whole",
        "compression": "zstd",
        "encryption": "none",
        "plain_bytes": 1200,
    }


def test_an_object_built_by_hand_opens() -> None:
    assert open_data(envelope(header(), b"data")) == b"data"
    assert envelope(header(), b"data") == seal_envelope(b"data", NoCompression())


def test_a_whole_object_of_another_payload_is_refused() -> None:
    blob = seal_envelope(b"other secret content", NoCompression())
    with pytest.raises(DigestMismatch, match=KEY) as caught:
        open_data(blob)
    assert "secret" not in str(caught.value)
    # The digest of guessable content would tell the content.
    assert digest_of(b"other secret content") not in str(caught.value)


# Later releases.


@pytest.mark.parametrize("version", [0, 2, 255])
def test_another_version_says_to_upgrade(version: int) -> None:
    with pytest.raises(UnsupportedEnvelope, match="Upgrade"):
        open_data(envelope(b"any header", b"any body", version=version))


@pytest.mark.parametrize(
    "changes",
    [
        {"pieces": 3},
        {"encryption": ...},
        {"body": "pieces"},
        {"body": ["whole"]},
        {"body": None},
        {"encryption": "aes-256-gcm"},
        {"encryption": {"key": 1}},
        {"compression": "lz4"},
        {"compression": ["none"]},
        {"compression": None},
    ],
)
def test_a_header_with_something_unknown_says_to_upgrade(changes: dict[str, object]) -> None:
    with pytest.raises(UnsupportedEnvelope, match="Upgrade"):
        open_data(envelope(header(**changes), b"data"))


# Damage that has the right checksum.


@pytest.mark.parametrize(
    "wrong",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"\xff",
        b'"header"',
        b"[" * 4000,
        header() + b" ",
        header() + header(),
        header().replace(b":", b": "),
        header().replace(b"body", b"bod\\u0079"),
        header().replace(b'{"body":"whole",', b'{"body":"whole","body":"whole",'),
        header().replace(b"4", b"4.0"),
        header().replace(b"4", b"04"),
        header().replace(b"4", b"NaN"),
        header(plain_bytes=-1),
        header(plain_bytes=True),
        header(plain_bytes="4"),
        header(plain_bytes=None),
        json.dumps(dict(reversed(json.loads(header()).items())), separators=(",", ":")).encode(),
    ],
    ids=lambda wrong: repr(wrong[:40]),
)
def test_a_header_spelled_in_another_way_is_refused(wrong: bytes) -> None:
    with pytest.raises(BlobCorrupt, match=KEY):
        open_data(envelope(wrong, b"data"))


def test_a_header_over_4096_bytes_is_refused() -> None:
    room = 4096 - len(header(more=""))
    with pytest.raises(UnsupportedEnvelope):
        open_data(envelope(header(more="x" * room), b"data"))
    with pytest.raises(BlobCorrupt):
        open_data(envelope(header(more="x" * (room + 1)), b"data"))


def test_another_magic_is_refused() -> None:
    with pytest.raises(BlobCorrupt):
        open_data(envelope(header(), b"data", magic=b"\x89PNG\r\n\x1a\n"))


@pytest.mark.parametrize("stated", [0, 3, 5, 1000])
@pytest.mark.parametrize(
    "compression", [ZstdCompression(), GzipCompression(), NoCompression()], ids=lambda c: c.name
)
def test_a_body_of_another_size_than_stated_is_refused(
    compression: Compression, stated: int
) -> None:
    blob = envelope(
        header(compression=compression.name, plain_bytes=stated), compression.apply(b"data")
    )
    with pytest.raises(BlobTooLarge if stated < 4 else BlobCorrupt, match=KEY):
        open_data(blob)


@pytest.mark.parametrize("name", ["zstd", "gzip"])
@pytest.mark.parametrize("body", [b"", b"data", b"\0" * 100], ids=repr)
def test_a_body_that_is_not_compressed_as_stated_is_refused(name: str, body: bytes) -> None:
    with pytest.raises(BlobCorrupt, match=KEY):
        open_data(envelope(header(compression=name), body))


def test_more_than_the_claim_allows_is_refused_before_it_is_unpacked() -> None:
    # The body is no zstd at all, so unpacking would raise BlobCorrupt.
    with pytest.raises(BlobTooLarge, match=KEY):
        open_data(envelope(header(compression="zstd", plain_bytes=10**15), b"data"), limit=4)
    assert open_data(envelope(header(), b"data"), limit=4) == b"data"
    with pytest.raises(BlobTooLarge):
        open_data(envelope(header(), b"data"), limit=3)


@given(st.binary(max_size=500))
def test_bytes_from_anywhere_are_refused(blob: bytes) -> None:
    with pytest.raises(IntegrityError):
        open_data(blob, data=blob)


@given(st.binary(max_size=200), st.binary(max_size=100))
def test_any_header_and_body_are_refused_or_unchanged(head: bytes, body: bytes) -> None:
    for blob in (envelope(head, body), envelope(header(plain_bytes=len(body)), body)):
        try:
            assert open_data(blob, data=body) == body
        except IntegrityError:
            assert blob != envelope(header(plain_bytes=len(body)), body)
