"""When steps are due: pure arithmetic over days. No clock, no database, no language model.

A step lies a fixed number of days from the target date, so that another target date moves every step by as many days, keeps
every order and every window.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

EARLIEST, LATEST = date(2000, 1, 1), date(2100, 12, 31)  # days that a plan may name: others are typing errors


@dataclass(frozen=True, slots=True)
class Dated:
    """A step as the calendar sees it. `window` is [earliest, latest] in days from the target date, where it has one;
    `fixed` steps keep their day when the target moves: done, dropped, or dated by hand.
    """

    key: str
    title: str
    due: date
    needs: tuple[str, ...] = ()
    window: tuple[int, int] | None = None
    fixed: bool = False
    open: bool = True


def due_on(target: date, days: int) -> date:
    """`days` from the target date, below 0 before it; raises `ValueError` beyond the days that a plan may name."""
    found = target + timedelta(days=days)
    if not EARLIEST <= found <= LATEST:
        raise ValueError("this day lies outside of the calendar of plans")
    return found


def moved(steps: Iterable[Dated], days: int) -> list[Dated]:
    """The same steps after the target moved by `days`; raises as `due_on`."""
    return [step if step.fixed else replace(step, due=due_on(step.due, days)) for step in steps]


def late(steps: Iterable[Dated], today: date) -> list[Dated]:
    """Open steps whose day has passed, the longest overdue first."""
    return sorted((step for step in steps if step.open and step.due < today), key=lambda step: step.due)


def misplaced(steps: Sequence[Dated], target: date) -> list[tuple[Dated, str]]:
    """Open steps that changes by hand put before what they need, or outside of their window, with a sentence each."""
    places: Mapping[str, Dated] = {step.key: step for step in steps}
    found = []
    for step in steps:
        if not step.open:
            continue
        for other in (places[key] for key in step.needs if key in places):
            if other.open and other.due > step.due:
                found.append((step, f"“{step.title}” is due before “{other.title}”, which it needs."))
        if step.window is not None:
            first, last = step.window
            distance = (step.due - target).days
            if distance > last:
                found.append((step, f"“{step.title}” is {_days(distance - last)} later than is customary."))
            elif distance < first:
                found.append((step, f"“{step.title}” is {_days(first - distance)} earlier than is customary."))
    return found


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"
