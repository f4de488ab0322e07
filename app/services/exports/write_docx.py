"""Word: real headings, lists and tables, so that whoever receives it can work on."""

from __future__ import annotations

import io
from typing import Any

from docx import Document
from docx.enum.table import WD_TABLE_ALIGNMENT
from docx.oxml import OxmlElement
from docx.oxml.ns import qn
from docx.shared import Mm, Pt, RGBColor

from app.services.exports.paper import Block, Heading, Items, Line, Paper, Paragraph, Table, day_words, plain, strong

INK, GREY, RED = RGBColor(0x16, 0x16, 0x1A), RGBColor(0x5A, 0x5C, 0x66), RGBColor(0xB3, 0x12, 0x1F)
FONT = "Calibri"
WIDTH = 170  # mm between the margins of A4
LOOKS = {"quote": "Quote", "note": "Normal", "warning": "Quote", "plain": "Normal"}
RULE = "D5D6DC"
SIZES = {"Title": 24, "Heading 1": 15, "Heading 2": 11.5, "Normal": 10.5, "List Bullet": 10.5, "List Number": 10.5}


def as_docx(paper: Paper) -> bytes:
    document = Document()
    _set_up(document, paper)
    kind = document.add_paragraph()
    _write(kind, strong(paper.kind.upper()), size=9, colour=RED)
    kind.paragraph_format.space_after = Pt(0)
    document.add_heading(paper.title, level=0)
    if paper.facts:
        _add_table(document, Table((), tuple(paper.facts), (0.24, 0.76)), first_bold=True)
        document.add_paragraph().paragraph_format.space_after = Pt(0)
    for section in paper.sections:
        document.add_heading(section.title, level=1)
        for block in section.blocks:
            _add(document, block)
    for one in paper.small_print:
        _write(document.add_paragraph(), plain(one), size=8.5, colour=GREY)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _set_up(document: Any, paper: Paper) -> None:
    """A4, our look, and nothing of the template's own in the file's properties."""
    page = document.sections[0]
    page.page_width, page.page_height = Mm(210), Mm(297)
    page.left_margin = page.right_margin = page.top_margin = page.bottom_margin = Mm(20)
    for name, size in SIZES.items():
        style = document.styles[name]
        style.font.name, style.font.size, style.font.color.rgb = FONT, Pt(size), INK
        fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
        for script in ("w:ascii", "w:hAnsi", "w:cs", "w:eastAsia"):
            fonts.set(qn(script), FONT)
        for theme in ("w:asciiTheme", "w:hAnsiTheme", "w:cstheme", "w:eastAsiaTheme"):
            fonts.attrib.pop(qn(theme), None)
    quote = document.styles["Quote"]
    quote.font.color.rgb, quote.paragraph_format.left_indent = GREY, Mm(6)
    for line in document.styles["Title"].element.iter(qn("w:pBdr")):
        line.find(qn("w:bottom")).set(qn("w:color"), str(RED))
    known = document.core_properties
    known.title, known.author, known.subject = paper.title[:255], "AI Manager", paper.kind
    known.comments = known.keywords = known.last_modified_by = ""
    known.created = known.modified = paper.made.replace(tzinfo=None)
    foot = page.footer.paragraphs[0]
    _write(foot, plain(f"AI Manager · {day_words(paper.made)} · "), size=8, colour=GREY)
    _field(foot, "PAGE")


def _add(document: Any, block: Block) -> None:
    match block:
        case Heading(text=text):
            document.add_heading(text, level=2)
        case Paragraph(line=line, look=look):
            written = document.add_paragraph(style=LOOKS[look])
            small = look == "note"
            _write(written, line, size=9 if small else None, colour=GREY if small else None)
        case Items(items=items):
            for item in items:
                written = document.add_paragraph(style=None if item.mark else "List Bullet")
                written.paragraph_format.left_indent = Mm(6 + 6 * item.depth)
                written.paragraph_format.space_after = Pt(2)
                if item.mark:
                    written.paragraph_format.first_line_indent = Mm(-6)
                _write(written, (*plain(f"{item.mark} " if item.mark else ""), *item.line))
        case Table() as table:
            _add_table(document, table)
            document.add_paragraph().paragraph_format.space_after = Pt(2)


def _add_table(document: Any, table: Table, *, first_bold: bool = False) -> None:
    columns = len(table.head) or len(table.rows[0])
    shares = table.widths or (1.0,) * columns
    made = document.add_table(rows=0, cols=columns)
    made.alignment, made.autofit = WD_TABLE_ALIGNMENT.LEFT, False
    if table.head:
        made._tbl.tblPr.append(_rules())
    for column, share in zip(made.columns, shares, strict=True):
        column.width = Mm(WIDTH * share / sum(shares))
    if table.head:
        cells = made.add_row().cells
        for cell, words in zip(cells, table.head, strict=True):
            _write(cell.paragraphs[0], strong(words), size=9, colour=GREY)
        mark = OxmlElement("w:tblHeader")  # is repeated on each page
        made.rows[0]._tr.get_or_add_trPr().append(mark)
    for row in table.rows:
        for place, (cell, words) in enumerate(zip(made.add_row().cells, row, strict=True)):
            _write(cell.paragraphs[0], strong(words) if first_bold and place == 0 else plain(words), size=9)
    for row in made.rows:
        row._tr.get_or_add_trPr().append(OxmlElement("w:cantSplit"))
        for cell, share in zip(row.cells, shares, strict=True):
            cell.width = Mm(WIDTH * share / sum(shares))
            cell.paragraphs[0].paragraph_format.space_after = Pt(2)


def _rules() -> Any:
    """A thin line below each row."""
    borders = OxmlElement("w:tblBorders")
    for side in ("bottom", "insideH"):
        line = OxmlElement(f"w:{side}")
        for name, value in (("val", "single"), ("sz", "4"), ("space", "0"), ("color", RULE)):
            line.set(qn(f"w:{name}"), value)
        borders.append(line)
    return borders


def _write(paragraph: Any, line: Line, *, size: float | None = None, colour: RGBColor | None = None) -> None:
    for span in line:
        run = paragraph.add_run(span.text)
        run.bold, run.italic = span.bold or None, span.italic or None
        if span.code:
            run.font.name = "Consolas"
        if size is not None:
            run.font.size = Pt(size)
        if colour is not None:
            run.font.color.rgb = colour


def _field(paragraph: Any, name: str) -> None:
    """A number that Word fills in."""
    run = paragraph.add_run()
    run.font.size, run.font.color.rgb = Pt(8), GREY
    for kind, text in (("begin", ""), ("", name), ("end", "")):
        if kind:
            made = OxmlElement("w:fldChar")
            made.set(qn("w:fldCharType"), kind)
        else:
            made = OxmlElement("w:instrText")
            made.text = text
        run._r.append(made)
