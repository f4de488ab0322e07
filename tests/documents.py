"""Makers of small real documents for every test that needs one, and the path of the shared test material."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from docx import Document
from reportlab.lib.utils import simpleSplit  # type: ignore[import-untyped, unused-ignore]
from reportlab.pdfgen.canvas import Canvas  # type: ignore[import-untyped, unused-ignore]

from app.errors import UnsupportedFile
from app.indexes.readers import Page, read_pages

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"

needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason=f"the shared test material is not at {SHARED}")

_FONT, _SIZE, _WIDTH, _LEADING = "Helvetica", 11, 450, 14  # points; an A4 page then takes about 50 lines

CONTRACT = (
    """ARTIST MANAGEMENT AGREEMENT
This agreement is made on 3 March 2025 between the singer professionally known as Night Ferry (the "Artist"), \
and Harbour Lane Management Ltd of 14 Quay Street, Bristol (the "Manager").
1. Engagement
The Artist engages the Manager as her sole and exclusive personal manager in the music industry throughout the \
world. The Manager accepts the engagement and will use reasonable endeavours to advance the Artist's career.
2. Duties of the Manager
The Manager will advise the Artist on recording, publishing, live performance, merchandise and sponsorship, will \
negotiate agreements on her behalf, and will keep her informed of every offer received. The Manager may not sign \
any agreement for the Artist without her prior written consent.""",
    """3. Term
The term of this agreement is two (2) years from the date above. The Artist may extend it once by twelve (12) \
months by written notice given not later than sixty (60) days before its end.
4. Commission
The Artist will pay the Manager a commission of seventeen and a half percent (17.5%) of gross income from \
recording and publishing, and fifteen percent (15%) of net income from live performance after the costs of \
production, travel and agents. No commission is due on recording costs, video costs, tour support or money paid \
through to producers.
5. Sunset
After the end of the term the commission continues on agreements made during it: in full for two (2) years, at \
half the rate for the two (2) years after that, and then not at all.""",
    """6. Accounts
The Manager will account to the Artist within thirty (30) days of the end of each calendar quarter. The Artist \
may inspect the Manager's books once in every year on fourteen (14) days' notice.
7. Termination
Either party may end this agreement by written notice if the other commits a material breach and does not cure \
it within thirty (30) days, or becomes insolvent.
8. Governing law
This agreement is governed by the laws of England and Wales, and the courts of England have exclusive \
jurisdiction over every dispute arising from it.
Signed by the Artist and by the Manager on the date first written above.""",
)


def make_pdf(path: Path, pages: Sequence[str]) -> Path:
    """A PDF with these pages, long lines wrapped; a blank text makes a blank page."""
    canvas = Canvas(str(path), invariant=1, pageCompression=0)
    for text in pages:
        writer = canvas.beginText(72, 770)
        writer.setFont(_FONT, _SIZE, _LEADING)
        for paragraph in text.split("\n"):
            for line in simpleSplit(paragraph, _FONT, _SIZE, _WIDTH) or [""]:
                writer.textLine(line)
        canvas.drawText(writer)
        canvas.showPage()
    canvas.save()
    return path


def make_contract_pdf(path: Path) -> Path:
    """Our own music management contract of three pages: the term is on page 2, the governing law on page 3."""
    return make_pdf(path, CONTRACT)


def make_docx(
    path: Path,
    paragraphs: Sequence[str] = (),
    headings: Mapping[int, str] | None = None,
    tables: Sequence[Sequence[Sequence[str]]] = (),
) -> Path:
    """A Word file: the paragraphs, `headings[i]` above paragraph i, then the tables as rows of cells."""
    document = Document()
    for index, paragraph in enumerate(paragraphs):
        if headings and index in headings:
            document.add_heading(headings[index], level=1)
        document.add_paragraph(paragraph)
    for rows in tables:
        table = document.add_table(rows=len(rows), cols=max(len(row) for row in rows))
        for row, texts in zip(table.rows, rows, strict=True):
            for cell, text in zip(row.cells, texts, strict=False):
                cell.text = text
    document.save(str(path))
    return path


def read_bytes(folder: Path, data: bytes, suffix: str) -> list[Page]:
    """What the readers make of these bytes."""
    path = folder / f"upload{suffix}"
    path.write_bytes(data)
    return read_pages(path, suffix)


def refusal(path: Path, suffix: str) -> tuple[str, str]:
    """Code and sentence with which the readers refuse this file."""
    with pytest.raises(UnsupportedFile) as caught:
        read_pages(path, suffix)
    return caught.value.code, caught.value.sentence
