"""What items cost together, worked out by code from the user's own figures and from nothing else (design rule 11)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from app.services.desk.figures import Figure, even, figures

_TIMES = re.compile(r"(?<![\w.,])(\d{1,4})\s?(?:x|×|\*|times)\s?$", re.IGNORECASE)
_TIMES_AFTER = re.compile(r"^\s?(?:x|×|\*|times)\s?(\d{1,4})(?![\w.,]*\d)", re.IGNORECASE)
SIGNS = {"EUR": "EUR", "dollar": "$", "krone": "kr"}


@dataclass(frozen=True, slots=True)
class Sum:
    """`text` is the total with its currency, or empty where `why` says what stands in the way."""

    text: str = ""
    why: str = ""


def add_up(lines: str) -> Sum:
    """The total of lines such as "Mixing, 3 x 250 EUR": one amount with one and the same currency in each line."""
    rows = [line for line in even(lines).splitlines() if line.strip()]
    if not rows:
        return Sum(why="no items are given")
    total, currency = Decimal(0), ""
    for row in rows:
        amounts = [figure for figure in figures(row) if figure.kind == "money"]
        if len(amounts) != 1 or len(amounts[0].keys) != 1:
            return Sum(why=f"“{row.strip()[:60]}” does not hold one amount with its currency")
        of, value = _money(amounts[0])
        if currency and of != currency:
            return Sum(why="the items are in different currencies")
        currency = of
        total += value * _quantity(row, amounts[0])
    return Sum(f"{_written(total)} {SIGNS.get(currency, currency)}")


def _money(figure: Figure) -> tuple[str, Decimal]:
    currency, value = figure.keys[0][1]
    return currency, value


def _quantity(row: str, amount: Figure) -> int:
    before, after = _TIMES.search(row[: amount.start]), _TIMES_AFTER.search(row[amount.end :])
    found = before or after
    return int(found[1]) if found else 1


def _written(value: Decimal) -> str:
    """1200 and 1200.50: no separators, which mean different things in different countries."""
    return f"{value:.0f}" if value == value.to_integral_value() else f"{value:.2f}"


def numbered(lines: str) -> Sequence[tuple[int, str]]:
    """The lines that hold words, counted from 1: how feedback may call them."""
    return list(enumerate((line.strip() for line in lines.splitlines() if line.strip()), 1))
