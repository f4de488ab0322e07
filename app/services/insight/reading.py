"""What one document says, read by rules alone: pages in, a profile out. Nothing here knows whose document it is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from app.services.insight.contracts import checklist, limits
from app.services.insight.dates import ENDS, Dated, Dates, find_dates
from app.services.insight.days import moved, spans, spoken
from app.services.insight.facts import Fact, find_facts
from app.services.insight.kinds import CONTRACTS, DATED, GUIDE, SPLITS, kind_of
from app.services.insight.page_texts import PageText, Place
from app.services.insight.splits import find_splits

STAMP = "2"  # of these rules: another one has every document read again
MOST_FACTS = 200  # of one document


@dataclass(frozen=True, slots=True)
class Reading:
    """JSON as the table `document_insights` keeps it."""

    kind: str
    facts: list[dict[str, Any]] = field(default_factory=list)
    clauses: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[dict[str, Any]] = field(default_factory=list)


def read(document_id: str, title: str, suffix: str, kb: str, pages: Sequence[PageText]) -> Reading:
    """The short profile of a document; a contract has the checklist of its clauses too."""
    kind = kind_of(title, suffix, kb, pages)
    if kind == GUIDE:  # what is said there of dates and money are examples, nobody's facts
        return Reading(kind)
    dates = find_dates(pages) if kind in DATED else Dates([])
    facts = [fact.as_json() for fact in find_facts(pages, kind)] + [date_fact(document_id, one) for one in dates.dates]
    warnings = [ends_apart(dates.apart)] if dates.apart and kind in CONTRACTS else []
    clauses: list[dict[str, Any]] = []
    if kind == SPLITS:
        sheet = find_splits(pages)
        facts += [fact.as_json() for fact in sheet.facts]
        warnings += sheet.warnings
    if kind in CONTRACTS:
        clauses = checklist(pages)
        end = next((one.day for one in dates.dates if one.label == ENDS and one.day), None)
        terms = limits(pages, end)
        facts += [*terms, *(date_fact(document_id, one) for one in sunsets(terms, end))]
    return Reading(kind, facts[:MOST_FACTS], clauses, warnings)


def sunsets(terms: Sequence[dict[str, Any]], end: date | None) -> list[Dated]:
    """When the commission that goes on after the end stops, where the end has a day."""
    found = []
    for one in terms:
        length = next((span for span, _, _ in spans(one["value"])), None) if one["kind"] == "sunset_period" else None
        day = moved(end, length, 1) if end and length else None
        if day is not None and end is not None and length is not None:
            place = Place(one["page"], one["start"], one["end"], one["quote"])
            rule = f"{length.words} after the end of the term, {spoken(end)}"
            found.append(Dated("Commission after the term ends", day, place, one["value"], rule))
    return found


def date_fact(document_id: str, one: Dated, by: str = "rules") -> dict[str, Any]:
    """A date as a fact; `key` is the same whenever the same words are read again."""
    fact = Fact("date", one.label, " ".join(one.value.split())[:200], one.place, by).as_json()
    day = one.day.isoformat() if one.day else None
    return {**fact, "day": day, "rule": one.rule, "key": date_key(document_id, day, one.value, one.place.quote)}


def date_key(document_id: str, day: str | None, value: str, quote: str) -> str:
    words = [document_id, day or "", " ".join(value.split()), " ".join(quote.split())]
    return hashlib.sha256("\x1f".join(words).encode()).hexdigest()


def ends_apart(apart: tuple[Dated, Dated]) -> dict[str, Any]:
    stated, reckoned = apart
    assert stated.day is not None
    assert reckoned.day is not None
    return {
        "code": "end_and_term",
        "text": f"It says that it ends on {spoken(stated.day)}, but {reckoned.rule} would be {spoken(reckoned.day)}. "
        "Check which one holds.",
        "page": stated.place.page,
        "start": stated.place.start,
        "end": stated.place.end,
        "quote": stated.place.quote,
    }
