"""What one document says, read by rules alone: pages in, a profile out. Nothing here knows whose document it is."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any

from app.llm_client import LanguageModel
from app.services.insight.dates import ENDS, Dated, Dates, find_dates
from app.services.insight.days import spoken
from app.services.insight.facts import Fact, find_facts
from app.services.insight.kinds import CONTRACTS, DATED, GUIDE, SPLITS, kind_of
from app.services.insight.page_texts import PageText
from app.services.insight.splits import find_splits

STAMP = "1"  # of these rules: another one has every document read again
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
        clauses = [clause.as_json() for clause in find_clauses(pages)]
        end = next((one.day for one in dates.dates if one.label == ENDS and one.day), None)
        facts += contract_terms(pages, end)
    return Reading(kind, facts[:MOST_FACTS], clauses, warnings)


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


try:
    from app.services.insight.clauses import find_clauses
    from app.services.insight.terms import contract_terms
except ImportError:  # until both branches are one

    def find_clauses(pages: Sequence[Any]) -> list[Any]:
        return []

    def contract_terms(pages: Sequence[Any], ends: date | None = None) -> list[dict[str, Any]]:
        return []


async def add_clauses(
    model: LanguageModel, pages: Sequence[PageText], clauses: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """The checklist with what the model points to beyond it."""
    try:
        from app.services.insight import clause_model
        from app.services.insight.clauses import Clause
    except ImportError:  # as above
        return clauses
    names = {field.name for field in fields(Clause)} - {"more"}
    rows = [Clause(**{name: one[name] for name in names if name in one}) for one in clauses]
    found = await clause_model.add_clauses(model, pages, rows)
    return [old if old["found"] else new.as_json() for old, new in zip(clauses, found, strict=True)]


def questions(clauses: Sequence[dict[str, Any]], kind: str) -> list[str]:
    """What to ask a lawyer: about what was not found, and about words that leave things open."""
    try:
        from app.services.insight.questions import questions_of
    except ImportError:  # as above
        return []
    return list(questions_of(clauses, kind))
