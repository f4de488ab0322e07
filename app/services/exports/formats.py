"""The kinds of files that a paper becomes. A new one is a function and a row."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple

from app.services.exports.paper import Paper, named, writable
from app.services.exports.write_docx import as_docx
from app.services.exports.write_pdf import as_pdf
from app.services.exports.write_text import as_calendar, as_csv, as_markdown

FormatName = Literal["md", "docx", "pdf", "csv", "ics"]


class Format(NamedTuple):
    write: Callable[[Paper], bytes]
    media_type: str


FORMATS: dict[FormatName, Format] = {
    "md": Format(as_markdown, "text/markdown; charset=utf-8"),
    "docx": Format(as_docx, "application/vnd.openxmlformats-officedocument.wordprocessingml.document"),
    "pdf": Format(as_pdf, "application/pdf"),
    "csv": Format(as_csv, "text/csv; charset=utf-8"),
    "ics": Format(as_calendar, "text/calendar; charset=utf-8"),
}


@dataclass(frozen=True, slots=True)
class Exported:
    """A file to hand out: its name, its type and its bytes."""

    name: str
    media_type: str
    data: bytes


def write(paper: Paper, wanted: FormatName) -> Exported:
    """Raises `AppError` 422 where the format cannot hold the paper: a calendar without a day."""
    written = FORMATS[wanted]
    clean = writable(paper)
    return Exported(named(clean, wanted), written.media_type, written.write(clean))
