"""The dashboard: what is due, how plans and figures go, what happened lately, and whether everything works.

Its sections stand in the order of the user's role; dashboard.js puts them there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from app.principal import Principal
from app.services.services import Services
from app.ui import growth
from app.ui.dashboard_texts import (
    conversations_html,
    days_html,
    documents_html,
    download,
    intents_html,
    plans_html,
    times_html,
    totals_html,
    used_html,
)
from app.ui.first_run import first_steps
from app.ui.plans import deadline_strip
from app.ui.plots import activity, activity_bars, intent_bars, of_intents, of_times, time_bars
from app.ui.shared import PAGES, PRIVATE, Updates, header, in_thread, principal_of, told
from app.ui.status import health_html
from app.ui.worth import worth_adding

RECENT = 5
# Words, path of the page; "new" begins a new conversation there.
ACTIONS = (
    ("Ask a question", "", "new"),
    ("Add a document", "knowledge", ""),
    ("Add an artist", "profile", ""),
    ("Read about the business", "knowledge#industry", ""),
)


@dataclass(frozen=True)
class DashboardPage:
    order: gr.HTML
    plans: gr.HTML
    totals: gr.HTML
    plot: gr.BarPlot
    days: gr.HTML
    growth: growth.GrowthPart
    intents: gr.BarPlot
    intent_words: gr.HTML
    used: gr.HTML
    times: gr.BarPlot
    time_words: gr.HTML
    conversations: gr.HTML
    documents: gr.HTML
    health: gr.HTML

    @property
    def view(self) -> list[Any]:
        own = [one for name, one in vars(self).items() if name != "growth"]
        return [*own, *self.growth.view]


def build(services: Services, demo: gr.Blocks) -> None:
    """Lay the page out inside the present page of `demo`, then wire it."""
    page = _lay_out()
    demo.load(told(DashboardHandlers(services, page).figures), None, page.view, **PRIVATE)
    growth.wire(services, page.growth)


@contextmanager
def _section(name: str, heading: str = "") -> Iterator[None]:
    with gr.Column(elem_id=f"part-{name}", elem_classes="part"):
        if heading:
            gr.HTML(f"<h2>{heading}</h2>", js_on_load=None)
        yield


def _text(elem_id: str) -> gr.HTML:
    return gr.HTML("", js_on_load=None, elem_id=elem_id)


def _lay_out() -> DashboardPage:
    header("Dashboard")
    made: dict[str, Any] = {}
    with gr.Column(elem_id="dashboard-page"):
        gr.HTML("<h1>Dashboard</h1>", js_on_load=None, elem_classes="intro")
        first_steps()
        worth_adding("dashboard")
        made["order"] = _text("dashboard-order")
        with gr.Column(elem_id="dashboard-parts"):
            with _section("deadlines"):
                deadline_strip()
                gr.HTML(download("dates"), js_on_load=None)
            with _section("plans", "Plans"):
                made["plans"] = _text("plan-figures")
            with _section("actions"):
                gr.HTML(_actions(), js_on_load=None)
            with _section("totals"):
                made["totals"] = _text("totals")
            made |= _plots()
            with _section("recent"), gr.Row(elem_id="recent"):
                made["conversations"] = _text("recent-conversations")
                made["documents"] = _text("recent-documents")
            with _section("system"):
                made["health"] = _text("health")
    return DashboardPage(**made)


def _plots() -> dict[str, Any]:
    """The sections with pictures."""
    made: dict[str, Any] = {}
    with _section("activity", "Last 30 days"), gr.Column(elem_id="activity", elem_classes="panel-part"):
        made["plot"] = activity_bars("plot")
        made["days"] = _text("days")
    with _section("growth", "Growth"), gr.Column(elem_classes="panel-part"):
        made["growth"] = growth.lay_out()
    with _section("intents", "What questions needed"), gr.Column(elem_classes="panel-part"):
        made["intents"] = intent_bars("intents-plot")
        made["intent_words"] = _text("intents-text")
    with _section("documents_used", "Documents at work"), gr.Column(elem_classes="panel-part"):
        made["used"] = _text("documents-used")
    with _section("answer_times", "Answer times"), gr.Column(elem_classes="panel-part"):
        made["times"] = time_bars("times-plot")
        made["time_words"] = _text("times-text")
    return made


class DashboardHandlers:
    def __init__(self, services: Services, page: DashboardPage) -> None:
        self._services, self._page = services, page
        self._growth = growth.GrowthHandlers(services, page.growth)

    async def figures(self, request: gr.Request) -> Updates:
        """Everything on the page: short queries and the health report."""
        principal = principal_of(request)
        health = await self._services.health.report()
        return {self._page.health: f"<h2>System</h2>{health_html(health)}"} | await in_thread(self._read, principal)

    def _read(self, principal: Principal) -> Updates:
        services, page = self._services, self._page
        figures = services.analytics.own(principal)
        conversations = services.chat.conversations(principal, limit=RECENT).items
        documents = services.documents.list(principal, kb="personal", limit=RECENT).items
        return {
            page.order: order_html(_order(services, principal)),
            page.plans: plans_html(figures.plans),
            page.totals: totals_html(figures),
            page.plot: activity(figures.days),
            page.days: days_html(figures.days),
            **self._growth.show(principal),
            page.intents: of_intents(figures.intents),
            page.intent_words: intents_html(figures.intents),
            page.used: used_html(figures.documents_used),
            page.times: of_times(figures.answer_times),
            page.time_words: times_html(figures.answer_times),
            page.conversations: f"<h2>Recent conversations</h2>{conversations_html(conversations)}",
            page.documents: f"<h2>Recent documents</h2>{documents_html(documents)}",
        }


def _order(services: Services, principal: Principal) -> Sequence[str]:
    """As the file of the user's role has it."""
    return services.roles.of(principal).dashboard_order


def order_html(order: Sequence[str]) -> str:
    return f'<span hidden data-order="{escape(json.dumps([*order]))}"></span>'


def _actions() -> str:
    """What leads to a page that is there."""
    paths = {page.path for page in PAGES}
    links = "".join(
        f'<a href="/app/{path}"{" data-conversation" if what == "new" else ""}{" class=primary" if what == "new" else ""}>'
        f"{words}</a>"
        for words, path, what in ACTIONS
        if path.partition("#")[0] in paths
    )
    return f'<nav aria-label="Quick actions" class="actions">{links}</nav>'
