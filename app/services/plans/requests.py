"""What a message asks to change in the open plans, by rules: "move the artwork to 3 May", "the press kit is done", "push the
release by two weeks". The same words propose the same change, with or without a language model.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from app.models import DONE, DROPPED, Plan, PlanStep
from app.retrievers.wording import words
from app.services.plans.changes import Change
from app.services.plans.whens import DAY, SPAN, find_day, find_span

ENOUGH = 0.6  # of the words that name a step must stand in its title: "the artwork" names one, "the thing" none
# Words that name the whole plan, or its target date.
WHOLE = words("release date target plan launch everything whole day single ep album campaign deadline project it all")
_POLITE = re.compile(r"^(?:please|can|could|would|will)\b|^(?:let'?s|let us)\b", re.IGNORECASE)
_SHIFT = re.compile(
    r"\b(?P<verb>push|move|delay|postpone|bring|pull|shift|put)\s+(?P<what>.{1,120}?)"
    rf"(?:\s+(?P<way>back|forward|up|out|earlier|later))?\s+(?:by\s+)?(?P<span>{SPAN.pattern})(?:\s+(?P<way2>back|forward|up|earlier|later))?",
    re.IGNORECASE,
)
_TO = re.compile(
    r"\b(?:push|move|delay|postpone|bring|pull|shift|reschedule|set)\s+(?P<what>.{1,120}?)"
    rf"(?:\s+(?:back|forward|up|out))?\s+(?:to|until|till|for|on)\s+(?:the\s+)?(?P<when>{DAY.pattern})",
    re.IGNORECASE,
)
_SNOOZE = re.compile(
    rf"\b(?:snooze|put\s+off|remind\s+me\s+(?:of|about))\s+(?P<what>.{{1,120}}?)\s+(?:until|till|to|on)\s+(?P<when>{DAY.pattern})",
    re.IGNORECASE,
)
_DONE = (
    re.compile(r"^(?:and\s+|so\s+)?(?P<what>.{2,120}?)\s+(?:is|are|has been|have been)\s+(?:now\s+|all\s+|already\s+)?"
               r"(?:done|finished|complete|completed)\b", re.IGNORECASE),
    re.compile(r"\b(?:i|we)(?:\s+have|'ve)?\s+(?:just\s+|already\s+)?(?:done|did|finished|completed)\s+(?P<what>.{2,120})",
               re.IGNORECASE),
    re.compile(r"\b(?:mark|check|tick)\s+(?:off\s+)?(?P<what>.{2,120}?)(?:\s+(?:as\s+)?(?:done|off|finished|complete))\b",
               re.IGNORECASE),
    re.compile(r"\b(?:check|tick)\s+off\s+(?P<what>.{2,120})", re.IGNORECASE),
)  # fmt: skip
_DROP = re.compile(
    r"\b(?:drop|skip|remove|cancel|leave\s+out|take\s+out)\s+(?P<what>.{2,120}?)(?:\s+(?:from|of)\s+(?:the|my|our)\s+plan)?$",
    re.IGNORECASE,
)
_ADD = re.compile(
    r"\badd\s+(?:(?:a|the|another)\s+)?(?:(?:step|task)\s*[:,]?\s*(?:to\s+)?)(?P<what>.{3,200}?)"
    rf"(?:\s+(?:by|on|for|due)\s+(?P<when>{DAY.pattern}))?(?:\s+to\s+(?:the|my|our)\s+.{{0,40}}plan)?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Open:
    """An open plan and its steps."""

    plan: Plan
    steps: Sequence[PlanStep]


def asked_changes(text: str, plans: Sequence[Open], today: date) -> list[Change]:
    """What `text` asks to change, at most one change a sentence; nothing for a question, or where no step is named.

    `plans` are the open ones, the last changed first: words that fit several are about the first.
    """
    found: list[Change] = []
    for sentence in re.split(r"(?<=[.!?])\s+|\n+", text.strip())[:8]:
        plain = sentence.strip().rstrip(".!")
        if not plain or len(plain) > 400 or (plain.endswith("?") and not _POLITE.match(plain)):
            continue
        if (change := _one(plain.rstrip("? "), plans, today)) is not None and change not in found:
            found.append(change)
    return found


def _one(sentence: str, plans: Sequence[Open], today: date) -> Change | None:
    if not plans:
        return None
    if match := _ADD.search(sentence):
        return _add(match, sentence, plans, today)
    if match := _SNOOZE.search(sentence):
        day, named = find_day(match["when"], today), _step(match["what"], sentence, plans)
        return Change(named[0].id, "snooze", named[1].key, {"until": day.isoformat()}) if day and named else None
    if match := _TO.search(sentence):
        return _move(match["what"], sentence, plans, find_day(match["when"], today))
    if match := _SHIFT.search(sentence):
        return _shift(match, sentence, plans)
    for pattern in _DONE:
        if (match := pattern.search(sentence)) and (named := _step(match["what"], sentence, plans)):
            return Change(named[0].id, "done", named[1].key)
    if (match := _DROP.search(sentence)) and (named := _step(match["what"], sentence, plans)):
        return Change(named[0].id, "drop", named[1].key)
    return None


def _add(match: re.Match[str], sentence: str, plans: Sequence[Open], today: date) -> Change:
    title = match["what"].strip(" :,\"“”'")
    day = find_day(match["when"], today) if match["when"] else None
    change = {"title": title[:1].upper() + title[1:], **({"due": day.isoformat()} if day else {})}
    return Change(_plan(sentence, plans).id, "add_step", None, change)


def _shift(match: re.Match[str], sentence: str, plans: Sequence[Open]) -> Change | None:
    span = find_span(match["span"])
    ways = {(match[name] or "").casefold() for name in ("way", "way2")}
    earlier = bool(ways & {"earlier", "up", "forward"}) or (
        match["verb"].casefold() in ("bring", "pull") and "back" not in ways
    )
    if match["verb"].casefold() in ("push", "delay", "postpone") and not ways & {"earlier", "up"}:
        earlier = False
    if span is None or not span.count:
        return None
    named = _step(match["what"], sentence, plans)
    whole = None if named else _target(match["what"], sentence, plans)
    day = named[1].due if named else whole.target_date if whole else None
    try:
        return _move(match["what"], sentence, plans, span.after(day, -1 if earlier else 1) if day else None)
    except (ValueError, OverflowError):  # beyond the calendar
        return None


def _move(what: str, sentence: str, plans: Sequence[Open], day: date | None) -> Change | None:
    if day is None:
        return None
    if (named := _step(what, sentence, plans)) is not None:
        return Change(named[0].id, "move_step", named[1].key, {"due": day.isoformat()}) if named[1].due != day else None
    whole = _target(what, sentence, plans)
    if whole is None or whole.target_date == day:
        return None
    return Change(whole.id, "move_target", None, {"target_date": day.isoformat()})


def _target(what: str, sentence: str, plans: Sequence[Open]) -> Plan | None:
    """The plan whose target `what` names: by a word for a whole plan, or by its title."""
    said = words(what)
    plan = _plan(sentence, plans)
    return plan if not said or said <= WHOLE | words(plan.title) else None


def _plan(sentence: str, plans: Sequence[Open]) -> Plan:
    """The plan whose title shares most with the sentence; of equals the one that was changed last."""
    said = words(sentence)
    return max(plans, key=lambda one: len(said & words(f"{one.plan.title} {one.plan.template}"))).plan


def _step(what: str, sentence: str, plans: Sequence[Open]) -> tuple[Plan, PlanStep] | None:
    """The one unfinished step that `what` names; None where none, one that is finished, or two fit as well."""
    said = words(what) - words("step task plan")
    if not said or said <= WHOLE:
        return None
    wanted = _plan(sentence, plans)
    ranked = sorted(
        ((_fit(said, step), one.plan.id == wanted.id, one.plan, step) for one in plans for step in one.steps),
        key=lambda row: row[:2],
        reverse=True,
    )
    if not ranked or ranked[0][0][0] < ENOUGH or (len(ranked) > 1 and ranked[0][:2] == ranked[1][:2]):
        return None
    _, _, plan, step = ranked[0]
    return (plan, step) if step.status not in (DONE, DROPPED) else None


def _fit(said: set[str], step: PlanStep) -> tuple[float, bool]:
    """The share of the words that name the step, and whether they are its key: "the artwork" is the step `artwork` before it
    is "deliver the artwork".
    """
    key = words(step.key.replace("_", " "))
    return len(said & (words(step.title) | key)) / len(said), bool(said & key)
