"""Opens objects that unpack to gigabytes, and says what happened and the memory it took.

Run as `python bomb_program.py`, so that the peak is this process's own.
"""

import json
import resource
import sys
import zlib

from temporal_claimcheck.envelope import open_envelope
from temporal_claimcheck.errors import IntegrityError
from tests.core.envelopes import KEY, envelope, header

GIGABYTES = 4
STATED = 1_000_000


def zstd_zeros(*, window_log: int = 17) -> bytes:
    """Return a zstd frame of zeros: blocks of 128 KiB, each written in four bytes."""
    count = GIGABYTES * 1024**3 // 2**17
    blocks = [(2**17 << 3 | 1 << 1).to_bytes(3, "little") + b"\0"] * count
    last = (2**17 << 3 | 1 << 1 | 1).to_bytes(3, "little") + b"\0"
    window = bytes([(window_log - 10) << 3])
    return b"\x28\xb5\x2f\xfd\x00" + window + b"".join(blocks) + last


def gzip_zeros() -> bytes:
    """Return a gzip member of zeros: the same flushed piece again and again."""
    compressor = zlib.compressobj(9, wbits=31)
    start = compressor.compress(b"") + compressor.flush(zlib.Z_FULL_FLUSH)
    piece = compressor.compress(bytes(1024**2)) + compressor.flush(zlib.Z_FULL_FLUSH)
    return start + piece * (GIGABYTES * 1024)


def peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def main() -> None:
    stated = {"plain_bytes": STATED}
    bombs = {
        "zstd": envelope(header(compression="zstd", **stated), zstd_zeros()),
        "zstd-window": envelope(header(compression="zstd", **stated), zstd_zeros(window_log=31)),
        "gzip": envelope(header(compression="gzip", **stated), gzip_zeros()),
        "stated": envelope(
            header(compression="zstd", plain_bytes=GIGABYTES * 1024**3), zstd_zeros()
        ),
    }
    said: dict[str, tuple[str, int]] = {}
    for name, blob in bombs.items():
        before = peak_bytes()
        try:
            open_envelope(blob, key=KEY, digest="0" * 64, max_plain_bytes=2 * STATED)
        except IntegrityError as error:
            said[name] = (error.code, peak_bytes() - before)
    print(json.dumps(said))  # noqa: T201


if __name__ == "__main__":
    main()
