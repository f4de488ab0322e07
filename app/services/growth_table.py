"""A table of growth figures as other programs export it, read without anybody's help: columns, days and numbers.

Pure functions over text. What cannot be read is told by row; nothing is guessed where two readings would both do.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from typing import Literal, NamedTuple

from app.errors import AppError
from app.retrievers.months import MONTHS

Meaning = Literal[
    "day", "value", "metric", "platform", "currency", "artist", "listeners", "followers", "streams", "income", "ignore"
]
DayOrder = Literal["day_first", "month_first"]
DecimalSign = Literal["point", "comma"]

MOST_ROWS = 20_000  # more than one request may carry
# Words in headings that tell what a column holds, the most telling first; each column is at most one thing.
WORDS: tuple[tuple[Meaning, tuple[str, ...]], ...] = (
    ("listeners", ("listeners", "listener")),
    ("followers", ("followers", "follower", "subscribers", "fans")),
    ("streams", ("streams", "stream", "plays", "views")),
    ("income", ("earnings", "earning", "income", "revenue", "royalties", "royalty", "payout")),
    ("currency", ("currency",)),
    ("artist", ("artist",)),
    ("platform", ("platform", "store", "service", "dsp", "channel", "source")),
    ("metric", ("metric", "figure", "measure")),
    ("day", ("date", "day", "datum", "month", "week", "period")),
    ("value", ("value", "count", "number", "amount", "total", "quantity")),
)
SEPARATORS = ("\t", ";", ",", "|")
_MONTHS = [name[:3] for name in MONTHS]
_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2})(?:[T ].*)?)?")
_NAMED = re.compile(r"(?:(\d{1,2})\.? )?([a-z]{3,9})\.? (?:(\d{1,2}),? )?(\d{4})")
_PARTS = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4}|\d{2})(?: .*)?")
_POINT = re.compile(r"[+-]?(?:[1-9]\d{0,2}(?:,\d{3})+|\d+)(?:\.\d+)?")
_COMMA = re.compile(r"[+-]?(?:[1-9]\d{0,2}(?:\.\d{3})+|\d+)(?:,\d+)?")
_SIGNS = re.compile(r"[\s'’\u00a0\u202f$€£¥]|\b[A-Z]{3}\b")
_LONGEST_NUMBER = 20  # characters: sums of as many rows stay exact


class Table(NamedTuple):
    heads: list[str]
    rows: list[tuple[int, list[str]]]  # with the number of the line in the file, from 1 on


def read_table(text: str) -> Table:
    """Raises `AppError` 422 where there is no table."""
    text = text.removeprefix("\ufeff")
    separator, skipped = _separator(text)
    try:
        lines = list(csv.reader(io.StringIO(text), delimiter=separator, strict=False))
    except csv.Error:
        raise AppError("This is no CSV table; export it again as CSV.", status=422, code="table") from None
    filled = [(number, [cell.strip() for cell in line]) for number, line in enumerate(lines, 1) if number > skipped]
    # A title stands alone in its line.
    filled = [(number, cells) for number, cells in filled if sum(map(bool, cells)) > 1]
    if not filled:
        raise AppError("There is no table with two columns or more in this file.", status=422, code="table")
    if len(filled) > MOST_ROWS + 1:
        raise AppError(
            f"This table has more than {MOST_ROWS} rows; split it and import the parts.", status=422, code="table"
        )
    first = filled[0][1]
    if any(_is_day(cell) for cell in first):
        return Table([f"Column {number}" for number in range(1, len(first) + 1)], filled)
    heads: list[str] = []
    for number, cell in enumerate(first, 1):
        name = cell[:80] or f"Column {number}"
        heads.append(name if name not in heads else f"{name[:70]} ({number})")
    return Table(heads, filled[1:])


def _separator(text: str) -> tuple[str, int]:
    """The sign between cells, and how many lines say only that ("sep=;", as Excel writes)."""
    lines = text.splitlines()[:20]
    if lines and (said := re.fullmatch(r"(?i)sep=(.)", lines[0].strip())):
        return said.group(1), 1
    widest = [max((line.count(one) for line in lines), default=0) for one in SEPARATORS]
    # Decimal commas and words between commas are many; where another sign parts most lines as well, it parts the cells.
    usual = [sum(one in line for line in lines) for one in SEPARATORS]
    best = max(range(len(SEPARATORS)), key=lambda place: (usual[place], widest[place], -place))
    return SEPARATORS[best], 0


def guess(heads: Sequence[str]) -> list[Meaning]:
    """What each column holds, by its heading. Every meaning is given once."""
    found: list[Meaning] = []
    for head in heads:
        words = set(re.findall(r"[a-z]+", head.casefold()))
        fitting = (meaning for meaning, names in WORDS if words & set(names) and meaning not in found)
        found.append(next(fitting, "ignore"))
    if "metric" not in found and set(found) & {"listeners", "followers", "streams", "income"}:
        return ["ignore" if meaning == "value" else meaning for meaning in found]  # a number of what, nothing says
    return found


def currency_in(head: str) -> str:
    """Of a heading such as "Earnings (USD)"; empty where it names none."""
    found = re.search(r"\b([A-Z]{3})\b", head)
    return found.group(1) if found else ""


def day_order(cells: Iterable[str]) -> DayOrder | None | Literal["unclear"]:
    """Whether 03/04/2026 is in April or in March, by the other days of the column; None where no day needs it."""
    told: set[DayOrder] = set()
    open_ones = False
    for cell in cells:
        parts = _PARTS.fullmatch(cell.strip())
        if parts is None:
            continue
        one, sign, other = int(parts.group(1)), parts.group(2), int(parts.group(3))
        if sign == "." or one > 12:
            told.add("day_first")
        elif other > 12:
            told.add("month_first")
        else:
            open_ones = open_ones or one != other
    if len(told) == 1:
        return told.pop()
    return "unclear" if told or open_ones else None


def day_of(cell: str, order: DayOrder | None) -> date | None:
    """The day that a cell names; a month stands for its first day. None for anything else."""
    text = " ".join(cell.split())
    if re.fullmatch(r"\d{8}", text):
        text = f"{text[:4]}-{text[4:6]}-{text[6:]}"
    try:
        if found := _ISO.fullmatch(text):
            return date(int(found.group(1)), int(found.group(2)), int(found.group(3) or 1))
        if found := _PARTS.fullmatch(text):
            day, month = int(found.group(1)), int(found.group(3))
            if order == "month_first" and found.group(2) != ".":
                day, month = month, day
            year = int(found.group(4))
            return date(year + 2000 if year < 100 else year, month, day)
        if (found := _NAMED.fullmatch(text.casefold())) and found.group(2)[:3] in _MONTHS:
            month = _MONTHS.index(found.group(2)[:3]) + 1
            return date(int(found.group(4)), month, int(found.group(1) or found.group(3) or 1))
    except ValueError:
        return None
    return None


def _is_day(cell: str) -> bool:
    return day_of(cell, "day_first") is not None or day_of(cell, "month_first") is not None


def decimal_sign(cells: Iterable[str]) -> DecimalSign | None:
    """By the numbers that can be read in one way alone; None where none can, or where they disagree."""
    told: set[DecimalSign] = set()
    for cell in cells:
        point, comma = (pattern.fullmatch(_bare(cell)) is not None for pattern in (_POINT, _COMMA))
        if point != comma:
            told.add("point" if point else "comma")
    return told.pop() if len(told) == 1 else None


def number_of(cell: str, sign: DecimalSign | None) -> Decimal | None:
    """The number that a cell holds. Without a known sign, three digits after one are thousands. None for anything else."""
    text = _bare(cell)
    if len(text) > _LONGEST_NUMBER:
        return None
    point, comma = _POINT.fullmatch(text), _COMMA.fullmatch(text)
    if sign is None and point and comma and re.search(r"[.,]", text):
        return Decimal(re.sub(r"[.,]", "", text))
    if point and sign != "comma":
        return Decimal(text.replace(",", ""))
    if comma and sign != "point":
        return Decimal(text.replace(".", "").replace(",", "."))
    return None


def _bare(cell: str) -> str:
    """Without spaces, currencies and the brackets that accountants put around what is owed."""
    text = _SIGNS.sub("", cell[: 2 * _LONGEST_NUMBER].strip())
    return f"-{text[1:-1]}" if text.startswith("(") and text.endswith(")") else text
