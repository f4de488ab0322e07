"""How well this installation serves everybody, for admins: the goals it was built for, failures, and what models took.

Counts alone: no title, no name and no word of anybody's leaves by this door. Each look is audited.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, date, timedelta
from typing import Any, Literal, NamedTuple

from pydantic import BaseModel, Field
from sqlalchemy import distinct
from sqlmodel import Session, col, func, select

from app.db import Database
from app.errors import Forbidden
from app.models import (
    DELETING,
    DONE,
    DROPPED,
    FAILED,
    READY,
    Conversation,
    Document,
    Message,
    Plan,
    PlanStep,
    Revision,
    User,
    now,
)
from app.principal import Principal
from app.services.analytics import DAYS, WEEK, Day, figures
from app.services.audit import AuditLog
from app.services.csv_lines import as_csv
from app.services.model_choices import Choices, terms_of
from app.services.own_figures import AnswerTimes, IntentFigure, citing, day_of, recent, since, total
from app.services.usage import UsageModel, by_model

ACTION = "metrics.read"
WEEKS = 12  # of the line of active users

Table = Literal["metrics", "activity", "active_users", "failures", "models"]


class Share(NamedTuple):
    part: int
    whole: int


class Metric(BaseModel):
    """A goal and how near it is. `share` is null where there is nothing to count yet."""

    name: str
    title: str
    about: str = Field(description="What is counted.")
    part: int
    whole: int
    share: float | None
    target: float | None = Field(description="The share that the project set out for; null where it named none.")


class Week(BaseModel):
    """Seven days, the last of which is `last`."""

    last: date
    users: int


class Failure(BaseModel):
    what: Literal["document", "new_version", "answer", "answer_cut_short", "language_model"]
    reason: str = Field(description="As it was told to the user, without numbers; of a language model its name.")
    count: int
    last: date


class MetricsPublic(BaseModel):
    """Everybody together. Days are those of UTC."""

    days: list[Day] = Field(description="Questions and documents of the last 30 days.")
    metrics: list[Metric]
    active: list[Week] = Field(description="Users who asked, added a document or did a step; the last twelve weeks.")
    intents: list[IntentFigure]
    answer_times: AnswerTimes
    failures: list[Failure] = Field(description="Of documents all that are there; of answers the last 30 days.")
    models: list[UsageModel] = Field(description="Tokens and cost of the last 30 days.")
    currency: str


# name, title, what is counted, target. The targets are those that the project was begun with (its success metrics).
GOALS = (
    ("weekly_active", "Active within a week", "Accounts that asked, added a document or did a step in the last 7 days.", 0.7),
    ("asking", "Use the chat", "Accounts that ever asked a question.", 0.8),
    ("processed", "Uploads that can be used", "Documents of users that were read, of all that were read or failed.", 0.9),
    ("fast", "Answers under 3 seconds", "From the question to the last word, in the last 30 days.", None),
    ("referenced", "Documents referenced", "Documents of users that an answer cited, of all that are ready.", 0.75),
    ("acting", "Act on a plan", "Accounts that did a step of a plan, of those that have one.", 0.6),
    ("steps_done", "Recommendations done", "Steps of plans that were done, of all that were not dropped.", None),
    ("helpful", "Answers found helpful", "Votes for an answer, of all votes.", 0.85),
)  # fmt: skip


class MetricsService:
    def __init__(self, db: Database, audit: AuditLog, choices: Choices) -> None:
        self._db, self._audit, self._choices = db, audit, choices

    def report(self, principal: Principal) -> MetricsPublic:
        """Raises `Forbidden` for whoever is no admin."""
        self._note(principal)
        moment = now()
        today = moment.astimezone(UTC).date()
        first = today - timedelta(days=DAYS - 1)
        with self._db.reading() as session:
            activity = figures(session, None, None, moment)
            active, models = _active(session, today), by_model(session, first, today)
            return MetricsPublic(
                days=activity["days"],
                metrics=_metrics(session, len(active[-1]), activity["answer_times"]),
                active=[
                    Week(last=today - timedelta(days=WEEK * (len(active) - 1 - place)), users=len(users))
                    for place, users in enumerate(active)
                ],
                intents=activity["intents"],
                answer_times=activity["answer_times"],
                failures=_failures(session, first, models),
                models=models,
                currency=terms_of(self._choices.row()).currency,
            )

    def table(self, principal: Principal, name: Table) -> str:
        """One table as CSV. Raises as `report`."""
        found = self.report(principal)
        heads, rows = TABLES[name](found)
        return as_csv(heads, rows)

    def _note(self, principal: Principal) -> None:
        with self._audit.refusing(self._db, principal, ACTION):
            if not principal.is_admin:
                raise Forbidden("This is for admins; ask one of them.")
        with self._db.session() as session:
            self._audit.record(session, principal, ACTION)


def _metrics(session: Session, active: int, times: AnswerTimes) -> list[Metric]:
    users = _count(session, select(func.count()).select_from(User).where(col(User.disabled).is_(False)))
    shares = {
        "weekly_active": Share(active, users),
        "asking": Share(_asking(session), users),
        "processed": _processed(session),
        "fast": Share(times.fast, times.answers),
        "referenced": _referenced(session),
        **_planning(session),
        "helpful": _votes(session),
    }
    return [
        Metric(
            name=name, title=title, about=about, part=shares[name].part, whole=shares[name].whole, target=target,
            share=shares[name].part / shares[name].whole if shares[name].whole else None,
        )
        for name, title, about, target in GOALS
    ]  # fmt: skip


def _active(session: Session, today: date) -> list[set[str]]:
    """For each of the last weeks the accounts that did something, the present week last. Who is shut out counts nowhere."""
    first = since(today - timedelta(days=WEEK * WEEKS - 1))
    asked = select(Conversation.user_id, func.date(Message.created)).join(
        Message, col(Message.conversation_id) == col(Conversation.id)
    )
    asked = asked.where(Message.role == "user", col(Conversation.updated) >= first, col(Message.created) >= first)
    added = select(Document.user_id, func.date(Document.created)).where(col(Document.created) >= first)
    added = added.where(col(Document.user_id).is_not(None), col(Document.status) != DELETING)
    done = select(Plan.user_id, func.date(PlanStep.done_at)).join(PlanStep, col(PlanStep.plan_id) == col(Plan.id))
    done = done.where(col(PlanStep.done_at) >= first)
    enabled = set(session.exec(select(User.id).where(col(User.disabled).is_(False))).all())
    weeks: list[set[str]] = [set() for _ in range(WEEKS)]
    for query in (asked, added, done):
        for user_id, day in session.execute(query.distinct()):
            ago = (today - day_of(day)).days // WEEK
            if user_id in enabled and 0 <= ago < WEEKS:
                weeks[WEEKS - 1 - ago].add(user_id)
    return weeks


def _asking(session: Session) -> int:
    query = (
        select(func.count(distinct(col(Conversation.user_id))))
        .join(Message, col(Message.conversation_id) == col(Conversation.id))
        .join(User, col(User.id) == col(Conversation.user_id))
    )
    return _count(session, query.where(Message.role == "user", col(User.disabled).is_(False)))


def _processed(session: Session) -> Share:
    query = select(total(Document.status == READY), func.count())
    mine = (Document.kb == "personal", col(Document.status).in_([READY, FAILED]))
    return Share(*session.execute(query.where(*mine)).one())


def _referenced(session: Session) -> Share:
    """By answers to its owner, as nobody else is shown it."""
    ready = (Document.kb == "personal", Document.status == READY)
    cited = citing(session).subquery()
    named = (
        select(func.count(distinct(col(Document.id))))
        .join(cited, cited.c.document == Document.id)
        .join(Conversation, col(Conversation.id) == cited.c.conversation_id)
        .where(*ready, Conversation.user_id == Document.user_id)
    )
    return Share(_count(session, named), _count(session, select(func.count()).select_from(Document).where(*ready)))


def _planning(session: Session) -> dict[str, Share]:
    """Accounts with a plan that did a step of it; steps done of those that were not dropped. Plans that were count nowhere."""

    def steps(what: Any, *conditions: Any) -> Any:
        joined = select(func.count(what)).select_from(PlanStep).join(Plan, col(Plan.id) == col(PlanStep.plan_id))
        return _count(session, joined.where(Plan.status != DROPPED, PlanStep.status != DROPPED, *conditions))

    owner, step, done = distinct(col(Plan.user_id)), col(PlanStep.id), PlanStep.status == DONE
    return {"acting": Share(steps(owner, done), steps(owner)), "steps_done": Share(steps(step, done), steps(step))}


def _votes(session: Session) -> Share:
    query = select(total(col(Message.rating) > 0), func.count()).where(col(Message.rating).is_not(None))
    return Share(*session.execute(query).one())


def _failures(session: Session, first: date, models: Sequence[UsageModel]) -> list[Failure]:
    """The most frequent first."""
    found: dict[tuple[Any, str], tuple[int, date]] = defaultdict(lambda: (0, date.min))

    def add(what: str, reason: str, count: int, last: Any) -> None:
        key = (what, re.sub(r"\d+", "…", reason))
        before = found[key]
        found[key] = (before[0] + count, max(before[1], day_of(last)))

    documents = select(Document.reason, func.count(), func.max(func.date(Document.updated)))
    for reason, count, last in session.execute(
        documents.where(Document.status == FAILED).group_by(col(Document.reason))
    ):
        add("document", reason or "", count, last)
    versions = select(Revision.reason, func.count(), func.max(func.date(Revision.updated)))
    for reason, count, last in session.execute(
        versions.where(Revision.status == FAILED).group_by(col(Revision.reason))
    ):
        add("new_version", reason or "", count, last)
    broken = select(Message.state, func.count(), func.max(func.date(Message.created))).where(
        Message.role == "assistant", col(Message.state).in_(["failed", "partial"])
    )
    for state, count, last in session.execute(recent(broken, None, first).group_by(col(Message.state))):
        add("answer" if state == "failed" else "answer_cut_short", "", count, last)
    for model in models:
        if model.failures:
            add("language_model", model.model, model.failures, model.last)
    rows = [
        Failure(what=what, reason=reason, count=count, last=last) for (what, reason), (count, last) in found.items()
    ]
    return sorted(rows, key=lambda row: (-row.count, row.what, row.reason))


def _count(session: Session, query: Any) -> int:
    return int(session.execute(query).scalar_one())


TABLES: dict[Table, Callable[[MetricsPublic], tuple[Sequence[str], list[list[Any]]]]] = {
    "metrics": lambda found: (
        ("metric", "title", "part", "whole", "share", "target"),
        [[one.name, one.title, one.part, one.whole, one.share, one.target] for one in found.metrics],
    ),
    "activity": lambda found: (
        ("day", "questions", "documents"),
        [[day.date, day.questions, day.documents] for day in found.days],
    ),
    "active_users": lambda found: (
        ("week_until", "users"),
        [[week.last, week.users] for week in found.active],
    ),
    "failures": lambda found: (
        ("what", "reason", "count", "last"),
        [[one.what, one.reason, one.count, one.last] for one in found.failures],
    ),
    "models": lambda found: (
        (
            "model", "tokens_in", "tokens_out", "estimated", "answers", "failures", "users", f"cost_{found.currency}", "p50_ms",
            "p95_ms",
        ),
        [
            [
                one.model, one.tokens_in, one.tokens_out, one.estimated, one.answers, one.failures, one.users, one.cost,
                one.p50_ms, one.p95_ms,
            ]
            for one in found.models
        ],
    ),
}  # fmt: skip
