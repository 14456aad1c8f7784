"""Large in, large out: clean every record and add what can be derived from the whole data set."""

import json
import re
import unicodedata
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, cast

from temporalio import activity

from model import Record


# A plain `def`: the worker runs it in a thread, so ten megabytes of work never block its loop.
@activity.defn
def transform_large_dataset(records: list[Record]) -> list[Record]:
    """Return one record for each record, in the same order: normalised, enriched.

    Normalised means snake_case names, composed Unicode, single spaces, nothing empty. What was
    derived stands under `derived`: a `fingerprint` of the content (equal for equal records), the
    record's `completeness`, the `percentiles` of its numbers within the data set, and a
    `search_text` without accents and case.
    """
    normalised = [_normalise_record(record) for record in records]
    field_count = len({name for record in normalised for name in record})
    values_by_field = _sorted_numbers(normalised)
    return [
        {**record, "derived": _derive(record, field_count, values_by_field)}
        for record in normalised
    ]


def _normalise_record(record: Record) -> Record:
    pairs = ((_snake_case(name), _normalise(value)) for name, value in record.items())
    return {name: value for name, value in pairs if not _is_empty(value)}


def _snake_case(name: str) -> str:
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"\W+", "_", words).strip("_").lower() or "unnamed"


def _normalise(value: Any) -> Any:
    match value:
        case str():
            return " ".join(unicodedata.normalize("NFC", value).split())
        case list():
            items = [_normalise(item) for item in cast("list[Any]", value)]
            return [item for item in items if not _is_empty(item)]
        case dict():
            return _normalise_record(cast("Record", value))
        case _:
            return value


def _is_empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _sorted_numbers(records: Sequence[Record]) -> dict[str, list[float]]:
    values_by_field: dict[str, list[float]] = {}
    for record in records:
        for name, value in record.items():
            if _is_number(value):
                values_by_field.setdefault(name, []).append(value)
    for values in values_by_field.values():
        values.sort()
    return values_by_field


def _derive(
    record: Record, field_count: int, values_by_field: Mapping[str, Sequence[float]]
) -> Record:
    content = json.dumps(record, sort_keys=True).encode()
    texts = " ".join(value for value in record.values() if isinstance(value, str))
    return {
        "fingerprint": blake2b(content, digest_size=8).hexdigest(),
        "completeness": round(len(record) / field_count, 3) if field_count else 1.0,
        "percentiles": {
            name: _percentile(value, values_by_field[name])
            for name, value in record.items()
            if _is_number(value)
        },
        "search_text": _without_accents(texts).casefold(),
    }


def _percentile(value: float, ascending: Sequence[float]) -> float:
    return round(100 * bisect_right(ascending, value) / len(ascending), 1)


def _without_accents(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))
