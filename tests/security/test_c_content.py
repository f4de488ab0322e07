"""Threat battery C8 to C11: files that are not what their name says, empty, locked, or written to be read otherwise."""

from __future__ import annotations

import codecs
import zipfile
from email.message import EmailMessage
from pathlib import Path

import pypdf
import pytest
from openpyxl import Workbook
from PIL import Image

from app.config import ChunkingSettings
from app.indexes.chunking import Chunker
from app.indexes.model_files import tokenizer_file
from app.indexes.readers import READERS
from tests.documents import make_docx, make_pdf
from tests.security.hostile import read

EXE = b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0" + bytes(200)
HIDDEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad\U000e0041\x00\x07"


@pytest.mark.parametrize("suffix", READERS)
@pytest.mark.parametrize(
    "data", [EXE, b"\x7fELF\x02\x01\x01" + bytes(90), b"Rar!\x1a\x07\0" + bytes(90), b"\x1f\x8b\x08" + bytes(90)],
    ids=["exe", "elf", "rar", "gzip"],
)  # fmt: skip
def test_c8_programs_and_archives_under_any_name(tmp_path: Path, suffix: str, data: bytes) -> None:
    (tmp_path / "upload").write_bytes(data)
    assert read(tmp_path / "upload", suffix).code == "unknown_type"


@pytest.mark.parametrize(
    ("suffix", "data"),
    [
        (".pdf", b"<!DOCTYPE html><html><script>alert(1)</script></html>"),
        (".txt", b"%PDF-1.7 and more"),
        (".docx", b"%PDF-1.7 and more"),
        (".html", b"just words, and no mark-up at all"),
        (".eml", b"just words, and no header at all"),
        (".jpg", b"\x89PNG\r\n\x1a\n" + bytes(90)),
        (".png", b"\xff\xd8\xff\xe0" + bytes(90)),
        (".heic", b"\0\0\0\x18ftypmp42" + bytes(90)),
        (".csv", b"PK\x03\x04" + bytes(90)),
    ],
)
def test_c8_the_content_decides(tmp_path: Path, suffix: str, data: bytes) -> None:
    (tmp_path / "upload").write_bytes(data)
    outcome = read(tmp_path / "upload", suffix)
    assert outcome.code == "unknown_type"
    assert "whatever its name says" in outcome.sentence


def test_c8_zip_that_is_no_document(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("evil.exe", EXE)
    for suffix in (".docx", ".xlsx"):
        assert read(tmp_path / "a.zip", suffix).code == "unknown_type"


def test_c8_polyglot_is_read_as_what_it_says_or_not_at_all(tmp_path: Path) -> None:
    """A PDF with an archive behind it is a PDF; an archive with a PDF behind it is neither."""
    document, archive = make_pdf(tmp_path / "a.pdf", ["the terms"]).read_bytes(), make_docx(tmp_path / "b.docx", ["x"])
    (tmp_path / "both").write_bytes(document + archive.read_bytes())
    outcome = read(tmp_path / "both", ".pdf")
    assert [page.text for page in outcome.pages] == ["the terms"]
    assert read(tmp_path / "both", ".docx").code == "unknown_type"
    (tmp_path / "turned").write_bytes(archive.read_bytes() + document)
    assert read(tmp_path / "turned", ".pdf").code == "unknown_type"


@pytest.mark.parametrize("data", [b"", codecs.BOM_UTF8, codecs.BOM_UTF16_LE, b" \r\n\t\n ", "\u200b\u2060".encode()])
@pytest.mark.parametrize("suffix", [".txt", ".md", ".csv"])
def test_c9_nothing_in_it(tmp_path: Path, suffix: str, data: bytes) -> None:
    (tmp_path / "upload").write_bytes(data)
    assert read(tmp_path / "upload", suffix).code == "empty"


def test_c9_nothing_in_it_of_other_kinds(tmp_path: Path) -> None:
    for suffix in READERS:
        (tmp_path / f"zero{suffix}").write_bytes(b"")
        assert read(tmp_path / f"zero{suffix}").code == "empty"
    Workbook().save(tmp_path / "a.xlsx")
    make_docx(tmp_path / "a.docx", [" "])
    make_pdf(tmp_path / "a.pdf", [""])
    (tmp_path / "a.html").write_text("<html><script>var x = 'not text'</script><p hidden>nor this</p></html>")
    Image.new("L", (900, 900), 255).save(tmp_path / "a.png")
    Image.new("L", (900, 900), 250).save(tmp_path / "scan.pdf")
    for name in ("a.xlsx", "a.docx", "a.pdf", "a.html", "a.png", "scan.pdf"):
        outcome = read(tmp_path / name)
        assert outcome.code == "no_text", name


def test_c10_locked(tmp_path: Path) -> None:
    writer = pypdf.PdfWriter(clone_from=make_pdf(tmp_path / "plain.pdf", ["secret terms"]))
    writer.encrypt("open sesame", "owner", algorithm="AES-256")
    writer.write(tmp_path / "user.pdf")
    assert read(tmp_path / "user.pdf").code == "needs_password"
    writer = pypdf.PdfWriter(clone_from=tmp_path / "plain.pdf")
    writer.encrypt("", "owner", algorithm="AES-256")
    writer.write(tmp_path / "owner.pdf")
    assert read(tmp_path / "owner.pdf").pages[0].text == "secret terms"
    ole = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600) + "EncryptedPackage".encode("utf-16-le")
    for suffix in (".docx", ".xlsx"):
        (tmp_path / f"locked{suffix}").write_bytes(ole)
        assert read(tmp_path / f"locked{suffix}").code == "needs_password"


def test_c10_locked_member_of_an_archive(tmp_path: Path) -> None:
    path = make_docx(tmp_path / "a.docx", ["text"])
    data = bytearray(path.read_bytes())
    entry = data.rindex(b"word/document.xml") - 46  # of the central directory (APPNOTE 4.3.12)
    data[entry + 8] |= 1
    path.write_bytes(data)
    assert read(path).code == "needs_password"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "latin-1", "cp1252", "utf-8-sig"])
def test_c11_encodings(tmp_path: Path, encoding: str) -> None:
    text = "Königliche Tantiemen für die Künstlerin: 17,5 Prozent, fällig à la fin de l'année"
    (tmp_path / "a.txt").write_bytes(text.encode(encoding))
    assert read(tmp_path / "a.txt").pages[0].text == text


def test_c11_one_endless_line(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"x" * 45_000_000)  # the largest upload, nearly
    assert read(tmp_path / "a.txt").code == "too_big"
    (tmp_path / "b.txt").write_bytes(b"royalty" * 30_000)
    [page] = read(tmp_path / "b.txt").pages
    pieces = Chunker(ChunkingSettings(), tokenizer_file()).cut([page])
    assert len(pieces) > 100
    assert "".join(page.text[piece.start : piece.end] for piece in pieces[:2]).startswith("royalty")


def spiked(folder: Path) -> list[Path]:
    """ "the terms" with what no reader sees among its letters, in every kind of file that has characters."""
    text = HIDDEN.join("the terms")
    for suffix in (".txt", ".md"):
        (folder / f"a{suffix}").write_text(text.replace("\x00", ""), encoding="utf-8")
    (folder / "a.csv").write_text(f"name,share\n{text},50\n".replace("\x00", ""), encoding="utf-8")
    (folder / "a.html").write_text(f"<p>{text}</p>".replace("\x00", ""), encoding="utf-8")
    message = EmailMessage()
    message["Subject"] = "offer"
    message.set_content(text.replace("\x00", "").replace("\x07", ""))
    (folder / "a.eml").write_bytes(message.as_bytes())
    legal = text.replace("\x00", "").replace("\x07", "")  # in XML
    make_docx(folder / "a.docx", [legal])
    book = Workbook()
    book.active.append(["name", legal])
    book.save(folder / "a.xlsx")
    return sorted(path for path in folder.iterdir() if path.name.startswith("a."))


def test_c11_invisible_characters_never_reach_a_passage(tmp_path: Path) -> None:
    paths = spiked(tmp_path)
    assert len(paths) == 7
    for path in paths:
        text = "\n".join(page.text for page in read(path).pages)
        assert "the terms" in text, path.name
        assert not set(HIDDEN) & set(text), path.name
