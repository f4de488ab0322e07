"""Passages of different documents that answer the same question with different numbers or dates (design rule 12)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.retrievers.months import MONTH, month_number
from app.retrievers.numerals import TENS, UNITS
from app.retrievers.wording import words

ALIKE = 0.6  # of the words of the shorter sentence, without its values, that stand in the other one
ASKED = 0.34  # of the question's words that stand in both: else it disagrees about something nobody asked
FEWEST_WORDS = 3  # shorter sentences are alike by chance

_NUMBER = r"\d{1,3}(?:[,.' ]\d{3})+(?:[.,]\d{1,2})?|\d+(?:[.,]\d+)?"
_SPELLED = UNITS | TENS | {"hundred": 100}
_COUNT = rf"{_NUMBER}|{'|'.join(_SPELLED)}"

# What a number counts, and how it is read; the first pattern that takes a place in the text keeps it.
KINDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in (
        ("date", rf"\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\.? (?:of )?(?P<month>{MONTH})\.?,? (?P<year>\d{{4}})\b"),
        ("date", rf"\b(?P<month>{MONTH})\.? (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}})\b"),
        ("date", r"\b(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})\b"),
        ("percent", rf"(?P<number>{_COUNT})(?: percent| per cent| ?%)(?: ?\(\d+(?:[.,]\d+)? ?%?\))?(?: ?%)?"),
        (
            "money",
            rf"(?:US)?[$€£] ?(?P<number>{_NUMBER})|(?P<other>{_NUMBER}) ?(?:dollars|euros?|pounds|usd|eur|gbp)\b",
        ),
        ("length", rf"\b(?P<number>{_COUNT})(?: ?\(\d+\))?[ -](?P<unit>day|week|month|year)s?\b"),
        ("points", rf"\b(?P<number>{_COUNT})(?: ?\(\d+\))? points?\b"),
    )
)
_DAYS = {"day": 1.0, "week": 7.0, "month": 30.4375, "year": 365.25}


@dataclass(frozen=True, slots=True)
class Value:
    """A number or date in a text: `kind` of `KINDS`, `key` equal for equal values however written, `text` as written."""

    kind: str
    key: str
    text: str


@dataclass(frozen=True, slots=True)
class Disagreement:
    """Two statements of different documents about the same thing: their places in the list given, and what each says."""

    one: int
    other: int
    kind: str
    says: tuple[str, str]


def values(text: str) -> list[Value]:
    """Numbers with a unit, sums of money and dates in `text`, in their order, each once."""
    found: dict[tuple[int, int], Value] = {}
    for kind, pattern in KINDS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if not any(start < other_end and other_start < end for other_start, other_end in found):
                found[(start, end)] = Value(kind, _key(kind, match), match.group().strip())
    first: dict[tuple[str, str], Value] = {}
    for _, value in sorted(found.items()):
        first.setdefault((value.kind, value.key), value)
    return list(first.values())


def disagreements(question: str, statements: Sequence[tuple[str, Iterable[str]]]) -> list[Disagreement]:
    """Pairs of `statements`, each (document id, its sentences), that say the same with other values of one kind.

    At most one for each pair of statements. Sentences in which the question's words are missing are left out.
    """
    asked = words(question)
    read = [
        (document, [_Sentence.of(text) for text in texts if _answers(asked, text)]) for document, texts in statements
    ]
    found = []
    for one, (document, sentences) in enumerate(read):
        for other in range(one + 1, len(read)):
            if read[other][0] != document and (apart := _first(sentences, read[other][1])) is not None:
                found.append(Disagreement(one, other, apart[0].kind, (apart[0].text, apart[1].text)))
    return found


@dataclass(frozen=True, slots=True)
class _Sentence:
    words: frozenset[str]
    values: tuple[Value, ...]

    @classmethod
    def of(cls, text: str) -> _Sentence:
        found = tuple(values(text))
        for value in found:
            text = text.replace(value.text, " ")
        return cls(frozenset(word for word in words(text) if not word.isdigit()), found)


def _answers(asked: set[str], sentence: str) -> bool:
    return not asked or len(asked & words(sentence)) >= ASKED * len(asked)


def _first(mine: Sequence[_Sentence], theirs: Sequence[_Sentence]) -> tuple[Value, Value] | None:
    for one in mine:
        for other in theirs:
            shorter = min(len(one.words), len(other.words))
            if shorter < FEWEST_WORDS or len(one.words & other.words) < ALIKE * shorter:
                continue
            for kind in dict.fromkeys(value.kind for value in one.values):
                left = [value for value in one.values if value.kind == kind]
                right = [value for value in other.values if value.kind == kind]
                if right and not {value.key for value in left} & {value.key for value in right}:
                    return left[0], right[0]
    return None


def _key(kind: str, match: re.Match[str]) -> str:
    parts = match.groupdict()
    if kind == "date":
        return f"{int(parts['year']):04}-{month_number(parts['month']):02}-{int(parts['day']):02}"
    number_text = (parts.get("number") or parts.get("other") or "").lower()
    amount = float(_SPELLED[number_text]) if number_text in _SPELLED else _amount(number_text)
    if kind == "length":
        # Twelve months are a year: the same length up to a few days.
        return (
            f"{round(amount * _DAYS[parts['unit'].lower()] / 7)} weeks"
            if parts["unit"].lower() != "day"
            else f"{amount:g} days"
        )
    return f"{amount:g}"


def _amount(text: str) -> float:
    """A written number: the last of `.` and `,` is decimal when one or two digits follow it, else both group thousands."""
    decimal = re.search(r"[.,](\d{1,2})$", text)
    whole = text[: decimal.start()] if decimal else text
    return float(re.sub(r"\D", "", whole) + (f".{decimal.group(1)}" if decimal else ""))
