"""The pages of a document as they were read, their sentences, and where words stand in them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from sqlmodel import Session, col, select

from app.models import Chunk, Document
from app.services.pages import page_text

_HEADING = re.compile(r"^#{1,6}[ \t].*\n", re.MULTILINE)
_END = re.compile(r"(?<=[.;!?])[\"”’')\]]*\s+(?=[\"“(]?[A-Z0-9#*•-])|\n[ \t]*\n|\n(?=[ \t]*(?:[#*•|-]|\d{1,2}[.)]\s))")
# A full stop after these ends no sentence.
_SHORT = re.compile(
    r"(?:\b(?:no|inc|ltd|corp|co|mr|mrs|ms|dr|st|art|sec|vol|feat|ft|e\.g|i\.e|approx|jan|feb|mar|apr|jun|jul|aug|sept?|oct|"
    r"nov|dec)|\b[A-Z]|(?:\n|\A)[ \t]*(?:#{1,6}[ \t]+)?\d{1,3}(?:\.\d{1,3})*)\.[\"”’')\]]*\s*\Z",
    re.IGNORECASE,
)


class PageText(NamedTuple):
    """`page` counts from 1; offsets everywhere count characters of `text`."""

    page: int
    text: str


class Place(NamedTuple):
    """Characters of a page: `text[start:end]` is the quote."""

    page: int
    start: int
    end: int
    quote: str


def page_texts(session: Session, document: Document) -> list[PageText]:
    """Of the version that answers, put together from its chunks, in the order of the pages."""
    query = select(Chunk).where(Chunk.document_id == document.id, Chunk.version == document.version)
    chunks = session.exec(query.order_by(col(Chunk.page), col(Chunk.number))).all()
    return [PageText(page, page_text(list(mine))) for page, mine in groupby(chunks, key=lambda chunk: chunk.page)]


def sentences(page: PageText) -> Iterator[Place]:
    """The sentences, list items and lines of a page, in their order."""
    start = 0
    for end, following in _cuts(page.text):
        if (place := place_of(page, start, end)) is not None:
            yield place
        start = following


def _cuts(text: str) -> Iterator[tuple[int, int]]:
    """Where each one ends, and where the next begins."""
    headings = [(match.end() - 1, match.end()) for match in _HEADING.finditer(text)]
    yield from sorted([*_stops(text), *headings, (len(text), len(text))])


def _stops(text: str) -> Iterator[tuple[int, int]]:
    last = 0
    for match in _END.finditer(text):
        before = text[max(last, match.start() - 12) : match.end()]
        if "\n" not in match.group().strip(" \t") and _SHORT.search(before):
            continue
        last = match.end()
        yield match.start() + len(match.group()) - len(match.group().lstrip("\"”’')]")), match.end()


def place_of(page: PageText, start: int, end: int) -> Place | None:
    """The place without white space at its ends; None where nothing else is there."""
    text = page.text[start:end]
    start += len(text) - len(text.lstrip())
    end -= len(text) - len(text.rstrip())
    return Place(page.page, start, end, page.text[start:end]) if start < end else None


def around(page: PageText, start: int, end: int, most: int = 320) -> Place:
    """The sentence in which these characters stand; a long one is cut at words near them."""
    for place in sentences(page):
        if place.start <= start and end <= place.end:
            if place.end - place.start <= most:
                return place
            left = max(place.start, start - most // 2)
            right = min(place.end, max(end, left + most))
            if left > place.start:
                left = page.text.find(" ", left, start) + 1 or start
            if right < place.end:
                right = max(page.text.rfind(" ", end, right), end)
            return place_of(page, left, right) or Place(page.page, start, end, page.text[start:end])
    return Place(page.page, start, end, page.text[start:end])


def find_verbatim(pages: Sequence[PageText], quote: str, page: int | None = None) -> Place | None:
    """Where these words stand, whatever white space is between them; the page that was named is looked at first."""
    words = quote.split()
    if not words:
        return None
    pattern = re.compile(r"\s+".join(map(re.escape, words)))
    for one in sorted(pages, key=lambda candidate: candidate.page != page):
        if match := pattern.search(one.text):
            return Place(one.page, match.start(), match.end(), match.group())
    return None


def plain(text: str) -> str:
    """On one line, without the marks of Markdown at its ends."""
    return " ".join(text.split()).strip(" *_#|>\"“”'’,;:")
