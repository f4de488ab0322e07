"""Days and spans that a person writes: "3 May", "2027-05-03", "next Friday", "two weeks". Computed by code, from today."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

from app.retrievers.months import MONTH, month_number
from app.retrievers.numerals import UNITS
from app.services.insight.days import months_on
from app.services.plans.schedule import EARLIEST, LATEST

WEEKDAYS = {name.casefold(): day for day, name in enumerate(calendar.day_name)}
COUNTS = {word: count for word, count in UNITS.items() if count <= 12}
COUNTS |= {"a": 1, "an": 1, "a couple of": 2, "couple of": 2}
DAY = re.compile(
    rf"\b(?P<iso>\d{{4}}-\d{{2}}-\d{{2}})\b"
    rf"|\b(?P<day>\d{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<month>{MONTH})\b\.?(?:,?\s+(?P<year>\d{{4}}))?"
    rf"|\b(?P<month2>{MONTH})\.?\s+(?P<day2>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s+(?P<year2>\d{{4}}))?"
    rf"|\b(?P<day3>\d{{1,2}})\.(?P<month3>\d{{1,2}})\.(?P<year3>\d{{4}})\b"
    rf"|\b(?P<near>today|tomorrow)\b"
    rf"|\b(?:next\s+|this\s+|on\s+)?(?P<weekday>{'|'.join(WEEKDAYS)})\b",
    re.IGNORECASE,
)
SPAN = re.compile(
    rf"\b(?P<count>\d{{1,3}}|{'|'.join(sorted(COUNTS, key=len, reverse=True))})\s+(?P<unit>day|week|month)s?\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Span:
    count: int
    unit: str

    def after(self, day: date, sign: int = 1) -> date:
        """`day` moved by the span; a month keeps the day of the month where there is one. Raises as `date` does."""
        if self.unit != "month":
            return day + sign * timedelta(days=self.count * (7 if self.unit == "week" else 1))
        return months_on(day, sign * self.count)


def find_day(text: str, today: date) -> date | None:
    """The first day that `text` names; without a year the next such day from today. None for what is no day."""
    for match in DAY.finditer(text):
        if (found := _day(match, today)) is not None and EARLIEST <= found <= LATEST:
            return found
    return None


def find_days(text: str, today: date) -> list[date]:
    """Every day that `text` names."""
    return [found for match in DAY.finditer(text) if (found := _day(match, today)) is not None]


def find_span(text: str) -> Span | None:
    """The first span that `text` names."""
    if (match := SPAN.search(text)) is None:
        return None
    written = match["count"].casefold()
    return Span(int(written) if written.isdigit() else COUNTS[written], match["unit"].casefold())


def _day(match: re.Match[str], today: date) -> date | None:
    try:
        if match["iso"]:
            return date.fromisoformat(match["iso"])
        if match["near"]:
            return today + timedelta(days=match["near"].casefold() == "tomorrow")
        if match["weekday"]:
            return today + timedelta(days=(WEEKDAYS[match["weekday"].casefold()] - today.weekday() - 1) % 7 + 1)
        if match["day3"]:
            return date(int(match["year3"]), int(match["month3"]), int(match["day3"]))
        day, month = int(match["day"] or match["day2"]), month_number(match["month"] or match["month2"])
        if year := match["year"] or match["year2"]:
            return date(int(year), month, day)
        return next(
            found for year in range(today.year, today.year + 9) if (found := _on(year, month, day)) and found >= today
        )
    except (ValueError, StopIteration):  # 31 June
        return None


def _on(year: int, month: int, day: int) -> date | None:
    """None for 29 February in most years."""
    return date(year, month, day) if day <= calendar.monthrange(year, month)[1] else None
