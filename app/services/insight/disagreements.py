"""Which documents of one owner disagree, looked up each time: either may have changed, gone or been superseded meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from typing import Any

from sqlmodel import Session, col, select

from app.models import READY, Document, DocumentInsight
from app.services.insight.contradictions import Contradiction, Paper, contradictions
from app.services.insight.kinds import CONTRACTS, SPLITS

COMPARED = CONTRACTS | {SPLITS}
MOST_COMPARED = 100  # others of a kind, the newest first


def disagreements_of(session: Session, document_ids: Collection[str]) -> dict[str, list[Contradiction]]:
    """By document, of those that disagree with another one of their owner's; whoever calls has checked who may see them.

    Documents of different artists are not compared; one that is for all artists is compared with each.
    """
    if not document_ids:  # a page that only asks what changed
        return {}
    asked = _papers(session, col(Document.id).in_(document_ids))
    groups = defaultdict(list)
    for paper, user_id, artist_id in asked:
        groups[user_id, paper.kind].append((paper, artist_id))
    found = {}
    for (user_id, kind), mine in groups.items():
        others = list(
            _papers(session, Document.user_id == user_id, Document.status == READY, DocumentInsight.kind == kind)
        )
        for one, artist_id in mine:
            near = [other for other, _, theirs in others if artist_id is None or theirs in (artist_id, None)]
            if apart := contradictions(one, near):
                found[one.document_id] = apart
    return found


def _papers(session: Session, *which: Any) -> Iterable[tuple[Paper, str, str | None]]:
    """Each with its owner and its artist."""
    columns = (Document.id, Document.title, Document.standing, Document.user_id, Document.artist_id)
    query = (
        select(*map(col, columns), DocumentInsight.kind, DocumentInsight.facts)  # type: ignore[call-overload]
        .join(DocumentInsight, col(DocumentInsight.document_id) == col(Document.id))
        .where(
            Document.kb == "personal", col(DocumentInsight.version) == col(Document.version),
            col(DocumentInsight.kind).in_(COMPARED), *which,
        )
        .order_by(col(Document.created).desc())
        .limit(MOST_COMPARED * 2)
    )  # fmt: skip
    for document_id, title, standing, user_id, artist_id, kind, facts in session.execute(query).all():
        yield Paper(document_id, title, kind, standing, facts), user_id, artist_id
