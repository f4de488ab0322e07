"""Working on a plan's steps by hand: whatever is written here, nothing else overwrites."""

from __future__ import annotations

from typing import Any

from sqlmodel import Session, func, select

from app.errors import AppError, Conflict
from app.models import DONE, OPEN, SNOOZED, Plan, PlanStep, StepComment, new_id, now
from app.principal import Principal
from app.services.plans.records import PlanRecords, checked_day, checked_words, steps_of
from app.services.plans.shapes import (
    LONGEST_STEP,
    LONGEST_TEXT,
    CommentCreate,
    PlanPublic,
    StepCreate,
    StepUpdate,
)

MOST_STEPS = 200  # of a plan, and comments of a step: four times the longest template, more is no plan any more
BY_HAND = ("title", "due", "owner", "effort", "reason")


class StepService(PlanRecords):
    def add_step(self, principal: Principal, plan_id: str, made: StepCreate) -> PlanPublic:
        """Add a step. Without a day it is due on the target date and moves with it. Raises `Conflict` for one too many."""
        with self._refusing(principal, "plan.step_add", plan_id), self._db.session() as session:
            plan = self._plan(session, principal, plan_id, write=True)
            add_step(session, plan, made, by="hand")
            return self._changed(session, principal, plan, "plan.step_add")

    def update_step(self, principal: Principal, plan_id: str, step_id: str, change: StepUpdate) -> PlanPublic:
        """Check off, put off, drop, or write a field by hand, which then stays whatever happens to the plan."""
        with self._refusing(principal, "plan.step_update", step_id), self._db.session() as session:
            plan = self._plan(session, principal, plan_id, write=True)
            step = self._step(session, plan, step_id)
            write_step(step, change.model_dump(include=change.model_fields_set))
            session.add(step)
            return self._changed(session, principal, plan, "plan.step_update")

    def delete_step(self, principal: Principal, plan_id: str, step_id: str) -> None:
        """What needed the step needs what it needed."""
        with self._refusing(principal, "plan.step_delete", step_id), self._db.session() as session:
            plan = self._plan(session, principal, plan_id, write=True)
            gone = self._step(session, plan, step_id)
            for step in steps_of(session, plan.id):
                if gone.key in step.depends_on:
                    needs = [key for key in step.depends_on if key != gone.key]
                    step.depends_on = list(dict.fromkeys([*needs, *gone.depends_on]))
                    session.add(step)
            session.delete(gone)
            self._touch(session, plan)
            self._audit.record(session, principal, "plan.step_delete", object_id=plan.id)

    def comment(self, principal: Principal, plan_id: str, step_id: str, made: CommentCreate) -> PlanPublic:
        with self._refusing(principal, "plan.comment", step_id), self._db.session() as session:
            plan = self._plan(session, principal, plan_id, write=True)
            step = self._step(session, plan, step_id)
            count = session.exec(select(func.count()).where(StepComment.step_id == step.id)).one()
            if count >= MOST_STEPS:
                raise Conflict("This step has as many comments as a step can hold.", code="quota")
            if not made.text.strip():
                raise AppError("A comment needs words; type some.", status=422, code="text")
            session.add(StepComment(step_id=step.id, text=made.text.strip()[:LONGEST_TEXT]))
            return self._changed(session, principal, plan, "plan.comment")

    def _changed(self, session: Session, principal: Principal, plan: Plan, action: str) -> PlanPublic:
        """The plan as it is now, with the audit row of what was done to it."""
        self._touch(session, plan)
        session.flush()
        shown = self._public(session, plan)
        self._audit.record(session, principal, action, object_id=plan.id)
        self._read(session, principal, shown)
        return shown


def add_step(session: Session, plan: Plan, made: StepCreate, *, by: str) -> PlanStep:
    """Raises `Conflict` for one step too many, `AppError` 422 for a day that no plan may name."""
    count, last = session.exec(
        select(func.count(), func.coalesce(func.max(PlanStep.number), 0)).where(PlanStep.plan_id == plan.id)
    ).one()
    if count >= MOST_STEPS:
        raise Conflict("This plan has as many steps as a plan can hold; delete some first.", code="quota")
    values = made.model_dump(exclude_unset=True)
    step = PlanStep(
        plan_id=plan.id,
        key=f"own_{new_id()[:8]}",
        number=last + 1,
        title=checked_words(made.title, "step", LONGEST_STEP),
        reason=made.reason.strip(),
        owner=made.owner.strip(),
        effort=made.effort.strip(),
        due=checked_day(made.due) if made.due else plan.target_date,
        edited=[name for name in BY_HAND if values.get(name)],
        body={"by": by},
    )
    session.add(step)
    return step


def write_step(step: PlanStep, values: dict[str, Any]) -> None:
    """Write what a person changed. A field sent as null stays as it is, but for `snoozed_until`, which wakes the step."""
    edited = list(step.edited)
    for name in BY_HAND:
        if values.get(name) is None:
            continue
        value = values[name]
        if name == "title":
            value = checked_words(value, "step", LONGEST_STEP)
        elif name == "due":
            value = checked_day(value)
        else:
            value = value.strip()
        if value != getattr(step, name):
            setattr(step, name, value)
            edited = [*edited, name] if name not in edited else edited
    step.edited = edited
    _stand(step, values)
    step.updated = now()


def _stand(step: PlanStep, values: dict[str, Any]) -> None:
    status = values.get("status")
    if "snoozed_until" in values and status in (None, SNOOZED):
        until = values["snoozed_until"]
        status = SNOOZED if until is not None else OPEN if step.status == SNOOZED else status
        step.snoozed_until = checked_day(until) if until is not None else None
    if status is None:
        return
    if status == SNOOZED and step.snoozed_until is None:
        raise AppError(
            "Say until when the step is put off: send 'snoozed_until' with a day.", status=422, code="snooze"
        )
    if status == DONE and step.status != DONE:
        step.done_at = now()
    if status != DONE:
        step.done_at = None
    if status != SNOOZED:
        step.snoozed_until = None
    step.status = status
