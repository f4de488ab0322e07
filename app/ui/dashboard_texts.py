"""The dashboard in words: every plot has a sentence and a table beside it, as a picture says nothing to whoever cannot see it."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from app.services.analytics import AnalyticsPublic, Day
from app.services.own_figures import AnswerTimes, DocumentsUsed, IntentFigure
from app.services.plan_figures import PlanFigures
from app.services.shapes import ConversationPublic, DocumentPublic
from app.ui.documents import STATUS_WORDS
from app.ui.format import count, one_line
from app.ui.plots import DOCUMENTS, INTENT_WORDS, QUESTIONS, SECONDS, busy
from app.ui.status import moment, table

OWN = "/api/analytics.csv"
SHOWN_PLANS, SHOWN_DOCUMENTS = 4, 5


def totals_html(figures: AnalyticsPublic) -> str:
    share = percent(figures.sourced_week, figures.answers_week)
    cards = (
        (str(figures.documents_ready), f"{_plural(figures.documents_ready, 'document')} ready"),
        (str(figures.questions_week), f"{_plural(figures.questions_week, 'question')} in 7 days"),
        (share, "of answers in 7 days name a source"),
    )
    return "<dl>" + "".join(f"<div><dt>{words}</dt><dd>{figure}</dd></div>" for figure, words in cards) + "</dl>"


def percent(part: int, whole: int) -> str:
    return f"{round(100 * part / whole)} %" if whole else "none"


def days_html(days: Sequence[Day], base: str = OWN) -> str:
    if not busy(days):
        return nothing(f"Nothing was asked or added in the last {len(days)} days.")
    asked, added = (sum(getattr(day, kind) for day in days) for kind in ("questions", "documents"))
    busiest = max(days, key=lambda day: day.questions)
    words = f"{count(asked, 'question')} asked and {count(added, 'document')} added in the last {len(days)} days."
    if asked:
        words += f" Most questions came on {busiest.date:%d %B}: {busiest.questions}."
    rows = [
        [f"{day.date:%d %b %Y}", str(day.questions), str(day.documents)]
        for day in reversed(days)
        if day.questions or day.documents
    ]
    return described(words, table("Activity by day", ("Day (UTC)", QUESTIONS, DOCUMENTS), rows), "activity", base)


def intents_html(intents: Sequence[IntentFigure], base: str | None = OWN, whose: str = "your") -> str:
    asked = sum(one.questions for one in intents)
    if not asked:
        return nothing("No question was answered in the last 30 days.")
    most = max(intents, key=lambda one: one.questions)
    about = {
        "personal": f"were about {whose} own documents",
        "global": "were about the business in general",
        "hybrid": f"needed both {whose} documents and the industry's",
        "direct": "needed nothing looked up",
    }
    words = f"{most.questions} of {count(asked, 'answered question')} {about[most.intent]}."
    rows = [[INTENT_WORDS[one.intent], str(one.questions)] for one in intents]
    return described(words, table("Questions by what they needed", ("Needed", QUESTIONS), rows), "intents", base)


def times_html(times: AnswerTimes, base: str | None = OWN) -> str:
    if not times.answers:
        return nothing("No answer was timed in the last 30 days.")
    words = (
        f"Half of {count(times.answers, 'answer')} came within {seconds(times.p50_ms)}, 95 of 100 within "
        f"{seconds(times.p95_ms)}; {percent(times.fast, times.answers)} took less than 3 seconds."
    )
    rows = [[f"{word} s", str(span.answers)] for word, span in zip(SECONDS, times.spans, strict=True)]
    return described(words, table("Answer times", ("Question to last word", "Answers"), rows), "answer_times", base)


def seconds(milliseconds: int | None) -> str:
    return "" if milliseconds is None else f"{milliseconds / 1000:.1f} s"


def used_html(used: DocumentsUsed | None) -> str:
    if used is None or not used.ready:
        return nothing("No document of yours is ready yet.")
    share = round(100 * used.cited / used.ready)
    words = f"{used.cited} of your {count(used.ready, 'document')} stood behind an answer ({share} %)."
    meter = (
        f'<div class="meter" role="meter" aria-label="Documents that were cited" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{share}"><span style="width: {share}%"></span></div>'
    )
    lists = "".join(
        f"<div><h3>{head}</h3><ul>{''.join(_used(one.title, told) for one, told in shown)}</ul>{more}</div>"
        for head, shown, more in (
            ("Most cited", [(one, count(one.answers, "answer")) for one in used.most[:SHOWN_DOCUMENTS]], ""),
            (
                "Never cited",
                [(one, "") for one in used.never[:SHOWN_DOCUMENTS]],
                _more(used.ready - used.cited - SHOWN_DOCUMENTS),
            ),
        )
        if shown
    )
    hint = (
        '<p class="hint">Ask about a document by its name to find out what answers can take from it.</p>'
        if used.never
        else ""
    )
    return f'<p class="summary">{words}</p>{meter}<div class="pairs">{lists}</div>{hint}{download("documents")}'


def _used(title: str, told: str) -> str:
    return f'<li><a href="/app/knowledge">{one_line(title)}</a><span class="facts">{told}</span></li>'


def _more(number: int) -> str:
    return f'<p class="hint">and {number} more</p>' if number > 0 else ""


def plans_html(plans: Sequence[PlanFigures]) -> str:
    if not plans:
        return (
            '<p class="nothing">No plans yet. <a href="/app/plans#new">Make a plan</a>, or ask for one in the chat.</p>'
        )
    rows = "".join(_plan(plan) for plan in plans[:SHOWN_PLANS])
    return f"<ul>{rows}</ul>{_more(len(plans) - SHOWN_PLANS)}{download('plans')}"


def _plan(plan: PlanFigures) -> str:
    share = round(100 * plan.progress)
    facts = f"{plan.done} of {count(plan.steps, 'step')} done, for {plan.target_date:%d %b %Y}"
    late = f' <span class="late">{plan.overdue} overdue</span>' if plan.overdue else ""
    following = f"Next: {one_line(plan.next_step)}, {plan.next_due:%d %b}" if plan.next_step and plan.next_due else ""
    return (
        f'<li><a href="/app/plans#plan={escape(plan.id)}">{one_line(plan.title)}</a><span class="facts">{facts}.{late}</span>'
        f'<div class="meter" role="meter" aria-label="Progress of {one_line(plan.title)}" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{share}"><span style="width: {share}%"></span></div><span class="facts">{following}</span></li>'
    )


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


def described(words: str, body: str, name: str, base: str | None = OWN) -> str:
    """A sentence, and the figures behind a line that opens them; without `base` there is no file of them."""
    file = download(name, base) if base else ""
    return f'<p class="summary">{words}</p><details><summary>Show the figures</summary>{body}{file}</details>'


def download(name: str, base: str = OWN) -> str:
    told = f' <span class="unseen">{name.replace("_", " ")}</span>'
    return f'<p class="file"><a href="{base}?table={name}" download>Download as CSV{told}</a></p>'


def nothing(words: str) -> str:
    return f'<p class="summary">{words}</p>'


def _plural(number: int, noun: str) -> str:
    return noun if number == 1 else f"{noun}s"
