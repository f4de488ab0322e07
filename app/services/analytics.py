"""Figures of use: how much was asked and added, day by day, how fast answers came and what they stand on, how plans go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, Field
from sqlmodel import Session

from app.db import Database
from app.errors import Forbidden
from app.models import Conversation, Document, now
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.csv_lines import Value, as_csv
from app.services.own_figures import (
    AnswerTimes,
    DocumentsUsed,
    IntentFigure,
    answer_times,
    answers,
    by_day,
    day_of,
    documents,
    intents,
    questions,
    used_documents,
    used_of,
)
from app.services.plan_figures import PlanFigures, Upcoming, plan_figures, upcoming

ACTION = "analytics.read"
DAYS = 30  # shown, the present one among them
WEEK = 7

Table = Literal["activity", "intents", "documents", "answer_times", "plans", "dates"]


class Day(BaseModel):
    """By the calendar of UTC."""

    date: date
    questions: int = 0
    documents: int = 0


class AnalyticsPublic(BaseModel):
    """What was done on each of the last 30 days, days without anything among them, and totals.

    Documents, plans and dates are one's own: of everybody together they are left empty.
    """

    days: list[Day] = Field(description="Oldest first; the last one is today.")
    documents_ready: int = Field(description="Documents that answer now.")
    questions_week: int = Field(description="Asked within the last 7 days.")
    answers_week: int = Field(description="Answers of these 7 days that looked for sources, and came.")
    sourced_week: int = Field(description="How many of these cite one.")
    intents: list[IntentFigure] = Field(description="What the answered questions of these 30 days needed.")
    answer_times: AnswerTimes = Field(description="Of these 30 days.")
    documents_used: DocumentsUsed | None
    plans: list[PlanFigures]
    upcoming: list[Upcoming] = Field(description="Overdue, or due within 60 days.")


class AnalyticsService:
    def __init__(self, db: Database, audit: AuditLog) -> None:
        self._db, self._audit = db, audit

    def own(self, principal: Principal) -> AnalyticsPublic:
        """The caller's own figures."""
        with self._db.reading() as session:
            return _own(session, principal.user_id, now())

    def everyone(self, principal: Principal) -> AnalyticsPublic:
        """Everybody's together, the industry's documents among them; each look is audited.

        Raises `Forbidden` for whoever is no admin.
        """
        with self._audit.refusing(self._db, principal, ACTION):
            if not principal.is_admin:
                raise Forbidden("Figures of everybody are for admins; leave 'all' out to read your own.")
        with self._db.session() as session:
            self._audit.record(session, principal, ACTION)
        with self._db.reading() as session:
            return AnalyticsPublic(**figures(session, None, None, now()), documents_used=None, plans=[], upcoming=[])

    def table(self, principal: Principal, name: Table) -> str:
        """One of the caller's own tables as CSV."""
        today = now().astimezone(UTC).date()
        with self._db.reading() as session:
            if name == "documents":
                most, never = used_documents(session, principal.user_id)
                return as_csv(
                    ("document", "title", "answers", "last_cited"),
                    ([one.id, one.title, one.answers, one.last] for one in (*most, *never)),
                )
            if name == "plans":
                return _csv(plan_figures(session, principal.user_id, today), PlanFigures)
            if name == "dates":
                return _csv(upcoming(session, principal.user_id, today), Upcoming)
            return _activity(_own(session, principal.user_id, now()), name)


def _own(session: Session, user_id: str, moment: datetime) -> AnalyticsPublic:
    today = moment.astimezone(UTC).date()
    return AnalyticsPublic(
        **figures(session, Conversation.user_id == user_id, Document.user_id == user_id, moment),
        documents_used=used_of(*used_documents(session, user_id)),
        plans=plan_figures(session, user_id, today),
        upcoming=upcoming(session, user_id, today),
    )


def figures(session: Session, talks: Any, owned: Any, moment: datetime) -> dict[str, Any]:
    """`talks` and `owned` say whose conversations and documents; None is everybody. Five queries, whatever was kept."""
    today = moment.astimezone(UTC).date()
    days = {day: Day(date=day) for day in (today - timedelta(days=ago) for ago in reversed(range(DAYS)))}
    first = min(days)
    for when, asked in by_day(session.execute(questions(talks, first))).items():
        if (day := days.get(when)) is not None:  # else the day changed meanwhile
            day.questions = asked
    came, sourced = session.execute(answers(talks, today - timedelta(days=WEEK - 1))).one()
    ready = 0
    for stamp, added, answering in session.execute(documents(owned)):
        ready += answering
        if (day := days.get(day_of(stamp))) is not None:
            day.documents = added
    return {
        "days": list(days.values()),
        "documents_ready": ready,
        "questions_week": sum(day.questions for day in list(days.values())[-WEEK:]),
        "answers_week": came,
        "sourced_week": sourced,
        "intents": intents(session, talks, first),
        "answer_times": answer_times(session, talks, first),
    }


def _activity(found: AnalyticsPublic, name: str) -> str:
    if name == "intents":
        return as_csv(("intent", "questions"), ([one.intent, one.questions] for one in found.intents))
    if name == "answer_times":
        return as_csv(("below_ms", "answers"), ([one.below_ms, one.answers] for one in found.answer_times.spans))
    return as_csv(("day", "questions", "documents"), ([day.date, day.questions, day.documents] for day in found.days))


def _csv(rows: Sequence[BaseModel], shape: type[BaseModel]) -> str:
    names = list(shape.model_fields)
    lines: list[list[Value]] = [[getattr(row, name) for name in names] for row in rows]
    return as_csv(names, lines)
