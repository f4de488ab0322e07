"""How far one's plans are, and what is due next: open steps, and the dates of documents that the user confirmed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Literal

from pydantic import BaseModel, Field
from sqlmodel import Session, col, select

from app.models import ACCEPTED, DONE, DROPPED, ImportantDate, Plan, PlanStep
from app.services.shapes import Id

AHEAD = 60  # days
MOST = 50  # of what is due


class PlanFigures(BaseModel):
    """A plan that was not dropped. Steps that were dropped count nowhere."""

    id: Id
    title: str
    artist_id: Id | None
    status: str
    target_date: date
    steps: int
    done: int
    overdue: int = Field(description="Open steps whose day has passed.")
    progress: float = Field(description="0 to 1: done of all steps.")
    next_step: str | None = Field(description="The open step that is due first.")
    next_due: date | None


class Upcoming(BaseModel):
    """Something due: an open step of an open plan, or a date of a document that was confirmed."""

    kind: Literal["step", "date"]
    id: Id
    title: str
    day: date
    days_left: int = Field(description="Below 0: so many days ago.")
    plan_id: Id | None = None
    document_id: Id | None = None
    artist_id: Id | None = None


def plan_figures(session: Session, user_id: str, today: date) -> list[PlanFigures]:
    """The nearest target first; plans that are done come last."""
    plans = session.exec(select(Plan).where(Plan.user_id == user_id, Plan.status != DROPPED)).all()
    steps: dict[str, list[PlanStep]] = defaultdict(list)
    wanted = select(PlanStep).where(col(PlanStep.plan_id).in_([plan.id for plan in plans]), PlanStep.status != DROPPED)
    for step in session.exec(wanted.order_by(col(PlanStep.due), col(PlanStep.number))):
        steps[step.plan_id].append(step)
    found = [_figures(plan, steps[plan.id], today) for plan in plans]
    return sorted(found, key=lambda one: (one.status == DONE, one.target_date, one.title))


def _figures(plan: Plan, steps: Sequence[PlanStep], today: date) -> PlanFigures:
    left = [step for step in steps if step.status != DONE]
    done = len(steps) - len(left)
    return PlanFigures(
        **plan.model_dump(include={"id", "title", "artist_id", "status", "target_date"}),
        steps=len(steps),
        done=done,
        overdue=sum(step.due < today for step in left),
        progress=done / len(steps) if steps else 0.0,
        next_step=left[0].title if left else None,
        next_due=left[0].due if left else None,
    )


def upcoming(session: Session, user_id: str, today: date) -> list[Upcoming]:
    """What is overdue, and what is due within `AHEAD` days, the earliest first. A snoozed step is due when it wakes."""
    last = today + timedelta(days=AHEAD)
    wanted = (
        select(PlanStep, Plan)
        .join(Plan, col(Plan.id) == col(PlanStep.plan_id))
        .where(Plan.user_id == user_id, col(Plan.status).not_in([DONE, DROPPED]))
        .where(col(PlanStep.status).not_in([DONE, DROPPED]), PlanStep.due <= last)
    )
    confirmed = select(ImportantDate).where(ImportantDate.user_id == user_id, ImportantDate.status == ACCEPTED)
    confirmed = confirmed.where(ImportantDate.day >= today, ImportantDate.day <= last)
    found = [
        Upcoming(kind="step", id=step.id, title=step.title, day=day, days_left=(day - today).days, plan_id=plan.id,
                 artist_id=plan.artist_id)
        for step, plan in session.exec(wanted).all()
        if (day := max(step.due, step.snoozed_until or step.due)) <= last
    ] + [
        Upcoming(kind="date", id=one.id, title=one.label, day=one.day, days_left=(one.day - today).days,
                 document_id=one.document_id, artist_id=one.artist_id)
        for one in session.exec(confirmed).all()
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.day, one.title))[:MOST]
