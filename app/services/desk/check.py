"""The fact check of a draft, by code: what no known text says becomes "[to confirm]".

Known are the profile, confirmed notes, what the user typed, and the passages a draft rests on. Held against them are numbers
(amounts, shares, dates, times, ordinals, in digits and in English words), proper names (of any script with capitals; in others
every stretch within a text that is otherwise Latin), links and addresses, words in quotation marks, and placeholders.

What it cannot see: a known figure or name used for the wrong thing; names written without capitals; names of everyday words at
the beginning of a sentence or in a heading ("Sub Pop signed us", "Rough Trade" on a title line); in German names of one word; in
scripts without capitals names altogether; number words of other languages than English. The last three are told in
`Checked.unchecked`. Measured on the labelled drafts of tests/services/desk/labelled.yaml by benchmarks/desk_check.py: of 95 invented
claims in drafts that the rules were not made for 3 came through when they were first run and 2 do today; for 104 that are borne
out there were 4 false alarms, and 2 today (benchmarks/results/desk_check.jsonl).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from app.services.desk.evidence import Known, is_whole, pieces, rows_of
from app.services.desk.figures import Figure, figures
from app.services.desk.names import Run, foreign_runs, is_caseless, runs
from app.services.desk.words import is_everyday, plain

MARK = "[to confirm]"
CASELESS_SHARE = 0.4  # of the letters: a text in a script without capitals
ENGLISH_SHARE = 0.55  # of the words in lower case stand in the list of English ones, in an English text
LONGEST_NAME = 12  # words; a longer row of capitals is looked for as a whole alone
LONG_QUOTE = 3  # words; shorter ones of everyday words are no quotation

_MARKS = re.compile(r"\[\s*to[ -]confirm\s*\]", re.IGNORECASE)
_PLACEHOLDER = re.compile(r"\[(?!\s*to[ -]confirm\s*\])[^\[\]\n]{1,80}\](?!\()|\bX{2,}\b|\b(?:TBC|TBD|TBA)\b")
_LINK = re.compile(
    r"https?://[^\s)\]>\"”]+|www\.[^\s)\]>\"”]+|(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+|(?<![\w@])@\w[\w.]*\w|(?<!\w)#\w*[A-Z]\w*"
    r"|(?<![\w@./-])[\w-]+(?:\.[\w-]+)*\.(?:com|net|org|io|fm|de|uk|fr|nl|eu|es|it|music|band|me|link|to|ly|tv|gg|app|co)"
    r"(?![\w-])(?:/[^\s)\]>\"”]*)?",
)
_QUOTED = re.compile(r"[“\"„«]\s?([^“”\"„«»\n]{2,400}?)\s?[”\"“»]|(?<!\w)[‘']([^‘’'\n]{2,80})[’'](?!\w)")
_LISTED = re.compile(r"^[ \t]*(?:[-*•][ \t]+)?(\d{1,2})[.)]\s", re.MULTILINE)
# Musical measures: in feedback and adaptations they are advice.
_MEASURE = re.compile(
    r"[-\s]?(?:bpm|bars?|beats?|lines?|syllables?|semitones?|steps?|octaves?|verses?|chorus(?:es)?|words?|times|takes?|chords?|"
    r"notes?|hz|khz|db|ms|seconds?|minutes?|per\s?cent\s+(?:wet|swing)|%\s+(?:wet|swing)|options?|versions?|ideas?|suggestions?)\b",
    re.IGNORECASE,
)
_MEASURED = re.compile(
    r"(?:\b(?:lines?|verses?|chorus|bars?|beats?|option|version|idea|step|tempo|bpm)\s?(?:of\s|at\s)?"
    r"(?:\d+\s?(?:,|/|-|–|to|and|or)\s?)*|\d/)$",
    re.IGNORECASE,
)
_GERMAN = re.compile(r"\b(?:und|der|die|das|nicht|mit|ist|ein|eine|auf|für)\b")


@dataclass(frozen=True, slots=True)
class Mark:
    """What was taken out of a draft: the words themselves, and what they are: number, name, link, quote or blank."""

    was: str
    what: str


@dataclass(slots=True)
class Checked:
    """A draft of which everything stands somewhere. The nth mark of `text` is the nth of `marks`."""

    text: str
    marks: list[Mark] = field(default_factory=list)
    used: list[str] = field(default_factory=list)  # labels of the sources that bear something out
    unchecked: str = ""  # what a person has to look at, in a sentence


@dataclass(frozen=True, slots=True)
class _Flaw:
    start: int
    end: int
    what: str


def check(draft: str, known: Sequence[Known], *, opinion: bool = False) -> Checked:
    """Hold `draft` against `known`. `opinion`: musical measures, section names in brackets and quoted lines are advice."""
    return _Check(draft, known, opinion).run()


def count_marks(text: str) -> int:
    return len(_MARKS.findall(text))


class _Check:
    def __init__(self, draft: str, known: Sequence[Known], opinion: bool) -> None:
        self._text, self._opinion = _MARKS.sub(MARK, draft), opinion
        # What the user said comes before what a source says, so that a source is named only where it is needed.
        self._known = sorted(known, key=lambda one: bool(one.label))
        self._used: list[str] = []
        self._done: list[tuple[int, int]] = []
        self._open = bytearray(b"\1") * len(self._text)  # one for each character that nothing has judged yet
        for match in _MARKS.finditer(self._text):
            self._take(*match.span())
        letters = [one for one in self._text if one.isalpha()]
        self._caseless = sum(map(is_caseless, letters)) > CASELESS_SHARE * len(letters) if letters else False
        self._english, self._german = _language(self._text)

    def run(self) -> Checked:
        flaws = [
            *self._placeholders(),
            *self._links(),
            *self._quotes(),
            *self._figures(),
            *self._names(),
            *self._foreign(),
        ]
        text, marks = _marked(self._text, sorted(flaws, key=lambda one: one.start))
        rows = rows_of(plain(self._text).replace(" | ", " ").split())
        shared = [
            one.label for one in self._known if one.label and one.label not in self._used and one.shares_words(rows)
        ]
        return Checked(text, marks, self._used + shared, self._unchecked())

    def _unchecked(self) -> str:
        if self._caseless:
            return "This script has no capitals: names in it are not checked. Read them yourself."
        if self._german:
            return "In German every noun has a capital: names of one word are not checked. Read them yourself."
        if not self._english:
            return "Numbers in words and names at the beginning of a sentence are checked in English only. Read them yourself."
        return ""

    def _says(self, known: Known) -> bool:
        if known.label and known.label not in self._used:
            self._used.append(known.label)
        return True

    def _free(self, start: int, end: int) -> bool:
        return all(self._open[start:end])

    def _take(self, start: int, end: int) -> None:
        self._done.append((start, end))
        self._open[start:end] = bytes(end - start)

    def _placeholders(self) -> Iterator[_Flaw]:
        for match in _PLACEHOLDER.finditer(self._text):
            if self._free(*match.span()) and not (self._opinion and match[0].startswith("[")):
                self._take(*match.span())
                yield _Flaw(*match.span(), "blank")

    def _links(self) -> Iterator[_Flaw]:
        for match in _LINK.finditer(self._text):
            end = match.start() + len(match[0].rstrip(".,;:!?"))
            if not self._free(match.start(), end):
                continue
            self._take(match.start(), end)
            link = self._text[match.start() : end]
            tag = link.lstrip("#@") if link[0] in "#@" else ""
            if not any(
                (known.has_link(link) or (tag and plain(tag).replace(" ", "") in _compact(known))) and self._says(known)
                for known in self._known
            ):
                yield _Flaw(match.start(), end, "link")

    def _quotes(self) -> Iterator[_Flaw]:
        """Words in quotation marks are somebody's: a title, or what was said."""
        if self._opinion:
            return
        for match in _QUOTED.finditer(self._text):
            group = 1 if match[1] is not None else 2
            start, end = match.span(group)
            words = plain(match[group].strip(" .,;!?")).replace(" | ", " ")
            if not words or not self._free(start, end) or _MARKS.search(match[group]):
                continue
            if any(
                known.plain.replace(" | ", " ").find(f" {words} ") >= 0 and self._says(known) for known in self._known
            ):
                self._take(start, end)
            elif (
                len(words.split()) >= LONG_QUOTE
                or any(one.isupper() for one in match[group])
                or not all(map(is_everyday, words.split()))
            ):
                self._take(start, end)
                yield _Flaw(start, end, "quote")

    def _figures(self) -> Iterator[_Flaw]:
        listed = {match.start(1) for match in _LISTED.finditer(self._text)}
        for figure in figures(self._text):
            if (
                figure.start in listed
                or not self._free(figure.start, figure.end)
                or self._is_measure(figure)
                or self._in_word(figure)
            ):
                continue
            if any(known.has_figure(figure) and self._says(known) for known in self._known):
                self._take(figure.start, figure.end)
            elif (year := self._year_alone(figure)) is not None:
                self._take(figure.start, figure.end)
                yield _Flaw(year, figure.end, "number")
            else:
                self._take(figure.start, figure.end)
                yield _Flaw(figure.start, figure.end, "number")

    def _in_word(self, figure: Figure) -> bool:
        """Part of a name such as SP-404: the name is checked as a whole."""
        before = self._text[max(0, figure.start - 3) : figure.start]
        after = self._text[figure.end : figure.end + 8]
        return (
            bool(re.search(r"[^\W\d_]-?$", before))
            and figure.kind == "number"
            and before[-1:] not in "xX×"
            or bool(
                figure.kind == "number"
                and re.match(r"[^\W\d_]", after)
                and self._text[figure.end - 1].isdigit()
                and not re.match(r"(?:bpm|min|sec|h|x|gb|tb|mb|kbps|hz|khz|db|mm|cm|px|bit)", after, re.I)
            )
        )

    def _is_measure(self, figure: Figure) -> bool:
        if not self._opinion or figure.kind not in ("number", "ordinal", "percent"):
            return False
        if any(value >= 1000 for _, value in figure.keys):
            return False  # a year, or a sum
        after, before = self._text[figure.end : figure.end + 30], self._text[max(0, figure.start - 30) : figure.start]
        range_end = re.match(r"\s?(?:-|–|/|to|and|or)\s?\d+", after)
        return figure.kind == "ordinal" or bool(
            _MEASURE.match(after)
            or (range_end and _MEASURE.match(after[range_end.end() :]))
            or _MEASURED.search(before)
        )

    def _year_alone(self, figure: Figure) -> int | None:
        """Where a known day got a year that nobody said: the place of the year."""
        if figure.kind != "date":
            return None
        year, month, day = figure.keys[0][1]
        without = any((None, month, day) in known.days and day is not None for known in self._known)
        place = self._text.rfind(str(year), figure.start, figure.end)
        if year is None or not without or place < figure.start + 1:
            return None
        return place

    def _names(self) -> Iterator[_Flaw]:
        for run in runs(self._text, self._done, nouns=self._german):
            if not self._english and len(run) == 1 and run[0].opening:
                continue
            for start, end in self._unknown(run):
                self._take(start, end)
                yield _Flaw(start, end, "name")

    def _unknown(self, run: Run) -> Iterator[tuple[int, int]]:
        """What of a run stands nowhere."""
        if self._stands(run) or (
            len(run) > 1 and run[0].opening and is_everyday(run[0].word) and self._stands(run[1:])
        ):
            return
        if len(run) > LONGEST_NAME:
            yield run[0].start, run[-1].start + len(run[-1].word)
            return
        if self._german and any(self._stands(run[place:]) for place in range(1, len(run))):
            return  # "Die Band Night Ferry": nouns before a name are none
        parted = pieces(run)
        if len(parted) == 1 and self._is_row(run):
            return
        for piece in parted:
            if len(parted) > 1 and (self._stands(piece) or self._is_row(piece)):
                continue
            yield piece[0].start, piece[-1].start + len(piece[-1].word)

    def _stands(self, run: Run) -> bool:
        if any(known.has_name(run) and self._says(known) for known in self._known):
            return True
        parts = [part for token in run for part in re.split(r"-", token.word)]
        if len(run) == 1 and len(parts) > 1:  # "Berlin-based"
            named = [part for part in parts if part[:1].isupper() and not (run[0].opening and is_everyday(part))]
            rest = [part for part in parts if part not in named]
            return all(is_everyday(part) for part in rest) and all(
                any(known.has_words(plain(part)) and self._says(known) for known in self._known) for part in named
            )
        return False

    def _is_row(self, run: Run) -> bool:
        """Names that stand next to each other here, each a whole one elsewhere: "Berlin Paradiso"."""
        return any(
            self._is_whole(run[:place]) and (self._is_whole(run[place:]) or self._is_row(run[place:]))
            for place in range(1, len(run))
        )

    def _is_whole(self, run: Run) -> bool:
        return is_whole(run, self._known) and self._stands(run)

    def _foreign(self) -> Iterator[_Flaw]:
        if self._caseless:
            return
        for start, end in foreign_runs(self._text):
            if not self._free(start, end):
                continue
            self._take(start, end)
            if not any(self._text[start:end] in known.text and self._says(known) for known in self._known):
                yield _Flaw(start, end, "name")


def _compact(known: Known) -> str:
    return known.plain.replace(" ", "")


def _language(text: str) -> tuple[bool, bool]:
    """Whether it reads as English, and as German."""
    words = re.findall(r"(?<![^\W\d_])[^\W\d_]{2,}", text)
    lower = [word for word in words if word.islower() and not is_caseless(word[0])]
    english = not lower or sum(map(is_everyday, lower)) >= ENGLISH_SHARE * len(lower)
    return english, not english and len(_GERMAN.findall(text)) >= max(2, len(words) // 25)


def _marked(text: str, flaws: Sequence[_Flaw]) -> tuple[str, list[Mark]]:
    """`text` with a mark in place of each flaw, one for those that touch, and every mark with what it stands for."""
    joined: list[_Flaw] = []
    for flaw in flaws:
        if joined and text[joined[-1].end : flaw.start].strip(" \u00a0") == "" and flaw.start >= joined[-1].end:
            joined[-1] = _Flaw(joined[-1].start, flaw.end, joined[-1].what)
        else:
            joined.append(flaw)
    given = [_Flaw(*match.span(), "blank") for match in _MARKS.finditer(text)]
    out, marks, last = [], [], 0
    for flaw in sorted([*joined, *given], key=lambda one: one.start):
        was = text[flaw.start : flaw.end]
        marks.append(Mark("" if was == MARK else was, flaw.what))
        out += [text[last : flaw.start], MARK]
        last = flaw.end
    return "".join([*out, text[last:]]), marks
