"""What goes out, whatever file it becomes: a neutral sheet of paper that makers fill and formats write.

Everything on it is text: no markup of any kind is kept, so that each format escapes in its own way.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields, is_dataclass, replace
from datetime import UTC, date, datetime
from typing import Any, Literal, TypeVar

from app.services.insight.days import spoken

Value = TypeVar("Value")
Look = Literal["plain", "quote", "note", "warning"]

# What XML 1.0 (2.2) does not allow, and with it Word and PDF; tab and line end stay.
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_UNNAMABLE = re.compile(r"[^\w\-]+")
LONGEST_NAME = 60  # characters of a file's name, before its suffix


@dataclass(frozen=True, slots=True)
class Span:
    text: str
    bold: bool = False
    italic: bool = False
    code: bool = False


Line = tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """`quote`: somebody else's words; `note`: small print; `warning`: what must not be overlooked."""

    line: Line
    look: Look = "plain"


@dataclass(frozen=True, slots=True)
class Heading:
    """Below the title of a section."""

    text: str


@dataclass(frozen=True, slots=True)
class Item:
    line: Line
    depth: int = 0
    mark: str = ""  # "1." of a numbered list, a source's label; empty: a bullet


@dataclass(frozen=True, slots=True)
class Items:
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """`widths` are shares of the page, one for each column; empty: all alike."""

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...] = ()


Block = Paragraph | Heading | Items | Table


@dataclass(frozen=True, slots=True)
class Section:
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Dated:
    """Something that a calendar shows on a day. `key` is the same whenever the same thing is exported again."""

    key: str
    day: date
    title: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Paper:
    """`table` is what a spreadsheet gets, `dated` what a calendar gets; the rest is for readers."""

    kind: str  # in words, such as "Answer"
    title: str
    facts: tuple[tuple[str, str], ...] = ()
    sections: tuple[Section, ...] = ()
    table: Table = Table((), ())
    dated: tuple[Dated, ...] = ()
    small_print: tuple[str, ...] = ()
    quotes: frozenset[str] = frozenset()  # the user's documents whose words it holds, by their ids
    made: datetime = field(default_factory=lambda: datetime.now(UTC))


def plain(text: str) -> Line:
    return (Span(text),)


def strong(text: str) -> Line:
    return (Span(text, bold=True),)


def quoted(text: str | None) -> Line:
    """What comes after a source: its words in quotation marks, in one line. Nothing for none."""
    return (Span(": "), Span(f"“{' '.join(text.split())}”", italic=True)) if text else ()


def paragraphs(text: str, look: Look = "plain") -> tuple[Paragraph, ...]:
    """A paragraph for each line that says something."""
    return tuple(Paragraph(plain(one.strip()), look) for one in text.splitlines() if one.strip())


def day_words(day: date | datetime | str | None) -> str:
    """1 March 2027; of ISO text too. Empty for nothing."""
    if not day:
        return ""
    return spoken(date.fromisoformat(day[:10]) if isinstance(day, str) else day)


def named(paper: Paper, suffix: str) -> str:
    """A file's name that every system takes: words of the title, the day it was made."""
    words = _UNNAMABLE.sub("-", f"{paper.kind} {paper.title}".casefold()).strip("-_")
    return f"{words[:LONGEST_NAME].strip('-_') or 'export'}-{paper.made:%Y-%m-%d}.{suffix}"


def writable(paper: Paper) -> Paper:
    """The same without the characters that no Word or PDF file can hold."""
    return _mapped(paper)


def _mapped(value: Value) -> Value:
    if isinstance(value, str):
        return _UNWRITABLE.sub("", value)  # type: ignore[return-value]
    if isinstance(value, tuple):
        return tuple(_mapped(one) for one in value)  # type: ignore[return-value]
    if is_dataclass(value) and not isinstance(value, type):
        changes: dict[str, Any] = {one.name: _mapped(getattr(value, one.name)) for one in fields(value)}
        return replace(value, **changes)
    return value
