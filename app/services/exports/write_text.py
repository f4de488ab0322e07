"""Markdown, spreadsheets and calendars: the formats that are text."""

from __future__ import annotations

import re
from datetime import timedelta

from icalendar import Calendar, Event, vText

from app.errors import AppError
from app.services import csv_lines
from app.services.exports.paper import Block, Heading, Items, Line, Paper, Paragraph, Span, Table, day_words

PRODUCT = "-//AI Manager//Export//EN"
NO_DAYS = "There is no day in this that a calendar could hold; export it as a document instead."
# A sign that Markdown would take for markup where it stands; what begins a line does so only there.
_SIGNS = re.compile(r"([\\`*_<>|~]|\](?=[(:]))")  # a label such as [P1] stays as it is
_OPENING = re.compile(r"^(\s*\d*)([#+=.)-])")


def as_markdown(paper: Paper) -> bytes:
    parts = [f"# {_escaped(paper.title)}", f"*{_escaped(paper.kind)}, {day_words(paper.made)}*"]
    parts += ["\n".join(f"- **{_escaped(name)}:** {_escaped(value)}" for name, value in paper.facts)]
    for section in paper.sections:
        parts += [f"## {_escaped(section.title)}", *map(_markdown, section.blocks)]
    parts += ["---", *(f"*{_escaped(one)}*" for one in paper.small_print)] if paper.small_print else []
    return ("\n\n".join(part for part in parts if part) + "\n").encode()


def as_csv(paper: Paper) -> bytes:
    """RFC 4180, in UTF-8 with the mark by which Excel knows it."""
    return csv_lines.as_csv(paper.table.head, paper.table.rows).encode("utf-8-sig")


def as_calendar(paper: Paper) -> bytes:
    """All-day events (RFC 5545) that leave the day free. Raises `AppError` 422 where there is no day."""
    if not paper.dated:
        raise AppError(NO_DAYS, status=422, code="no_days")
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("calscale", "GREGORIAN")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", vText(paper.title))
    for one in paper.dated:
        event = Event()
        event.add("uid", f"{one.key}@ai-manager")
        event.add("dtstamp", paper.made)
        event.add("dtstart", one.day)
        event.add("dtend", one.day + timedelta(days=1))
        event.add("summary", " ".join(one.title.split()))
        if one.note:
            event.add("description", one.note)
        event.add("transp", "TRANSPARENT")
        calendar.add_component(event)
    data: bytes = calendar.to_ical()
    return data


def _markdown(block: Block) -> str:
    match block:
        case Heading(text=text):
            return f"### {_escaped(text)}"
        case Paragraph(line=line, look=look):
            written = _opened(_line(line))
            return f"> {written}" if look in ("quote", "warning") else f"*{written}*" if look == "note" else written
        case Items(items=items):
            return "\n".join(f"{'  ' * one.depth}{_mark(one.mark)} {_line(one.line)}" for one in items)
        case Table(head=head, rows=rows):
            lines = [_row(head), f"|{' --- |' * len(head)}", *map(_row, rows)]
            return "\n".join(lines)


def _mark(mark: str) -> str:
    """A number stays one; another mark, such as a source's label, comes after a bullet."""
    return mark if re.fullmatch(r"\d+\.", mark) else f"- {_escaped(mark)}" if mark else "-"


def _row(cells: tuple[str, ...]) -> str:
    return f"| {' | '.join(_escaped(' '.join(cell.split())) for cell in cells)} |"


def _line(line: Line) -> str:
    return "".join(map(_span, line))


def _span(span: Span) -> str:
    if span.code:
        inner = span.text.replace("`", "'")
        return f"`{inner}`"
    sign = "***" if span.bold and span.italic else "**" if span.bold else "*" if span.italic else ""
    return f"{sign}{_escaped(span.text)}{sign}"


def _escaped(text: str) -> str:
    return _SIGNS.sub(r"\\\1", " ".join(text.split("\n")))


def _opened(line: str) -> str:
    return _OPENING.sub(r"\1\\\2", line)
