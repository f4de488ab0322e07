"""What is due: open steps of open plans, and the dates of documents that the user confirmed."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import ColumnElement
from sqlmodel import Session, col, or_, select

from app.models import ACCEPTED, DELETING, OPEN, Document, ImportantDate, Plan, PlanStep
from app.principal import Principal
from app.services.plans.records import UNFINISHED, standing_of
from app.services.plans.shapes import Deadline, DeadlinesPublic

MOST = 500  # of each kind: more fits no page


def deadlines(
    session: Session, principal: Principal, today: date, days: int, artist_id: str | None = None
) -> DeadlinesPublic:
    """Within `days` from today; steps that are overdue come whatever their age, dates that have passed do not."""
    last = today + timedelta(days=days)
    found = [*_steps(session, principal, today, last, artist_id), *_dates(session, principal, today, last, artist_id)]
    found.sort(key=lambda one: (one.day, one.kind, one.title, one.id))
    return DeadlinesPublic(
        items=found,
        overdue=sum(one.overdue for one in found),
        next=next((one for one in found if not one.overdue), None),
        days=days,
    )


def _steps(session: Session, principal: Principal, today: date, last: date, artist_id: str | None) -> list[Deadline]:
    mine = _of(Plan, principal, artist_id) & (col(Plan.status) == OPEN)
    due = col(PlanStep.status).in_(UNFINISHED) & (col(PlanStep.due) <= last)
    query = select(PlanStep, Plan).join(Plan, col(Plan.id) == col(PlanStep.plan_id)).where(mine, due)
    rows = session.exec(query.order_by(col(PlanStep.due), col(PlanStep.number)).limit(MOST)).all()
    return [
        Deadline(
            kind="step", id=step.id, plan_id=plan.id, plan_title=plan.title, title=step.title, day=step.due,
            days_left=(step.due - today).days, overdue=step.due < today, artist_id=plan.artist_id, owner=step.owner,
        )
        for step, plan in rows
        if standing_of(step, today) == OPEN
    ]  # fmt: skip


def _dates(session: Session, principal: Principal, today: date, last: date, artist_id: str | None) -> list[Deadline]:
    within = (col(ImportantDate.day) >= today) & (col(ImportantDate.day) <= last)
    query = (
        select(ImportantDate)
        .outerjoin(Document, col(Document.id) == col(ImportantDate.document_id))
        .where(_of(ImportantDate, principal, artist_id), ImportantDate.status == ACCEPTED, within)
        .where(or_(col(ImportantDate.document_id).is_(None), col(Document.status) != DELETING))
    )
    rows = session.exec(query.order_by(col(ImportantDate.day), col(ImportantDate.id)).limit(MOST)).all()
    return [
        Deadline(
            kind="date", id=row.id, document_id=row.document_id, title=row.label, day=row.day,
            days_left=(row.day - today).days, overdue=False, artist_id=row.artist_id, page=row.page,
            quote=row.quote or None, rule=row.rule or None,
        )
        for row in rows
    ]  # fmt: skip


def _of(table: type[Plan] | type[ImportantDate], principal: Principal, artist_id: str | None) -> ColumnElement[bool]:
    """The principal's own; with an artist, theirs and what is for all artists."""
    mine = col(table.user_id) == principal.user_id
    if artist_id is not None:
        mine &= or_(col(table.artist_id).is_(None), col(table.artist_id) == artist_id)
    return mine
