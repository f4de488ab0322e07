"""Sniffing, plain text and Markdown, and what the shared messy files read as."""

from __future__ import annotations

import csv
import re
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from app.indexes.readers import READERS, normalise, read_pages
from tests.documents import SHARED, needs_shared, read_bytes, refusal

# Right-to-left and vertical pages, which the reference's own reader orders in other ways; text is all they must have.
REORDERED = ("habibi", "ArabicCID", "Thuluth", "vertical")


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "cp1252"]
)
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = "The “Artist” shall receive 50% – not 40% – of Net Receipts; £1,000 café."
    assert read_bytes(tmp_path, text.encode(encoding), ".txt")[0].text == text


def test_wide_text_with_a_mark_and_no_zeros(tmp_path: Path) -> None:
    assert read_bytes(tmp_path, "合約經理".encode("utf-16"), ".txt")[0].text == "合約經理"


def test_one_bad_byte_does_not_change_the_encoding(tmp_path: Path) -> None:
    data = "Größe, Übermaß, naïve, façade, Zürich, Köln".encode() + "é".encode()[:1]
    assert read_bytes(tmp_path, data, ".txt")[0].text == "Größe, Übermaß, naïve, façade, Zürich, Köln\ufffd"


def test_normalised_and_not_reflowed() -> None:
    text = "a\r\nb\rc\x00\x07d\u200be\u00adf\ufeff\tg  h\u00a0i\u2028j\n\n\nk\ud800"
    assert normalise(text) == "a\nb\ncdef\tg  h i\nj\n\n\nk"


def test_form_feeds_split_pages(tmp_path: Path) -> None:
    pages = read_bytes(tmp_path, b"one\f\ftwo", ".txt")
    assert [(page.number, page.text) for page in pages] == [(1, "one"), (2, ""), (3, "two")]


def test_markdown_headings(tmp_path: Path) -> None:
    text = (
        "---\n# no heading\ntitle: no heading\n---\n# Royalties #\ntext\n\n```sh\n# no heading\n```\n"
        "Advances\n========\n\n- item\n---\n| a |\n|---|\n\n   ### Sunset clause\n#hashtag\n\nTwo\n"
        "lines\n---\n"
    )
    [page] = read_bytes(tmp_path, text.encode(), ".md")
    assert [words for _, words in page.headings] == ["Royalties", "Advances", "Sunset clause"]
    assert [page.text[offset:].split("\n")[0].strip(" #") for offset, _ in page.headings] == [
        "Royalties",
        "Advances",
        "Sunset clause",
    ]


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        (".pdf", b"MZ\x90\0 not a pdf"),
        (".pdf", b"PK\x03\x04 and then %PDF-1.7"),
        (".pdf", b"x" * 1024 + b"%PDF-1.7"),
        (".docx", b"%PDF-1.7"),
        (".docx", b"<html>"),
        (".txt", b"\x7fELF\x02\x01"),
        (".txt", b"MZ\x90\0\x03\0\0\0"),
        (".txt", b"%PDF-1.7"),
        (".md", b"some text\0\x01\x02\x03 and zeros\0\0\0"),
        (".exe", b"MZ"),
    ],
)
def test_content_that_is_not_what_the_name_says(tmp_path: Path, suffix: str, data: bytes) -> None:
    (tmp_path / "upload").write_bytes(data)
    assert refusal(tmp_path / "upload", suffix)[0] == "unknown_type"


def test_zip_without_a_document(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "upload", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert refusal(tmp_path / "upload", ".docx")[0] == "unknown_type"


def test_unknown_suffix_names_the_known_ones(tmp_path: Path) -> None:
    assert all(suffix in refusal(tmp_path / "song.wav", ".wav")[1] for suffix in READERS)


@pytest.mark.parametrize("suffix", READERS)
def test_empty(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "upload").write_bytes(b"")
    assert refusal(tmp_path / "upload", suffix)[0] == "empty"


@pytest.mark.parametrize("data", [b"\xef\xbb\xbf", b" \n\t\r\n", "\u200b\u200b".encode()])
def test_nothing_but_blanks(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "upload").write_bytes(data)
    assert refusal(tmp_path / "upload", ".txt")[0] == "empty"


def messy_rows() -> list[dict[str, str]]:
    """Rows of the shared index that are expected to be read."""
    if not SHARED.is_dir():
        return []
    with (SHARED / "index_dev.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["expected"].startswith(("ingest", "ideal"))]


def letters(text: str) -> str:
    return re.sub(r"[\s\u00ad\u202a-\u202e-]", "", text)


@needs_shared
@pytest.mark.parametrize("row", messy_rows(), ids=lambda row: row["file"])
def test_messy_files_hold_what_the_index_says(row: dict[str, str]) -> None:
    path = SHARED / row["file"]
    text = "\n".join(page.text for page in read_pages(path, path.suffix))
    assert text.strip()
    if not any(name in path.name for name in REORDERED):
        assert letters(row["snippet"]) in letters(text)
        assert letters(row["hard_snippet"]) in letters(text)


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[a-z0-9]+", text.replace("´", "").lower()))


@needs_shared
@pytest.mark.parametrize(
    ("file", "expected", "share"),
    [
        ("docx/textract__raw_text.docx", "docx_raw_text.txt", 1.0),
        ("docx/textract__paragraphs_and_tables.docx", "docx_paragraphs_and_tables.txt", 1.0),
        ("pdf/textract__raw_text.pdf", "pdf_raw_text.txt", 0.99),
        ("pdf/textract__two_column.pdf", "pdf_two_column.txt", 0.90),  # its fonts leave out spaces; accents apart
    ],
)
def test_fidelity_to_reference_text(file: str, expected: str, share: float) -> None:
    """The reference's words, counted, that we read too."""
    path = SHARED / file
    found = words("\n".join(page.text for page in read_pages(path, path.suffix)))
    reference = words((SHARED / "expected_text" / expected).read_text(encoding="utf-8"))
    assert (found & reference).total() / reference.total() >= share
