"""Threat battery C1, C2: archives that unpack to far more than they are, and XML that asks for files and addresses."""

from __future__ import annotations

import socket
import struct
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from openpyxl import Workbook

from tests.documents import make_docx
from tests.security.hostile import WORD, docx_bomb, peak_bytes, read, replace_part

MB = 1 << 20
SMALL_CHILD = 300 * MB


@pytest.fixture(scope="module")
def bomb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """400 MB of text in a file of some 400 kB."""
    path = docx_bomb(tmp_path_factory.mktemp("bomb") / "bomb.docx")
    assert path.stat().st_size < 450_000
    return path


def test_c1_bomb_is_refused_from_its_list(bomb: Path) -> None:
    outcome = read(bomb)
    assert outcome.code == "too_big"
    assert "unpacks to more than 100 MB" in outcome.sentence
    assert peak_bytes(bomb) < SMALL_CHILD


def test_c1_bomb_that_lies_about_its_size(bomb: Path, tmp_path: Path) -> None:
    liar = tmp_path / "liar.docx"
    data = bytearray(bomb.read_bytes())
    entry = data.rindex(b"word/document.xml") - 46  # of the central directory (APPNOTE 4.3.12)
    assert data[entry : entry + 4] == b"PK\x01\x02"
    data[entry + 24 : entry + 28] = struct.pack("<L", 90_000)
    liar.write_bytes(data)
    assert read(liar).code in ("damaged", "too_big")
    assert peak_bytes(liar) < SMALL_CHILD


def test_c1_ten_thousand_members(tmp_path: Path) -> None:
    path = make_docx(tmp_path / "many.docx", ["text"])
    with zipfile.ZipFile(path, "a") as archive:
        for number in range(10_000):
            archive.writestr(f"x{number}", b"")
    assert read(path).code == "too_big"


def test_c1_members_that_overlap(tmp_path: Path) -> None:
    """One kernel of packed bytes, listed again and again: each member small, the sum a bomb."""
    path = make_docx(tmp_path / "overlap.docx", ["text"])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        for number in range(100):
            archive.writestr(f"word/media/{number:03}", bytes(40_000))
    data = bytearray(path.read_bytes())
    first = None
    at = data.find(b"PK\x01\x02")
    while at >= 0:
        length = struct.unpack_from("<H", data, at + 28)[0]
        if data[at + 46 : at + 46 + length].startswith(b"word/media/"):
            first = first if first is not None else struct.unpack_from("<L", data, at + 42)[0]
            struct.pack_into("<L", data, at + 42, first)
        at = data.find(b"PK\x01\x02", at + 46)
    path.write_bytes(data)
    assert read(path).code == "damaged"


def test_c1_a_bomb_inside_is_not_unpacked(bomb: Path, tmp_path: Path) -> None:
    path = make_docx(tmp_path / "nested.docx", ["the outer text"])
    with zipfile.ZipFile(path, "a", zipfile.ZIP_STORED) as archive:
        archive.write(bomb, "word/embeddings/inner.docx")
    outcome = read(path)
    assert [page.text for page in outcome.pages] == ["the outer text"]
    assert peak_bytes(path) < SMALL_CHILD


def test_c1_excel_bomb(tmp_path: Path) -> None:
    book = Workbook()
    book.active["A1"] = "text"
    book.save(tmp_path / "bomb.xlsx")
    row = b'<row><c t="inlineStr"><is><t>' + b"x" * 60_000 + b"</t></is></c></row>"
    head = b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
    path = replace_part(
        tmp_path / "bomb.xlsx", "xl/worksheets/sheet1.xml", [head, *[row] * 3000, b"</sheetData></worksheet>"]
    )
    assert read(path).code == "too_big"
    assert peak_bytes(path) < SMALL_CHILD


# C2


@contextmanager
def listener() -> Iterator[tuple[int, list[str]]]:
    """A port, and who called it."""
    hits: list[str] = []
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0.1)
    done = threading.Event()

    def listen() -> None:
        while not done.is_set():
            try:
                connection, address = server.accept()
            except TimeoutError:
                continue
            hits.append(str(address))
            connection.close()

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[1], hits
    finally:
        done.set()
        thread.join(timeout=5)
        server.close()


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
DOCTYPES = {
    "file": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>',
    "http": '<!DOCTYPE a [<!ENTITY x SYSTEM "http://127.0.0.1:{port}/x">]>',
    "parameter": '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://127.0.0.1:{port}/p">%p;<!ENTITY x "y">]>',
    "external": '<!DOCTYPE a SYSTEM "http://127.0.0.1:{port}/dtd">',
    "laughs": f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}<!ENTITY x "&l9;">]>',
}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
@pytest.mark.parametrize("kind", DOCTYPES)
def test_c2_entities_are_refused_and_nobody_is_called(tmp_path: Path, kind: str, encoding: str) -> None:
    with listener() as (port, hits):
        head = f'<?xml version="1.0" encoding="{encoding}"?>{DOCTYPES[kind].replace("{port}", str(port))}'
        document = f"{head}<w:document {WORD}><w:body><w:p><w:r><w:t>&x;</w:t></w:r></w:p></w:body></w:document>"
        word = replace_part(make_docx(tmp_path / "a.docx", ["t"]), "word/document.xml", [document.encode(encoding)])
        outcome = read(word)
        assert outcome.code == "damaged"
        assert "DOCTYPE" in outcome.sentence
        assert hits == []


def test_c2_excel_entities(tmp_path: Path) -> None:
    Workbook().save(tmp_path / "a.xlsx")
    with listener() as (port, hits):
        doctype = DOCTYPES["http"].replace("{port}", str(port))
        sheet = f'<?xml version="1.0"?>{doctype}<worksheet><sheetData>&x;</sheetData></worksheet>'
        outcome = read(replace_part(tmp_path / "a.xlsx", "xl/worksheets/sheet1.xml", [sheet.encode()]))
        assert (outcome.code, hits) == ("damaged", [])


def test_c2_web_pages_and_mails_call_nobody(tmp_path: Path) -> None:
    with listener() as (port, hits):
        base = f"http://127.0.0.1:{port}"
        page = (
            f'<!DOCTYPE html SYSTEM "{base}/dtd"><html><head><base href="{base}"><link rel="stylesheet" href="{base}/c">'
            f'<script src="{base}/s"></script></head><body><p>the terms</p><img src="{base}/i"><iframe src="{base}/f">'
            f'</iframe><object data="{base}/o"></object></body></html>'
        )
        (tmp_path / "a.html").write_text(page)
        mail = f"From: a@example.com\nSubject: offer\nContent-Type: text/html\n\n{page}"
        (tmp_path / "a.eml").write_text(mail)
        body = f'From: a@example.com\nSubject: offer\nContent-Type: message/external-body; access-type=URL; URL="{base}/x"\n\n'
        (tmp_path / "b.eml").write_text(body)
        assert read(tmp_path / "a.html").pages[0].text == "the terms"
        assert "the terms" in read(tmp_path / "a.eml").pages[0].text
        read(tmp_path / "b.eml")
        assert hits == []
