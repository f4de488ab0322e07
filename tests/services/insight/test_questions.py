"""Open questions for a lawyer."""

from __future__ import annotations

from app.services.insight.clauses import Clause, checklist, find_clauses
from app.services.insight.questions import questions_of

MISSING = [Clause(entry.name, entry.label, found=False) for entry in checklist()]


def found(name: str, quote: str) -> list[str]:
    label = next(entry.label for entry in checklist() if entry.name == name)
    return questions_of([Clause(name, label, True, quote, 1, 0, len(quote))])


def test_what_is_missing_is_asked_where_it_is_usual() -> None:
    def asked(kind: str) -> set[str]:
        return {question.split(":")[0] for question in questions_of(MISSING, kind)}

    assert {"Commission", "Sunset", "Key person"} <= asked("management")
    assert {"Recoupment", "Reversion"} <= asked("recording")
    assert asked("sync").isdisjoint({"Commission", "Sunset", "Key person", "Advance", "Audit right"})
    assert "Governing law" in asked("live")
    assert asked("something new") == asked("contract")
    assert all(question.endswith("?") for question in questions_of(MISSING, "recording"))


def test_what_is_there_and_plain_is_not_asked() -> None:
    assert found("royalty", "The Artist receives 18 % of net receipts.") == []
    assert found("governing_law", "This agreement is governed by the laws of Portugal.") == []


def test_words_that_leave_a_thing_open_are_named() -> None:
    assert found("royalty", "The royalty rate is to be agreed.") == [
        "Royalty base and rate: “to be agreed” leaves it open; what holds if nothing is agreed?"
    ]
    assert "a blank stands here" in found("commission", "You pay us a commission of ____ % of gross income.")[0]
    assert "“sole discretion”" in found("termination", "We may end this agreement in our sole discretion.")[0]
    assert "“in perpetuity”" in found("term", "The rights are granted in perpetuity.")[0]
    assert "“all costs”" in found("deductions", "The Label deducts all costs before the royalty.")[0]
    assert "names no figure" in found("commission", "The Manager receives a commission on income.")[0]


def test_rows_of_the_database_do_as_well_and_an_older_checklist_is_no_fault() -> None:
    rows = [clause.as_json() for clause in MISSING]
    assert questions_of([*rows, {"name": "of long ago", "found": False}]) == questions_of(MISSING)


def test_the_sample_contract() -> None:
    from tests.conftest import ROOT

    text = (ROOT / "app" / "samples" / "management-agreement.md").read_text(encoding="utf-8")
    asked = [question.split(":")[0] for question in questions_of(find_clauses([(1, text)]), "management")]
    assert asked == ["Options and renewals", "Territory", "Exclusivity", "Key person", "Assignment"]
