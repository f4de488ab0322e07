"""PDF files, made on the spot and shared: text of pages, forms, passwords, and pypdf where pdfium fails."""

from __future__ import annotations

import re
from pathlib import Path

import pypdf
import pytest
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped, unused-ignore]

from app.indexes.readers import read_pages
from tests.documents import CONTRACT, SHARED, make_contract_pdf, make_pdf, needs_shared, read_bytes, refusal


def test_contract_has_its_pages(tmp_path: Path) -> None:
    pages = read_pages(make_contract_pdf(tmp_path / "contract.pdf"), ".pdf")
    assert [page.number for page in pages] == [1, 2, 3]
    assert [page.text.split() for page in pages] == [text.split() for text in CONTRACT]
    assert "laws of England and Wales" in pages[2].text
    assert "\r" not in "".join(page.text for page in pages)


def test_blank_page_keeps_its_number(tmp_path: Path) -> None:
    pages = read_pages(make_pdf(tmp_path / "gap.pdf", ["one", "", "three"]), ".pdf")
    assert [(page.number, page.text) for page in pages] == [(1, "one"), (2, ""), (3, "three")]


def test_filled_in_form_fields_are_read(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "form.pdf"))
    canvas.drawString(72, 700, "Split sheet")
    canvas.acroForm.textfield(name="writer", value="first writer 60%", x=72, y=650, width=200, height=20)
    canvas.save()
    [page] = read_pages(tmp_path / "form.pdf", ".pdf")
    assert page.text.split("\n") == ["Split sheet", "first writer 60%"]


def test_pypdf_reads_what_pdfium_cannot_open(tmp_path: Path) -> None:
    data = make_pdf(tmp_path / "good.pdf", ["royalties", "quarterly"]).read_bytes()
    pages = read_bytes(tmp_path, data.replace(b"/Info", b"/I%fo"), ".pdf")
    assert [page.text for page in pages] == ["royalties", "quarterly"]


def test_pypdf_reads_a_page_silent_to_pdfium(tmp_path: Path) -> None:
    data = make_pdf(tmp_path / "good.pdf", ["royalties", "quarterly"]).read_bytes()
    head, begin_text, tail = data.rpartition(b"\nBT ")
    pages = read_bytes(tmp_path, head + begin_text.replace(b"BT", b"kT") + tail, ".pdf")
    assert [page.text for page in pages] == ["royalties", "quarterly"]


def test_pages_keep_their_numbers_when_the_two_count_differently(tmp_path: Path) -> None:
    data = make_pdf(tmp_path / "good.pdf", ["royalties", "quarterly"]).read_bytes()
    pages = read_bytes(tmp_path, data.replace(b"/Type /Page\n", b"/Type /Pagx\n", 1), ".pdf")
    assert [(page.number, page.text) for page in pages] == [(1, ""), (2, "quarterly")]


def test_words_broken_at_line_ends_are_mended_as_the_document_writes_them(tmp_path: Path) -> None:
    justified = (
        "royalties and accounting\nnon-exclusive rights, roy-\nalties, ac-\ncounting, non-\nexclusive, ar-\nranged"
    )
    [page] = read_pages(make_pdf(tmp_path / "a.pdf", [justified]), ".pdf")
    words_read = re.findall(r"\w+-?\w+", page.text)[4:]
    assert words_read == ["rights", "royalties", "accounting", "non-exclusive", "arranged"]
    contract = "a non-exclusive licence\nof a non-\nexclusive and co-\nbranded kind"
    [page] = read_pages(make_pdf(tmp_path / "b.pdf", [contract]), ".pdf")
    assert page.text.count("non-exclusive") == 2
    assert "co-branded" in page.text


def test_text_off_the_page_is_not_read(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "off.pdf"), pagesize=(300, 300))
    canvas.drawString(2000, 2000, "nobody sees this")
    canvas.save()
    assert refusal(tmp_path / "off.pdf", ".pdf")[0] == "no_text"


@pytest.mark.parametrize("owner_only", [False, True])
def test_password(tmp_path: Path, owner_only: bool) -> None:
    writer = pypdf.PdfWriter(clone_from=make_pdf(tmp_path / "plain.pdf", ["secret terms"]))
    writer.encrypt("" if owner_only else "open sesame", "owner", algorithm="AES-256")
    writer.write(tmp_path / "locked.pdf")
    if owner_only:
        assert read_pages(tmp_path / "locked.pdf", ".pdf")[0].text == "secret terms"
    else:
        sentence = "This PDF needs a password; save a copy without one and upload that."
        assert refusal(tmp_path / "locked.pdf", ".pdf") == ("needs_password", sentence)


def test_foreign_encryption_counts_as_a_password(tmp_path: Path) -> None:
    data = make_pdf(tmp_path / "plain.pdf", ["secret terms"]).read_bytes()
    (tmp_path / "drm.pdf").write_bytes(data.replace(b"trailer\n<<", b"trailer\n<< /Encrypt << /Filter /Drm /V 9 >>"))
    assert refusal(tmp_path / "drm.pdf", ".pdf")[0] == "needs_password"


def test_blank_pages_only(tmp_path: Path) -> None:
    code, sentence = refusal(make_pdf(tmp_path / "blank.pdf", ["", ""]), ".pdf")
    assert code == "no_text"
    assert sentence.startswith("No text was found on the pages")


def test_truncated(tmp_path: Path) -> None:
    data = make_pdf(tmp_path / "whole.pdf", ["royalties"]).read_bytes()
    (tmp_path / "half.pdf").write_bytes(data[: len(data) // 3])
    assert refusal(tmp_path / "half.pdf", ".pdf")[0] == "damaged"


@needs_shared
def test_contracts_have_text_on_every_page() -> None:
    contracts = sorted((SHARED / "contracts" / "pdf").glob("*.pdf"))
    assert len(contracts) == 20
    for path in contracts:
        assert all(page.text.strip() for page in read_pages(path, ".pdf")), path.name


def test_headings_by_size_weight_and_number(tmp_path: Path) -> None:
    canvas = Canvas(str(tmp_path / "a.pdf"))
    lines = [
        ("Helvetica", 20, "Management terms"),
        *[("Helvetica", 11, f"The running text goes on in line {n}, as text does.") for n in range(6)],
        ("Helvetica-Bold", 11, "What is paid"),
        *[("Helvetica", 11, f"More of the running text stands in line {n} here.") for n in range(6)],
        ("Helvetica", 11, "7.2 Sunset Period"),
        ("Helvetica", 11, "7.3 the parties agree that nothing else is due"),
        ("Helvetica", 11, "ARTICLE IV"),
        ("Helvetica", 11, "4. Accounts ................ 12"),
    ]
    for number, (font, size, text) in enumerate(lines):
        canvas.setFont(font, size)
        canvas.drawString(72, 780 - number * 24, text)
    canvas.save()
    [page] = read_pages(tmp_path / "a.pdf", ".pdf")
    assert [words for _, words in page.headings] == [
        "Management terms",
        "What is paid",
        "7.2 Sunset Period",
        "ARTICLE IV",
    ]
    assert all(page.text.startswith(words, offset) for offset, words in page.headings)


def test_running_headers_are_no_headings(tmp_path: Path) -> None:
    pages = ["ARTICLE IX\n" + "The running text of an agreement that nobody reads.\n" * 9] * 3
    assert not any(page.headings for page in read_pages(make_pdf(tmp_path / "a.pdf", pages), ".pdf"))
    pages[1] = pages[1].replace("ARTICLE IX", "ARTICLE X")
    assert [len(page.headings) for page in read_pages(make_pdf(tmp_path / "b.pdf", pages), ".pdf")] == [1, 1, 1]
