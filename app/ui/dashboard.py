"""The dashboard: what happened lately, what to do next, and whether everything works."""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import gradio as gr

from app.principal import Principal
from app.services.analytics import AnalyticsPublic
from app.services.services import Services
from app.services.shapes import ConversationPublic, DocumentPublic
from app.ui.documents import STATUS_WORDS
from app.ui.first_run import first_steps
from app.ui.format import count, one_line
from app.ui.plans import deadline_strip
from app.ui.shared import PAGES, PRIVATE, Updates, header, in_thread, principal_of, told
from app.ui.status import health_html, moment, table
from app.ui.theme import RED

RECENT = 5
QUESTIONS, DOCUMENTS = "Questions", "Documents"
GREY = "#8d8f9b"  # beside the red, on a card 5.6:1
LEAST_TOP = 4  # of the axis: one question must not look like a flood
# Words, path of the page; "new" begins a new conversation there.
ACTIONS = (
    ("Ask a question", "", "new"),
    ("Add a document", "knowledge", ""),
    ("Add an artist", "profile", ""),
    ("Read about the business", "knowledge#industry", ""),
)


@dataclass(frozen=True)
class DashboardPage:
    totals: gr.HTML
    plot: gr.BarPlot
    days: gr.HTML
    conversations: gr.HTML
    documents: gr.HTML
    health: gr.HTML

    @property
    def view(self) -> list[gr.Blocks | gr.HTML | gr.BarPlot]:
        return [self.totals, self.plot, self.days, self.conversations, self.documents, self.health]


def build(services: Services, demo: gr.Blocks) -> None:
    """Lay the page out inside the present page of `demo`, then wire it."""
    page = _lay_out()
    demo.load(told(DashboardHandlers(services, page).figures), None, page.view, **PRIVATE)


def _lay_out() -> DashboardPage:
    header("Dashboard")
    with gr.Column(elem_id="dashboard-page"):
        gr.HTML(f"<h1>Dashboard</h1>{_actions()}", js_on_load=None, elem_classes="intro")
        first_steps()
        deadline_strip()
        totals = gr.HTML("", js_on_load=None, elem_id="totals")
        gr.HTML("<h2>Last 30 days</h2>", js_on_load=None)
        with gr.Column(elem_id="activity"):
            plot = gr.BarPlot(
                x="Day", y="How many", color="What", color_map={QUESTIONS: RED, DOCUMENTS: GREY}, x_title="",
                y_title="", color_title="", x_bin="1d", y_lim=[0, LEAST_TOP], height=220, show_label=False,
                container=False, buttons=[], elem_id="plot",
            )  # fmt: skip
            days = gr.HTML("", js_on_load=None, elem_id="days")
        with gr.Row(elem_id="recent"):
            conversations = gr.HTML("", js_on_load=None, elem_id="recent-conversations")
            documents = gr.HTML("", js_on_load=None, elem_id="recent-documents")
        health = gr.HTML("", js_on_load=None, elem_id="health")
    return DashboardPage(totals, plot, days, conversations, documents, health)


class DashboardHandlers:
    def __init__(self, services: Services, page: DashboardPage) -> None:
        self._services, self._page = services, page

    async def figures(self, request: gr.Request) -> Updates:
        """Everything on the page: six short queries and the health report."""
        principal = principal_of(request)
        health = await self._services.health.report()
        return {self._page.health: f"<h2>System</h2>{health_html(health)}"} | await in_thread(self._read, principal)

    def _read(self, principal: Principal) -> Updates:
        services, page = self._services, self._page
        figures = services.analytics.own(principal)
        conversations = services.chat.conversations(principal, limit=RECENT).items
        documents = services.documents.list(principal, kb="personal", limit=RECENT).items
        return {
            page.totals: totals_html(figures),
            page.plot: gr.update(value=plotted(figures), y_lim=[0, top_of(figures)], visible=busy(figures)),
            page.days: days_html(figures),
            page.conversations: f"<h2>Recent conversations</h2>{conversations_html(conversations)}",
            page.documents: f"<h2>Recent documents</h2>{documents_html(documents)}",
        }


def totals_html(figures: AnalyticsPublic) -> str:
    share = f"{round(100 * figures.sourced_week / figures.answers_week)} %" if figures.answers_week else "none"
    cards = (
        (str(figures.documents_ready), f"{_plural(figures.documents_ready, 'document')} ready"),
        (str(figures.questions_week), f"{_plural(figures.questions_week, 'question')} in 7 days"),
        (share, "of answers in 7 days name a source"),
    )
    return "<dl>" + "".join(f"<div><dt>{words}</dt><dd>{figure}</dd></div>" for figure, words in cards) + "</dl>"


def plotted(figures: AnalyticsPublic) -> dict[str, Any]:
    """What Gradio makes of a table of pandas, with less: its own way warns of what will change in pandas."""
    rows = [
        [calendar.timegm(day.date.timetuple()) * 1000, number, what]
        for day in figures.days
        for what, number in ((QUESTIONS, day.questions), (DOCUMENTS, day.documents))
    ]
    types = {"Day": "temporal", "How many": "quantitative", "What": "nominal"}
    return {"columns": [*types], "data": rows, "datatypes": types, "mark": "bar"}


def top_of(figures: AnalyticsPublic) -> int:
    """The bars of a day stand on each other; an open axis would cut the highest (gradio.md 6)."""
    highest = max(day.questions + day.documents for day in figures.days)
    return max(LEAST_TOP, highest + max(1, highest // 10))


def busy(figures: AnalyticsPublic) -> bool:
    return any(day.questions or day.documents for day in figures.days)


def days_html(figures: AnalyticsPublic) -> str:
    """The plot in words and as a table: a picture alone says nothing to whoever cannot see it."""
    if not busy(figures):
        return f'<p class="summary">Nothing was asked or added in the last {len(figures.days)} days.</p>'
    asked, added = (sum(getattr(day, kind) for day in figures.days) for kind in ("questions", "documents"))
    busiest = max(figures.days, key=lambda day: day.questions)
    words = (
        f"{count(asked, 'question')} asked and {count(added, 'document')} added in the last {len(figures.days)} days."
    )
    if asked:
        words += f" Most questions came on {busiest.date:%d %B}: {busiest.questions}."
    rows = [
        [f"{day.date:%d %b %Y}", str(day.questions), str(day.documents)]
        for day in reversed(figures.days)
        if day.questions or day.documents
    ]
    body = table("Activity by day", ("Day (UTC)", QUESTIONS, DOCUMENTS), rows)
    return f'<p class="summary">{words}</p><details><summary>Show the figures</summary>{body}</details>'


def conversations_html(conversations: Sequence[ConversationPublic]) -> str:
    if not conversations:
        return '<p class="nothing">Nothing asked yet. Your first question begins one.</p>'
    items = "".join(
        f'<li><a href="/app/" data-conversation="{escape(one.id)}">{one_line(one.title)}</a>'
        f'<span class="facts">{moment(one.updated)}</span></li>'
        for one in conversations
    )
    return f"<ul>{items}</ul>"


def documents_html(documents: Sequence[DocumentPublic]) -> str:
    if not documents:
        return '<p class="nothing">No documents yet. Add a contract, a bio or a statement.</p>'
    items = "".join(
        f'<li><a href="/app/knowledge">{one_line(one.title)}</a>'
        f'<span class="facts {escape(one.status)}">{STATUS_WORDS.get(one.status, one.status)} · {one.created:%d %b %Y}</span></li>'
        for one in documents
    )
    return f"<ul>{items}</ul>"


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


def _plural(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"
