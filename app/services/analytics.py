"""Figures of use: how much was asked and added, day by day, and how many answers stand on sources."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from pydantic import BaseModel, Field
from sqlalchemy import String, case, cast
from sqlmodel import Session, col, func, select

from app.db import Database
from app.errors import Forbidden
from app.models import DELETING, READY, Conversation, Document, Message, now
from app.principal import Principal
from app.services.audit import AuditLog

ACTION = "analytics.read"
DAYS = 30  # shown, the present one among them
WEEK = 7
# Answers that looked for sources: a direct one needs none, a failed one is none.
LOOKED = ("answered", "extractive", "nothing_found", "partial")


class Day(BaseModel):
    """By the calendar of UTC."""

    date: date
    questions: int = 0
    documents: int = 0


class AnalyticsPublic(BaseModel):
    """What was done on each of the last 30 days, days without anything among them, and totals."""

    days: list[Day] = Field(description="Oldest first; the last one is today.")
    documents_ready: int = Field(description="Documents that answer now.")
    questions_week: int = Field(description="Asked within the last 7 days.")
    answers_week: int = Field(description="Answers of these 7 days that looked for sources, and came.")
    sourced_week: int = Field(description="How many of these cite one.")


class AnalyticsService:
    def __init__(self, db: Database, audit: AuditLog) -> None:
        self._db, self._audit = db, audit

    def own(self, principal: Principal) -> AnalyticsPublic:
        """The caller's own figures."""
        with self._db.reading() as session:
            return _figures(
                session, Conversation.user_id == principal.user_id, Document.user_id == principal.user_id, now()
            )

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
            return _figures(session, None, None, now())


def _figures(session: Session, talks: Any, documents: Any, moment: datetime) -> AnalyticsPublic:
    """`talks` and `documents` say whose; None is everybody. Three queries, whatever was kept."""
    today = moment.astimezone(UTC).date()
    days = {day: Day(date=day) for day in (today - timedelta(days=ago) for ago in reversed(range(DAYS)))}
    for when, questions in session.execute(_questions(talks, min(days))):
        days[_day(when)].questions = questions
    answers, sourced = session.execute(_answers(talks, today - timedelta(days=WEEK - 1))).one()
    ready = 0
    for when, added, answering in session.execute(_documents(documents)):
        ready += answering
        if (day := days.get(_day(when))) is not None:
            day.documents = added
    figures = list(days.values())
    return AnalyticsPublic(
        days=figures,
        documents_ready=ready,
        questions_week=sum(day.questions for day in figures[-WEEK:]),
        answers_week=answers,
        sourced_week=sourced,
    )


def _questions(talks: Any, first: date) -> Any:
    """Day, questions asked on it."""
    day = func.date(Message.created)
    return _recent(select(day, func.count()).where(Message.role == "user"), talks, first).group_by(day)


def _answers(talks: Any, first: date) -> Any:
    """Answers that looked for sources; those that cite one. Of a week alone: citations are long, and reading those of
    5 000 answers takes 15 ms."""
    query = select(func.count(), _sum(cast(col(Message.citations), String) != "[]"))
    return _recent(query.where(Message.role == "assistant", col(Message.state).in_(LOOKED)), talks, first)


def _recent(query: Any, talks: Any, first: date) -> Any:
    """Messages since the beginning of a day. A conversation that was not touched since then holds none: its messages are
    not read at all."""
    since = datetime.combine(first, time.min, UTC)
    query = query.join(Conversation, col(Conversation.id) == col(Message.conversation_id))
    query = query.where(col(Conversation.updated) >= since, col(Message.created) >= since)
    return query if talks is None else query.where(talks)


def _documents(whose: Any) -> Any:
    """Day, documents added on it, those of them that answer now."""
    day = func.date(Document.created)
    query = select(day, func.count(), _sum(Document.status == READY)).where(col(Document.status) != DELETING)
    return (query if whose is None else query.where(whose)).group_by(day)


def _sum(condition: Any) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


def _day(when: date | str) -> date:
    """SQLite tells a date as text."""
    return when if isinstance(when, date) else date.fromisoformat(when)
