"""What stands on a paper, in every format: nothing lost, nothing run, every file opened by a reader of its kind."""

from __future__ import annotations

import csv
import io
import re
from datetime import date

import pypdfium2
import pytest
from docx import Document
from icalendar import Calendar

from app.errors import AppError
from app.services.csv_lines import defused
from app.services.exports.clause_paper import NO_CONTRACT, NOT_READ, Contract, clause_paper
from app.services.exports.formats import FORMATS, Exported, FormatName, write
from app.services.exports.paper import Items, Paper, Paragraph, Section, Table, plain
from app.services.exports.plan_paper import plan_paper
from app.services.exports.prose import blocks_of, spans_of
from app.services.exports.talk_papers import answer_paper, conversation_paper
from app.services.insight.questions import questions_of
from app.services.shapes import ConversationPublic
from tests.services.exports.papers import AT, NAMES, answer, clauses, every_text, plan, question

CONTRACT = Contract("Management agreement", "signed", 12, "2026-01-01", clauses(), questions_of(clauses()))
CONVERSATION = ConversationPublic(id="17", title="Management deal", artist_id=None, created=AT, updated=AT)
PAPERS: dict[str, Paper] = {
    "answer": answer_paper(question(), answer()),
    "conversation": conversation_paper(CONVERSATION, [question(), answer()]),
    "plan": plan_paper(plan()),
    "clauses": clause_paper(
        [CONTRACT, Contract("Other deal", "draft", 1, "", None), Contract("Lyrics", "none", 1, "", [])]
    ),
}
READABLE: tuple[FormatName, ...] = ("md", "docx", "pdf")
# Words that must stand in every readable format of each.
SAID = {
    "answer": ["What does my manager take", "17 percent", "Ask for a cap.", "Commission", "[P1]", "page 3", "plain = text",
               "seventeen percent", "15 to 20 percent is usual.", "Not legal advice"],
    "conversation": ["Management deal", "What does my manager take", "17 percent", "seventeen percent"],
    "plan": ["Release of a single", "16 April 2027", "1 of 3 steps done", "Deliver to the distributor", "sixty (60) days",
             "Label deal, page 4", "Which distributor?", "Four weeks at least.", "1200.00 EUR", "40 %", "only do Tuesdays",
             "42 days before the target date", "9 March 2027"],
    "clauses": ["Management agreement", "The term is three (3) years.", "Audit right", "no clause was found", "not been examined",
                "Not legal advice"],
}  # fmt: skip


def readable(file: Exported) -> str:
    """The words as a reader of the format shows them, on one line."""
    suffix = file.name.rpartition(".")[2]
    if suffix == "pdf":
        with pypdfium2.PdfDocument(file.data) as opened:
            words = " ".join(page.get_textpage().get_text_bounded() for page in opened)
    elif suffix == "docx":
        opened = Document(io.BytesIO(file.data))
        cells = [cell.text for table in opened.tables for row in table.rows for cell in row.cells]
        words = " ".join([*(one.text for one in opened.paragraphs), *cells])
    else:
        words = re.sub(r"\\([\\`*_<>|~\]])|\*+", r"\1", file.data.decode())
    return " ".join(words.replace("\ufffe", "-").split())


def rows(file: Exported) -> list[list[str]]:
    return list(csv.reader(io.StringIO(file.data.decode("utf-8-sig"), newline="")))


@pytest.mark.parametrize("wanted", READABLE)
@pytest.mark.parametrize("name", PAPERS)
def test_every_word_is_in_every_readable_format(name: str, wanted: FormatName) -> None:
    words = readable(write(PAPERS[name], wanted))
    for one in SAID[name]:
        assert one in words, one


def test_names_of_other_scripts_are_drawn() -> None:
    words = readable(write(PAPERS["answer"], "pdf"))
    for name in NAMES.split(", "):
        assert name in words or name[::-1] in words, name
    assert "□" not in words


def test_a_pdf_has_an_outline_of_ours_and_no_name_of_anybody() -> None:
    with pypdfium2.PdfDocument(write(PAPERS["plan"], "pdf").data) as opened:
        known = opened.get_metadata_dict(skip_empty=True)
        assert len(opened) == 2
    assert (known["Author"], known["Title"], known["Creator"]) == ("AI Manager", "Release of a single", "AI Manager")
    document = Document(io.BytesIO(write(PAPERS["plan"], "docx").data))
    properties = document.core_properties
    assert (properties.author, properties.last_modified_by, properties.comments) == ("AI Manager", "", "")


def test_a_word_file_has_headings_lists_and_tables() -> None:
    document = Document(io.BytesIO(write(PAPERS["answer"], "docx").data))
    styles = {one.style.name for one in document.paragraphs if one.style is not None}
    assert {"Title", "Heading 1", "Heading 2", "List Bullet"} <= styles
    assert [[cell.text for cell in row.cells] for row in document.tables[-1].rows][:2] == [
        ["Point", "Yours", "Usual"], ["Commission", "17 %", "15-20 % [G1]"],
    ]  # fmt: skip


def test_signs_that_no_file_can_hold_are_left_out() -> None:
    paper = Paper("Answer", "A\x00B\x0b\ud800", sections=(Section("S\x1f", (Paragraph(plain("C\ufffe\x08D")),)),))
    for wanted in READABLE:
        assert "CD" in readable(write(paper, wanted))


@pytest.mark.parametrize("wanted", READABLE)
def test_long_things_fit(wanted: FormatName) -> None:
    """A word without an end, a cell longer than a page, a thousand rows."""
    long = (
        Paragraph(plain("x" * 3000)),
        Table(("One", "Two"), (("word " * 4000, "y" * 2000), *((str(n), "z") for n in range(400)))),
    )
    words = readable(write(Paper("Answer", "t" * 300, sections=(Section("Long", long),)), wanted))
    assert "399 z" in words.replace("|", "").replace("  ", " ")


# Spreadsheets


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", "\n+1"])
def test_a_cell_that_a_spreadsheet_would_run_is_defused(cell: str) -> None:
    assert defused(cell) == f"'{cell}"


def test_no_cell_of_any_export_begins_with_a_formula() -> None:
    bad = "=HYPERLINK(1)"
    papers = [
        answer_paper(question(bad), answer(bad)), clause_paper([Contract(bad, "none", 1, "", clauses())]),
        plan_paper(plan(title=bad, steps=[{**plan()["steps"][2], "owner": "+1", "reason": "@x"}])),
    ]  # fmt: skip
    for paper in papers:
        cells = [cell for row in rows(write(paper, "csv")) for cell in row]
        assert any(bad in cell for cell in cells) or paper is papers[2]
        assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@")]
    assert [row[2] for row in rows(write(PAPERS["plan"], "csv"))][3] == "'=Pitch"


def test_a_spreadsheet_has_a_row_for_each_thing() -> None:
    head, *steps = rows(write(PAPERS["plan"], "csv"))
    assert head[:4] == ["No", "Due", "Step", "Owner"]
    assert [row[0] for row in steps] == ["1", "2", "3", "4"]
    assert steps[1][6:] == ["1", "It takes time.", "Which distributor?", "Planning a release, Delivery, page 1",
                            "The studio can only do Tuesdays."]  # fmt: skip
    assert [row[1] for row in rows(write(PAPERS["conversation"], "csv"))] == ["Who", "You", "AI Manager"]
    assert [row[1:4] for row in rows(write(PAPERS["clauses"], "csv"))][1:] == [
        ["Term", "Found", "2"], ["Audit right", "Not found", ""], ["", "Not examined yet", ""], ["", "No contract", ""],
    ]  # fmt: skip


# Calendars


def events(file: Exported) -> list[tuple[str, date]]:
    """Read strictly: whatever icalendar notes as an error fails, as does what RFC 5545 asks for and is not there."""
    calendar = Calendar.from_ical(file.data)
    assert isinstance(calendar, Calendar)
    assert calendar["VERSION"] == "2.0"
    assert calendar["PRODID"]
    found = calendar.walk("VEVENT")
    assert all(not one.errors for one in [calendar, *found])
    assert all({"UID", "DTSTAMP", "DTSTART", "DTEND", "SUMMARY"} <= set(one) for one in found)
    assert len({str(one["UID"]) for one in found}) == len(found)
    assert all(len(line) <= 75 for line in file.data.split(b"\r\n"))  # RFC 5545, 3.1
    assert file.data.count(b"\r\n") == file.data.count(b"\n")
    return [(str(one["SUMMARY"]), one.decoded("DTSTART")) for one in found]


def test_a_plan_in_a_calendar() -> None:
    assert events(write(PAPERS["plan"], "ics")) == [
        ("Done: Master the single", date(2027, 3, 1)), ("Deliver to the distributor", date(2027, 3, 2)),
        ("=Pitch", date(2027, 3, 9)), ("Release of a single: target date", date(2027, 4, 16)),
    ]  # fmt: skip
    later = plan_paper(plan(target_date="2027-05-16"))
    assert [one.key for one in later.dated] == [one.key for one in PAPERS["plan"].dated], "moved, not doubled"


def test_the_days_that_an_answer_names() -> None:
    assert events(write(PAPERS["answer"], "ics")) == [
        ("Your manager takes 17 percent of gross income, and the term ends on 31 March 2027.", date(2027, 3, 31)),
        ("Send the notice by 2027-01-30.", date(2027, 1, 30)),
    ]  # fmt: skip
    named = answer_paper(
        None, answer("On the 1st of May, 2027; March 3rd, 2028; 30 February 2027; May 2027; 12/11/2027.")
    )
    assert [one.day for one in named.dated] == [date(2027, 5, 1), date(2028, 3, 3)]


def test_a_calendar_without_days_is_refused_in_words() -> None:
    with pytest.raises(AppError, match="no day in this") as refused:
        write(PAPERS["clauses"], "ics")
    assert refused.value.status == 422


# What stands where


def test_markdown_of_an_answer_becomes_blocks() -> None:
    kinds = [type(one).__name__ for one in blocks_of(answer().text)]
    assert kinds == ["Heading", "Paragraph", "Items", "Items", "Table", "Paragraph", "Paragraph", "Paragraph"]
    items = blocks_of(answer().text)[2]
    assert isinstance(items, Items)
    assert [(one.depth, one.mark) for one in items.items] == [(0, ""), (0, ""), (1, "")]
    assert [(one.text, one.bold, one.italic, one.code) for one in spans_of("a **b** *c* `d` ***e***")] == [
        ("a ", False, False, False), ("b", True, False, False), (" ", False, False, False), ("c", False, True, False),
        (" ", False, False, False), ("d", False, False, True), (" ", False, False, False), ("e", True, True, False),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "**", "* ", "|", "| a |", "```", "> ", "1.", "# ", "- \n\n-", "a*b*c", "2 * 3 * 4", "_x_y_", "|-|"]
)
def test_any_text_is_taken(text: str) -> None:
    paper = answer_paper(None, answer(text, citations=[]))
    for wanted in READABLE:
        assert write(paper, wanted).data


def test_markdown_cannot_be_led_elsewhere() -> None:
    words = write(
        answer_paper(None, answer("![x](http://a.example/) <img src=x> [P1]: http://b.example")), "md"
    ).data.decode()
    assert "](" not in words.replace("\\](", "")
    assert "]:" not in words.replace("\\]:", "")
    assert "<img" not in words.replace("\\<", "")


def test_comments_of_a_plan_are_left_out_where_they_are_not_meant() -> None:
    words = " ".join(every_text(plan_paper(plan(), comments=False)))
    assert "Tuesdays" not in words
    assert "Tuesdays" in " ".join(every_text(PAPERS["plan"]))


def test_a_sheet_asks_about_what_was_not_found_and_nothing_else() -> None:
    words = " ".join(every_text(PAPERS["clauses"]))
    assert "Audit right: no clause was found" in words
    assert "Term: no clause" not in words
    assert NOT_READ in words
    assert NO_CONTRACT in words


def test_a_question_that_is_long_stands_whole() -> None:
    asked = "Why? " * 60
    paper = answer_paper(question(asked), answer())
    assert len(paper.title) == 110
    assert asked.strip() in " ".join(every_text(paper))
    named = write(answer_paper(question("a/b\\c: “Ünïcode” ?"), answer()), "pdf").name
    assert re.fullmatch(r"answer-a-b-c-ünïcode-\d{4}-\d\d-\d\d\.pdf", named)


def test_the_table_of_formats_is_whole() -> None:
    assert list(FORMATS) == ["md", "docx", "pdf", "csv", "ics"]
