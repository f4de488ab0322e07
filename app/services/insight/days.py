"""Days as documents write them, and reckoning with them: pure functions over the calendar."""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from app.retrievers.months import MONTH, MONTHS, month_number
from app.retrievers.numerals import UNITS

_NTH = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_NTH}\.?\s+(?:day\s+)?(?:of\s+)?(?P<month>{MONTH})\.?,?\s+(?P<year>\d{{4}})\b",
        rf"\b(?P<month>{MONTH})\.?\s+{_NTH},?\s+(?P<year>\d{{4}})\b",
        r"\b(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})\b",
        r"\b(?P<day>\d{1,2})\.\s?(?P<month>\d{1,2})\.\s?(?P<year>\d{4})\b",
        # With strokes the order differs by country: a day above 12 decides it, else nobody can tell.
        r"\b(?P<one>\d{1,2})/(?P<other>\d{1,2})/(?P<year>\d{4})\b",
    )
)
EARLIEST, LATEST = 1900, 2200  # years; others are numbers that look like one

SPELLED = UNITS | {
    "twenty": 20, "thirty": 30, "forty": 40, "forty-five": 45, "fifty": 50, "sixty": 60, "ninety": 90, "a": 1, "an": 1,
    "one hundred twenty": 120, "one hundred and twenty": 120, "one hundred eighty": 180, "one hundred and eighty": 180,
}  # fmt: skip
_COUNT = "|".join(re.escape(word).replace(r"\ ", r"\s+") for word in sorted(SPELLED, key=len, reverse=True))
# "sixty (60) days", "60 calendar days'", "two-year".
SPAN = (
    rf"(?:(?P<words>{_COUNT})\s*\(\s*(?P<paren>\d{{1,3}})\s*\)|(?P<digits>\d{{1,3}})|(?P<word>{_COUNT}))[\s-]+"
    r"(?:(?P<sort>full|calendar|consecutive|additional|further|successive|business|working)\s+)?"
    r"(?P<unit>day|week|month|year)s?\b(?:['’]s?)?"
)


@dataclass(frozen=True, slots=True)
class WrittenDay:
    """A day of the calendar and where a text names it."""

    day: date
    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Span:
    """A length of time; `unit` is day, week, month or year. Of business days nobody knows the holidays: no date follows."""

    count: int
    unit: str
    business: bool = False

    @property
    def words(self) -> str:
        return f"{self.count} {'business ' if self.business else ''}{self.unit}{'' if self.count == 1 else 's'}"

    @property
    def days(self) -> int:
        """How many at most, as `plans` counts them: 31 to a month, 366 to a year."""
        return self.count * {"day": 1, "week": 7, "month": 31, "year": 366}[self.unit]


def written_days(text: str) -> list[WrittenDay]:
    """Every day that `text` names in full, in their order; what is no day of the calendar is left out."""
    found: dict[int, WrittenDay] = {}
    for pattern in _PATTERNS:
        for match in pattern.finditer(text):
            day = _day(match.groupdict())
            if day is not None and not any(
                one.start < match.end() and match.start() < one.end for one in found.values()
            ):
                found[match.start()] = WrittenDay(day, match.start(), match.end(), match.group())
    return [found[start] for start in sorted(found)]


def _day(parts: dict[str, str | None]) -> date | None:
    year = int(parts["year"] or 0)
    if not EARLIEST <= year <= LATEST:
        return None
    if "one" in parts:
        one, other = int(parts["one"] or 0), int(parts["other"] or 0)
        if (one > 12) == (other > 12) and one != other:
            return None
        return _valid(year, min(one, other) if one != other else one, max(one, other))
    return _valid(year, month_number(parts["month"] or ""), int(parts["day"] or 0))


def _valid(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:  # 31 February
        return None


def spans(text: str) -> Iterator[tuple[Span, int, int]]:
    """Every length of time that `text` names, with its characters."""
    for match in re.finditer(rf"\b{SPAN}", text, re.IGNORECASE):
        if (span := span_of(match)) is not None:
            yield span, match.start(), match.end()


def span_of(match: re.Match[str]) -> Span | None:
    """Of a match of `SPAN`; None for a count that makes no sense."""
    word = " ".join((match["word"] or match["words"] or "").lower().split())
    count = int(match["paren"] or match["digits"] or SPELLED.get(word, 0))
    return (
        Span(count, match["unit"].lower(), (match["sort"] or "").lower() in ("business", "working")) if count else None
    )


def months_on(day: date, months: int) -> date:
    """So many months later: the same number of the month, or its last day where it has none. Raises as `date` does."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def moved(day: date, span: Span, sign: int) -> date | None:
    """`span` after (`sign` 1) or before (-1) a day, by `months_on`; None for business days and beyond the calendar."""
    if span.business:
        return None
    try:
        if span.unit in ("day", "week"):
            return day + timedelta(days=sign * span.count * (7 if span.unit == "week" else 1))
        return months_on(day, sign * span.count * (12 if span.unit == "year" else 1))
    except (ValueError, OverflowError, calendar.IllegalMonthError):
        return None


def last_day(start: date, span: Span) -> date | None:
    """Of a term that begins on `start` and lasts so long: the day before it would begin again."""
    end = moved(start, span, 1)
    return end - timedelta(days=1) if end else None


def spoken(day: date) -> str:
    """1 March 2027."""
    return f"{day.day} {MONTHS[day.month - 1].capitalize()} {day.year}"
