"""Word files as a reader sees them."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from docx import Document
from docx.enum.text import WD_BREAK
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from app.indexes.readers import read_pages
from tests.documents import SHARED, make_docx, needs_shared, refusal


def with_part(path: Path, name: str, old: str, new: str) -> Path:
    """Rewrite one part of a Word file by replacing text in it."""
    with zipfile.ZipFile(path) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    assert old.encode() in members[name], "the text to replace must be there"
    members[name] = members[name].replace(old.encode(), new.encode())
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for member, data in members.items():
            archive.writestr(member, data)
    return path


def test_order_headings_and_tables(tmp_path: Path) -> None:
    path = make_docx(
        tmp_path / "deal.docx",
        ["The artist delivers one album.", "Paid quarterly."],
        headings={0: "Delivery", 1: "Royalties"},
        tables=[[["Territory", "Rate"], ["World", "17.5%"]]],
    )
    [page] = read_pages(path, ".docx")
    assert page.text == (
        "Delivery\n\nThe artist delivers one album.\n\nRoyalties\n\nPaid quarterly.\n\nTerritory | Rate\nWorld | 17.5%"
    )
    assert [words for _, words in page.headings] == ["Delivery", "Royalties"]
    assert all(page.text.startswith(words, offset) for offset, words in page.headings)


def test_written_breaks_split_pages_and_remembered_ones_do_not_repeat_them(tmp_path: Path) -> None:
    document = Document()
    document.add_paragraph("first").add_run().add_break(WD_BREAK.PAGE)
    paragraph = document.add_paragraph()
    paragraph._p.append(parse_xml(f"<w:r {nsdecls('w')}><w:lastRenderedPageBreak/><w:t>second </w:t></w:r>"))
    paragraph._p.append(parse_xml(f"<w:r {nsdecls('w')}><w:lastRenderedPageBreak/><w:t>third</w:t></w:r>"))
    document.add_paragraph("still third")
    document.add_section()
    document.add_paragraph("fourth")
    document.save(str(tmp_path / "breaks.docx"))
    pages = read_pages(tmp_path / "breaks.docx", ".docx")
    assert [(page.number, page.text) for page in pages] == [
        (1, "first"),
        (2, "second"),
        (3, "third\n\nstill third"),
        (4, "fourth"),
    ]


def test_tracked_changes_as_a_reader_sees_them(tmp_path: Path) -> None:
    document = Document()
    change = f'{nsdecls("w")} w:id="1" w:author="a"'
    paragraph = document.add_paragraph("The rate is ")
    paragraph._p.append(parse_xml(f"<w:del {change}><w:r><w:delText>20</w:delText><w:tab/></w:r></w:del>"))
    paragraph._p.append(parse_xml(f"<w:ins {change}><w:r><w:t>15</w:t></w:r></w:ins>"))
    paragraph.add_run(" percent").font.hidden = False
    paragraph.add_run(" of nothing").font.hidden = True
    joined = document.add_paragraph("one ")
    joined._p.get_or_add_pPr().append(parse_xml(f"<w:rPr {nsdecls('w')}><w:del {change}/></w:rPr>"))
    document.add_paragraph("paragraph")
    document.save(str(tmp_path / "tracked.docx"))
    assert read_pages(tmp_path / "tracked.docx", ".docx")[0].text == "The rate is 15 percent\n\none paragraph"


def test_headers_and_footers_once(tmp_path: Path) -> None:
    document = Document()
    document.add_paragraph("body one")
    document.sections[0].header.paragraphs[0].text = "Night Ferry / confidential"
    document.sections[0].footer.paragraphs[0].text = "Draft of 3 March"
    document.add_section().header.is_linked_to_previous = False
    document.sections[1].header.paragraphs[0].text = "Night Ferry / confidential"
    document.add_paragraph("body two")
    document.save(str(tmp_path / "edges.docx"))
    first, second = read_pages(tmp_path / "edges.docx", ".docx")
    assert first.text == "Night Ferry / confidential\n\nbody one\n\nDraft of 3 March"
    assert second.text == "body two"


def test_text_box_follows_its_paragraph(tmp_path: Path) -> None:
    document = Document()
    box = (
        f'<w:r {nsdecls("w")} xmlns:v="urn:schemas-microsoft-com:vml"><w:pict><v:shape><v:textbox><w:txbxContent>'
        "<w:p><w:r><w:t>boxed</w:t></w:r></w:p></w:txbxContent></v:textbox></v:shape></w:pict></w:r>"
    )
    paragraph = document.add_paragraph("before ")
    paragraph._p.append(parse_xml(box))
    paragraph.add_run("after")
    document.save(str(tmp_path / "box.docx"))
    assert read_pages(tmp_path / "box.docx", ".docx")[0].text == "before after\n\nboxed"


def test_nesting_past_reason_falls_back_to_docx2txt(tmp_path: Path) -> None:
    path = make_docx(tmp_path / "deep.docx", ["deep text"])
    opening, closing = "<w:sdt><w:sdtContent>" * 2000, "</w:sdtContent></w:sdt>" * 2000
    with_part(path, "word/document.xml", "<w:p>", f"{opening}<w:p>")
    with_part(path, "word/document.xml", "</w:p>", f"</w:p>{closing}")
    assert read_pages(path, ".docx")[0].text == "deep text"


def test_no_text(tmp_path: Path) -> None:
    assert refusal(make_docx(tmp_path / "blank.docx", [" "]), ".docx")[0] == "no_text"


def test_old_word_file(tmp_path: Path) -> None:
    path = tmp_path / "old.docx"
    path.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + bytes(2000))
    assert refusal(path, ".docx") == (
        "unknown_type",
        "This is an old Word file (.doc); save it as .docx and upload that.",
    )
    path.write_bytes(path.read_bytes() + "EncryptedPackage".encode("utf-16-le"))
    assert refusal(path, ".docx")[0] == "needs_password"


def test_broken_main_part(tmp_path: Path) -> None:
    path = make_docx(tmp_path / "broken.docx", ["text"])
    assert refusal(with_part(path, "word/document.xml", "</w:body>", ""), ".docx")[0] == "damaged"


@needs_shared
@pytest.mark.parametrize(
    ("file", "snippet"),
    [
        ("mammoth.js__endnotes.docx", "A tachyon walks into a bar."),
        ("mammoth.js__text-box.docx", "Datum plane"),
        ("mammoth.js__strict-format.docx", "Test"),
        ("poi__HeaderFooterUnicode.docx", "The footer, with Molière, has Unicode in it."),
    ],
)
def test_hidden_corners_of_word_files(file: str, snippet: str) -> None:
    texts = [page.text for page in read_pages(SHARED / "docx" / file, ".docx")]
    assert "\n".join(texts).count(snippet) == 1
