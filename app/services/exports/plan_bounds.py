"""What a plan on paper leaves out: a paper of one thing holds nothing of another artist's documents."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlmodel import Session, col, func, select

from app.models import Artist, Chunk, Document
from app.principal import Principal
from app.services.withdrawal import phrases_of

LEFT_OUT = (
    "Passages of {count} that {belong} to one artist are left out of this copy: the plan is not that artist's alone. "
    "They stand in the plan itself."
)
WORDED = ("title", "reason", "unknown")


def within_bounds(session: Session, principal: Principal, plan: dict[str, Any]) -> tuple[dict[str, Any], str | None]:
    """`plan`, as the REST API answers it, without what is from documents of an artist whose plan it is not; and the
    sentence that says so. A plan for all artists of somebody who has one is that artist's.
    """
    others = _others(session, principal, plan)
    if not others:
        return plan, None
    texts = session.exec(select(Chunk.text).where(col(Chunk.document_id).in_(others))).all()
    titles = [title for title in others.values() if title.strip()]
    phrases = set().union(*map(phrases_of, texts))

    def tells(text: str) -> bool:
        return any(f"“{title}”" in text for title in titles) or not phrases.isdisjoint(phrases_of(text))

    def step(one: dict[str, Any]) -> dict[str, Any]:
        worded = {name: "Left out" if name == "title" else "" for name in WORDED if tells(str(one.get(name) or ""))}
        sources = [source for source in one.get("sources") or [] if source.get("document_id") not in others]
        return {**one, **worded, "sources": sources}

    kept = {
        "conflicts": [one for one in plan.get("conflicts") or [] if one["document_id"] not in others],
        "unknowns": [one for one in plan.get("unknowns") or [] if not tells(one)],
        "warnings": [one for one in plan.get("warnings") or [] if not tells(one["text"])],
        "steps": [step(one) for one in plan.get("steps") or []],
    }
    one_only = len(others) == 1
    count = "1 document" if one_only else f"{len(others)} documents"
    return {**plan, **kept}, LEFT_OUT.format(count=count, belong="belongs" if one_only else "belong")


def quoted_documents(plan: Mapping[str, Any]) -> frozenset[str]:
    """The user's documents whose words it holds."""
    sources = (one for step in plan.get("steps") or [] for one in step.get("sources") or [])
    own = {one["document_id"] for one in sources if one.get("kb") == "personal" and one.get("quote")}
    return frozenset(own | {one["document_id"] for one in plan.get("conflicts") or []})


def _others(session: Session, principal: Principal, plan: dict[str, Any]) -> dict[str, str]:
    """Titles by id of the user's documents that belong to an artist whose plan it is not, of all that may stand in it."""
    artist_id = plan.get("artist_id")
    mine = Document.user_id == principal.user_id
    if artist_id is None:
        roster = session.exec(select(func.count()).where(Artist.user_id == principal.user_id)).one()
        if roster < 2:
            return {}
    theirs = (col(Document.artist_id).is_not(None), col(Document.artist_id).is_distinct_from(artist_id))
    rows = session.exec(select(Document.id, Document.title).where(mine, *theirs)).all()
    named, text = quoted_documents(plan), "\n".join(str(one) for one in plan.get("unknowns") or [])
    return {document_id: title for document_id, title in rows if document_id in named or f"“{title}”" in text}
