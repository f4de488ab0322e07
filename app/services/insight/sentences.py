"""A contract's text as sentences under their headings, each with its place on a page. Pure functions."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.services.insight.page_texts import PageText

MOST_CHARS = 1_000_000  # read of a document; the longest contract among 20 real ones has 109,000
LONGEST = 4000  # characters of a sentence: what has no full stop is cut there, so that reading takes time in proportion
SHORT_LINE = 90  # characters; a heading on a line of its own is no longer
HEADING_WORDS = 10  # and has no more words than this
LABEL_WORDS = 5  # before the colon of "Licence period: five years"

_ENUMERATOR = (
    r"(?:#{1,6}[ \t]+|[-*•–][ \t]+|(?:ARTICLE|Article|SECTION|Section|Sec\.|§|CLAUSE|Clause)[ \t]+[\dIVXLC]+(?:\.\d+)*[.:)]?"
    r"|\(?\d{1,2}(?:\.\d{1,2}){0,3}[.)](?=\s|[A-Z]|$)|\d{1,2}(?:\.\d{1,2}){1,3}(?=\s|$)|\(?[A-Za-z][.)](?=\s|$)"
    r"|\((?:[a-z]{1,2}|[ivx]{1,5}|\d{1,2})\)|[IVX]{1,5}\.(?=\s|$))"
)
_AT_LINE = re.compile(rf"\n[ \t]*(?={_ENUMERATOR}|[A-Z][\w/&’' -]{{2,40}}(?::|[ \t]\|)[ \t]+\S)")
# "thirty" at the end of a line and "(30) days" on the next: a figure, and no item of a list.
_COUNTED = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|eighteen|twenty|thirty|forty|fifty|sixty|seventy|"
    r"eighty|ninety|hundred|(?:twenty|thirty|forty)-\w+)[ \t]*\n[ \t]*\(\d",
    re.IGNORECASE,
)
_NUMBERED = re.compile(rf"^\s*(?:{_ENUMERATOR}\s*)+")
_STOP = re.compile(r"[.!?][\"”’')\]]*\s+(?=[\"“‘'(\[]?[A-Z0-9])")
_BLANK = re.compile(r"\n[ \t]*\n\s*")
_ABBREVIATED = re.compile(
    r"(?:^|[\s(\"“])(?:Inc|Ltd|Co|Corp|No|Nos|Sec|Secs|Art|Mr|Mrs|Ms|Dr|St|vs?|cf|approx|e\.g|i\.e|U\.S|U\.K|L\.P|f/k/a|[A-Z])\.$"
)
_ONLY_NUMBER = re.compile(rf"(?:^|\n)[ \t]*(?:{_ENUMERATOR}\s*)+$")
_LABEL = re.compile(r"^([A-Z][\w/&’' -]{2,40}?)(?::|\s\|)\s+(?=\S)")  # of a field, or of a table's row
_RUN_IN = re.compile(r"^([A-Z][\w’'&/,() -]{2,70}?)(?::|\.?[ \t]*[–—]|\.)\s+(?=\S)")
_SMALL = frozenset("a an and as at by for from in into of on or the to upon with without this".split())
_LEADERS = re.compile(r"\.{5,}|(?:\. ){5,}|_{8,}|…{2,}")


@dataclass(frozen=True, slots=True)
class Sentence:
    """Characters `start` to `end` of the whole text, and the heading under which they stand ("" for none)."""

    start: int
    end: int
    text: str
    heading: str = ""


class ContractText:
    """The pages as one text, so that a sentence may run on over a page's end; quotes stay on one page."""

    def __init__(self, pages: Sequence[tuple[int, str]]) -> None:
        self._pages: list[PageText] = []
        self._starts: list[int] = []
        at = 0
        for number, text in pages:
            if at >= MOST_CHARS:
                break
            text = text[: MOST_CHARS - at]
            self._pages.append(PageText(number, text))
            self._starts.append(at)
            at += len(text) + 1
        self.whole = "\n".join(text for _, text in self._pages)
        self.sentences = list(_sentences(self.whole))

    def place(self, start: int, end: int, at: int | None = None) -> tuple[int, int, int]:
        """(page, start, end) of the part of a span that lies on the page of `at` (the span's start), without the spaces
        around it; offsets are those of the page's own text.
        """
        index = bisect_right(self._starts, start if at is None else at) - 1
        page, text = self._pages[index]
        first, after = self._starts[index], self._starts[index] + len(text)
        low, high = max(start, first) - first, min(end, after) - first
        part = text[low:high]
        low += len(part) - len(part.lstrip())
        return page, low, max(low, low + len(part.strip()))

    def end_of_list(self, sentence: Sentence, most: int) -> int:
        """Where the items end that a sentence with a colon at its end announces; at most `most` characters from its start."""
        end = sentence.end
        if not sentence.text.rstrip().endswith(":"):
            return end
        index = bisect_right(self.sentences, sentence.start, key=lambda one: one.start)
        for item in self.sentences[index:]:
            if item.start != end or not _NUMBERED.match(item.text) or item.end - sentence.start > most:
                break
            end = item.end
        return end

    def quote(self, page: int, start: int, end: int) -> str:
        return next((text[start:end] for number, text in self._pages if number == page), "")


def _sentences(whole: str) -> Iterator[Sentence]:
    heading, announced = "", False
    for start, end in _spans(whole):
        text = whole[start:end]
        if _LEADERS.search(text):  # a table of contents, or a line to sign on
            continue
        own = text.strip()
        named, rest = ("", 0) if announced and not _NUMBERED.match(text) and not own.isupper() else _named(text)
        announced = rest == len(text) and own.endswith(":")  # "Territory:", and on the next line "The World"
        if named:
            heading = named
        if rest < len(text):
            yield Sentence(start + rest, end, text[rest:], heading)


def _spans(whole: str) -> Iterator[tuple[int, int]]:
    """Start and end of each sentence, enumerated item and paragraph, in order."""
    ends = {match.end() for match in _STOP.finditer(whole) if not _goes_on(whole, match.start() + 1)}
    ends |= {
        match.end()
        for match in _AT_LINE.finditer(whole)
        if not _COUNTED.search(whole[match.start() - 20 : match.end() + 5])
    }
    ends |= {match.end() for match in _BLANK.finditer(whole) if _ends_paragraph(whole, match.start(), match.end())}
    ends |= set(_around_headings(whole))
    before = 0
    for end in sorted(ends | {len(whole)}):
        while end - before > LONGEST:
            cut = whole.rfind(" ", before, before + LONGEST) + 1 or before + LONGEST
            yield before, cut
            before = cut
        if whole[before:end].strip():
            yield before, end
        before = end


def _goes_on(whole: str, at: int) -> bool:
    """Whether the full stop before `at` ends an abbreviation or a number rather than a sentence."""
    before = whole[max(0, at - 40) : at]
    return bool(_ABBREVIATED.search(before[-8:]) or _ONLY_NUMBER.search(before))


def _ends_paragraph(whole: str, start: int, end: int) -> bool:
    """An empty line parts paragraphs, but in some exported files it parts every line."""
    before = whole[:start].rstrip()[-1:]
    return before in ".:;!?" or whole[end : end + 1] in "#-*•|" or _is_title(_last_line(whole, start))


def _last_line(whole: str, end: int) -> str:
    return whole[whole.rfind("\n", 0, end) + 1 : end]


def _around_headings(whole: str) -> Iterator[int]:
    """Both ends of each line that is a heading on its own: "GOVERNING LAW", "3. Term"."""
    at, before = 0, "."
    for line in whole.split("\n"):
        words = line.strip()
        if words and len(words) <= SHORT_LINE and before[-1:] in ".:;!?)" and _is_title(words):
            yield at
            yield at + len(line) + 1
            words = "."  # the next line may be a heading as well
        if words:
            before = words
        at += len(line) + 1


def _is_title(line: str) -> bool:
    """Few words, each of weight with a capital, and no sign that a sentence goes on."""
    if line.lstrip()[:1] in tuple("-*•–"):
        return False
    bare = _NUMBERED.sub("", line).strip().rstrip(":.")
    words = re.findall(r"[^\W\d_][\w’'-]*", bare)
    if (
        not words
        or len(words) > HEADING_WORDS
        or bare[-1:] in ",;"
        or ": " in bare
        or " | " in bare
        or not bare[0].isupper()
    ):
        return False
    if line.lstrip().startswith("#"):
        return True
    heavy = [word for word in words if word.lower() not in _SMALL]
    numbered = bool(_NUMBERED.match(line))
    return all(word[0].isupper() for word in heavy) or (
        numbered and len(words) <= 6 and not line.rstrip().endswith(".")
    )


def _named(text: str) -> tuple[str, int]:
    """The heading a sentence brings, and where its own words begin: all of it where it is nothing but a heading."""
    if len(text.strip()) <= SHORT_LINE and _is_title(text.strip()):
        return " ".join(text.split()), len(text)
    numbered = _NUMBERED.match(text)
    begin = numbered.end() if numbered else 0
    if (label := _LABEL.match(text[begin:])) and len(label[1].split()) <= LABEL_WORDS:
        return " ".join(label[1].split()), 0
    if (run_in := _RUN_IN.match(text[begin:])) and _is_title(run_in[1]):
        return " ".join(run_in[1].split()), 0
    return "", 0
