"""Web pages and e-mails as their reader sees them."""

from __future__ import annotations

from email.message import EmailMessage
from pathlib import Path

import pytest

from app.errors import UnsupportedFile
from app.indexes.limits import ReadLimits
from app.indexes.readers import read_pages
from tests.documents import make_contract_pdf, make_docx, read_bytes

PAGE = """<!DOCTYPE html><html><head><title>Offer</title><style>p {color: red}</style></head><body>
<!-- a comment --><script>track("everything")</script><noscript>no script</noscript><template>later</template>
<h2>Royalties &amp; terms</h2><p>Paid <b>quar</b>terly.<br>Net of returns.</p>
<p style="display:none">hidden one</p><p hidden>hidden two</p><div style="font-size:0">hidden three</div>
<table><tr><th>Territory</th><th>Rate</th></tr><tr><td>World</td><td>17.5%</td></tr></table>
<ul><li>first</li><li>second</li></ul><pre>line one
line two</pre><input value="typed"></body></html>"""


def test_page_as_seen(tmp_path: Path) -> None:
    [page] = read_bytes(tmp_path, PAGE.encode(), ".html")
    assert page.text == (
        "Offer\n\nRoyalties & terms\n\nPaid quarterly.\nNet of returns.\n\nTerritory | Rate\nWorld | 17.5%\n\n"
        "first\n\nsecond\n\nline one\nline two"
    ).replace("\\\n", "\n")
    assert [words for _, words in page.headings] == ["Offer", "Royalties & terms"]
    assert all(page.text.startswith(words, offset) for offset, words in page.headings)


def test_layout_tables_are_no_rows(tmp_path: Path) -> None:
    markup = "<table><tr><td><h1>Press kit</h1><p>First paragraph.</p><p>Second.</p></td></tr></table>"
    [page] = read_bytes(tmp_path, markup.encode(), ".html")
    assert "Press kit" in page.text
    assert " | " not in page.text


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    told = '<meta charset="windows-1252">' if encoding == "cp1252" else ""
    [page] = read_bytes(tmp_path, f"<html>{told}<p>Künstlerin “50%”</p></html>".encode(encoding), ".html")
    assert page.text == "Künstlerin “50%”"


def test_nesting_past_reason(tmp_path: Path) -> None:
    [page] = read_bytes(tmp_path, b"<div>" * 50_000 + b"deep" + b"</div>" * 50_000, ".html")
    assert page.text in ("deep", "")


def message(**headers: str) -> EmailMessage:
    mail = EmailMessage()
    for name, value in {"From": "a@example.com", "To": "b@example.com", "Subject": "Tour offer"}.items():
        mail[name] = headers.get(name, value)
    mail["Date"] = "Mon, 03 Mar 2025 10:00:00 +0000"
    mail.set_content("The fee is 1,500.\n\nTravel is paid by the promoter.".replace("\\\n", "\n"))
    return mail


def read(folder: Path, mail: EmailMessage, limits: ReadLimits | None = None) -> list[str]:
    (folder / "a.eml").write_bytes(mail.as_bytes())
    return [page.text for page in read_pages(folder / "a.eml", ".eml", limits)]


def test_mail_with_its_head(tmp_path: Path) -> None:
    [text] = read(tmp_path, message(Subject="Gage für Köln"))
    assert text == (
        "Gage für Köln\n\nFrom: a@example.com\nTo: b@example.com\nDate: Mon, 03 Mar 2025 10:00:00 +0000\n\n"
        "The fee is 1,500.\n\nTravel is paid by the promoter."
    ).replace("\\\n", "\n")


def test_web_page_instead_of_an_excuse(tmp_path: Path) -> None:
    mail = message()
    mail.set_content("See the HTML version.")
    mail.add_alternative(
        "<p>The fee is <b>1,500</b> for one night in the hall, all costs of travel included.</p>" * 3, "html"
    )
    [text] = read(tmp_path, mail)
    assert "The fee is 1,500 for one night" in text
    assert "See the HTML" not in text


def test_attachments_are_read_or_named(tmp_path: Path) -> None:
    mail = message()
    contract = make_contract_pdf(tmp_path / "deal.pdf").read_bytes()
    mail.add_attachment(contract, maintype="application", subtype="pdf", filename="deal.pdf")
    rider = make_docx(tmp_path / "r.docx", ["Still water."], headings={0: "Rider"}).read_bytes()
    mail.add_attachment(rider, maintype="application", subtype="octet-stream", filename="rider.docx")
    mail.add_attachment(b"\x00\x01", maintype="audio", subtype="mpeg", filename="demo.mp3")
    mail.add_attachment(b"not a pdf", maintype="application", subtype="pdf", filename="broken.pdf")
    inner = message(Subject="Earlier offer")
    mail.add_attachment(inner)
    pages = read(tmp_path, mail)
    assert len(pages) == 1 + 3 + 1 + 1
    assert "Attachment: deal.pdf\n".replace("\\\n", "\n") in pages[0]
    assert "demo.mp3 (not read" in pages[0]
    assert "broken.pdf (not read: This is not a PDF" in pages[0]
    assert pages[1].startswith("Attachment: deal.pdf")
    assert "Still water." in pages[4]
    assert "Earlier offer" in pages[5]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("attachment-")] == []


def test_too_many_attachments(tmp_path: Path) -> None:
    mail = message()
    for number in range(4):
        mail.add_attachment(b"x", maintype="audio", subtype="mpeg", filename=f"{number}.mp3")
    with pytest.raises(UnsupportedFile) as caught:
        read(tmp_path, mail, ReadLimits(attachments=3))
    assert caught.value.code == "too_big"


def test_mail_that_lies_about_its_letters(tmp_path: Path) -> None:
    head = b"From: a@example.com\nSubject: x\nContent-Type: text/plain; charset=no-such\n\n".replace(b"\\\n", b"\n")
    (tmp_path / "a.eml").write_bytes(head + "Künstlerin".encode("cp1252"))
    assert "Künstlerin" in read_pages(tmp_path / "a.eml", ".eml")[0].text
