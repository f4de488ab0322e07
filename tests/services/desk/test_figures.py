"""Numbers, amounts, dates and times of a text, however they are written."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.services.desk.evidence import Known
from app.services.desk.figures import Key, even, figures


def keys(text: str) -> list[tuple[Key, ...]]:
    return [figure.keys for figure in figures(text)]


def says(known: str, draft: str) -> bool:
    """Whether `known` bears out every figure of `draft`."""
    found = figures(draft)
    assert found, draft
    return all(Known(known).has_figure(figure) for figure in found)


@pytest.mark.parametrize(
    "text",
    ["1,200", "1 200", "1\u00a0200", "1\u202f200", "1'200", "1.200", "1200", "1.2k", "1.2K", "twelve hundred",
     "one thousand two hundred", "1.2 thousand", "１２００", "١٢٠٠"],
)  # fmt: skip
def test_one_number_in_many_writings(text: str) -> None:
    [found] = keys(f"about {text} people")
    assert ("number", Decimal(1200)) in [(kind, Decimal(value)) for kind, value in found]


@pytest.mark.parametrize(
    ("known", "draft", "expected"),
    [
        ("20 % of income", "20%", True), ("20 % of income", "twenty percent", True), ("20 % of income", "20 shows", False),
        ("20 shows", "20 %", False), ("15 to 20 percent", "15-20%", True), ("15-20 %", "15 shows", False),
        ("EUR 1,200", "€1200", True), ("1,200 euros", "€1.2k", True), ("€1,200", "$1,200", False), ("€1,200", "1200", True),
        ("300", "€300", False), ("300\ncurrency: EUR", "300 €", True), ("$300", "US$300", True), ("A$300", "US$300", False),
        ("between 500 and 800 EUR", "€500–800", True), ("2.5 million streams", "2,500,000", True), ("2.50 EUR", "€2.5", True),
    ],
)  # fmt: skip
def test_a_figure_keeps_its_unit(known: str, draft: str, expected: bool) -> None:
    assert says(known, draft) is expected


@pytest.mark.parametrize(
    ("known", "draft", "expected"),
    [
        ("out on 3 May 2026", "May 3rd, 2026", True), ("2026-05-03", "3 May 2026", True), ("3.5.2026", "3 May 2026", True),
        ("05/03/2026", "3 May 2026", True), ("05/03/2026", "5 March 2026", True), ("3 May 2026", "in May 2026", True),
        ("3 May 2026", "on 3 May", True), ("3 May 2026", "on Sunday", True), ("3 May 2026", "on Monday", False),
        ("3 May 2026", "4 May 2026", False), ("3 May 2026", "3 shows", False), ("3 May 2026", "in 2026", True),
        ("3. Mai 2026", "3 May 2026", True), ("in May", "on 3 May", False), ("3 May", "3 May 2026", False),
        ("doors 19:00", "7 pm", True), ("8 pm", "20:00", True), ("8 pm", "8 shows", False), ("the 90s", "the 1990s", True),
        ("the second single", "their 2nd single", True), ("two singles", "the second single", False),
    ],
)  # fmt: skip
def test_dates_times_and_ordinals(known: str, draft: str, expected: bool) -> None:
    assert says(known, draft) is expected


@pytest.mark.parametrize(
    "text",
    ["May we come? One of us, no one else. 24/7, at first, wait a second.", "Four-on-the-floor, a two-step feel."],
)
def test_what_is_no_figure(text: str) -> None:
    assert keys(text) == []


def test_two_numbers_side_by_side_may_be_meant() -> None:
    assert says("on day 12, with 300 people", "12 300")
    assert not says("12 people", "12 300")


def test_a_sign_between_two_numbers_leaves_neither_out() -> None:
    for text in ("42 €9", "42 EUR 9", "€42€9", "42€ 9"):
        assert len(figures(text)) == 2, text


def test_length_and_places_stay() -> None:
    text = "Nur １２\u202f000 für ٣ Tage"
    assert len(even(text)) == len(text)
    assert [text[one.start : one.end] for one in figures(text)] == ["１２\u202f000", "٣"]
