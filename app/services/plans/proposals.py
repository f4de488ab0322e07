"""What the chat proposes to change in a plan: kept with the answer, and done only when the user accepts it, one by one."""

from __future__ import annotations

from collections.abc import Sequence

from sqlmodel import Session, col, select

from app.errors import Conflict, NotFound
from app.models import ACCEPTED, DECLINED, PROPOSED, Plan, PlanProposal, PlanStep
from app.principal import Principal
from app.services.conversations import number
from app.services.paging import Order, next_after, page_size
from app.services.plans.changes import Change, apply, sentence
from app.services.plans.shapes import PlanPublic, ProposalPublic, ProposalStatus
from app.services.plans.steps import StepService
from app.services.shapes import Listing

ORDER = Order(col(PlanProposal.created), col(PlanProposal.id))


class ProposalService(StepService):
    def proposals(
        self,
        principal: Principal,
        plan_id: str | None = None,
        *,
        message_id: str | None = None,
        status: ProposalStatus | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Listing[ProposalPublic]:
        """Of one plan, or of all of one's own; oldest first. `message_id`: those that this answer made."""
        limit = page_size(limit)
        query = select(PlanProposal, Plan).join(Plan, col(Plan.id) == col(PlanProposal.plan_id))
        query = query.where(Plan.user_id == principal.user_id)
        if message_id is not None:
            query = query.where(PlanProposal.message_id == number(message_id))
        if status is not None:
            query = query.where(PlanProposal.status == status)
        with self._refusing(principal, "plan.proposals", after or plan_id), self._db.reading() as session:
            if plan_id is not None:
                self._plan(session, principal, plan_id)
                query = query.where(PlanProposal.plan_id == plan_id)
            if after is not None:
                last = session.get(PlanProposal, after)
                owner = session.get(Plan, last.plan_id) if last is not None else None
                if last is None or owner is None or owner.user_id != principal.user_id:
                    raise NotFound("There is no such proposal.")
                query = query.where(ORDER.after(last.created, last.id))
            rows = session.exec(query.order_by(*ORDER.columns).limit(limit + 1)).all()
            shown = [_public(session, row, plan) for row, plan in rows[:limit]]
        return Listing(items=shown, next=next_after([row for row, _ in rows], limit))

    def accept(self, principal: Principal, plan_id: str, proposal_id: str) -> PlanPublic:
        """Do it; the plan as it is then. What an accepted proposal wrote counts as written by hand.

        Raises `Conflict` for a proposal that was answered before, or whose step is gone.
        """
        with self._refusing(principal, "plan.accept", proposal_id), self._db.session() as session:
            plan = self._plan(session, principal, plan_id, write=True)
            proposal = self._proposal(session, plan, proposal_id)
            step = _step(session, plan, proposal.step_key)
            apply(session, plan, proposal.kind, step, proposal.change, proposal.reason)
            proposal.status = ACCEPTED
            session.add(proposal)
            session.flush()
            return self._changed(session, principal, plan, "plan.accept")

    def decline(self, principal: Principal, plan_id: str, proposal_id: str) -> ProposalPublic:
        with self._refusing(principal, "plan.decline", proposal_id), self._db.session() as session:
            plan = self._plan(session, principal, plan_id, write=True)
            proposal = self._proposal(session, plan, proposal_id)
            proposal.status = DECLINED
            session.add(proposal)
            self._audit.record(session, principal, "plan.decline", object_id=plan.id)
            return _public(session, proposal, plan)

    def _proposal(self, session: Session, plan: Plan, proposal_id: str) -> PlanProposal:
        """One that nobody answered yet."""
        proposal = session.get(PlanProposal, proposal_id)
        if proposal is None or proposal.plan_id != plan.id:
            raise NotFound("There is no such proposal for this plan.")
        if proposal.status != PROPOSED:
            raise Conflict("This proposal was answered before; reload the plan.", code="answered")
        return proposal


def keep_proposals(session: Session, user_id: str, message_id: int | None, changes: Sequence[Change]) -> None:
    """Keep what an answer proposes, in the transaction that keeps the answer. An open proposal of the same thing gives way;
    a plan that is gone, or somebody else's, gets none.
    """
    for change in changes:
        plan = session.get(Plan, change.plan_id)
        if plan is None or plan.user_id != user_id:
            continue
        older = select(PlanProposal).where(
            PlanProposal.plan_id == plan.id, PlanProposal.status == PROPOSED, PlanProposal.kind == change.kind
        )
        for row in session.exec(older).all():
            if Change(row.plan_id, row.kind, row.step_key, row.change).same == change.same:
                session.delete(row)
        session.add(
            PlanProposal(
                plan_id=plan.id, message_id=message_id, kind=change.kind, step_key=change.step_key,
                change=change.change, reason=change.reason,
            )
        )  # fmt: skip


def _step(session: Session, plan: Plan, key: str | None) -> PlanStep | None:
    if key is None:
        return None
    return session.exec(select(PlanStep).where(PlanStep.plan_id == plan.id, PlanStep.key == key)).first()


def _public(session: Session, row: PlanProposal, plan: Plan) -> ProposalPublic:
    step = _step(session, plan, row.step_key)
    return ProposalPublic(
        id=row.id,
        plan_id=plan.id,
        plan_title=plan.title,
        message_id=str(row.message_id) if row.message_id is not None else None,
        kind=row.kind,
        step_id=step.id if step else None,
        step_title=step.title if step else None,
        text=sentence(row.kind, row.change, plan, step),
        change=row.change,
        reason=row.reason,
        status=row.status,  # type: ignore[arg-type]
        created=row.created,
    )
