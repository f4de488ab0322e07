"""The chat and the open plans: what an answer is told of them, and what it may propose to change."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from sqlmodel import Session, col, or_, select

from app.models import DONE, DROPPED, OPEN, Plan, PlanStep
from app.principal import Principal
from app.retrievers.wording import words
from app.services.insight.days import spoken
from app.services.plans.changes import KINDS, Change, sentence, shifted
from app.services.plans.proposals import ProposalService, keep_proposals
from app.services.plans.records import standing_of, steps_of
from app.services.plans.requests import WHOLE, Open, asked_changes
from app.services.plans.shapes import LONGEST_EFFORT, LONGEST_OWNER, LONGEST_STEP
from app.services.plans.whens import find_days

# Told to a model, steps of the plan changed last and of each other one: about 900 tokens.
PLANS, STEPS, OTHERS = 3, 16, 6
MOST_CHANGES = 8  # of one answer: more than that nobody weighs one by one
NEXT_STEPS = 5  # late ones, and next ones, told in an answer
LONGEST_QUESTION = 200  # characters: longer texts are about something else too
REF = 8  # characters of a plan's id by which a model names it
FENCE = "plan-changes"
ABOUT = f"""To propose changes to a plan, when the user asks for one or it plainly helps, say them in words and end with one block:
```{FENCE}
[{{"plan": "1a2b3c4d", "kind": "move_step", "step": "key", "days": 7, "reason": "one sentence"}}]
```
Kinds: move_target (days), move_step (days), done, drop, reopen, snooze (date), add_step (title), edit_step (title, owner, effort).
"days" moves by so many days, below 0 earlier; use "date" (YYYY-MM-DD) only for a day that the user just named. Never compute a day.
Nothing changes before the user accepts it: say that you propose it, never that it is done.
What this section says of the plans may be stated without a label."""


class Proposed(BaseModel):
    """One entry of a model's block."""

    plan: str = Field(max_length=64)
    kind: str = Field(max_length=20)
    step: str | None = Field(default=None, max_length=60)
    days: int | None = Field(default=None, ge=-366, le=366)
    date: str | None = Field(default=None, max_length=10)
    title: str | None = Field(default=None, max_length=LONGEST_STEP)
    owner: str | None = Field(default=None, max_length=LONGEST_OWNER)
    effort: str | None = Field(default=None, max_length=LONGEST_EFFORT)
    reason: str = Field(default="", max_length=500)


# Questions that the plans themselves answer.
_ABOUT_PLANS = re.compile(
    r"\bwhat(?:'s|’s| is| are| do(?:es)?| should| must)?\b.{0,40}"
    r"\b(?:next|due|overdue|late|left to do|still open|to do|on my list)\b"
    r"|\b(?:which|what) (?:steps?|deadlines?|tasks?)\b|\bhow far\b.{0,40}\b(?:plan|release|campaign)\b"
    r"|\b(?:am i|are we)\b.{0,30}\b(?:late|on time|on schedule|behind)\b"
    r"|\b(?:my|our|the) (?:open )?plans?\b.{0,30}\b(?:status|progress|look)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a message itself asks to change or to know of the open plans: `text` answers it, computed from them."""

    changes: list[Change] = field(default_factory=list)
    text: str = ""
    near: bool = False  # speaks of what an open plan is about
    section: tuple[str, str] | None = None  # for a prompt: the open plans with what is still to be done


class ProposingService(ProposalService):
    def asked(self, principal: Principal, artist_id: str | None, text: str) -> Asked:
        """By rules, without a model."""
        with self._db.reading() as session:
            plans = open_plans(session, principal, artist_id)
        today = self._today()
        section = _section(plans, today)
        if changes := asked_changes(text, plans, today):
            return Asked(changes, _in_words(changes, plans), near=True, section=section)
        if plans and len(text) <= LONGEST_QUESTION and _ABOUT_PLANS.search(text):
            return Asked(text="\n\n".join(_state(one, today) for one in plans), near=True, section=section)
        about = WHOLE.union(*(words(one.plan.title) for one in plans))
        return Asked(near=bool(plans and words(text) & about), section=section)

    def keep(
        self,
        principal: Principal,
        question: str,
        asked: Asked,
        session: Session,
        message_id: int | None,
        blocks: Sequence[str],
    ) -> None:
        """Keep what the question asks for and what the answer's blocks propose, in the answer's transaction."""
        changes = list(asked.changes)
        if blocks:
            plans = open_plans(session, principal, None)
            days = {day.isoformat() for day in find_days(question, self._today())}
            changes += [change for block in blocks for change in read_block(block, plans, days)]
        once = {change.same: change for change in reversed(changes)}
        kept = [change for change in changes if once[change.same] is change][:MOST_CHANGES]
        keep_proposals(session, principal.user_id, message_id, kept)


def _section(plans: Sequence[Open], today: date) -> tuple[str, str] | None:
    if not plans:
        return None
    return "The user's open plans", "\n\n".join(
        [*(_told(one, today, OTHERS if place else STEPS) for place, one in enumerate(plans)), ABOUT]
    )


def open_plans(session: Session, principal: Principal, artist_id: str | None) -> list[Open]:
    """The last changed first."""
    query = select(Plan).where(Plan.user_id == principal.user_id, Plan.status == OPEN)
    if artist_id is not None:
        query = query.where(or_(col(Plan.artist_id).is_(None), col(Plan.artist_id) == artist_id))
    plans = session.exec(query.order_by(col(Plan.updated).desc(), col(Plan.id)).limit(PLANS)).all()
    return [Open(plan, steps_of(session, plan.id)) for plan in plans]


def read_block(block: str, plans: Sequence[Open], days: set[str]) -> list[Change]:
    """The changes of a model's block that hold: known plans, steps and kinds; a day only if it is among `days`, which the
    user named. What does not hold is left out, one by one.
    """
    try:
        rows = json.loads(block)
    except ValueError:
        return []
    found = []
    for row in rows if isinstance(rows, list) else [rows]:
        try:
            change = _change(Proposed.model_validate(row), plans, days)
        except ValidationError:
            continue
        if change is not None:
            found.append(change)
    return found


def _change(said: Proposed, plans: Sequence[Open], days: set[str]) -> Change | None:
    one = next(
        (one for one in plans if said.plan and one.plan.id.startswith(said.plan[:REF]) and len(said.plan) >= REF), None
    )
    if one is None or said.kind not in KINDS or (said.date is not None and said.date not in days):
        return None
    plan, step = one.plan, next((step for step in one.steps if step.key == said.step), None)
    reason = " ".join(said.reason.split())
    if said.kind == "move_target":
        day = said.date or (shifted(plan.target_date, said.days) if said.days else None)
        moving = day is not None and day != plan.target_date.isoformat()
        return Change(plan.id, said.kind, None, {"target_date": day}, reason) if moving else None
    if said.kind == "add_step":
        title = " ".join((said.title or "").split())
        due = {"due": said.date} if said.date else {}
        return Change(plan.id, said.kind, None, {"title": title, **due}, reason) if title else None
    if step is None:
        return None
    change = _of_step(said, step)
    return Change(plan.id, said.kind, step.key, change, reason) if change is not None else None


def _of_step(said: Proposed, step: PlanStep) -> dict[str, Any] | None:
    """What an entry says of a step that is there; None where it says nothing that can be done."""
    if said.kind == "move_step":
        day = said.date or (shifted(step.due, said.days) if said.days else None)
        return {"due": day} if day is not None and day != step.due.isoformat() else None
    if said.kind == "snooze":
        return {"until": said.date} if said.date else None
    if said.kind == "edit_step":
        told = {name: " ".join((getattr(said, name) or "").split()) for name in ("title", "owner", "effort")}
        return {name: value for name, value in told.items() if value} or None
    allowed = {"done": step.status != DONE, "drop": step.status != DROPPED, "reopen": step.status in (DONE, DROPPED)}
    return {} if allowed[said.kind] else None


def _told(one: Open, today: date, most: int) -> str:
    plan = one.plan
    waiting = [step for step in one.steps if step.status not in (DONE, DROPPED)]
    done = sum(step.status == DONE for step in one.steps)
    target = plan.body.get("target") or "Target date"
    lines = [f"Plan {plan.id[:REF]} “{plan.title}”. {target}: {spoken(plan.target_date)}. {done} steps done, to do:"]
    for step in waiting[:most]:
        state = "; late" if step.due < today and standing_of(step, today) == OPEN else ""
        lines.append(f"- {step.key}: {step.title}; due {spoken(step.due)}{state}")
    if len(waiting) > most:
        lines.append(f"- and {len(waiting) - most} later ones")
    return "\n".join(lines)


def _state(one: Open, today: date) -> str:
    """How a plan stands, for its owner: what is late, and what comes next."""
    plan, target = one.plan, (one.plan.body.get("target") or "Target date")
    waiting = [step for step in one.steps if standing_of(step, today) == OPEN]
    done, counted = sum(step.status == DONE for step in one.steps), sum(step.status != DROPPED for step in one.steps)
    days = (plan.target_date - today).days
    left = f"{days} days left" if days > 0 else "today" if days == 0 else f"{-days} days ago"
    lines = [f"“{plan.title}”: {target} is {spoken(plan.target_date)} ({left}); {done} of {counted} steps done."]
    for name, steps in (
        ("Late", [step for step in waiting if step.due < today]),
        ("Next", [step for step in waiting if step.due >= today]),
    ):
        shown = [f"- {step.title}, due {spoken(step.due)}" for step in steps[:NEXT_STEPS]]
        more = [f"- and {len(steps) - NEXT_STEPS} more"] if len(steps) > NEXT_STEPS else []
        lines += [f"{name}:", *shown, *more] if shown else []
    return "\n".join(lines)


def _in_words(changes: Sequence[Change], plans: Sequence[Open]) -> str:
    places = {one.plan.id: one for one in plans}
    lines = []
    for change in changes:
        one = places[change.plan_id]
        step = next((step for step in one.steps if step.key == change.step_key), None)
        lines.append(f"- {sentence(change.kind, change.change, one.plan, step)}")
    return "This is what I propose; nothing changes before you accept it:\n" + "\n".join(lines)
