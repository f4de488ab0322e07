"""Days as documents write them, and reckoning with them."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.services.insight.days import Span, last_day, moved, spans, spoken, written_days


@pytest.mark.parametrize(
    "text",
    ["1 March 2026", "1st March 2026", "March 1, 2026", "Mar. 1st, 2026", "2026-03-01", "1.3.2026", "01. 03. 2026",
     "this 1st day of March, 2026", "the 1st of March 2026", "1\nMarch\n2026"],
)  # fmt: skip
def test_a_day_is_read_however_it_is_written(text: str) -> None:
    [found] = written_days(f"It begins on {text}.")
    assert found.day == date(2026, 3, 1)
    assert f"It begins on {text}."[found.start : found.end] == found.text


@pytest.mark.parametrize(
    "text",
    [
        "31 February 2026",
        "03/04/2026",
        "14/15/2026",
        "1 March 26",
        "12.2026",
        "March 2026",
        "1 March 1850",
        "1 March 2500",
    ],
)
def test_what_is_no_day_or_could_be_two_is_left_out(text: str) -> None:
    assert written_days(text) == []


def test_strokes_are_read_where_only_one_order_makes_a_day() -> None:
    assert [one.day for one in written_days("25/12/2026 and 12/25/2026 and 05/05/2026")] == [
        date(2026, 12, 25), date(2026, 12, 25), date(2026, 5, 5)
    ]  # fmt: skip


def test_lengths_of_time_in_words_and_figures() -> None:
    text = "sixty (60) days, two years, a 12-month term, five (5) business days and 90 calendar days"
    assert [span.words for span, _, _ in spans(text)] == [
        "60 days",
        "2 years",
        "12 months",
        "5 business days",
        "90 days",
    ]


def test_days_come_in_the_order_of_the_text_however_they_are_written() -> None:
    text = "From 25/12/2026 to 2027-01-31, then 1 March 2027 and April 2, 2027."
    assert [one.day.isoformat() for one in written_days(text)] == [
        "2026-12-25",
        "2027-01-31",
        "2027-03-01",
        "2027-04-02",
    ]
    assert [one.text for one in written_days("March 1 2026-03-02")] == ["March 1 2026"]


def test_the_figure_in_brackets_counts_and_no_time_at_all_is_no_length() -> None:
    assert [span.words for span, _, _ in spans("six (60) days, 0 days and zero (0) months")] == ["60 days"]


def test_a_length_is_at_most_so_many_days() -> None:
    assert [Span(2, unit).days for unit in ("day", "week", "month", "year")] == [2, 14, 62, 732]


def test_a_month_that_is_shorter_ends_on_its_last_day() -> None:
    assert moved(date(2027, 1, 31), Span(1, "month"), 1) == date(2027, 2, 28)
    assert moved(date(2027, 3, 31), Span(1, "month"), 1) == date(2027, 4, 30)
    assert moved(date(2027, 1, 31), Span(2, "month"), 1) == date(2027, 3, 31)
    assert moved(date(2028, 2, 29), Span(1, "year"), -1) == date(2027, 2, 28)
    assert last_day(date(2026, 3, 1), Span(2, "year")) == date(2028, 2, 29)


def test_of_business_days_and_beyond_the_calendar_no_day_follows() -> None:
    assert moved(date(2027, 1, 31), Span(10, "day", business=True), 1) is None
    assert moved(date(9999, 12, 31), Span(1, "day"), 1) is None
    assert moved(date(2, 1, 1), Span(9, "year"), -1) is None


@given(st.dates(date(1990, 1, 1), date(2150, 12, 31)), st.integers(1, 400))
def test_days_and_weeks_go_there_and_back(day: date, count: int) -> None:
    for unit, length in (("day", 1), ("week", 7)):
        there = moved(day, Span(count, unit), 1)
        assert there is not None
        assert (there - day).days == count * length
        assert moved(there, Span(count, unit), -1) == day


@given(st.dates(date(1990, 1, 1), date(2150, 12, 31)))
def test_what_is_spoken_is_read_back(day: date) -> None:
    assert [one.day for one in written_days(f"until {spoken(day)}, at noon")] == [day]
