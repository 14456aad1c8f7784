"""The loader of the example's records, as the user's shell runs it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "examples/pipeline/records.py"


def load(tmp_path: Path, *arguments: str) -> list[dict[str, Any]]:
    output = tmp_path / "output.json"
    subprocess.run(  # noqa: S603 - the script is ours
        [sys.executable, str(SCRIPT), "--output", str(output), *arguments], check=True
    )
    return json.loads(output.read_text())


def written(tmp_path: Path, name: str, text: str) -> str:
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return str(file)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("array.json", '[{"city": "Zürich", "rank": 1}]'),
        ("lines.jsonl", '{"city": "Zürich", "rank": 1}\n\n'),
        ("table.csv", "city,rank\nZürich,1\n"),
        ("table.tsv", "city\trank\nZürich\t1\n"),
        ("with-mark.csv", "\ufeffcity,rank\nZürich,1\n"),
    ],
)
def test_each_kind_of_file_gives_the_same_records(name: str, text: str, tmp_path: Path) -> None:
    assert load(tmp_path, "--input", written(tmp_path, name, text)) == [
        {"city": "Zürich", "rank": 1}
    ]


def test_a_column_of_codes_stays_text(tmp_path: Path) -> None:
    file = written(tmp_path, "codes.csv", "code\n08\n10\n")
    assert load(tmp_path, "--input", file) == [{"code": "08"}, {"code": "10"}]


def test_an_empty_cell_among_numbers_is_null(tmp_path: Path) -> None:
    file = written(tmp_path, "gaps.csv", "price,name\n1.5,a\n,b\n")
    assert [record["price"] for record in load(tmp_path, "--input", file)] == [1.5, None]


def test_records_are_cut_to_the_size(tmp_path: Path) -> None:
    file = written(tmp_path, "many.json", json.dumps([{"number": n} for n in range(1000)]))
    records = load(tmp_path, "--input", file, "--size", "1kB")
    assert records == [{"number": n} for n in range(len(records))]
    assert 1000 <= len(json.dumps(records, separators=(",", ":"))) < 1000 + len('{"number":99},')


def test_records_are_repeated_to_the_size_and_copies_say_so(tmp_path: Path) -> None:
    file = written(tmp_path, "few.json", '[{"a": 1}, {"a": 2}]')
    assert load(tmp_path, "--input", file, "--size", "40B") == [
        {"a": 1},
        {"a": 2},
        {"a": 1, "copy": 2},
        {"a": 2, "copy": 2},
    ]


def test_without_a_file_the_largest_cities_come_first(tmp_path: Path) -> None:
    records = load(tmp_path, "--size", "20kB")
    populations = [record["population"] for record in records]
    assert populations == sorted(populations, reverse=True)
    assert populations[0] > 20_000_000
