"""Word documents as a reader sees them: tables, text boxes, notes, headers, footers; insertions in, deletions out.

Elements are told by their local names, so Transitional and Strict OOXML (ISO/IEC 29500) read alike.
"""

from __future__ import annotations

import importlib
import posixpath
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, ParseError

from app.errors import UnsupportedFile
from app.indexes import archives
from app.indexes.limits import ReadLimits
from app.indexes.numbering import Numbering
from app.indexes.ooxml import attribute, child, local
from app.indexes.pages import Kind, Line, Page, page_of_lines

MAIN_PART = re.compile(r"word/document\d*\.xml")  # Office 365 writes word/document2.xml at times

# What no reader sees: properties, field codes, deleted or moved-away text, the older twin of a text box.
_UNSEEN = frozenset(
    (
        *("pPr", "rPr", "tblPr", "trPr", "tcPr", "tblGrid", "sectPr", "sdtPr", "sdtEndPr"),
        *("instrText", "delInstrText", "fldData", "delText", "del", "moveFrom"),
    )
)
_CHARACTERS = {"tab": "\t", "ptab": "\t", "cr": "\n", "noBreakHyphen": "-"}
_OFF = frozenset(("0", "false", "off"))


def read_docx(path: Path, limits: ReadLimits) -> list[Page]:
    with archives.open_archive(path, limits) as archive:
        archives.check_archive(archive, limits)
        part = main_part(archive)
        assert part is not None, "sniffed before"
        try:
            pages = read_word(archive, part)
        except ParseError:
            raise UnsupportedFile(archives.DAMAGED, code="damaged") from None
        except RecursionError:  # docx2txt walks without recursion, and without regard for pages, rows and deletions
            docx2txt: Any = importlib.import_module("docx2txt")
            pages = [[Line(line) for line in docx2txt.process(str(path)).split("\n\n")]]
    return [page_of_lines(number, lines) for number, lines in enumerate(pages, 1)]


def main_part(archive: zipfile.ZipFile) -> str | None:
    """Name of the part that holds the document's text; None if this is no Word file."""
    return min((name for name in archive.namelist() if MAIN_PART.fullmatch(name)), key=len, default=None)


def read_word(archive: zipfile.ZipFile, part: str) -> list[list[Line]]:
    """The lines of each page; pages part at written breaks and where Word last broke them, else there is one.

    Raises `ElementTree.ParseError` (the main part is broken) and `RecursionError` (nested past reason).
    """
    return _Document(archive, part).read()


class _Document:
    def __init__(self, archive: zipfile.ZipFile, part: str) -> None:
        self._archive = archive
        self._root = ElementTree.fromstring(archive.read(part))
        self._relations = {
            attribute(relation, "Id"): posixpath.normpath(posixpath.join("word", attribute(relation, "Target"))).lstrip(
                "/"
            )
            for relation in self._optional(f"word/_rels/{posixpath.basename(part)}.rels")
        }
        styles = self._optional("word/styles.xml")
        self._headings = _heading_styles(styles)
        self._numbering = Numbering(self._optional("word/numbering.xml"), styles)
        self._notes = {
            name: {attribute(note, "id"): note for note in self._optional(f"word/{name}s.xml")}
            for name in ("footnote", "endnote")
        }
        old = {inner for node in self._root.iter() if local(node) == "sectPrChange" for inner in node.iter()}
        self._sections = [node for node in self._root.iter() if local(node) == "sectPr" and node not in old]
        self._pages: list[list[Line]] = []
        self._lines: list[Line] = []
        self._run: list[str] = []
        self._boxes: list[Element] = []
        self._footnotes: list[Element] = []
        self._endnotes: list[Element] = []
        self._row_breaks: list[int] | None = None  # inside a table row: where breaks fell, in characters read before

    def read(self) -> list[list[Line]]:
        headers, footers = self._edges("header"), self._edges("footer")
        self._blocks(self._root)
        self._finish_line("paragraph")
        self._close_page()
        last = self._aside(self._endnotes)
        self._pages[-1].extend(last)
        self._pages[0] = headers + self._pages[0] + footers
        return self._pages

    # Blocks

    def _blocks(self, parent: Element) -> None:
        for node in parent:
            name = local(node)
            if name == "p":
                self._paragraph(node)
            elif name == "tbl":
                self._table(node)
            elif name not in _UNSEEN:
                self._blocks(node)

    def _paragraph(self, node: Element) -> None:
        properties = child(node, "pPr")
        if _is_on(properties, "pageBreakBefore"):
            self._break(written=False)
        is_deleted = child(child(properties, "rPr"), "del") is not None
        label = "" if is_deleted else self._numbering.label(properties)
        if label:
            self._run.append(f"{label} ")
        self._inline(node)
        if not is_deleted:  # a deleted paragraph mark joins this one to the next
            self._finish_line("heading" if self._is_heading(properties) else "paragraph")
        section = child(properties, "sectPr")
        if section is not None and self._next_section_starts_page(section):
            self._break(written=False)

    def _table(self, table: Element) -> None:
        for row in _descend(table, "tr"):
            if child(child(row, "trPr"), "del") is not None:
                continue
            cells = list(_descend(row, "tc"))
            if len(cells) == 1:  # a frame drawn round ordinary text
                self._blocks(cells[0])
            else:
                self._row(cells)

    def _row(self, cells: list[Element]) -> None:
        outer, self._row_breaks = self._row_breaks, []
        texts = [" ".join(" ".join(line.text.split()) for line in self._capture([cell])) for cell in cells]
        breaks, self._row_breaks = self._row_breaks, outer
        if 0 in breaks:
            self._break(written=False)
        if any(texts):
            self._lines.append(Line(" | ".join(texts), "row"))
        if any(breaks):
            self._break(written=False)

    def _capture(self, blocks: list[Element]) -> list[Line]:
        """The lines of these blocks alone, kept out of the page."""
        lines, run, boxes = self._lines, self._run, self._boxes
        self._lines, self._run, self._boxes = [], [], []
        for block in blocks:
            self._blocks(block)
            self._finish_line("paragraph")
        captured = self._lines
        self._lines, self._run, self._boxes = lines, run, boxes
        return captured

    def _aside(self, blocks: list[Element]) -> list[Line]:
        """As `_capture`, for text that stands outside the flow of pages: its breaks do not count."""
        outer, self._row_breaks = self._row_breaks, []
        lines = self._capture(blocks)
        self._row_breaks = outer
        return lines

    # Inline

    def _inline(self, parent: Element) -> None:
        for node in parent:
            name = local(node)
            if name == "t":
                self._run.append(node.text or "")
            elif name in _CHARACTERS:
                self._run.append(_CHARACTERS[name])
            elif name == "br":
                self._line_or_page_break(node)
            elif name == "lastRenderedPageBreak":
                self._break(written=False)
            elif name == "txbxContent":
                self._boxes.append(node)
            elif name in ("footnoteReference", "endnoteReference"):
                self._note(name.removesuffix("Reference"), attribute(node, "id"))
            elif name == "AlternateContent":
                self._inline(_alternative(node))
            elif name not in _UNSEEN and not (name == "r" and _is_on(child(node, "rPr"), "vanish")):
                self._inline(node)

    def _line_or_page_break(self, node: Element) -> None:
        if attribute(node, "type") == "page":
            self._break(written=True)
        else:
            self._run.append("\n")

    def _note(self, name: str, key: str) -> None:
        note = self._notes[name].get(key)
        if note is not None:
            (self._footnotes if name == "footnote" else self._endnotes).append(note)

    def _is_heading(self, properties: Element | None) -> bool:
        style = child(properties, "pStyle")
        return style is not None and attribute(style, "val") in self._headings

    def _finish_line(self, kind: Kind) -> None:
        text = "".join(self._run)
        self._run = []
        if text.strip():
            self._lines.append(Line(text, kind))
        boxes, self._boxes = self._boxes, []
        for box in boxes:
            self._lines.extend(self._aside([box]))

    # Pages

    def _break(self, *, written: bool) -> None:
        """A break Word merely remembers, or a second way of saying the same one, makes no empty page."""
        if self._row_breaks is not None:
            self._row_breaks.append(sum(map(len, self._run)) + sum(len(line.text) for line in self._lines))
            return
        if written or self._lines or "".join(self._run).strip():
            self._finish_line("paragraph")
            self._close_page()

    def _close_page(self) -> None:
        notes, self._footnotes = self._footnotes, []
        self._pages.append(self._lines + self._aside(notes))
        self._lines = []

    def _next_section_starts_page(self, section: Element) -> bool:
        """A section's type says how it begins; absent means on the next page (ISO/IEC 29500-1 17.6.22)."""
        following = self._sections[self._sections.index(section) + 1 :]
        kind = child(following[0], "type") if following else None
        return bool(following) and (kind is None or attribute(kind, "val") in ("nextPage", "oddPage", "evenPage"))

    def _edges(self, name: Literal["header", "footer"]) -> list[Line]:
        """Headers or footers of all sections, each distinct text once."""
        references = (node for section in self._sections for node in section if local(node) == f"{name}Reference")
        parts = dict.fromkeys(self._relations.get(attribute(node, "id"), "") for node in references)
        lines = (line for part in parts for line in self._aside([self._optional(part)]))
        return list({line.text.strip(): line for line in lines}.values())

    def _optional(self, part: str) -> Element:
        """A part the document can be read without; an empty element where it is missing or broken."""
        try:
            return ElementTree.fromstring(self._archive.read(part))
        except (KeyError, ElementTree.ParseError):
            return Element("missing")


def _heading_styles(styles: Element) -> frozenset[str]:
    """Ids of the styles named Title or heading 1-9 (English names in every Word), and of those based on them."""
    names, parents = {}, {}
    for style in styles:
        if local(style) == "style":
            key = attribute(style, "styleId")
            names[key] = attribute(child(style, "name"), "val").lower()
            parents[key] = attribute(child(style, "basedOn"), "val")
    found = {key for key, name in names.items() if name == "title" or re.fullmatch(r"heading [1-9]", name)}
    for _ in range(8):  # chains of styles are short; a cycle of them ends here too
        found |= {key for key, parent in parents.items() if parent in found}
    return frozenset(found)


def _alternative(node: Element) -> Element:
    """The first choice that holds text, else the fallback: Word writes a text box twice."""
    with_text = (choice for choice in node if any(local(inner) == "t" for inner in choice.iter()))
    return next(with_text, Element("none"))


def _descend(parent: Element, name: str) -> Iterator[Element]:
    """Children of that name, also inside content controls and insertions."""
    for node in parent:
        if local(node) == name:
            yield node
        elif local(node) not in _UNSEEN:
            yield from _descend(node, name)


def _is_on(properties: Element | None, name: str) -> bool:
    node = child(properties, name)
    return node is not None and attribute(node, "val").lower() not in _OFF
