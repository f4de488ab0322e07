"""A plan on paper, made from its public shape alone: the steps with their days, why, on what they rest, what is unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from app.services.exports.paper import (
    Block,
    Dated,
    Heading,
    Item,
    Items,
    Paper,
    Paragraph,
    Section,
    Span,
    Table,
    day_words,
    paragraphs,
    plain,
    quoted,
    strong,
)
from app.services.exports.plan_bounds import quoted_documents

Shape = Mapping[str, Any]
STATUSES = {"open": "Open", "done": "Done", "snoozed": "Snoozed", "dropped": "Dropped"}
HEAD = (
    "No", "Due", "Step", "Owner", "Effort", "Status", "Depends on", "Reason", "Unknown", "Sources", "Comments",
)  # fmt: skip
SMALL_PRINT = (
    "Days are computed from the target date by the template's lead times. Lead times differ between partners: confirm each "
    "with yours. Not legal advice.",
)


def plan_paper(plan: Shape, *, comments: bool = True, left_out: str | None = None) -> Paper:
    """`plan` as the REST API answers it, as JSON. `comments`: with what was said about the steps; `left_out` says what is not
    in it.
    """
    steps = list(plan.get("steps") or [])
    numbers = {step["key"]: number for number, step in enumerate(steps, 1)}
    sections = [
        *_part("What does not fit", _misfits(plan, steps)), *_part("Steps", _overview(steps)),
        *_part("Budget", _budget(plan.get("budget"))), *_part("Still unknown", _unknowns(plan, steps)),
        *_part("Step by step", _details(steps, numbers, comments)),
    ]  # fmt: skip
    return Paper(
        kind="Plan",
        title=str(plan["title"]),
        facts=tuple((name, value) for name, value in _facts(plan, steps) if value),
        sections=tuple(sections),
        table=Table(HEAD, tuple(_row(step, numbers, comments) for step in steps)),
        dated=tuple(_dated(plan, steps)),
        small_print=(*([left_out] if left_out else []), *SMALL_PRINT),
        quotes=quoted_documents(plan),
    )


def _part(title: str, blocks: Iterator[Block]) -> list[Section]:
    """No section where there is nothing to say."""
    found = tuple(blocks)
    return [Section(title, found)] if found else []


def _facts(plan: Shape, steps: Sequence[Shape]) -> Iterator[tuple[str, str]]:
    done = sum(step["status"] == "done" for step in steps)
    kept = sum(step["status"] != "dropped" for step in steps)
    yield "Goal", str(plan.get("goal") or "")
    yield "Target date", day_words(plan["target_date"])
    yield "Progress", f"{done} of {kept} steps done"
    yield "Status", {"done": "Done", "dropped": "Put away"}.get(str(plan.get("status")), "")


def _misfits(plan: Shape, steps: Sequence[Shape]) -> Iterator[Block]:
    for one in plan.get("conflicts") or []:
        place = f"{one.get('title', '')}, page {one.get('page', '')}"
        quote = quoted(one.get("quote"))
        yield Paragraph((*strong(f"{_flat(one['text'])} "), *plain(f"({place})"), *quote), "warning")
    yield from (Paragraph(plain(_flat(one["text"])), "warning") for one in plan.get("warnings") or [])
    late = [step for step in steps if step.get("late") and step["status"] not in ("done", "dropped")]
    if late:
        yield Heading("Late already")
        yield Items(tuple(Item(plain(f"{step['title']}, due {day_words(step['due'])}")) for step in late))


def _overview(steps: Sequence[Shape]) -> Iterator[Block]:
    rows = tuple(
        (str(number), day_words(step["due"]), str(step["title"]), str(step.get("owner") or ""), str(step.get("effort") or ""),
         _status(step))
        for number, step in enumerate(steps, 1)
    )  # fmt: skip
    if rows:
        yield Table(("No", "Due", "Step", "Owner", "Effort", "Status"), rows, (0.06, 0.19, 0.37, 0.12, 0.12, 0.14))


def _details(steps: Sequence[Shape], numbers: Mapping[str, int], comments: bool) -> Iterator[Block]:
    for step in steps:
        yield Heading(f"{numbers[step['key']]}. {step['title']}")
        yield from paragraphs(str(step.get("reason") or ""))
        told = [*_told(step, numbers), *(_said(step) if comments else [])]
        if told:
            yield Items(tuple(Item((*strong(f"{name}: "), *plain(words))) for name, words in told))
        sources = tuple(Item(_source(one)) for one in step.get("sources") or [])
        if sources:
            yield Items(sources)


def _told(step: Shape, numbers: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    yield "Due", f"{day_words(step['due'])} ({_status(step)})"
    before = _depends(step, numbers)
    if before:
        yield "After", f"step {before}"
    if step.get("unknown"):
        yield "To find out", _flat(step["unknown"])
    lead = step.get("lead") or {}
    if lead.get("source"):
        days = int(lead.get("days") or 0)
        side = "before" if days >= 0 else "after"
        # The passage that names it stands below, where it is among the sources.
        named = _reference(lead["source"]) not in map(_reference, step.get("sources") or [])
        source = f", from {_reference(lead['source'])}" if named else ""
        yield "Lead time", f"{abs(days)} days {side} the target date{source}"


def _said(step: Shape) -> Iterator[tuple[str, str]]:
    for one in step.get("comments") or []:
        yield f"Comment, {day_words(one.get('created'))}", _flat(one["text"])


def _budget(budget: Shape | None) -> Iterator[Block]:
    if not budget:
        return
    currency = f" {budget['currency']}" if budget.get("currency") else ""
    if budget.get("total"):
        yield Paragraph(plain(f"Total: {budget['total']}{currency}"))
    rows = tuple(
        (
            str(row["item"]),
            f"{row['share']} %",
            f"{row['amount']}{currency}" if row.get("amount") else "",
            _flat(row.get("note")),
        )
        for row in budget.get("rows") or []
    )
    if rows:
        yield Table(("What for", "Share", "Amount", "Note"), rows, (0.3, 0.1, 0.18, 0.42))
    for words in (budget.get("note"), f"Source: {_reference(budget['source'])}" if budget.get("source") else ""):
        if words:
            yield Paragraph(plain(_flat(words)), "note")


def _unknowns(plan: Shape, steps: Sequence[Shape]) -> Iterator[Block]:
    given = [_flat(one) for one in plan.get("unknowns") or []]
    asked = [_flat(step["unknown"]) for step in steps if step.get("unknown")]
    known = tuple(dict.fromkeys(one for one in [*given, *asked] if one))
    if known:
        yield Items(tuple(Item(plain(one)) for one in known))


def _source(one: Shape) -> tuple[Span, ...]:
    where = " (industry knowledge base)" if one.get("kb") == "global" and one.get("document_id") else ""
    return (*plain(f"Source: {_reference(one)}{where}"), *quoted(one.get("quote")))


def _reference(source: Shape) -> str:
    """Title, heading, page and address, as far as they are known."""
    heading = f", {source['heading']}" if source.get("heading") else ""
    page = f", page {source['page']}" if source.get("page") else ""
    url = f" ({source['url']})" if source.get("url") else ""
    return f"{source.get('title') or ''}{heading}{page}{url}"


def _row(step: Shape, numbers: Mapping[str, int], comments: bool) -> tuple[str, ...]:
    sources = "; ".join(map(_reference, step.get("sources") or []))
    said = "; ".join(_flat(one["text"]) for one in step.get("comments") or []) if comments else ""
    return (
        str(numbers[step["key"]]), str(step["due"])[:10], str(step["title"]), str(step.get("owner") or ""),
        str(step.get("effort") or ""), _status(step), _depends(step, numbers), _flat(step.get("reason")),
        _flat(step.get("unknown")), sources, said,
    )  # fmt: skip


def _dated(plan: Shape, steps: Sequence[Shape]) -> Iterator[Dated]:
    """Steps by their own ids, so that a calendar that has them moves them when it reads the plan again."""
    target = date.fromisoformat(str(plan["target_date"])[:10])
    for step in steps:
        if step["status"] == "dropped":
            continue
        snoozed = step.get("snoozed_until") if step["status"] == "snoozed" else None
        mark = "Done: " if step["status"] == "done" else ""
        note = "\n".join(one for one in (f"Plan: {plan['title']}", _flat(step.get("reason"))) if one)
        day = date.fromisoformat(str(snoozed or step["due"])[:10])
        yield Dated(f"step-{step['id']}", day, f"{mark}{step['title']}", note)
    if all(date.fromisoformat(str(step["due"])[:10]) <= target + timedelta(days=3650) for step in steps):
        yield Dated(f"plan-{plan['id']}", target, f"{plan['title']}: target date", str(plan.get("goal") or ""))


def _status(step: Shape) -> str:
    words = STATUSES.get(str(step["status"]), str(step["status"]))
    until = day_words(step.get("snoozed_until")) if step["status"] == "snoozed" else ""
    return f"{words} until {until}" if until else words


def _depends(step: Shape, numbers: Mapping[str, int]) -> str:
    return ", ".join(str(numbers[key]) for key in step.get("depends_on") or [] if key in numbers)


def _flat(value: Any) -> str:
    return " ".join(str(value or "").split())
