"""Plans: made from a template and what is known about the user, kept, moved, looked at."""

from __future__ import annotations

import asyncio
import builtins
from collections.abc import Callable
from datetime import date

from sqlmodel import Session, col, func, or_, select

from app.db import Database
from app.errors import Conflict
from app.models import Plan, PlanStep
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.model_slot import ModelSlot
from app.services.ownership import STAYS, check_artist
from app.services.paging import Order, next_after, page_size
from app.services.plans.deadlines import deadlines
from app.services.plans.making import PlanDraft, StepDraft, draft_plan
from app.services.plans.proposing import ProposingService
from app.services.plans.records import as_dated, checked_day, checked_words, move_target, plan_row, read_for, steps_of
from app.services.plans.shapes import (
    LONGEST_TITLE,
    DeadlinesPublic,
    MovedStep,
    PlanCreate,
    PlanPreview,
    PlanPublic,
    PlanRow,
    PlanUpdate,
    TemplatePublic,
)
from app.services.plans.sourcing import Found, find_sources, leads_here
from app.services.plans.templates import template, template_public, templates
from app.services.plans.wording import ask_wording, word
from app.services.profiles import ProfileService
from app.services.search import SearchService
from app.services.shapes import Listing
from app.services.usage import Grant, record
from app.services.withdrawal import GONE_MEANWHILE, gone_of

NOT_WORDED = "The language model did not answer, so the words are the template's."
MOST_PLANS = 200  # of one user: ten artists with twenty plans each
ORDER = Order(col(Plan.updated), col(Plan.id), newest_first=True)


class PlanService(ProposingService):
    def __init__(
        self,
        db: Database,
        audit: AuditLog,
        profiles: ProfileService,
        search: SearchService,
        model: ModelSlot,
        today: Callable[[], date] = date.today,
    ) -> None:
        super().__init__(db, audit, today)
        self._profiles, self._search, self._model = profiles, search, model
        templates()  # a template that is wrong stops the start

    def templates(self, principal: Principal) -> builtins.list[TemplatePublic]:  # noqa: ARG002  # as every door asks
        """Every template, the same for everybody."""
        return [template_public(one) for one in templates().values()]

    async def create(self, principal: Principal, made: PlanCreate) -> PlanPublic:
        """A plan with all its steps and what they rest on, in the words of the language model where there is one.

        Raises `NotFound` for an unknown template or artist, `Conflict` for one plan too many.
        """
        draft, optional = await asyncio.to_thread(self._draft, principal, made)
        found = await find_sources(self._search, principal, made.artist_id, [*draft.steps, *optional])
        leads = await asyncio.to_thread(leads_here, self._db, [*draft.steps, *optional], draft.budget)
        found.into(draft, [*draft.steps, *optional], leads)
        grant = await self._model.grant()
        if grant.model is not None:
            profile = await asyncio.to_thread(self._profiles.as_text, principal)
            wording = await ask_wording(grant.model, draft, optional, profile)
            if wording is None:
                draft.notes.append(NOT_WORDED)
            else:
                draft = word(draft, wording, optional, profile)
        return await asyncio.to_thread(self._keep, principal, made, draft, found, grant)

    def list(
        self,
        principal: Principal,
        *,
        artist_id: str | None = None,
        status: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Listing[PlanRow]:
        """Own plans, the last changed first; with an artist, theirs and those for all artists."""
        limit = page_size(limit)
        query = select(Plan).where(Plan.user_id == principal.user_id)
        if artist_id is not None:
            query = query.where(or_(col(Plan.artist_id).is_(None), col(Plan.artist_id) == artist_id))
        if status is not None:
            query = query.where(Plan.status == status)
        with self._refusing(principal, "plan.list", artist_id or after), self._db.reading() as session:
            check_artist(session, principal, artist_id)
            if after is not None:
                last = self._plan(session, principal, after)
                query = query.where(ORDER.after(last.updated, last.id))
            rows = session.exec(query.order_by(*ORDER.columns).limit(limit + 1)).all()
            shown = [plan_row(plan, steps_of(session, plan.id), self._today()) for plan in rows[:limit]]
        return Listing(items=shown, next=next_after(rows, limit))

    def get(self, principal: Principal, plan_id: str) -> PlanPublic:
        with self._refusing(principal, "plan.read", plan_id), self._db.reading() as session:
            shown = self._public(session, self._plan(session, principal, plan_id))
        if read_for(shown):
            self._db.together(lambda session: self._read(session, principal, shown))
        return shown

    def update(self, principal: Principal, plan_id: str, change: PlanUpdate) -> PlanPublic:
        """Another title, goal, standing or target date; a new date moves every step that is open and not dated by hand."""
        with self._refusing(principal, "plan.update", plan_id), self._db.session() as session:
            plan = self._plan(session, principal, plan_id, write=True)
            if change.title is not None:
                plan.title = checked_words(change.title, "plan", LONGEST_TITLE)
            if change.goal is not None:
                plan.goal = change.goal.strip()
            if change.status is not None:
                plan.status = change.status
            if change.target_date is not None:
                rows = steps_of(session, plan.id)
                move_target(plan, rows, change.target_date)
                session.add_all(rows)
            return self._changed(session, principal, plan, "plan.update")

    def preview(self, principal: Principal, plan_id: str, target: date | None = None) -> PlanPreview:
        """What another target date would move, and what would be late then. Nothing is written."""
        with self._refusing(principal, "plan.read", plan_id), self._db.reading() as session:
            plan = self._plan(session, principal, plan_id)
            rows = steps_of(session, plan.id)
            session.expunge_all()  # what is moved here is never written
            before = {step.id: step.due for step in rows}
            days = move_target(plan, rows, target or plan.target_date)
            shown = self._public(session, plan, sorted(rows, key=lambda step: (step.due, step.number, step.id)))
        lines = [
            MovedStep(
                step_id=step.id, title=step.title, before=before[step.id], after=step.due,
                late=step.id in {one.step_id for one in shown.late},
            )
            for step in rows
        ]  # fmt: skip
        moving = {step.id for step in rows if not as_dated(step, self._today()).fixed}
        return PlanPreview(
            target_date=plan.target_date, days=days, moves=[line for line in lines if line.step_id in moving],
            stays=[line for line in lines if line.step_id not in moving], late=shown.late, conflicts=shown.conflicts,
            warnings=shown.warnings,
        )  # fmt: skip

    def delete(self, principal: Principal, plan_id: str) -> None:
        with self._refusing(principal, "plan.delete", plan_id), self._db.session() as session:
            session.delete(self._plan(session, principal, plan_id, write=True))
            self._audit.record(session, principal, "plan.delete", object_id=plan_id)

    def deadlines(self, principal: Principal, *, days: int = 60, artist_id: str | None = None) -> DeadlinesPublic:
        """What is overdue, and what is due within `days`."""
        with self._refusing(principal, "plan.deadlines", artist_id), self._db.reading() as session:
            check_artist(session, principal, artist_id)
            return deadlines(session, principal, self._today(), days, artist_id)

    def _draft(self, principal: Principal, made: PlanCreate) -> tuple[PlanDraft, builtins.list[StepDraft]]:
        """The template's plan, and the steps of the template that it leaves out."""
        chosen = template(made.template)
        with self._refusing(principal, "plan.create", made.artist_id), self._db.reading() as session:
            check_artist(session, principal, made.artist_id)
            _check_room(session, principal)
        return draft_plan(chosen, made.goal, checked_day(made.target_date), self._profiles.get(principal), made.title)

    def _keep(self, principal: Principal, made: PlanCreate, draft: PlanDraft, found: Found, grant: Grant) -> PlanPublic:
        with self._refusing(principal, "plan.create", made.artist_id), self._db.session() as session:
            check_artist(session, principal, made.artist_id, STAYS)
            _check_room(session, principal)
            lost = gone_of(session, principal.user_id, found.own_documents())
            if lost and draft.written_by == "model":  # who may repeat their words
                raise Conflict(GONE_MEANWHILE, code="document_gone")
            if lost:
                found.drop(lost, draft.steps)
            plan = Plan(
                user_id=principal.user_id, artist_id=made.artist_id, title=draft.title, template=draft.template.id,
                goal=draft.goal, target_date=draft.target_date, body=draft.body(),
            )  # fmt: skip
            session.add(plan)
            session.flush()
            for number, step in enumerate(draft.steps, 1):
                session.add(_row(plan, number, step))
            if found.reads:
                self._audit.record(session, principal, "plan.sources", object_id=plan.id, reads=found.reads)
            shown, spent = (
                self._changed(session, principal, plan, "plan.create"),
                record(session, principal.user_id, grant),
            )
        grant.settle(spent)
        return shown


def _row(plan: Plan, number: int, step: StepDraft) -> PlanStep:
    return PlanStep(
        plan_id=plan.id, key=step.key, number=number, title=step.title, reason=step.reason, owner=step.owner,
        effort=step.effort, due=step.due, depends_on=step.needs, unknown=step.unknown, body=step.body(),
        sources=[source.model_dump(mode="json") for source in step.sources],
    )  # fmt: skip


def _check_room(session: Session, principal: Principal) -> None:
    """Raise `Conflict` for one plan too many."""
    if session.exec(select(func.count()).where(Plan.user_id == principal.user_id)).one() >= MOST_PLANS:
        raise Conflict(f"You keep {MOST_PLANS} plans, as many as there may be; delete one first.", code="quota")
