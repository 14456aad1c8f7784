"""The compressions of this package, against the contract that is shipped."""

import sys

import pytest

from temporal_claimcheck.errors import InvalidSettings
from temporal_claimcheck.testing import CompressionContract
from temporal_claimcheck.transforms.base import Compression
from temporal_claimcheck.transforms.compression import (
    COMPRESSIONS,
    GzipCompression,
    NoCompression,
    ZstdCompression,
    compression,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"".join(b"line %d of a text that packs well\n" % number for number in range(20_000))


class TestZstd(CompressionContract):
    @pytest.fixture(params=[-5, 1, 19])
    def compression(self, request: pytest.FixtureRequest) -> Compression:
        return ZstdCompression(request.param)


class TestGzip(CompressionContract):
    @pytest.fixture(params=[0, 1, 6, 9])
    def compression(self, request: pytest.FixtureRequest) -> Compression:
        return GzipCompression(request.param)


class TestNone(CompressionContract):
    @pytest.fixture
    def compression(self) -> Compression:
        return NoCompression()


@pytest.mark.parametrize("name", ["zstd", "gzip", "none"])
def test_each_compression_is_found_by_its_name(name: str) -> None:
    assert compression(name).name == name
    assert COMPRESSIONS[name].name == name


def test_an_unknown_compression_is_refused() -> None:
    with pytest.raises(InvalidSettings, match="lz4"):
        compression("lz4")


@pytest.mark.parametrize(
    ("name", "level"), [("zstd", 100), ("zstd", -(10**9)), ("gzip", 10), ("gzip", -1)]
)
def test_a_level_that_does_not_exist_is_refused(name: str, level: int) -> None:
    with pytest.raises(InvalidSettings, match=str(level)):
        compression(name, level)


@pytest.mark.parametrize(("name", "fast", "small"), [("zstd", 1, 19), ("gzip", 1, 9)])
def test_the_level_is_used(name: str, fast: int, small: int) -> None:
    assert len(compression(name, small).apply(TEXT)) < len(compression(name, fast).apply(TEXT))


@pytest.mark.parametrize("written", ["zstd", "gzip"])
def test_any_level_can_be_read(written: str) -> None:
    applied = compression(written, 9).apply(TEXT)
    assert COMPRESSIONS[written].undo(applied, plain_bytes=len(TEXT)) == TEXT


@pytest.mark.parametrize("count", [1, 10], ids=["in one", "in pieces"])
def test_a_zstd_frame_states_its_content_size(count: int) -> None:
    frame = ZstdCompression().apply(TEXT * count)
    assert zstd.get_frame_info(frame).decompressed_size == len(TEXT) * count
