"""A plan from a template: which steps, on which days, with which money. Pure: the same input makes the same plan."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_DOWN, Decimal
from typing import Any

from app.errors import AppError
from app.services.plans.schedule import EARLIEST, LATEST, due_on
from app.services.plans.shapes import LONGEST_TITLE, Budget, BudgetRow, Lead, Source
from app.services.plans.templates import Template, TemplateStep, as_source, chosen_steps, lead_of
from app.services.profiles import ProfileShape

# What a profile says of an empty field that a template needs.
GAPS = {
    "genres": "Your profile names no genre: which channels, media and lists fit depends on it.",
    "audience": "Your profile does not say who listens: describe the audience before money is spent on reaching it.",
    "goals": "Your profile names no goals: without them nobody can say what to leave out.",
    "stage": "Your profile does not say where the career stands: goals from a later stage lead to spending too early.",
}
_MONEY = re.compile(
    r"(?P<sign>[€$£])\s?(?P<amount>\d[\d.,]*)\s?(?P<k>k\b)?|"
    r"(?P<amount2>\d[\d.,]*)\s?(?P<k2>k)?\s?(?P<name>€|\$|£|euros?\b|eur\b|dollars?\b|usd\b|pounds?\b|gbp\b)",
    re.IGNORECASE,
)
_CURRENCIES = {"€": "EUR", "$": "USD", "£": "GBP", "eur": "EUR", "dol": "USD", "usd": "USD", "pou": "GBP", "gbp": "GBP"}
CENT = Decimal("0.01")


@dataclass(slots=True)
class StepDraft:
    """A step on its way into a plan; `search` is what its sources are looked up by."""

    key: str
    title: str
    due: date
    owner: str
    effort: str
    reason: str
    needs: list[str]
    lead: Lead | None
    window: tuple[int, int] | None
    unknown: str = ""
    search: str = ""
    known_when: tuple[str, ...] = ()
    marks: list[str] = field(default_factory=list)
    optional: bool = False
    sources: list[Source] = field(default_factory=list)
    by: str = "template"

    def body(self) -> dict[str, Any]:
        return {
            "lead": self.lead.model_dump(mode="json") if self.lead else None,
            "window": list(self.window) if self.window else None,
            "marks": self.marks,
            "by": self.by,
        }


@dataclass(slots=True)
class PlanDraft:
    template: Template
    title: str
    goal: str
    target_date: date
    steps: list[StepDraft]
    unknowns: list[str]
    budget: Budget | None
    notes: list[str]
    written_by: str = "template"

    def body(self) -> dict[str, Any]:
        return {
            "target": self.template.target,
            "unknowns": self.unknowns,
            "budget": self.budget.model_dump(mode="json") if self.budget else None,
            "notes": self.notes,
            "written_by": self.written_by,
        }


def draft_plan(
    chosen: Template, goal: str, target: date, profile: ProfileShape, title: str | None = None
) -> tuple[PlanDraft, list[StepDraft]]:
    """The plan, and the optional steps that neither goal nor profile speaks of.

    Raises `AppError` 422 where a step would lie outside of the calendar of plans."""
    wanted = goal.strip() or chosen.goal
    about = " ".join((wanted, profile.bio, profile.goals))
    picked = chosen_steps(chosen, about)
    kept = {step.key for step in picked}
    left = [step.title for step in chosen.steps if step.key not in kept]
    notes = [
        f"It follows the template “{chosen.title}”; every day counts from the target date, {chosen.target.lower()}."
    ]
    if left:
        notes.append(f"Left out, because neither goal nor profile speaks of it: {'; '.join(left)}.")
    unknowns = [*chosen.unknowns, *(GAPS[name] for name in chosen.needs_profile if not getattr(profile, name).strip())]
    try:
        steps = [_step(chosen, step, target, profile) for step in picked]
        others = [_step(chosen, step, target, profile) for step in chosen.steps if step.key not in kept]
    except (ValueError, OverflowError):
        raise AppError(
            f"Choose a target date between {EARLIEST.year + 2} and {LATEST.year - 2}.", status=422, code="target_date"
        ) from None
    draft = PlanDraft(
        template=chosen, title=(title or "").strip()[:LONGEST_TITLE] or _title(chosen, wanted if goal.strip() else ""),
        goal=wanted, target_date=target, steps=steps, unknowns=unknowns, budget=_budget(chosen, wanted), notes=notes,
    )  # fmt: skip
    return draft, others


def _step(chosen: Template, step: TemplateStep, target: date, profile: ProfileShape) -> StepDraft:
    alone = step.owner == "manager" and profile.role != "manager"  # whoever has no manager does it
    return StepDraft(
        key=step.key, title=step.title, due=due_on(target, step.days),
        owner=(profile.role if profile.role in ("producer", "songwriter") else "artist") if alone else step.owner,
        effort=step.effort, reason=step.reason, needs=list(step.needs), lead=lead_of(chosen, step), window=step.window,
        unknown=step.unknown, search=step.search or step.title, known_when=step.known_when, marks=list(step.marks),
        optional=bool(step.when),
    )  # fmt: skip


def _title(chosen: Template, goal: str) -> str:
    first = re.split(r"(?<=[.!?])\s|\n", goal.strip(), maxsplit=1)[0].rstrip(".!? ") if goal else ""
    return (f"{chosen.title}: {first}" if first else chosen.title)[:LONGEST_TITLE]


def _budget(chosen: Template, goal: str) -> Budget | None:
    if chosen.budget is None:
        return None
    total, currency = money(goal)
    rows = [
        BudgetRow(
            item=row.item, share=row.share, note=row.note,
            amount=None if total is None else str((total * row.share / 100).quantize(CENT, ROUND_DOWN)),
        )
        for row in chosen.budget.rows
    ]  # fmt: skip
    if total is not None:  # what rounding leaves goes to the last row, so that the rows add up
        rest = total - sum((Decimal(row.amount or 0) for row in rows[:-1]), Decimal(0))
        rows[-1].amount = str(rest.quantize(CENT, ROUND_DOWN))
    return Budget(
        total=None if total is None else str(total.quantize(CENT)), currency=currency, rows=rows,
        source=as_source(chosen.sources[chosen.budget.source]), note=chosen.budget.note,
    )  # fmt: skip


def money(text: str) -> tuple[Decimal | None, str | None]:
    """The one sum that `text` names with its currency; nothing where it names none, or several."""
    found = list(_MONEY.finditer(text))
    if len(found) != 1:
        return None, None
    match = found[0]
    sign = match["sign"] or match["name"]
    amount = _number(match["amount"] or match["amount2"])
    if amount is None or amount <= 0:
        return None, None
    return amount * (1000 if match["k"] or match["k2"] else 1), _CURRENCIES[sign.casefold()[:3]]


def _number(written: str) -> Decimal | None:
    """1,500 and 1.500 are fifteen hundred; 1,50 and 1.50 are one and a half."""
    plain = written.rstrip(".,")
    if re.fullmatch(r"\d{1,3}(?:[.,]\d{3})+", plain):
        return Decimal(re.sub(r"[.,]", "", plain))
    if re.fullmatch(r"\d{1,12}(?:[.,]\d{1,2})?", plain):
        return Decimal(plain.replace(",", "."))
    return None
