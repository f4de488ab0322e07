"""What is read out of contracts: the checklist of clauses, time limits, and what to ask a lawyer. JSON as the table keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from app.llm_client import LanguageModel
from app.services.insight import clause_model
from app.services.insight.clauses import Clause, Place, find_clauses
from app.services.insight.page_texts import PageText
from app.services.insight.questions import questions_of
from app.services.insight.terms import contract_terms

Rows = list[dict[str, Any]]


def checklist(pages: Sequence[PageText]) -> Rows:
    return [clause.as_json() for clause in find_clauses(pages)]


def limits(pages: Sequence[PageText], ends: date | None) -> Rows:
    """Time limits and restrictions; `ends` is the last day of the agreement, where it is known."""
    return contract_terms(pages, ends)


async def more_clauses(model: LanguageModel, pages: Sequence[PageText], clauses: Rows) -> Rows:
    """The checklist with what the model points to beyond it."""
    rows = [Clause(**{**one, "more": tuple(Place(**place) for place in one.get("more", ()))}) for one in clauses]
    found = await clause_model.add_clauses(model, pages, rows)
    return [clause.as_json() for clause in found]


def questions(clauses: Rows, kind: str) -> list[str]:
    """What to ask a lawyer: about what was not found, and about words that leave things open."""
    return questions_of(clauses, kind)
