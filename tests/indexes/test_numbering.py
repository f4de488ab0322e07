"""The numbers Word counts by itself: a clause is cited by one."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest
from docx import Document
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from app.indexes.numbering import Numbering, _written
from app.indexes.readers import read_pages

LEVELS = (
    ("decimal", "%1.", ""), ("decimal", "%1.%2", ""), ("lowerLetter", "(%3)", ""), ("upperRoman", "%4/%1", "<w:isLgl/>"),
)  # fmt: skip


def definition() -> str:
    levels = "".join(
        f'<w:lvl w:ilvl="{at}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>{more}<w:lvlText w:val="{text}"/></w:lvl>'
        for at, (form, text, more) in enumerate(LEVELS)
    )
    bullet = '<w:lvl w:ilvl="0"><w:numFmt w:val="bullet"/><w:lvlText w:val="•"/></w:lvl>'
    restart = '<w:lvlOverride w:ilvl="0"><w:startOverride w:val="7"/></w:lvlOverride>'
    return (
        f'<w:numbering {nsdecls("w")}><w:abstractNum w:abstractNumId="90">{levels}</w:abstractNum>'
        f'<w:abstractNum w:abstractNumId="91">{bullet}</w:abstractNum>'
        '<w:num w:numId="90"><w:abstractNumId w:val="90"/></w:num><w:num w:numId="91"><w:abstractNumId w:val="91"/></w:num>'
        f'<w:num w:numId="92"><w:abstractNumId w:val="90"/>{restart}</w:num></w:numbering>'
    )


def properties(number: str, level: int) -> ElementTree.Element:
    return ElementTree.fromstring(
        f'<w:pPr {nsdecls("w")}><w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{number}"/></w:numPr></w:pPr>'
    )


@pytest.fixture
def numbering() -> Numbering:
    return Numbering(ElementTree.fromstring(definition()), ElementTree.fromstring("<styles/>"))


def test_levels_count_and_begin_anew(numbering: Numbering) -> None:
    labels = [numbering.label(properties("90", level)) for level in (0, 1, 1, 2, 2, 3, 0, 1, 2)]
    assert labels == ["1.", "1.1", "1.2", "(a)", "(b)", "1/1", "2.", "2.1", "(a)"]


def test_a_list_that_restarts_shares_the_count_of_its_definition(numbering: Numbering) -> None:
    labels = [numbering.label(properties(number, 0)) for number in ("90", "90", "92", "92", "90")]
    assert labels == ["1.", "2.", "7.", "8.", "9."]


def test_bullets_and_paragraphs_without_a_list(numbering: Numbering) -> None:
    assert numbering.label(properties("91", 0)) == ""
    assert numbering.label(properties("0", 0)) == ""
    assert numbering.label(None) == ""


@pytest.mark.parametrize(
    ("number", "form", "written"),
    [(27, "lowerLetter", "aa"), (3, "upperLetter", "C"), (1994, "upperRoman", "MCMXCIV"), (4, "lowerRoman", "iv"),
     (9000, "lowerRoman", "9000"), (7, "decimalZero", "07"), (22, "ordinal", "22nd"), (11, "ordinal", "11th"),
     (0, "upperLetter", "0"), (5, "chineseCounting", "5")],
)  # fmt: skip
def test_forms(number: int, form: str, written: str) -> None:
    assert _written(number, form) == written


def test_clauses_of_a_document(tmp_path: Path) -> None:
    """Numbers from a style, tracked deletions not counted."""
    document = Document()
    part = document.part.numbering_part._element
    for node in parse_xml(definition()):
        part.append(node)
    for style, level in (("Heading 1", 0), ("Heading 2", 1)):
        pr = document.styles[style].element.get_or_add_pPr()
        pr.append(parse_xml(f'<w:numPr {nsdecls("w")}><w:ilvl w:val="{level}"/><w:numId w:val="90"/></w:numPr>'))
    document.add_heading("Term", 1)
    document.add_heading("Options", 2)
    gone = document.add_heading("", 2)
    gone._p.get_or_add_pPr().append(parse_xml(f'<w:rPr {nsdecls("w")}><w:del w:id="1" w:author="a"/></w:rPr>'))
    document.add_heading("Royalties", 1)
    document.add_heading("Rate", 2)
    document.save(str(tmp_path / "deal.docx"))
    [page] = read_pages(tmp_path / "deal.docx", ".docx")
    assert page.text.split("\n\n") == ["1. Term", "1.1 Options", "2. Royalties", "2.1 Rate"]
    assert [words for _, words in page.headings] == ["1. Term", "1.1 Options", "2. Royalties", "2.1 Rate"]
