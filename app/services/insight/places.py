"""From words on a page to the passage that holds them, so that the page can be shown with the words marked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import select
from sqlmodel import Session, col

from app.models import Chunk, Document


class At(NamedTuple):
    id: str
    page: int
    start: int
    end: int


class Passages:
    """The passages of some documents, in the versions that answer."""

    def __init__(self, session: Session, document_ids: Iterable[str]) -> None:
        query = (
            select(*(col(one) for one in (Chunk.document_id, Chunk.id, Chunk.page, Chunk.start, Chunk.end)))
            .join(Document, col(Document.id) == col(Chunk.document_id))
            .where(col(Chunk.document_id).in_(set(document_ids)), col(Chunk.version) == col(Document.version))
        )
        self._of: dict[str, list[At]] = {}
        for document_id, *at in session.execute(query.order_by(col(Chunk.number))).all():
            self._of.setdefault(document_id, []).append(At(*at))

    def holding(self, document_id: str | None, page: object, start: object, end: object) -> str | None:
        """The id of the passage that holds most of these characters."""
        if not isinstance(page, int) or not isinstance(start, int) or not isinstance(end, int):
            return None
        mine = [
            at for at in self._of.get(document_id or "", []) if at.page == page and at.start < end and start < at.end
        ]
        return max(mine, key=lambda at: min(at.end, end) - max(at.start, start)).id if mine else None
