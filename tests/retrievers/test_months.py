from __future__ import annotations

import calendar
import re

from app.retrievers.months import MONTH, MONTHS, month_number


def test_every_spelling_that_is_found_has_its_number() -> None:
    numbers = {month_number(name) for name in MONTH.split("|")}
    assert numbers == set(range(1, 13))
    for number in range(1, 13):
        full, short = calendar.month_name[number], calendar.month_abbr[number]
        assert [month_number(one) for one in (full, short.upper(), f"{number:02}")] == [number] * 3
    assert (month_number("Sept"), len(MONTHS)) == (9, 12)


def test_the_longest_spelling_is_found() -> None:
    found = [re.match(MONTH, name, re.IGNORECASE) for name in (*MONTHS, "Sept")]
    assert [one and one.group() for one in found] == [*MONTHS, "Sept"]
