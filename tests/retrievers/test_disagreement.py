from __future__ import annotations

import pytest

from app.retrievers.disagreement import disagreements, values

QUESTION = "What commission does the manager get?"
FIFTEEN = "The manager receives a commission of 15 percent of gross income."
TWENTY = "The manager receives a commission of twenty percent (20%) of gross income."


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a fee of $1,250.50", [("money", "1250.5")]),
        ("a fee of 1.250,50 euros", [("money", "1250.5")]),
        ("€300 and 300 EUR", [("money", "300")]),
        ("fifteen percent, 15%, 15 per cent", [("percent", "15")]),
        ("twelve and a half, or 12.5 %", [("percent", "12.5")]),
        ("for two (2) years or 24 months", [("length", "104 weeks")]),
        ("60 days' notice", [("length", "60 days")]),
        ("a 30-day period", [("length", "30 days")]),
        ("on 3 March 2025, March 3rd, 2025 and 2025-03-03", [("date", "2025-03-03")]),
        ("on Sept. 1, 2024", [("date", "2024-09-01")]),
        ("three points on the record", [("points", "3")]),
        ("in section 12 of 2020", []),
    ],
)
def test_values_are_equal_however_they_are_written(text: str, found: list[tuple[str, str]]) -> None:
    assert [(value.kind, value.key) for value in values(text)] == found


def test_the_same_statement_with_other_values_disagrees() -> None:
    [found] = disagreements(QUESTION, [("a", [FIFTEEN]), ("b", [TWENTY])])
    assert (found.one, found.other, found.kind) == (0, 1, "percent")
    assert found.says == ("15 percent", "twenty percent (20%)")


@pytest.mark.parametrize(
    ("statements", "why"),
    [
        ([("a", [FIFTEEN]), ("a", [TWENTY])], "one document"),
        ([("a", [FIFTEEN]), ("b", [FIFTEEN.replace("15 percent", "15%")])], "the same value"),
        ([("a", [FIFTEEN]), ("b", ["The manager receives a commission within 30 days of gross income."])], "another kind"),
        ([("a", [FIFTEEN]), ("b", ["The studio gets 20 percent off the list price of its new desk."])], "something else"),
        ([("a", ["The tour ends on 3 May 2025 in Lyon."]), ("b", ["The tour ends on 4 May 2025 in Lyon."])], "not asked"),
    ],
)  # fmt: skip
def test_what_is_no_disagreement(statements: list[tuple[str, list[str]]], why: str) -> None:
    assert disagreements(QUESTION, statements) == [], why


def test_dates_disagree() -> None:
    question = "When does the tour end?"
    pair = [("a", ["The tour ends on 3 May 2025 in Lyon."]), ("b", ["The tour ends on May 4, 2025 in Lyon."])]
    [found] = disagreements(question, pair)
    assert found.says == ("3 May 2025", "May 4, 2025")


def test_one_pair_is_named_once() -> None:
    found = disagreements(QUESTION, [("a", [FIFTEEN, FIFTEEN]), ("b", [TWENTY, TWENTY]), ("c", [FIFTEEN])])
    assert [(one.one, one.other) for one in found] == [(0, 1), (1, 2)]
