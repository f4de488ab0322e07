"""Word documents as a reader sees them: tables, text boxes, notes, headers, footers; insertions in, deletions out.

Elements are told by their local names, so Transitional and Strict OOXML (ISO/IEC 29500) read alike.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

Kind = Literal["paragraph", "heading", "row"]
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


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph, a heading or a table row, before normalising."""

    text: str
    kind: Kind = "paragraph"


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
            _attribute(relation, "Id"): posixpath.normpath(
                posixpath.join("word", _attribute(relation, "Target"))
            ).lstrip("/")
            for relation in self._optional(f"word/_rels/{posixpath.basename(part)}.rels")
        }
        self._headings = _heading_styles(self._optional("word/styles.xml"))
        self._notes = {
            name: {_attribute(note, "id"): note for note in self._optional(f"word/{name}s.xml")}
            for name in ("footnote", "endnote")
        }
        old = {inner for node in self._root.iter() if _local(node) == "sectPrChange" for inner in node.iter()}
        self._sections = [node for node in self._root.iter() if _local(node) == "sectPr" and node not in old]
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
            name = _local(node)
            if name == "p":
                self._paragraph(node)
            elif name == "tbl":
                self._table(node)
            elif name not in _UNSEEN:
                self._blocks(node)

    def _paragraph(self, node: Element) -> None:
        properties = _child(node, "pPr")
        if _is_on(properties, "pageBreakBefore"):
            self._break(written=False)
        self._inline(node)
        if _child(_child(properties, "rPr"), "del") is None:  # a deleted paragraph mark joins this one to the next
            self._finish_line("heading" if self._is_heading(properties) else "paragraph")
        section = _child(properties, "sectPr")
        if section is not None and self._next_section_starts_page(section):
            self._break(written=False)

    def _table(self, table: Element) -> None:
        for row in _descend(table, "tr"):
            if _child(_child(row, "trPr"), "del") is not None:
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
            name = _local(node)
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
                self._note(name.removesuffix("Reference"), _attribute(node, "id"))
            elif name == "AlternateContent":
                self._inline(_alternative(node))
            elif name not in _UNSEEN and not (name == "r" and _is_on(_child(node, "rPr"), "vanish")):
                self._inline(node)

    def _line_or_page_break(self, node: Element) -> None:
        if _attribute(node, "type") == "page":
            self._break(written=True)
        else:
            self._run.append("\n")

    def _note(self, name: str, key: str) -> None:
        note = self._notes[name].get(key)
        if note is not None:
            (self._footnotes if name == "footnote" else self._endnotes).append(note)

    def _is_heading(self, properties: Element | None) -> bool:
        style = _child(properties, "pStyle")
        return style is not None and _attribute(style, "val") in self._headings

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
        kind = _child(following[0], "type") if following else None
        return bool(following) and (kind is None or _attribute(kind, "val") in ("nextPage", "oddPage", "evenPage"))

    def _edges(self, name: Literal["header", "footer"]) -> list[Line]:
        """Headers or footers of all sections, each distinct text once."""
        references = (node for section in self._sections for node in section if _local(node) == f"{name}Reference")
        parts = dict.fromkeys(self._relations.get(_attribute(node, "id"), "") for node in references)
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
        if _local(style) == "style":
            key = _attribute(style, "styleId")
            names[key] = _attribute(_child(style, "name"), "val").lower()
            parents[key] = _attribute(_child(style, "basedOn"), "val")
    found = {key for key, name in names.items() if name == "title" or re.fullmatch(r"heading [1-9]", name)}
    for _ in range(8):  # chains of styles are short; a cycle of them ends here too
        found |= {key for key, parent in parents.items() if parent in found}
    return frozenset(found)


def _alternative(node: Element) -> Element:
    """The first choice that holds text, else the fallback: Word writes a text box twice."""
    with_text = (choice for choice in node if any(_local(inner) == "t" for inner in choice.iter()))
    return next(with_text, Element("none"))


def _descend(parent: Element, name: str) -> Iterator[Element]:
    """Children of that name, also inside content controls and insertions."""
    for node in parent:
        if _local(node) == name:
            yield node
        elif _local(node) not in _UNSEEN:
            yield from _descend(node, name)


def _local(node: Element) -> str:
    return node.tag.rpartition("}")[2]


def _child(node: Element | None, name: str) -> Element | None:
    return next((child for child in node if _local(child) == name), None) if node is not None else None


def _attribute(node: Element | None, name: str) -> str:
    if node is None:
        return ""
    return next((value for key, value in node.attrib.items() if key.rpartition("}")[2] == name), "")


def _is_on(properties: Element | None, name: str) -> bool:
    node = _child(properties, name)
    return node is not None and _attribute(node, "val").lower() not in _OFF
