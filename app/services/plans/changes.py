"""A change of a plan before anybody accepted it: what it would do, in a sentence, and doing it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlmodel import Session

from app.errors import Conflict
from app.models import DONE, DROPPED, OPEN, SNOOZED, Plan, PlanStep
from app.services.insight.days import spoken
from app.services.plans.records import move_target, steps_of
from app.services.plans.schedule import due_on
from app.services.plans.shapes import StepCreate
from app.services.plans.steps import add_step, write_step

# Kind -> the fields of its change.
KINDS = {
    "move_target": ("target_date",),
    "move_step": ("due",),
    "done": (),
    "reopen": (),
    "drop": (),
    "snooze": ("until",),
    "add_step": ("title", "due", "reason", "owner"),
    "edit_step": ("title", "owner", "effort", "reason"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """`step_key` names the step, but of a whole plan's target and of a new step; days are ISO dates."""

    plan_id: str
    kind: str
    step_key: str | None = None
    change: dict[str, Any] = field(default_factory=dict)
    reason: str = ""

    @property
    def same(self) -> tuple[str, str, str | None, str]:
        """Equal for changes that do the same."""
        return self.plan_id, self.kind, self.step_key, repr(sorted(self.change.items()))


def sentence(kind: str, change: dict[str, Any], plan: Plan, step: PlanStep | None) -> str:
    """What accepting it does, computed from the plan as it is now."""
    if kind == "move_target":
        to = date.fromisoformat(change["target_date"])
        days = (to - plan.target_date).days
        target = (plan.body.get("target") or "the target date").lower()
        return f"Move {target} of “{plan.title}” from {spoken(plan.target_date)} to {spoken(to)} ({_by(days)})."
    if kind == "add_step":
        due = f", due {spoken(date.fromisoformat(change['due']))}" if change.get("due") else ""
        return f"Add the step “{change['title']}” to “{plan.title}”{due}."
    name = f"“{step.title}”" if step is not None else "a step that is not in the plan any more"
    if kind == "move_step":
        to = date.fromisoformat(change["due"])
        return f"Move {name} from {spoken(step.due)} to {spoken(to)}." if step else f"Move {name} to {spoken(to)}."
    if kind == "snooze":
        return f"Put {name} off until {spoken(date.fromisoformat(change['until']))}."
    if kind == "edit_step":
        said = "; ".join(f"{field} “{value}”" for field, value in change.items())
        return f"Change {name}: {said}."
    return {"done": "Check {} off.", "reopen": "Open {} again.", "drop": "Drop {}."}[kind].format(name)


def apply(session: Session, plan: Plan, kind: str, step: PlanStep | None, change: dict[str, Any], reason: str) -> None:
    """Do it, in the caller's transaction. Raises `Conflict` where the step is gone."""
    if kind == "move_target":
        rows = steps_of(session, plan.id)
        move_target(plan, rows, date.fromisoformat(change["target_date"]))
        session.add_all(rows)
        return
    if kind == "add_step":
        add_step(session, plan, StepCreate(reason=reason, **change), by="model")
        return
    if step is None:
        raise Conflict("This step is not in the plan any more; decline the proposal.", code="step_gone")
    write_step(step, _written(kind, change))
    session.add(step)


def _written(kind: str, change: dict[str, Any]) -> dict[str, Any]:
    if kind == "move_step":
        return {"due": date.fromisoformat(change["due"])}
    if kind == "snooze":
        return {"status": SNOOZED, "snoozed_until": date.fromisoformat(change["until"])}
    if kind == "edit_step":
        return change
    return {"status": {"done": DONE, "reopen": OPEN, "drop": DROPPED}[kind]}


def shifted(day: date, days: int) -> str | None:
    """The ISO date `days` later; None beyond the calendar of plans."""
    try:
        return due_on(day, days).isoformat()
    except (ValueError, OverflowError):
        return None


def _by(days: int) -> str:
    count = "1 day" if abs(days) == 1 else f"{abs(days)} days"
    return f"{count} {'later' if days > 0 else 'earlier'}" if days else "the same day"
