"""What is read out of contracts: the checklist of clauses, time limits, and what to ask a lawyer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from app.llm_client import LanguageModel
from app.services.insight.page_texts import PageText

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
