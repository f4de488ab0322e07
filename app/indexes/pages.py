"""What every reader makes of a file: pages of plain text, and how lines become one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["paragraph", "heading", "row", "line"]

_SPACES = re.compile("[\xa0\u2007\u202f]")  # no-break spaces; some exported contracts have no others
_LINE_ENDS = re.compile("\r\n?|[\x0b\x0c\x85\u2028\u2029]")
_INVISIBLE = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f"  # control characters
    "\xad\u180e\u200b-\u200d\u2060-\u2064\ufeff\U000e0000-\U000e007f"  # soft hyphen, zero width, invisible tags
    "\ufffe\uffff\ud800-\udfff]"  # never characters
)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a document.

    `number` counts from 1. `headings` holds, in order, each heading line's character offset in `text` and its words.
    `note` is a code of `app.indexes.ocr.NOTES` where something on the page could not be read, else "". `picture`: what
    stands on it stands in pictures, and waits for text recognition.
    """

    number: int
    text: str
    headings: tuple[tuple[int, str], ...] = ()
    note: str = ""
    picture: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph, a heading, a table row or a line that belongs to the one above, before normalising."""

    text: str
    kind: Kind = "paragraph"


def normalise(text: str) -> str:
    """Line ends become LF, no-break spaces spaces; invisible and control characters go; nothing else moves."""
    return _INVISIBLE.sub("", _SPACES.sub(" ", _LINE_ENDS.sub("\n", text)))


def page_of_lines(number: int, lines: Iterable[Line]) -> Page:
    """Paragraphs parted by an empty line, table rows and lines by a line end."""
    before: Kind = "paragraph"
    headings = []
    parts: list[str] = []
    length = 0
    for line in lines:
        text = normalise(line.text).strip()
        if not text:
            continue
        gap = "" if not parts else "\n" if line.kind == "line" or line.kind == before == "row" else "\n\n"
        length += len(gap)
        if line.kind == "heading":
            headings.append((length, " ".join(text.split())))
        parts += (gap, text)
        length += len(text)
        before = line.kind
    return Page(number, "".join(parts), tuple(headings))
