"""The months by their English names, as a pattern finds them in texts."""

from __future__ import annotations

MONTHS = "january february march april may june july august september october november december".split()
# Longer spellings first; for patterns that ignore case.
MONTH = "|".join([*MONTHS, "sept", *(name[:3] for name in MONTHS)])
_NUMBERS = {name[:3]: number for number, name in enumerate(MONTHS, 1)}


def month_number(written: str) -> int:
    """1 to 12, of what `MONTH` matched or of digits, which are taken as they are."""
    return int(written) if written.isdigit() else _NUMBERS[written[:3].lower()]
