"""The goals of this installation on the admin page: how near they are, who is active, failures, and what models took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import gradio as gr

from app.services.metrics import Failure, Metric, MetricsPublic, Week
from app.services.services import Services
from app.services.usage import UsageModel
from app.ui.dashboard_texts import days_html, described, download, intents_html, percent, times_html
from app.ui.format import count, one_line
from app.ui.plots import activity, activity_bars, lines, of_times, of_weeks, time_bars
from app.ui.shared import PRIVATE, Updates, in_thread, principal_of, told
from app.ui.status import table

BASE = "/api/admin/metrics.csv"
ASKERS = "the askers'"  # whose documents questions were about
WHAT_WORDS = {
    "document": "A document could not be read",
    "new_version": "A new version could not be read",
    "answer": "An answer failed",
    "answer_cut_short": "An answer was cut short, by whoever asked or by a fault",
    "language_model": "The language model did not answer",
}


@dataclass(frozen=True)
class MetricsPanel:
    goals: gr.HTML
    plot: gr.BarPlot
    activity: gr.HTML
    active_plot: gr.LinePlot
    active: gr.HTML
    times_plot: gr.BarPlot
    times: gr.HTML
    rest: gr.HTML


def build_metrics(services: Services, tab: gr.Tab) -> MetricsPanel:
    """Lay the panel out where it is called. Each look is audited, so that the page asks only when `tab` is opened."""

    def text(elem_id: str) -> gr.HTML:
        return gr.HTML("", elem_id=elem_id, js_on_load=None)

    with gr.Column(elem_id="metrics-panel"):
        goals = text("metrics-goals")
        with gr.Column(elem_classes=["part", "panel-part"]):
            gr.HTML("<h2>Last 30 days</h2>", js_on_load=None)
            plot, days = activity_bars("metrics-plot"), text("metrics-activity")
        with gr.Column(elem_classes=["part", "panel-part"]):
            gr.HTML("<h2>Active users by week</h2>", js_on_load=None)
            active_plot, active = lines("Week until", "Users", "active-plot"), text("metrics-active")
        with gr.Column(elem_classes=["part", "panel-part"]):
            gr.HTML("<h2>Answer times</h2>", js_on_load=None)
            times_plot, times = time_bars("metrics-times-plot"), text("metrics-times")
        rest = text("metrics-rest")
    panel = MetricsPanel(goals, plot, days, active_plot, active, times_plot, times, rest)
    tab.select(told(MetricsHandlers(services, panel).metrics), None, [*vars(panel).values()], **PRIVATE)
    return panel


class MetricsHandlers:
    def __init__(self, services: Services, panel: MetricsPanel) -> None:
        self._metrics, self._panel = services.metrics, panel

    async def metrics(self, request: gr.Request) -> Updates:
        principal, panel = principal_of(request), self._panel
        found = await in_thread(self._metrics.report, principal)
        return {
            panel.goals: goals_html(found.metrics),
            panel.plot: activity(found.days),
            panel.activity: days_html(found.days, BASE),
            panel.active_plot: of_weeks(found.active),
            panel.active: weeks_html(found.active),
            panel.times_plot: of_times(found.answer_times),
            panel.times: times_html(found.answer_times, None),
            panel.rest: rest_html(found),
        }


def goals_html(metrics: Sequence[Metric]) -> str:
    """A card for each: the share, of how many, and whether the goal is met. Words say what the bar shows."""
    return (
        f'<ul class="goals" aria-label="Goals">{"".join(_goal(one) for one in metrics)}</ul>{download("metrics", BASE)}'
    )


def _goal(one: Metric) -> str:
    share = 0 if one.share is None else round(100 * one.share)
    goal = "" if one.target is None else f"Goal {one.target:.0%}"[:-1] + " %: " + _reached(one)
    mark = "" if one.target is None else f'<i style="left: {100 * one.target:.0f}%"></i>'
    state = "" if one.target is None or one.share is None else " met" if one.share >= one.target else " short"
    return (
        f'<li class="goal{state}"><span class="title">{escape(one.title)}</span>'
        f'<span class="figure">{percent(one.part, one.whole)}</span>'
        f'<span class="facts">{one.part} of {one.whole}{f". {goal}" if goal else ""}</span>'
        f'<div class="meter" aria-hidden="true"><span style="width: {share}%"></span>{mark}</div>'
        f'<span class="facts">{escape(one.about)}</span></li>'
    )


def _reached(one: Metric) -> str:
    if one.share is None or one.target is None:
        return "nothing to count yet"
    return "reached" if one.share >= one.target else "not reached"


def weeks_html(weeks: Sequence[Week]) -> str:
    words = (
        f"{count(weeks[-1].users, 'user')} in the last 7 days, {count(weeks[-2].users, 'user')} in the 7 days before."
    )
    rows = [[f"{week.last:%d %b %Y}", str(week.users)] for week in reversed(weeks)]
    body = table("Active users", ("7 days until (UTC)", "Users"), rows)
    return described(words, body, "active_users", BASE)


def rest_html(found: MetricsPublic) -> str:
    return (
        f'<div class="part"><h2>What questions needed</h2>{intents_html(found.intents, None, ASKERS)}</div>'
        f'<div class="part"><h2>Failures</h2>{failures_html(found.failures)}</div>'
        f'<div class="part"><h2>Language models, last 30 days</h2>{models_html(found.models, found.currency)}</div>'
    )


def failures_html(failures: Sequence[Failure]) -> str:
    if not failures:
        return '<p class="summary">Nothing failed.</p>'
    rows = [[WHAT_WORDS[one.what], one_line(one.reason), str(one.count), f"{one.last:%d %b %Y}"] for one in failures]
    body = table("Failures", ("What", "Reason", "How often", "Last (UTC)"), rows)
    return f"{body}{download('failures', BASE)}"


def models_html(models: Sequence[UsageModel], currency: str) -> str:
    if not models:
        return '<p class="summary">No language model was used.</p>'
    rows = [
        [
            one_line(one.model), _number(one.tokens_in), _number(one.tokens_out), str(one.answers), str(one.failures),
            "not priced" if one.cost is None else f"{one.cost:.2f} {escape(currency)}", _seconds(one.p50_ms), _seconds(one.p95_ms),
        ]
        for one in models
    ]  # fmt: skip
    heads = ("Model", "Tokens read", "Tokens written", "Answers", "Failures", "Cost", "Half within", "95 % within")
    return f"{table('Language models', heads, rows)}{download('models', BASE)}"


def _number(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _seconds(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{milliseconds / 1000:.1f} s"
