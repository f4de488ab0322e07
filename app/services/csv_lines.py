"""Tables as CSV (RFC 4180) for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal

_FORMULA = ("=", "+", "-", "@", "\t", "\r")

Value = str | int | float | Decimal | date | datetime | None


def as_csv(heads: Sequence[str], rows: Iterable[Sequence[Value]]) -> str:
    """A head and a line for each row. No text begins as a formula of a spreadsheet does (OWASP, CSV injection): titles and
    names come from outside. Numbers stay numbers, also negative ones.
    """
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\r\n")
    lines.writerow([_cell(head) for head in heads])
    lines.writerows([_cell(value) for value in row] for row in rows)
    return out.getvalue()


def _cell(value: Value) -> str:
    if not isinstance(value, str):
        return "" if value is None else value.isoformat() if isinstance(value, date) else str(value)
    text = value.replace("\0", "")
    return f"'{text}" if text.startswith(_FORMULA) else text
