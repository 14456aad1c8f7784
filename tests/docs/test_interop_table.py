"""What the pages say of other languages is what the tests do."""

from tests.docs.doc_pages import ROOT, page
from tests.interop.table import CELLS, DoorName, Language

NAMES: dict[Language, str] = {
    "python": "Python",
    "go": "Go",
    "java": "Java",
    "typescript": "TypeScript",
}
COLUMNS: dict[DoorName, int] = {"codec": 2, "s3-driver": 3}


def test_each_cell_says_what_its_test_does() -> None:
    (table,) = page("how-to/share-a-bucket-with-other-sdks.md").section("Who reads what").tables
    rows = {(row[0], row[1]): row for row in table.rows}
    assert len(rows) == len(table.rows)
    assert set(rows) == {(NAMES[cell.writer], NAMES[cell.reader]) for cell in CELLS}
    for cell in CELLS:
        says = rows[NAMES[cell.writer], NAMES[cell.reader]][COLUMNS[cell.door]]
        assert says.partition(":")[0] == ("yes" if cell.reads else "no"), cell


def test_the_codec_in_java_is_the_one_of_the_tests() -> None:
    first, *_ = [
        block for block in page("how-to/use-other-sdks.md").code_blocks if block.language == "java"
    ]
    source = ROOT / "tests" / "interop" / "java" / "src" / "main" / "java" / "interop"
    assert first.text.strip() in (source / "CountingCodec.java").read_text()
