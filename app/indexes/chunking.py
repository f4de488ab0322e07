"""Pages to chunks: token windows with overlap that end at headings, paragraphs and sentences where they can."""

from __future__ import annotations

import hashlib
import re
from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from app.config import ChunkingSettings
from app.indexes.pages import Page

VERSION = 1  # raise it when the same pages and numbers would be cut elsewhere; stored chunks are then stale

CHARS_PER_TOKEN = 8  # English has 4.4; beyond this stand scripts and blobs the tokenizer counts as one unknown word
MAX_HEAD_CHARS = 20  # per token of title and heading: far above any words, far below what breaks a prompt
MAX_WORD = 100  # characters; the tokenizer gives longer words one [UNK] whatever their length
SEGMENT = 50_000  # characters tokenised in one call: bounds memory, and 20 ms of the interpreter

# How good a place is to cut before a unit; INSIDE is between the parts of "5.2" or "don't".
INSIDE, WORD, LINE, SENTENCE, PARAGRAPH, HEADING = range(6)

# The latest place of each rank wins if the chunk is then at least this full; ranks in order of preference.
_FILL = ((HEADING, 0.25), (PARAGRAPH, 0.6), (SENTENCE, 0.5), (LINE, 0.5), (WORD, 0.5))
_TAIL = 0.25  # of a chunk: no page ends in a smaller one of new text

_LINE_START = re.compile(r"\n(?=[^\n])")
_PARAGRAPH_START = re.compile(r"\n[^\S\n]*\n\s*")
_SENTENCE_START = re.compile(r"""[.!?…]["'”’»)\]]*\s+(?=[^\sa-z])|[。！？][」』”]*\s*""")
_ROW = re.compile(r"^.*\S \| .*$", re.MULTILINE)  # of a table, as the readers and Markdown write one
_ABBREVIATION = re.compile(
    r"(?:^|\n)[^\S\n]*\d{1,2}(?:\.\d+)*\.\s+$|"  # the number of a clause
    r"(?i:(?:^|[\s(])(?:[a-z]|(?:[a-z]\.)+[a-z]|mr|mrs|ms|dr|prof|st|inc|ltd|co|corp|llc|nos?|art|sec|para|cl|ex|vs|cf|ca)"
    r"\.\s+$)"
)


@dataclass(frozen=True, slots=True)
class Piece:
    """A passage of one page: `text == page.text[start:end]`; `number` counts from 0 through the document."""

    number: int
    page: int
    start: int
    end: int
    heading: str
    text: str


@dataclass(frozen=True, slots=True)
class _Units:
    """A page as the tokenizer's words, which are never cut: where each starts and ends, how good a cut before it is.

    `sums[i]` tokens stand before unit i. `exact` is False if a word had to be sliced, which changes its tokens.
    """

    starts: Sequence[int]
    ends: Sequence[int]
    sums: Sequence[int]
    ranks: bytearray
    exact: bool

    def __len__(self) -> int:
        return len(self.starts)


class Chunker:
    """Cuts with one tokenizer, whatever models embed the result: every model then sees the same passages."""

    def __init__(self, settings: ChunkingSettings, tokenizer_file: Path) -> None:
        self._settings = settings
        self._overlap = min(settings.overlap_tokens, settings.body_tokens // 3)
        data = tokenizer_file.read_bytes()
        self._tokenizer: Tokenizer = Tokenizer.from_buffer(data)
        self._tokenizer.no_truncation()  # the packaged file truncates and pads to 128
        self._tokenizer.no_padding()
        self._digest = hashlib.sha256(data).hexdigest()[:12]

    @property
    def stamp(self) -> str:
        """Equal stamps cut equal pages equally; part of a chunk's identity."""
        numbers = (self._settings.body_tokens, self._settings.heading_tokens, self._settings.overlap_tokens)
        return "-".join(map(str, (VERSION, *numbers, self._digest)))

    def cut(self, pages: Iterable[Page]) -> list[Piece]:
        """Chunks of at most `body_tokens` tokens each, in reading order; none crosses a page or is blank."""
        pieces: list[Piece] = []
        heading = ""
        for page in pages:
            offsets = [offset for offset, _ in page.headings]
            for start, end in self._spans(page):
                above = bisect_right(offsets, start)
                words = page.headings[above - 1][1] if above else heading
                pieces.append(Piece(len(pieces), page.number, start, end, words, page.text[start:end]))
            if page.headings:
                heading = page.headings[-1][1]
        return pieces

    def embedding_text(self, title: str, heading: str, body: str) -> str:
        """What models embed: "title - heading", cut to `heading_tokens` tokens together, above the body."""
        room = self._settings.heading_tokens
        if heading and heading != title:
            room -= 1  # the dash
            title = self._first_tokens(title, max(room - self._count(heading), room // 2))
            heading = self._first_tokens(heading, room - self._count(title))
        else:
            title, heading = self._first_tokens(title, room), ""
        head = " - ".join(part for part in (title, heading) if part)
        return f"{head}\n{body}" if head else body

    def _first_tokens(self, text: str, number: int) -> str:
        number = max(0, number)
        text = " ".join(text.split())[: number * MAX_HEAD_CHARS]
        offsets = self._tokenizer.encode(text, add_special_tokens=False).offsets
        return text if len(offsets) <= number else text[: offsets[number - 1][1]].rstrip()

    def count(self, text: str) -> int:
        """Its tokens, however many."""
        return self._count(text)

    def _count(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False))

    # Cutting

    def _spans(self, page: Page) -> Iterator[tuple[int, int]]:
        units = self._units(page)
        first = after = 0
        while after < len(units):
            floor, after = after, self._cut(units, first, after)
            if not units.exact:
                first, after = self._fit(page.text, units, first, floor, after)
            yield _span(page.text, units, first, after)
            first = self._restart(units, first, after)

    def _cut(self, units: _Units, first: int, floor: int) -> int:
        """The unit before which a chunk beginning with unit `first` ends; beyond `floor`, where the last one ended."""
        body = self._settings.body_tokens
        room = bisect_right(units.sums, units.sums[first] + body) - 1
        room = min(room, bisect_right(units.ends, units.starts[first] + body * CHARS_PER_TOKEN))
        if room >= len(units):
            return len(units)
        room = min(room, bisect_right(units.sums, units.sums[-1] - body * _TAIL) - 1)
        room = max(room, floor + 1, first + 1)
        for rank, fill in _FILL:
            low = max(floor + 1, first + 1, bisect_left(units.sums, units.sums[first] + body * fill))
            for after in range(room, low - 1, -1):
                if units.ranks[after] >= rank:
                    return after
        return room

    def _fit(self, text: str, units: _Units, first: int, floor: int, after: int) -> tuple[int, int]:
        """Take units off the end, then overlap off the start, until the text counts no more tokens than it may."""
        while after - first > 1:
            start, end = _span(text, units, first, after)
            if self._count(text[start:end]) <= self._settings.body_tokens:
                break
            if after > floor + 1:
                after -= 1
            else:
                first += 1
        return first, after

    def _restart(self, units: _Units, first: int, after: int) -> int:
        """Where the next chunk begins: some `overlap_tokens` back, at a sentence or line if one is near."""
        if after >= len(units) or units.ranks[after] == HEADING or not self._overlap:
            return after
        sums, here = units.sums, units.sums[after]
        low = max(first + 1, bisect_left(sums, here - self._overlap * 3 // 2))
        low = max(low, bisect_left(sums, sums[after + 1] - self._settings.body_tokens))  # room for one new unit
        aim = max(low, bisect_left(sums, here - self._overlap))
        high = bisect_right(sums, here - self._overlap // 2) - 1
        for rank in (SENTENCE, LINE, WORD):
            near = [unit for unit in range(low, high + 1) if units.ranks[unit] >= rank]
            if near:
                return min(near, key=lambda unit: abs(unit - aim))
        return min(aim, after)

    # Tokens

    def _units(self, page: Page) -> _Units:
        starts, ends, sums = array("l"), array("l"), array("l", [0])
        segments = list(_segments(page.text))
        exact = all(page.text[end - 1].isspace() for _, end in segments[:-1])
        for start, end, tokens in self._words(page.text, segments):
            sliced = end - start > MAX_WORD or tokens > self._settings.body_tokens
            exact = exact and not sliced
            for begin, stop, number in self._slices(page.text, start, end) if sliced else ((start, end, tokens),):
                starts.append(begin)
                ends.append(stop)
                sums.append(sums[-1] + number)
        return _Units(starts, ends, sums, _ranks(page, starts), exact)

    def _words(self, text: str, segments: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
        """Start, end and number of tokens of each word, in one pass over the text."""
        for at, to in segments:
            [encoding] = self._tokenizer.encode_batch([text[at:to]], add_special_tokens=False)
            start = end = tokens = 0
            word: int | None = None
            for (begin, stop), number in zip(encoding.offsets, encoding.word_ids, strict=True):
                if tokens and (number is None or number != word):
                    yield at + start, at + end, tokens
                    tokens = 0
                if not tokens:
                    start = begin
                end, word, tokens = stop, number, tokens + 1
            if tokens:
                yield at + start, at + end, tokens

    def _slices(self, text: str, start: int, end: int) -> Iterator[tuple[int, int, int]]:
        """An over-long word cut hard, small enough for any chunk: one character is at most three tokens (Hangul)."""
        step = min(MAX_WORD, max(1, self._settings.body_tokens // 3))
        for begin in range(start, end, step):
            stop = min(end, begin + step)
            yield begin, stop, self._count(text[begin:stop])


def _segments(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of pieces short enough to tokenise, ending behind white space wherever there is any."""
    start = 0
    while start < len(text):
        end = min(len(text), start + SEGMENT)
        if end < len(text):
            end = next((at for at in range(end, start, -1) if text[at - 1].isspace()), end)
        yield start, end
        start = end


def _span(text: str, units: _Units, first: int, after: int) -> tuple[int, int]:
    """Characters of these units, and of what the tokenizer drops behind the last one, such as a combining accent."""
    stop = units.starts[after] if after < len(units) else len(text)
    return units.starts[first], units.starts[first] + len(text[units.starts[first] : stop].rstrip())


def _ranks(page: Page, starts: Sequence[int]) -> bytearray:
    text = page.text
    ranks = bytearray(WORD if start and text[start - 1].isspace() else INSIDE for start in starts)
    ranks.append(INSIDE)  # stands behind the last unit, where marks at the end of the page land

    def mark(matches: Iterable[re.Match[str]], rank: int) -> None:
        for match in matches:
            unit = bisect_left(starts, match.end())
            ranks[unit] = max(ranks[unit], rank)

    mark(_LINE_START.finditer(text), LINE)
    sentences = _SENTENCE_START.finditer(text)
    mark(
        (match for match in sentences if not _ABBREVIATION.search(text, max(0, match.start() - 12), match.end())),
        SENTENCE,
    )
    mark(_PARAGRAPH_START.finditer(text), PARAGRAPH)
    for row in (
        _ROW.finditer(text) if " | " in text else ()
    ):  # cut between rows rather than in one, whatever stands there
        begin, behind = bisect_left(starts, row.start()), bisect_left(starts, row.end())
        ranks[begin] = max(ranks[begin], SENTENCE)
        ranks[behind] = max(ranks[behind], SENTENCE)
        for unit in range(begin + 1, behind):
            ranks[unit] = min(ranks[unit], WORD)
    above = -1
    for offset, words in page.headings:
        line_end = text.find("\n", offset)
        line_end = line_end if line_end >= 0 else len(text)
        begin = bisect_left(starts, offset)
        ranks[begin] = INSIDE if begin == above else HEADING  # headings in a row stay together
        is_written = words in " ".join(text[offset:line_end].split())  # tables' are not: "Rows 2-9" stands nowhere
        above = bisect_left(starts, line_end) if is_written else -1
    ranks[0] = INSIDE
    return ranks
