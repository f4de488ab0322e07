"""The checklist of music deal clauses: which of them a contract holds, each with the words that say so.

Rules only; no word of an answer is made up: a quote is cut out of its page. Not legal advice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from app.services.insight.page_texts import PageText
from app.services.insight.sentences import ContractText, Sentence

__all__ = ["Clause", "Entry", "PageText", "checklist", "find_clauses"]

CHECKLIST = Path(__file__).with_name("checklist.yaml")
STRONG, WEAK, HEADED, DEFINED = (
    3,
    1,
    2,
    -1,
)  # what a sign is worth; a strong one is enough alone, a weak one under its heading
ENOUGH = 3
FIELD_CHARS = 80  # so few under a heading are a field that was filled in: one weak sign will do
TWICE = 2  # signs of a kind that count: a very long sentence holds more of them by chance
MORE = 3  # further places named beside the best
QUOTE_CHARS = 700  # of a sentence that is longer: those around the words that say it
LEAD_CHARS = 250  # of which at most this many stand before them

DEFINITION = re.compile(
    r"\W*(?:[\d.()a-z]{1,8}\s+)?(?:the\s+term\s+)?[\"“][^\"”]{2,60}[\"”]\s+(?:shall\s+)?means?\b", re.IGNORECASE
)
# "Territory | Europe", "3. Term: two years"; not what was left blank
FIELD = r"^\W*(?:\d[\d.]*[.)]? )?(?:{}) ?[:|] +(?!(?:none|no|n/?a|nil|tb[acd]|not applicable|yes)\b\W*$)(?=[^\W_])"
POINTER = re.compile(
    r"\[\s?\]\s*(?:yes|no)\b|☐|[\"”]\s+(?:shall\s+)?ha(?:s|ve)\s+the\s+(?:same\s+)?meanings?\b|\bas\s+defined\s+in\s+\S+\s+\S+\s*$",
    re.IGNORECASE,
)  # "Term" has the meaning given in section 8: the clause stands elsewhere; and what nobody has ticked is none


@dataclass(frozen=True, slots=True)
class Place:
    """Words of a page: `quote == text_of(page)[start:end]`."""

    quote: str
    page: int
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Clause:
    """One entry of the checklist. Not found: quote "", page None, offsets 0. `more`: other places that speak of it.

    `by`: "rules" or "model".
    """

    name: str
    label: str
    found: bool
    quote: str = ""
    page: int | None = None
    start: int = 0
    end: int = 0
    more: tuple[Place, ...] = ()
    by: str = "rules"

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Entry:
    """A clause of the checklist as `checklist.yaml` describes it."""

    name: str
    label: str
    means: str
    ask: str
    usual: frozenset[str]
    needs: re.Pattern[str] | None
    definitions: bool
    field: re.Pattern[str]
    headings: tuple[re.Pattern[str], ...]
    strong: tuple[re.Pattern[str], ...]
    weak: tuple[re.Pattern[str], ...]
    never: tuple[re.Pattern[str], ...]


@lru_cache(maxsize=1)
def checklist() -> tuple[Entry, ...]:
    rows = yaml.safe_load(CHECKLIST.read_text(encoding="utf-8"))["clauses"]
    kinds = ("headings", "strong", "weak", "never")
    return tuple(
        Entry(
            row["name"],
            row["label"],
            row["means"],
            row["ask"],
            frozenset(row["usual"]),
            compiled(row["needs"]) if "needs" in row else None,
            row.get("definitions", False),
            compiled(FIELD.format(row["field"])),
            *(tuple(compiled(one) for one in row.get(kind, ())) for kind in kinds),
        )
        for row in rows
    )


def compiled(pattern: str) -> re.Pattern[str]:
    """A space of a pattern stands for any white space, " ?" for none or any; case does not count."""
    return re.compile(pattern.replace(" ?", r"\s*").replace(" ", r"\s+"), re.IGNORECASE)


def find_clauses(pages: Sequence[tuple[int, str]]) -> list[Clause]:
    """The whole checklist in its order, each clause found or not. `pages`: number and text of each, as `PageText`."""
    text = ContractText(pages)
    return [_find(entry, text) for entry in checklist()]


def told_by(name: str, text: ContractText) -> list[tuple[Sentence, tuple[int, int]]]:
    """The sentences that say one clause of the checklist, the best first, and where in each the telling words stand."""
    entry = next(entry for entry in checklist() if entry.name == name)
    return [sign[1:] for sign in _ranked(entry, text)]


def _find(entry: Entry, text: ContractText) -> Clause:
    places = [place_of(text, sentence, at) for _, sentence, at in _ranked(entry, text)[: MORE + 1]]
    places = [place for place in places if place.quote.strip()]
    if not places:
        return Clause(entry.name, entry.label, found=False)
    best = places[0]
    return Clause(entry.name, entry.label, True, best.quote, best.page, best.start, best.end, tuple(places[1:]))


def _ranked(entry: Entry, text: ContractText) -> list[tuple[int, Sentence, tuple[int, int]]]:
    return sorted(_signs(entry, text.sentences), key=_rank)


def _rank(sign: tuple[int, Sentence, tuple[int, int]]) -> tuple[int, bool, int]:
    """The best first; of equals, one that can be quoted whole, then the earlier."""
    score, sentence, _ = sign
    return -score, sentence.end - sentence.start > QUOTE_CHARS, sentence.start


def _signs(entry: Entry, sentences: Sequence[Sentence]) -> Iterator[tuple[int, Sentence, tuple[int, int]]]:
    """Score, sentence, and where in the sentence the telling words stand."""
    for sentence in sentences:
        strong = [match for pattern in (entry.field, *entry.strong) if (match := pattern.search(sentence.text))]
        weak = [match for pattern in entry.weak if (match := pattern.search(sentence.text))]
        if not strong and not weak:
            continue
        headed = any(pattern.search(sentence.heading) for pattern in entry.headings)
        filled_in = headed and len(sentence.text.strip()) <= FIELD_CHARS
        score = STRONG * min(len(strong), TWICE) + WEAK * min(len(weak), TWICE) + HEADED * headed
        if not entry.definitions and DEFINITION.match(sentence.text):
            score += DEFINED
        if (
            score + HEADED * filled_in >= ENOUGH
            and not POINTER.search(sentence.text)
            and not any(pattern.search(sentence.text) for pattern in entry.never)
        ):
            yield score, sentence, (strong or weak)[0].span()


def place_of(text: ContractText, sentence: Sentence, told: tuple[int, int]) -> Place:
    """The sentence with the list that it announces, or what of it stands around the telling words, as far as it is on their
    page.
    """
    start, end = sentence.start, text.end_of_list(sentence, QUOTE_CHARS)
    if end - start > QUOTE_CHARS:
        start = max(start, start + told[0] - LEAD_CHARS)
        if start > sentence.start:
            start += text.whole[start:end].find(" ") + 1
        if start + QUOTE_CHARS < end:
            cut = max(start + QUOTE_CHARS, min(end, sentence.start + told[1]))
            end = max(text.whole.rfind(" ", start, cut), start + 1)
    page, low, high = text.place(start, end, sentence.start + told[0])
    return Place(text.quote(page, low, high), page, low, high)
