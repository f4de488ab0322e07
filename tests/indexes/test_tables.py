"""CSV and Excel files: every passage says what its figures are."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from app.config import ChunkingSettings
from app.errors import UnsupportedFile
from app.indexes.chunking import Chunker
from app.indexes.limits import ReadLimits
from app.indexes.model_files import tokenizer_file
from app.indexes.pages import Page
from app.indexes.readers import read_pages
from app.indexes.tables import _packed
from tests.documents import SHARED, needs_shared, read_bytes, refusal

HEADER = "Store | Title | Earnings (USD)"


@pytest.fixture(scope="module")
def chunker() -> Chunker:
    return Chunker(ChunkingSettings(), tokenizer_file())


def statement(rows: int, delimiter: str = ",") -> str:
    lines = [["Store", "Title", "Earnings (USD)"]] + [["Napster", f"Song {n}", f"0.{n:05}"] for n in range(rows)]
    return "\n".join(delimiter.join(line) for line in lines)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "cp1252"])
def test_delimiters_and_encodings(tmp_path: Path, delimiter: str, encoding: str) -> None:
    text = f"Künstlerin{delimiter}Lied{delimiter}Betrag\nRosé{delimiter}Öl, und Öl{delimiter}1.5\n"
    quoted = text.replace("Öl, und Öl", '"Öl, und Öl"')
    [page] = read_bytes(tmp_path, quoted.encode(encoding), ".csv")
    assert page.text == "Künstlerin | Lied | Betrag\nRosé | Öl, und Öl | 1.5"
    assert page.headings == ((0, "Row 2"),)


def test_every_passage_begins_with_the_header(tmp_path: Path, chunker: Chunker) -> None:
    [page] = read_bytes(tmp_path, statement(500).encode(), ".csv")
    pieces = chunker.cut([page])
    assert len(pieces) > 20
    for piece in pieces:
        assert piece.text.startswith(HEADER)
        assert piece.text.splitlines()[-1].count(" | ") == 2  # no row is cut
        assert piece.heading.startswith("Row")
    assert page.headings[-1][1].endswith("-501")
    assert sum(piece.text.count("Napster") for piece in pieces) == 500


@pytest.mark.parametrize("rows", range(8, 40, 2))
def test_the_last_rows_are_not_cut_off_from_the_header(tmp_path: Path, chunker: Chunker, rows: int) -> None:
    pieces = chunker.cut(read_bytes(tmp_path, statement(rows).encode(), ".csv"))
    assert all(piece.text.startswith(HEADER) for piece in pieces)


@needs_shared
@pytest.mark.parametrize("path", sorted((SHARED / "csv").glob("*")), ids=lambda path: path.name[:40])
def test_statements_of_the_trade(path: Path, chunker: Chunker) -> None:
    pages = read_pages(path, path.suffix)
    starts = {offset for page in pages for offset, _ in page.headings}
    pieces = chunker.cut(pages)
    torn = [piece for piece in pieces if piece.start not in starts]
    assert len(torn) <= (2 if "YouTube" in path.name else 0)  # one cell of those lists hundreds of video ids
    if "bandcamp" in path.name:
        assert all("item name: " in piece.text or "item type" in piece.text for piece in pieces)


def test_wide_rows_name_their_cells_and_what_they_are_about(tmp_path: Path) -> None:
    names = [f"A rather long column name {n}" for n in range(30)]
    table = [[*names, "Song Title"], [*[f"value {n}" for n in range(30)], "Night Ferry"]]
    [page] = read_bytes(tmp_path, "\n".join(",".join(row) for row in table).encode(), ".csv")
    lines = [line for line in page.text.splitlines() if line]
    assert len(lines) > 1
    assert all("Song Title: Night Ferry" in line for line in lines[1:])
    assert page.text.count("value 7") == 1
    assert "A rather long column name 7: value 7" in page.text


def test_lines_above_the_header_and_rows_without_one(tmp_path: Path) -> None:
    text = "Royalty statement\nPeriod,2025-Q1\n\nStore,Title,Units,Net\nNapster,Song,3,0.01\nTidal,Song,4,0.02\n"
    [page] = read_bytes(tmp_path, text.encode(), ".csv")
    assert page.text.startswith("Royalty statement\nPeriod | 2025-Q1\n\nStore | Title | Units | Net\nNapster")
    [page] = read_bytes(tmp_path, b"1,2,3\n4,5,6\n", ".csv")
    assert page.text == "1 | 2 | 3\n4 | 5 | 6"
    [page] = read_bytes(tmp_path, b"sep=;\nStore;Net\nNapster;0,01\n", ".csv")
    assert page.text == "Store | Net\nNapster | 0,01"


def test_cells_that_never_end_and_tables_that_never_do(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('a,b\n1,"' + "x" * 10_100_000)
    assert refusal(tmp_path / "a.csv", ".csv")[0] == "damaged"
    (tmp_path / "b.csv").write_text(statement(400))
    with pytest.raises(UnsupportedFile) as caught:
        read_pages(tmp_path / "b.csv", ".csv", ReadLimits(table_cells=1000))
    assert caught.value.code == "too_big"


def excel(path: Path, *rows: list[Any]) -> Page:
    book = Workbook()
    sheet = book.active
    sheet.title = "Q1 statement"
    for row in rows:
        sheet.append(row)
    for row in sheet.iter_rows():
        for cell in row:
            if isinstance(cell.value, float) and cell.value < 1:
                cell.number_format = "0.0%"
    hidden = book.create_sheet("workings")
    hidden.append(["nobody", "sees", "this"])
    hidden.sheet_state = "hidden"
    book.save(path)
    [page] = read_pages(path, ".xlsx")
    return page


def test_excel_cells_as_they_are_shown(tmp_path: Path) -> None:
    page = excel(
        tmp_path / "a.xlsx",
        ["Paid", "Artist", "Share", "Net", "Late"],
        [date(2025, 3, 3), "Rosé", 0.175, 1200.0, False],
    )
    assert page.text == "Q1 statement\n\nPaid | Artist | Share | Net | Late\n2025-03-03 | Rosé | 17.5% | 1200 | FALSE"
    assert page.headings == ((0, "Q1 statement"), (14, "Q1 statement, row 2"))


def test_excel_repeats_its_header(tmp_path: Path, chunker: Chunker) -> None:
    page = excel(tmp_path / "a.xlsx", ["Store", "Title", "Units"], *[["Napster", f"Song {n}", n] for n in range(300)])
    pieces = chunker.cut([page])
    assert len(pieces) > 5
    assert all("Store | Title | Units" in piece.text for piece in pieces)


def test_excel_that_is_broken(tmp_path: Path) -> None:
    excel(tmp_path / "a.xlsx", ["a", "b"], ["c", "d"])
    data = (tmp_path / "a.xlsx").read_bytes()
    (tmp_path / "a.xlsx").write_bytes(data[: len(data) // 2])
    assert refusal(tmp_path / "a.xlsx", ".xlsx")[0] == "damaged"


def test_the_last_two_groups_share_their_rows() -> None:
    """A last group of one row would be too small for a chunk, and be cut off the group before without its header."""
    groups = _packed([(number, "word " * 10) for number in range(21)], 120)
    assert [len(group) for group in groups] == [10, 6, 5]
    assert [number for group in groups for number, _ in group] == list(range(21))
