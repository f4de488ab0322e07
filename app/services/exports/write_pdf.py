"""PDF: A4, black on white with one red line, page numbers, text that can be searched and copied."""

from __future__ import annotations

import io
from typing import Any
from xml.sax.saxutils import escape

from reportlab.lib import colors
from reportlab.lib.enums import TA_LEFT
from reportlab.lib.pagesizes import A4
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.units import mm
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import (
    CondPageBreak,
    Flowable,
    HRFlowable,
    LongTable,
    SimpleDocTemplate,
    Spacer,
    TableStyle,
)
from reportlab.platypus import Paragraph as Flowing

from app.services.exports.fonts import MONO, SANS, runs
from app.services.exports.paper import Block, Heading, Items, Line, Paper, Paragraph, Span, Table, day_words, plain

MARGIN, FOOT = 20 * mm, 18 * mm
PADDING = 6  # of reportlab's frames
WIDTH = A4[0] - 2 * MARGIN - 2 * PADDING
INK, GREY, RED, PALE, RULE = (colors.HexColor(one) for one in ("#16161a", "#5a5c66", "#b3121f", "#f4f4f6", "#d5d6dc"))
ROOM = 32 * mm  # below a heading: else it begins a page, with what it heads
LONGEST_CELL = 1500  # characters: a row of a table cannot be broken over pages by more than one


def _style(name: str, size: float, **more: Any) -> ParagraphStyle:
    given: dict[str, Any] = {"leading": size * 1.42, "textColor": INK, "alignment": TA_LEFT, **more}
    return ParagraphStyle(name, fontName=given.pop("font", SANS), fontSize=size, splitLongWords=1, **given)


KIND = _style("kind", 8.5, textColor=RED, font="Sans-Bold", spaceAfter=2)
TITLE = _style("title", 20, font="Sans-Bold", leading=25, spaceAfter=4)
SECTION = _style("section", 13, font="Sans-Bold", spaceBefore=14, spaceAfter=5)
HEADING = _style("heading", 10.5, font="Sans-Bold", spaceBefore=7, spaceAfter=2)
BODY = _style("body", 9.8, spaceAfter=5)
QUOTE = _style("quote", 9.5, leftIndent=10, borderPadding=(1, 0, 1, 8), textColor=GREY, spaceAfter=6)
NOTE = _style("note", 8.5, textColor=GREY, spaceAfter=4)
WARNING = _style("warning", 9.5, backColor=colors.HexColor("#fdf1f1"), borderPadding=5, spaceBefore=4, spaceAfter=9)
CELL = _style("cell", 8.4)
HEAD = _style("head", 8.2, font="Sans-Bold", textColor=GREY)
LOOKS = {"plain": BODY, "quote": QUOTE, "note": NOTE, "warning": WARNING}


def as_pdf(paper: Paper) -> bytes:
    next(runs(paper.title or " "))  # the fonts are there before a style is used
    out = io.BytesIO()
    document = SimpleDocTemplate(
        out, pagesize=A4, leftMargin=MARGIN, rightMargin=MARGIN, topMargin=MARGIN, bottomMargin=FOOT + 4 * mm,
        title=paper.title, author="AI Manager", creator="AI Manager", subject=paper.kind, lang="en",
    )  # fmt: skip
    foot = f"AI Manager · {day_words(paper.made)}"

    def canvas(*given: Any, **more: Any) -> _Numbered:
        return _Numbered(*given, foot=foot, **more)

    document.build(_story(paper), canvasmaker=canvas)
    return out.getvalue()


class _Numbered(Canvas):  # type: ignore[misc]
    """Writes "2 of 5" below each page, which is known when the last one is there."""

    def __init__(self, *given: Any, foot: str, **more: Any) -> None:
        super().__init__(*given, **more)
        self._foot, self._pages = foot, list[dict[str, Any]]()

    def showPage(self) -> None:  # reportlab's name
        self._pages.append(dict(self.__dict__))
        self._startPage()

    def save(self) -> None:
        for number, page in enumerate(self._pages, 1):
            self.__dict__.update(page)
            self.setFont(SANS, 7.5)
            self.setFillColor(GREY)
            self.drawString(MARGIN + PADDING, FOOT - 6 * mm, self._foot)
            self.drawRightString(A4[0] - MARGIN - PADDING, FOOT - 6 * mm, f"{number} of {len(self._pages)}")
            super().showPage()
        super().save()


def _story(paper: Paper) -> list[Flowable]:
    story: list[Flowable] = [
        Flowing(_marked(paper.kind.upper()), KIND), Flowing(_marked(paper.title), TITLE),
        HRFlowable(width="100%", thickness=1.6, color=RED, spaceBefore=3, spaceAfter=8),
    ]  # fmt: skip
    if paper.facts:
        rows = [[Flowing(_marked(name), HEAD), Flowing(_marked(value), CELL)] for name, value in paper.facts]
        given = LongTable(rows, colWidths=[WIDTH * 0.22, WIDTH * 0.78])
        given.setStyle(TableStyle([("VALIGN", (0, 0), (-1, -1), "TOP"), ("LEFTPADDING", (0, 0), (0, -1), 0)]))
        story += [given, Spacer(1, 4)]
    for section in paper.sections:
        inner = [flowable for block in section.blocks for flowable in _flowables(block)]
        story += [CondPageBreak(ROOM), Flowing(_marked(section.title), SECTION), *inner]
    if paper.small_print:
        story += [Spacer(1, 8), HRFlowable(width="100%", thickness=0.5, color=RULE, spaceAfter=5)]
        story += [Flowing(_marked(one), NOTE) for one in paper.small_print]
    return story


def _flowables(block: Block) -> list[Flowable]:
    match block:
        case Heading(text=text):
            return [CondPageBreak(ROOM / 2), Flowing(_marked(text), HEADING)]
        case Paragraph(line=line, look=look):
            return [Flowing(_line(line), LOOKS[look])]
        case Items(items=items):
            return [*(_item(_line(one.line), one.mark, one.depth) for one in items), Spacer(1, 4)]
        case Table() as table:
            return [_table(table), Spacer(1, 6)]


def _item(markup: str, mark: str, depth: int) -> Flowing:
    indent = 14 + 13 * depth + max(0, len(mark) - 2) * 5
    style = ParagraphStyle("item", BODY, leftIndent=indent, bulletIndent=3 + 13 * depth, spaceAfter=2.5)
    return Flowing(markup, style, bulletText=mark or "•")


def _table(table: Table) -> LongTable:
    shares = table.widths or (1.0,) * len(table.head)
    widths = [WIDTH * share / sum(shares) for share in shares]
    rows = [[Flowing(_marked(cell), HEAD) for cell in table.head]]
    rows += [[Flowing(_marked(_cut(cell)), CELL) for cell in row] for row in table.rows]
    made = LongTable(rows, colWidths=widths, repeatRows=1, splitInRow=1)
    made.setStyle(
        TableStyle(
            [
                ("VALIGN", (0, 0), (-1, -1), "TOP"), ("BACKGROUND", (0, 0), (-1, 0), PALE),
                ("LINEBELOW", (0, 0), (-1, -1), 0.5, RULE), ("LEFTPADDING", (0, 0), (-1, -1), 4),
                ("RIGHTPADDING", (0, 0), (-1, -1), 4), ("TOPPADDING", (0, 0), (-1, -1), 3),
                ("BOTTOMPADDING", (0, 0), (-1, -1), 4),
            ]
        )
    )  # fmt: skip
    return made


def _cut(cell: str) -> str:
    return cell if len(cell) <= LONGEST_CELL else f"{cell[:LONGEST_CELL].rstrip()}…"


def _line(line: Line) -> str:
    return "".join(map(_span, line))


def _marked(text: str) -> str:
    return _line(plain(text))


def _span(span: Span) -> str:
    if span.code and span.text.isascii():
        return f'<font name="{MONO}">{escape(span.text).replace(" ", "&nbsp;")}</font>'
    pieces = (
        f'<font name="{run.font}">{escape(run.text)}</font>' if run.font else escape(run.text)
        for run in runs(span.text)
    )
    inner = "".join(pieces).replace("\n", "<br/>")
    inner = f"<b>{inner}</b>" if span.bold else inner
    return f"<i>{inner}</i>" if span.italic else inner
