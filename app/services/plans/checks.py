"""A plan against the user's own contracts: each clause that it breaks is named with its words. Not legal advice.

Reads the facts of `DocumentInsight`: `{kind, name, value, days?, until?, page, start, end, quote, by}`. The kinds that matter
here are `KINDS`. Days are counted by this code alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from sqlmodel import Session, col, or_, select

from app.models import DONE, DROPPED, READY, Document, DocumentInsight, Plan, PlanStep
from app.services.insight.days import spoken
from app.services.plans.shapes import PlanConflict

KINDS = (
    "delivery_lead_time", "release_commitment", "approval_period", "option_window", "exclusivity", "re_recording",
)  # fmt: skip
OF_NO_EFFECT = ("superseded",)  # standings of papers that bind nobody any more
# Kind of paper -> the marks of steps that its exclusivity touches.
OF_KIND = {
    "management": "management", "publishing": "publishing", "producer": "production", "production": "production",
    "recording": "recording", "distribution": "recording",
}  # fmt: skip
# Of other papers: words of the clause -> the marks of steps that it touches. What names none of them is left to the reader.
SCOPES = {
    "management": ("manager", "management", "represent"),
    "publishing": ("publish", "composition", "songwriter", "songwriting", "musical work"),
    "production": ("producer services", "production services", "as a producer", "as producer"),
    "recording": ("record", "master", "phonogram", "distribut"),
}

# How people say that a song is to be recorded anew, in a goal or in a step.
ANEW = re.compile(
    r"\bre-?record|\b(?:record|cut|track)\w*\b[^.;]{0,60}?\b(?:again|anew|afresh)\b|\bnew (?:recording|version)s? of\b|"
    r"\b(?:my|our|own|artist[’']?s) version\b",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of a contract, and the contract it stands in."""

    kind: str
    document_id: str
    title: str
    standing: str
    page: int
    quote: str
    start: int | None
    end: int | None
    days: int | None
    until: date | None
    about: str  # the clause in small letters
    contract: str = ""  # kind of the paper, such as management_agreement

    def against(self, step: PlanStep | None, text: str, needed: date | None = None) -> PlanConflict:
        draft = " The paper is a draft." if self.standing == "draft" else ""
        return PlanConflict(
            step_id=step.id if step else None, kind=self.kind, text=f"{text}{draft}", document_id=self.document_id,
            title=self.title, page=self.page, quote=self.quote, start=self.start, end=self.end, needed=needed,
        )  # fmt: skip


def facts_of(session: Session, plan: Plan) -> list[Fact]:
    """Of the owner's documents that answer now and are the plan's artist's or everybody's; of a plan for all artists, all."""
    mine = (col(Document.kb) == "personal") & (col(Document.user_id) == plan.user_id) & (col(Document.status) == READY)
    if plan.artist_id is not None:
        mine &= or_(col(Document.artist_id).is_(None), col(Document.artist_id) == plan.artist_id)
    query = select(Document, DocumentInsight).join(
        DocumentInsight, col(DocumentInsight.document_id) == col(Document.id)
    )
    rows = session.exec(query.where(mine).order_by(col(Document.created), col(Document.id))).all()
    return [
        fact
        for document, insight in rows
        if document.standing not in OF_NO_EFFECT
        for row in insight.facts
        if row.get("kind") in KINDS and (fact := _fact(document, insight, row)) is not None
    ]


def conflicts_of(session: Session, plan: Plan, steps: Sequence[PlanStep]) -> list[PlanConflict]:
    """Every clause that the plan breaks, in the order of the documents."""
    return conflicts(facts_of(session, plan), plan.target_date, steps, f"{plan.title}\n{plan.goal}")


def open_questions(session: Session, plan: Plan, steps: Sequence[PlanStep]) -> list[str]:
    """Clauses that may matter and tell too little to be checked by counting days."""
    marked = {mark for step in steps for mark in step.body.get("marks", [])}
    found = []
    for fact in facts_of(session, plan):
        if fact.kind == "option_window" and fact.until is None and marked & {"recording", "publishing"}:
            found.append(f"“{fact.title}”, page {fact.page}, gives an option: find out when its time begins and ends.")
        if fact.kind == "exclusivity" and not _scopes(fact):
            found.append(f"“{fact.title}”, page {fact.page}, is exclusive: find out whether this plan needs consent.")
        if fact.kind in ("delivery_lead_time", "release_commitment", "approval_period") and fact.days is None:
            found.append(
                f"“{fact.title}”, page {fact.page}, speaks of a time limit without naming days: ask how long it is."
            )
    return list(dict.fromkeys(found))


def conflicts(facts: Sequence[Fact], target: date, steps: Sequence[PlanStep], goal: str = "") -> list[PlanConflict]:
    """What `facts` say against steps that are still to be done, and against what the plan is for."""
    waiting = [step for step in steps if step.status not in (DONE, DROPPED)]
    found = []
    for fact in facts:
        if fact.kind == "release_commitment":
            found += _release(fact, [step for step in steps if step.status != DROPPED])
        elif fact.kind == "re_recording":
            found += _anew(fact, waiting, goal)
        else:
            found += _RULES[fact.kind](fact, target, waiting)
    return found


def _delivery(fact: Fact, target: date, steps: Sequence[PlanStep]) -> list[PlanConflict]:
    if fact.days is None:
        return []
    needed = target - timedelta(days=fact.days)
    return [
        fact.against(
            step,
            f"“{fact.title}” asks for delivery {_days(fact.days)} before release, which is {spoken(needed)}; "
            f"“{step.title}” is planned for {spoken(step.due)}.",
            needed,
        )
        for step in steps
        if "delivery" in _marks(step) and step.due > needed
    ]


def _release(fact: Fact, steps: Sequence[PlanStep]) -> list[PlanConflict]:
    """A release that is to follow so many days after delivery: what is delivered too early is out too late."""
    releases, deliveries = ([step for step in steps if mark in _marks(step)] for mark in ("release", "delivery"))
    if fact.days is None or not releases or not deliveries:
        return []
    release, last = (max(some, key=lambda step: step.due) for some in (releases, deliveries))
    if release.status == DONE:
        return []
    done = last.status == DONE
    delivered = last.done_at.date() if done and last.done_at else last.due
    by = delivered + timedelta(days=fact.days)
    if release.due <= by:
        return []
    needed = by if done else release.due - timedelta(days=fact.days)
    mend = (
        "ask for a date in writing"
        if done
        else f"deliver no earlier than {spoken(needed)}, or agree on another day in writing"
    )
    text = (
        f"“{fact.title}” has the release follow within {_days(fact.days)} of delivery: with delivery on {spoken(delivered)} that "
        f"is {spoken(by)}, and the plan releases on {spoken(release.due)}. Keep to it, or {mend}."
    )
    return [fact.against(release if done else last, text, needed)]


def _anew(fact: Fact, steps: Sequence[PlanStep], goal: str) -> list[PlanConflict]:
    """What a plan records anew while a contract forbids it; where no step says so but the goal does, its release."""
    said = [step for step in steps if ANEW.search(step.title)]
    if not said and ANEW.search(goal):
        said = [step for step in steps if "release" in _marks(step)][-1:]
    length = f" for {_days(fact.days)}" if fact.days else ""
    until = (
        f"until {spoken(fact.until)}" if fact.until else f"{length}, and no day was read on which that ends".lstrip()
    )
    return [
        fact.against(
            step,
            f"“{fact.title}” forbids to record its songs anew {until}; “{step.title}” is planned for {spoken(step.due)}. Look "
            "whether the song is one of them, and ask the other side for written consent.",
            fact.until + timedelta(days=1) if fact.until else None,
        )
        for step in said
        if fact.until is None or step.due <= fact.until
    ]


def _approval(fact: Fact, target: date, steps: Sequence[PlanStep]) -> list[PlanConflict]:
    """What needs an approved step must leave the other side its time."""
    if fact.days is None:
        return []
    found = []
    for step in steps:
        after = min((other.due for other in steps if step.key in other.depends_on), default=target)
        if "approval" in _marks(step) and (after - step.due).days < fact.days:
            needed = after - timedelta(days=fact.days)
            text = (
                f"“{fact.title}” gives the other side {_days(fact.days)} to approve; “{step.title}” on {spoken(step.due)} "
                f"leaves {_days((after - step.due).days)} before the next step, so it must be ready by {spoken(needed)}."
            )
            found.append(fact.against(step, text, needed))
    return found


def _option(fact: Fact, target: date, steps: Sequence[PlanStep]) -> list[PlanConflict]:
    if fact.until is None or not any({"release", "recording"} & _marks(step) for step in steps) or target > fact.until:
        return []
    step = next((step for step in steps if "release" in _marks(step)), None)
    text = (
        f"“{fact.title}” gives the other side an option until {spoken(fact.until)}, and the plan's target, {spoken(target)}, "
        "lies before its end: have it settled in writing first."
    )
    return [fact.against(step, text, fact.until + timedelta(days=1))]


def _exclusivity(fact: Fact, _target: date, steps: Sequence[PlanStep]) -> list[PlanConflict]:
    """A recording deal is broken by what is released, not by recording; the others by what their steps do."""
    scopes = _scopes(fact)
    return [
        _bound(fact, step)
        for step in steps
        if (touched := scopes & _marks(step))
        and (touched != {"recording"} or "release" in _marks(step))
        and (fact.until is None or step.due <= fact.until)
    ]


def _bound(fact: Fact, step: PlanStep) -> PlanConflict:
    until = f"until {spoken(fact.until)}" if fact.until else "and the clause names no end"
    text = (
        f"“{fact.title}” binds exclusively {until}; “{step.title}” on {spoken(step.due)} falls within it. Ask the other side "
        "for written consent, or for a waiver of this release."
        if "release" in _marks(step)
        else f"“{fact.title}” binds exclusively {until}; “{step.title}” on {spoken(step.due)} falls within it. Ask the other "
        "side for written consent first."
    )
    return fact.against(step, text, fact.until + timedelta(days=1) if fact.until else None)


_RULES = {
    "delivery_lead_time": _delivery,
    "approval_period": _approval,
    "option_window": _option,
    "exclusivity": _exclusivity,
}


def _fact(document: Document, insight: DocumentInsight, row: dict[str, Any]) -> Fact | None:
    """None for a row that names no page or no words: nothing is said against a plan without its clause."""
    page, quote = row.get("page"), str(row.get("quote") or "").strip()
    if not isinstance(page, int) or not quote:
        return None
    days = row.get("days")
    return Fact(
        kind=row["kind"], document_id=document.id, title=document.title, standing=document.standing, page=page, quote=quote,
        start=row.get("start"), end=row.get("end"),
        days=days if isinstance(days, int) and not isinstance(days, bool) and 0 <= days <= 3660 else None,
        until=_until(row.get("until")),
        about=" ".join(str(row.get(name) or "") for name in ("name", "value", "quote")).casefold(), contract=insight.kind,
    )  # fmt: skip


def _until(value: Any) -> date | None:
    try:
        return date.fromisoformat(str(value)[:10]) if value else None
    except ValueError:  # a date in words: nobody counts with it
        return None


def _scopes(fact: Fact) -> set[str]:
    """What kind of paper it is tells more than the clause: a manager's exclusivity speaks of records too."""
    if (told := next((scope for kind, scope in OF_KIND.items() if fact.contract.startswith(kind)), None)) is not None:
        return {told}
    return {scope for scope, words in SCOPES.items() if any(word in fact.about for word in words)}


def _marks(step: PlanStep) -> set[str]:
    return set(step.body.get("marks", []))


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"
