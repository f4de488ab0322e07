"""Months, weekdays and written dates of some languages, as patterns and what they mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

# Of each month: English, German, French, Spanish, Italian, Portuguese, Dutch; short forms of English and German.
_MONTHS = (
    "january jan januar janvier enero gennaio janeiro januari", "february feb februar février febrero febbraio fevereiro februari",
    "march mar märz mars marzo março maart", "april apr avril abril aprile", "may mai mayo maggio maio mei",
    "june jun juni juin junio giugno junho", "july jul juli juillet julio luglio julho",
    "august aug août agosto augustus", "september sep sept septembre septiembre settembre setembro",
    "october oct oktober octobre octubre ottobre outubro", "november nov novembre noviembre novembro",
    "december dec dezember dez décembre diciembre dicembre dezembro",
)  # fmt: skip
MONTHS = {name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()}
_DAYS = (
    "monday montag lundi lunes", "tuesday dienstag mardi martes", "wednesday mittwoch mercredi", "thursday donnerstag jeudi jueves",
    "friday freitag vendredi viernes", "saturday samstag samedi", "sunday sonntag dimanche domingo",
)  # fmt: skip
WEEKDAYS = {name: number for number, names in enumerate(_DAYS) for name in names.split()}

_NAME = "|".join(sorted(MONTHS, key=len, reverse=True))
_YEAR = r"(?:,?\s+(?:de\s+)?(?P<year>\d{4})(?![\d-]))"
DATES = (
    re.compile(r"(?<![\w-])(?P<year>\d{4})-(?P<number>\d{2})-(?P<day>\d{2})(?![\w-])"),
    re.compile(r"(?<![\w./-])(?P<a>\d{1,2})(?P<sep>[./-])(?P<b>\d{1,2})(?P=sep)(?P<year>\d{4}|\d{2})(?![\w/-])"),
    re.compile(
        rf"(?<![\w.,])(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+|de\s+)?(?P<month>{_NAME})\b\.?{_YEAR}?",
        re.IGNORECASE,
    ),
    re.compile(
        rf"\b(?P<month>{_NAME})\b\.?\s+(?:the\s+)?(?P<day>\d{{1,2}})(?:st|nd|rd|th)?(?![\w:%]|[.,]\d){_YEAR}?",
        re.IGNORECASE,
    ),
    re.compile(rf"\b(?P<month>{_NAME})\b\.?{_YEAR}", re.IGNORECASE),
)
MONTH_ALONE = re.compile(
    rf"\b(?P<month>{'|'.join(sorted((m for m in MONTHS if len(m) > 3), key=len, reverse=True))}|may|mai)\b", re.I
)
WEEKDAY = re.compile(rf"\b(?:{'|'.join(WEEKDAYS)})\b", re.IGNORECASE)
_WORDS_TOO = ("may", "march", "mar", "mars", "august", "mai", "mei")  # they are other words as well
_OPENS = re.compile(r"(?:^|[.!?:;\n\"“(])\W*$")

Day = tuple[int | None, int, int | None]


def read_date(match: re.Match[str]) -> list[Day]:
    """Year, month and day of a match of `DATES`; two readings of "3/5/2026", none of what is no date."""
    groups = match.groupdict()
    year = int(groups["year"]) if groups.get("year") else None
    year = 2000 + year if year is not None and year < 100 else year
    if groups.get("a"):
        pairs = {(int(groups["b"]), int(groups["a"])), (int(groups["a"]), int(groups["b"]))}
        return [(year, month, day) for month, day in sorted(pairs) if _real(year, month, day)]
    if groups.get("month") and groups["month"] in _WORDS_TOO and not groups.get("day"):
        return []
    month = int(groups["number"]) if groups.get("number") else MONTHS[groups["month"].lower()]
    day = int(groups["day"]) if groups.get("day") else None
    return [(year, month, day)] if _real(year, month, day) else []


def read_month(match: re.Match[str], text: str) -> int | None:
    """The month that a capitalised word names, where it is not another word at the beginning of a sentence."""
    word = match["month"]
    if not word[0].isupper() or (
        word.lower() in _WORDS_TOO
        and _OPENS.search(f"{'.' if match.start() < 40 else '_'}{text[max(0, match.start() - 40) : match.start()]}")
    ):
        return None
    return MONTHS[word.lower()]


def read_weekday(word: str) -> int:
    return WEEKDAYS[word.lower()]


def _real(year: int | None, month: int, day: int | None) -> bool:
    try:
        date(year or 2024, month, day or 1)  # 2024 has a 29 February
    except ValueError:
        return False
    return True


def weekdays_of(days: Iterator[Day]) -> set[int]:
    """On which weekdays whole dates fall."""
    return {date(y, m, d).weekday() for y, m, d in days if y is not None and d is not None}
