"""Which lines of a PDF are headings: by size, weight or number, where these are clear."""

from __future__ import annotations

import ctypes
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

LARGER = 1.15  # times the size of the document's running text
BOLD = 600  # font weight; regular is 400, medium 500
SAMPLED = 10  # of so many lines of running text one is measured: each takes four calls into pdfium
MAX_CHARS = 80  # of a heading; longer lines are text
MAX_SHARE = 0.4  # of a page's lines: where more would be headings, the signs mean something else
RUNNING = 3  # pages; a line on so many is a header or footer
MIN_LINES = 8  # of the document, fewer say nothing about its running text

_END_OF_SENTENCE = re.compile(r"[.;:,!?…-]$")
_LEADERS = re.compile(r"\.{4,}|(?:\. ){3,}|\s\d{1,4}$")  # a table of contents, or a row of figures
_LETTER = re.compile(r"[^\W\d_]")
_NAMED = re.compile(
    r"(?:ARTICLE|Article|SECTION|Section|CLAUSE|Clause|SCHEDULE|Schedule|EXHIBIT|Exhibit|APPENDIX|Appendix|ANNEX|Annex|"
    r"CHAPTER|Chapter|PART|Part)\s+(?:[A-Z]|[IVXLC]+|\d{1,3}(?:\.\d{1,3})*)\b[.:)]?(?:\s*[-–—:]?\s*[A-Z][^.;]{0,60})?\.?"
)
_NUMBERED = re.compile(r"(?:\d{1,2}(?:\.\d{1,2}){0,3}[.)]?|[IVX]{1,5}\.|[A-Z]\.)\s+([A-Z][^.;:]{2,60})[.:]?")
_SMALL_WORDS = frozenset("a an and as at by for from in of on or the to with".split())


@dataclass(frozen=True, slots=True)
class PdfLine:
    """One line of text that could be a heading, and the measures of its first character. `number` counts from 0."""

    number: int
    text: str
    size: float
    bold: bool


def lines_of(raw: Any, words: Any, text: str) -> Iterator[PdfLine]:
    """The lines of a text page; none where pdfium counts characters otherwise than its text has them."""
    if raw.FPDFText_CountChars(words) != len(text):
        return
    matrix = raw.FS_MATRIX()
    at = 0
    for number, line in enumerate(text.split("\n")):
        stripped = line.strip()
        is_text = len(stripped) > MAX_CHARS or stripped[:1].islower() or stripped.endswith((",", ";"))
        if (number % SAMPLED == 0 or not is_text) and _LETTER.search(stripped):
            first = at + len(line) - len(line.lstrip())
            last = at + len(line.rstrip()) - 1
            size = raw.FPDFText_GetFontSize(words, first)
            if raw.FPDFText_GetMatrix(words, first, ctypes.byref(matrix)):  # some write size 1 and scale the page
                size *= (matrix.c**2 + matrix.d**2) ** 0.5
            bold = not is_text and all(_is_bold(raw, words, place) for place in (first, last))
            yield PdfLine(number, stripped, round(size, 1), bold)
        at += len(line) + 1


def _is_bold(raw: Any, words: Any, place: int) -> bool:
    """By its weight, or by the font's name: the fonts every PDF may use without carrying them tell no weight."""
    if raw.FPDFText_GetFontWeight(words, place) >= BOLD:
        return True
    name = ctypes.create_string_buffer(64)
    raw.FPDFText_GetFontInfo(words, place, name, len(name), None)
    return b"bold" in name.value.lower()


def headings_of(pages: Sequence[Sequence[PdfLine]]) -> list[list[PdfLine]]:
    """The heading lines of each page."""
    sizes: Counter[float] = Counter()
    weights: Counter[bool] = Counter()
    for page in pages:
        for line in page:
            sizes[line.size] += len(line.text)
            weights[line.bold] += len(line.text)
    if sum(map(len, pages)) < MIN_LINES:
        return [[] for _ in pages]
    body = sizes.most_common(1)[0][0]
    is_bold_telling = weights[True] < weights[False] / 3
    places = Counter(text for page in pages for text in {line.text for line in page})
    running = frozenset(text for text, number in places.items() if number >= RUNNING)
    return [_chosen([line for line in page if line.text not in running], body, is_bold_telling) for page in pages]


def _chosen(lines: Sequence[PdfLine], body: float, is_bold_telling: bool) -> list[PdfLine]:
    found = [line for line in lines if _is_heading(line, body, is_bold_telling)]
    return found if len(found) <= max(2, len(lines) * MAX_SHARE) else []


def _is_heading(line: PdfLine, body: float, is_bold_telling: bool) -> bool:
    text = line.text
    if not 3 <= len(text) <= MAX_CHARS or _LEADERS.search(text) or len(_LETTER.findall(text)) < 3:
        return False
    if _NAMED.fullmatch(text):
        return True
    if (numbered := _NUMBERED.fullmatch(text)) and _is_titled(numbered[1]):
        return True
    stands_out = line.size >= body * LARGER or (is_bold_telling and line.bold and line.size >= body)
    return stands_out and not _END_OF_SENTENCE.search(text)


def _is_titled(words: str) -> bool:
    """Whether the words begin with capitals, as a title's do, rather than as a sentence's."""
    telling = [word for word in re.findall(r"[^\W\d_]+", words) if word.lower() not in _SMALL_WORDS]
    return len(telling) == 1 or (sum(word[0].isupper() for word in telling) * 3 >= len(telling) * 2)


def place(text: str, lines: Sequence[PdfLine]) -> tuple[tuple[int, str], ...]:
    """Where these lines stand in the page's finished text; those that changed on the way are left out."""
    if not lines:
        return ()
    starts, at = [], 0
    finished = text.split("\n")
    for line in finished:
        starts.append(at + len(line) - len(line.lstrip()))
        at += len(line) + 1
    return tuple(
        (starts[heading.number], " ".join(heading.text.split()))
        for heading in lines
        if heading.number < len(finished) and finished[heading.number].strip() == heading.text
    )
