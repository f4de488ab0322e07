"""Tables as CSV (RFC 4180) for spreadsheets."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

_FORMULA = re.compile(r"\s*[=+\-@\t\r＝＋－＠]")  # also behind white space, and in full width

Value = str | int | float | Decimal | date | datetime | None


def as_csv(heads: Sequence[str], rows: Iterable[Sequence[Value]]) -> str:
    """A head and a line for each row. No text begins as a formula of a spreadsheet does (OWASP, CSV injection): titles and
    names come from outside. Numbers stay numbers, also negative ones.
    """
    return csv_line(heads) + "".join(map(csv_line, rows))


def csv_line(values: Iterable[Value]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_cell(value) for value in values])
    return out.getvalue()


def defused(text: str) -> str:
    """The text as it is, or with an apostrophe before it where a spreadsheet would run it."""
    return f"'{text}" if _FORMULA.match(text) else text


def _cell(value: Value) -> str:
    if not isinstance(value, str):
        return "" if value is None else value.isoformat() if isinstance(value, date) else str(value)
    return defused(value.replace("\0", ""))
