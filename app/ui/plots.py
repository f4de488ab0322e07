"""What the plots show: tables as Gradio's own plots take them, and axes that cut nothing.

A table of pandas would do as well, but Gradio's way from there warns of what will change in pandas.
"""

from __future__ import annotations

import calendar
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import gradio as gr

from app.services.analytics import Day
from app.services.growth import Line
from app.services.metrics import Week
from app.services.own_figures import SPANS, AnswerTimes, IntentFigure
from app.ui.theme import RED

QUESTIONS, DOCUMENTS = "Questions", "Documents"
GREY = "#8d8f9b"  # beside the red, on a card 5.6:1
# Lines that several people tell apart on a card, each 3:1 or better on it; a table says the same without colours.
COLOURS = (RED, "#f2f2f4", "#8d8f9b", "#e0b34a", "#58c27d", "#7fb0e6", "#ff9aa0", "#c7a0f0")
LEAST_TOP = 4  # of an axis: one question must not look like a flood
INTENT_WORDS = {"personal": "Own documents", "global": "Industry", "hybrid": "Both", "direct": "Nothing looked up"}
BRIEFLY = {"personal": "Own", "global": "Industry", "hybrid": "Both", "direct": "Neither"}  # under a bar on a phone
SECONDS = [f"{least:g}–{most:g}" for least, most in pairwise((0, *(bound / 1000 for bound in SPANS)))] + [
    f">{SPANS[-1] // 1000}"
]
HEIGHT = 220
MOST_POINTS = 400  # of a line: a wide screen shows no more

Plot = dict[str, Any]
Point = tuple[date, Decimal]


def bars(x: str, y: str, elem_id: str, **more: Any) -> gr.BarPlot:
    """An empty bar plot in our look."""
    return gr.BarPlot(
        x=x, y=y, x_title="", y_title="", color_title="", y_lim=[0, LEAST_TOP], height=HEIGHT, show_label=False,
        container=False, buttons=[], elem_id=elem_id, elem_classes="plot", **more,
    )  # fmt: skip


def intent_bars(elem_id: str) -> gr.BarPlot:
    return bars("Needed", "Questions", elem_id, sort=[*BRIEFLY.values()])


def time_bars(elem_id: str) -> gr.BarPlot:
    return bars("Seconds", "Answers", elem_id, sort=SECONDS)


def lines(x: str, y: str, elem_id: str, **more: Any) -> gr.LinePlot:
    return gr.LinePlot(
        x=x, y=y, x_title="", y_title="", color_title="", height=HEIGHT + 40, show_label=False, container=False, buttons=[],
        elem_id=elem_id, elem_classes="plot", **more,
    )  # fmt: skip


def activity_bars(elem_id: str) -> gr.BarPlot:
    colours = {QUESTIONS: RED, DOCUMENTS: GREY}
    return bars("Day", "How many", elem_id, color="What", color_map=colours, x_bin="1d")


def of_days(days: Sequence[Day]) -> Plot:
    rows = [
        [_at(day.date), number, what]
        for day in days
        for what, number in ((QUESTIONS, day.questions), (DOCUMENTS, day.documents))
    ]
    return _plot("bar", {"Day": "temporal", "How many": "quantitative", "What": "nominal"}, rows)


def activity(days: Sequence[Day]) -> dict[str, Any]:
    """The update of a plot of days: gone where there is nothing."""
    return gr.update(value=of_days(days), y_lim=[0, top_of(days)], visible=busy(days))


def top_of(days: Sequence[Day]) -> int:
    """The bars of a day stand on each other; an open axis would cut the highest (gradio.md 6)."""
    return top(max(day.questions + day.documents for day in days))


def top(highest: int) -> int:
    return max(LEAST_TOP, highest + max(1, highest // 10))


def busy(days: Sequence[Day]) -> bool:
    return any(day.questions or day.documents for day in days)


def of_intents(intents: Sequence[IntentFigure]) -> dict[str, Any]:
    return _bars(("Needed", "Questions"), [[BRIEFLY[one.intent], one.questions] for one in intents])


def of_times(times: AnswerTimes) -> dict[str, Any]:
    return _bars(("Seconds", "Answers"), [[word, one.answers] for word, one in zip(SECONDS, times.spans, strict=True)])


def of_weeks(weeks: Sequence[Week]) -> dict[str, Any]:
    plot = _plot(
        "line", {"Week until": "temporal", "Users": "quantitative"}, [[_at(one.last), one.users] for one in weeks]
    )
    return gr.update(value=plot, y_lim=[0, top(max(one.users for one in weeks))])


def of_growth(found: Sequence[tuple[str, Line]]) -> dict[str, Any]:
    """Lines by their names, each drawn through `MOST_POINTS` at most; the axis begins at 0 unless everything lies far above.
    One figure alone is no line: it is drawn as one by standing for the day before as well."""
    rows: list[list[Any]] = []
    for name, line in found:
        points = thinned(line.points)
        if len(points) == 1:
            points = [(points[0][0] - timedelta(days=1), points[0][1]), *points]
        rows += [[_at(day), float(value), name] for day, value in points]
    plot = _plot("line", {"Day": "temporal", "Figure": "quantitative", "Line": "nominal"}, rows)
    colours = {name: COLOURS[place % len(COLOURS)] for place, (name, _) in enumerate(found)}
    axis = reach([value for _, line in found for _, value in line.points])
    return gr.update(value=plot, y_lim=axis, color_map=colours, visible=True)


def thinned(points: Sequence[Point]) -> Sequence[Point]:
    """Every so many of them, counted from the newest."""
    every = -(-len(points) // MOST_POINTS)
    return points[::-1][:: every or 1][::-1]


def reach(values: Sequence[Decimal]) -> list[float]:
    """The ends of an axis."""
    if not values:
        return [0, LEAST_TOP]
    low, high = float(min(values)), float(max(values))
    room = (high - low or abs(high) or LEAST_TOP) / 10
    return [low - room if low < 0 or low > 0.7 * high > 0 and high > low else 0, high + room]


def _bars(heads: tuple[str, str], rows: list[list[Any]]) -> dict[str, Any]:
    highest = max(row[1] for row in rows)
    plot = _plot("bar", {heads[0]: "nominal", heads[1]: "quantitative"}, rows)
    return gr.update(value=plot, y_lim=[0, top(highest)], visible=bool(highest))


def _plot(mark: str, types: Mapping[str, str], rows: list[list[Any]]) -> Plot:
    return {"columns": [*types], "data": rows, "datatypes": dict(types), "mark": mark}


def _at(day: date) -> int:
    """Milliseconds, as the plots count time."""
    return calendar.timegm(day.timetuple()) * 1000
