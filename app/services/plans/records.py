"""Plans as they are kept and as they are shown."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import date

from sqlmodel import Session, col, select

from app.db import Database
from app.errors import AppError, NotFound
from app.models import DONE, DROPPED, OPEN, SNOOZED, Plan, PlanStep, StepComment, now
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.ownership import CHANGES, own
from app.services.plans.checks import conflicts_of, open_questions
from app.services.plans.schedule import EARLIEST, LATEST, Dated, late, misplaced, moved
from app.services.plans.shapes import (
    Budget,
    CommentPublic,
    LateStep,
    Lead,
    PlanPublic,
    PlanRow,
    PlanWarning,
    Source,
    StepPublic,
)

UNFINISHED = (OPEN, SNOOZED)


class PlanRecords:
    """What every part of the service of plans shares: authorised rows, and their public shapes."""

    def __init__(self, db: Database, audit: AuditLog, today: Callable[[], date] = date.today) -> None:
        self._db, self._audit, self._today = db, audit, today

    def _refusing(self, principal: Principal, action: str, object_id: str | None) -> AbstractContextManager[None]:
        return self._audit.refusing(self._db, principal, action, object_id)

    def _plan(self, session: Session, principal: Principal, plan_id: str, *, write: bool = False) -> Plan:
        """A plan of the principal's; unknown and not theirs are the same `NotFound`. `write` holds its row."""
        return own(session, principal, Plan, plan_id, "plan", CHANGES if write else None)

    def _step(self, session: Session, plan: Plan, step_id: str) -> PlanStep:
        step = session.get(PlanStep, step_id)
        if step is None or step.plan_id != plan.id:
            raise NotFound("There is no such step in this plan.")
        return step

    def _touch(self, session: Session, plan: Plan) -> None:
        plan.updated = now()
        session.add(plan)

    def _public(self, session: Session, plan: Plan, steps: Sequence[PlanStep] | None = None) -> PlanPublic:
        """The whole plan, checked against the user's documents as they are now. Whoever gives it out audits it (`_read`)."""
        steps, today = steps_of(session, plan.id) if steps is None else steps, self._today()
        conflicts = conflicts_of(session, plan, steps)
        comments = comments_of(session, [step.id for step in steps])
        dated = [as_dated(step, today) for step in steps]
        ids = {step.key: step.id for step in steps}
        wrong = [PlanWarning(step_id=ids[step.key], text=text) for step, text in misplaced(dated, plan.target_date)]
        if plan.status == OPEN and plan.target_date < today:
            wrong.insert(
                0, PlanWarning(step_id=None, text="The target date of this plan has passed; choose a later one.")
            )
        body = plan.body
        return PlanPublic(
            **plan_row(plan, steps, today).model_dump(),
            target=body.get("target", ""),
            written_by=body.get("written_by", "template"),
            notes=body.get("notes", []),
            late=[late_step(step, ids[step.key], today) for step in late(dated, today)] if plan.status == OPEN else [],
            conflicts=conflicts,
            warnings=wrong,
            unknowns=[*body.get("unknowns", []), *open_questions(session, plan, steps)],
            budget=Budget.model_validate(body["budget"]) if body.get("budget") else None,
            steps=[step_public(step, comments[step.id], today) for step in steps],
        )

    def _read(self, session: Session, principal: Principal, plan: PlanPublic) -> None:
        """No audit, no data: which documents' words a plan shows."""
        if read := read_for(plan):
            reads = [{"document_id": document_id, "chunk_ids": []} for document_id in read]
            self._audit.record(session, principal, "plan.read", object_id=plan.id, reads=reads)


def read_for(plan: PlanPublic) -> list[str]:
    """The user's documents whose words a plan shows."""
    quoted = (source for step in plan.steps for source in step.sources if source.kb == "personal" and source.quote)
    return sorted({one.document_id for one in plan.conflicts} | {one.document_id for one in quoted if one.document_id})


def steps_of(session: Session, plan_id: str) -> Sequence[PlanStep]:
    """By day, then in the order in which they came."""
    query = select(PlanStep).where(PlanStep.plan_id == plan_id)
    return session.exec(query.order_by(col(PlanStep.due), col(PlanStep.number), col(PlanStep.id))).all()


def comments_of(session: Session, step_ids: Sequence[str]) -> dict[str, list[StepComment]]:
    found: dict[str, list[StepComment]] = defaultdict(list)
    query = select(StepComment).where(col(StepComment.step_id).in_(step_ids))
    for comment in session.exec(query.order_by(col(StepComment.created), col(StepComment.id))).all():
        found[comment.step_id].append(comment)
    return found


def standing_of(step: PlanStep, today: date) -> str:
    """A step sleeps until its day and is open from then on."""
    if step.status == SNOOZED and (step.snoozed_until is None or step.snoozed_until <= today):
        return OPEN
    return step.status


def as_dated(step: PlanStep, today: date) -> Dated:
    """`open`: to be done now. What sleeps is not late."""
    window = step.body.get("window")
    return Dated(
        key=step.key,
        title=step.title,
        due=step.due,
        needs=tuple(step.depends_on),
        window=(window[0], window[1]) if window else None,
        fixed=step.status not in UNFINISHED or "due" in step.edited,
        open=standing_of(step, today) == OPEN,
    )


def late_step(step: Dated, step_id: str, today: date) -> LateStep:
    return LateStep(step_id=step_id, key=step.key, title=step.title, due=step.due, days=(today - step.due).days)


def plan_row(plan: Plan, steps: Sequence[PlanStep], today: date) -> PlanRow:
    counted = [step for step in steps if step.status != DROPPED]
    done = sum(step.status == DONE for step in counted)
    waiting = sorted(
        (step for step in counted if standing_of(step, today) == OPEN), key=lambda step: (step.due, step.number)
    )
    return PlanRow(
        id=plan.id,
        title=plan.title,
        template=plan.template,
        goal=plan.goal,
        target_date=plan.target_date,
        artist_id=plan.artist_id,
        status=plan.status,  # type: ignore[arg-type]
        progress=round(done / len(counted), 4) if counted else 0.0,
        done=done,
        total=len(counted),
        overdue=sum(step.due < today for step in waiting) if plan.status == OPEN else 0,
        next_step=late_step(as_dated(waiting[0], today), waiting[0].id, today) if waiting else None,
        days_left=(plan.target_date - today).days,
        created=plan.created,
        updated=plan.updated,
    )


def step_public(step: PlanStep, comments: Sequence[StepComment], today: date) -> StepPublic:
    standing = standing_of(step, today)
    lead = step.body.get("lead")
    return StepPublic(
        id=step.id,
        key=step.key,
        title=step.title,
        due=step.due,
        owner=step.owner,
        effort=step.effort,
        reason=step.reason,
        depends_on=step.depends_on,
        status=standing,  # type: ignore[arg-type]
        snoozed_until=step.snoozed_until if standing == SNOOZED else None,
        done_at=step.done_at,
        sources=[Source.model_validate(source) for source in step.sources],
        unknown=step.unknown,
        lead=Lead.model_validate(lead) if lead else None,
        edited=step.edited,
        comments=[CommentPublic(id=one.id, text=one.text, created=one.created) for one in comments],
        late=standing == OPEN and step.due < today,
        days_left=(step.due - today).days,
        by=step.body.get("by", "template"),
    )


def move_target(plan: Plan, steps: Sequence[PlanStep], target: date) -> int:
    """Move the target date, and by as many days each step that is not done, not dropped and not dated by hand.

    Returns the days. Raises `AppError` 422 where a step would leave the calendar of plans.
    """
    days = (checked_day(target) - plan.target_date).days
    today = date.min  # what sleeps moves too
    try:
        after = moved([as_dated(step, today) for step in steps], days)
    except (ValueError, OverflowError):
        raise AppError(
            f"Choose a target date between {EARLIEST.year + 2} and {LATEST.year - 2}.", status=422, code="target_date"
        ) from None
    for step, then in zip(steps, after, strict=True):
        if step.due != then.due:
            step.due, step.updated = then.due, now()
    plan.target_date = target
    return days


def checked_day(day: date) -> date:
    """Raises `AppError` 422 for a day that is a typing error."""
    if not EARLIEST <= day <= LATEST:
        raise AppError(f"Choose a day between {EARLIEST.year} and {LATEST.year}.", status=422, code="day")
    return day


def checked_words(text: str, what: str, longest: int) -> str:
    """Raises `AppError` 422 where nothing was typed."""
    if not (words := " ".join(text.split())):
        raise AppError(f"A {what} needs a title; type one.", status=422, code="title")
    return words[:longest]
