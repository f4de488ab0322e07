"""The worker's part of insight: reads documents that are ready and not read yet, and writes down what they say."""

from __future__ import annotations

import time
from datetime import date

from loguru import logger
from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from app.db import Database
from app.models import PROPOSED, READY, Document, DocumentInsight, ImportantDate, now
from app.services.insight.dates import NAMED
from app.services.insight.kinds import OTHER
from app.services.insight.page_texts import page_texts
from app.services.insight.reading import STAMP, Reading, read

PAST_DAYS = 31  # a date that was longer ago is told in the profile, and not proposed for the calendar


class InsightReader:
    """One document at a time. Whatever goes wrong with one, it stays ready: then its profile is empty."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def step(self) -> bool:
        """Read the oldest document that waits for it; False when none does."""
        with self._db.reading() as session:
            document = self._next(session)
            pages = page_texts(session, document) if document is not None else []
        if document is None:
            return False
        start = time.perf_counter()
        try:
            found = read(document.id, document.title, document.suffix, document.kb, pages)
        except Exception as error:  # rules over anybody's text: a document that trips one must not stop the others
            logger.bind(document_id=document.id, error=type(error).__name__).opt(exception=True).error("not read")
            found = Reading(OTHER)
        self._write(document, found)
        milliseconds = round((time.perf_counter() - start) * 1000)
        logger.bind(document_id=document.id, count=len(found.facts), milliseconds=milliseconds).info("document read")
        return True

    def _next(self, session: Session) -> Document | None:
        done = (
            (col(DocumentInsight.document_id) == col(Document.id))
            & (col(DocumentInsight.version) == col(Document.version))
            & col(DocumentInsight.stamp).startswith(f"{STAMP}.")
        )
        query = select(Document).outerjoin(DocumentInsight, done)
        query = query.where(col(Document.status) == READY, col(DocumentInsight.document_id).is_(None))
        return session.exec(query.order_by(col(Document.updated)).limit(1)).first()

    def _write(self, document: Document, found: Reading) -> None:
        """In one transaction with the dates; nothing, where the document has changed meanwhile."""
        with self._db.session() as session:
            fresh = session.get(Document, document.id, with_for_update={"key_share": True})
            if fresh is None or (fresh.status, fresh.version) != (READY, document.version):
                return
            row = DocumentInsight(
                document_id=fresh.id, version=fresh.version, stamp=f"{STAMP}.rules", kind=found.kind, facts=found.facts,
                clauses=found.clauses, warnings=found.warnings, created=now(),
            )  # fmt: skip
            session.merge(row)
            propose(session, fresh, found.facts)


def propose(session: Session, document: Document, facts: list[dict[str, object]]) -> None:
    """Have the dates of a document proposed to its owner. What was confirmed, changed or put away stays as it is; proposals
    that do not stand in the document any more go.
    """
    if document.user_id is None:
        return
    wanted = {str(fact["key"]): fact for fact in facts if fact["kind"] == "date" and fact["day"]}
    mine = col(ImportantDate.document_id) == document.id
    session.execute(
        delete(ImportantDate).where(mine, col(ImportantDate.status) == PROPOSED, col(ImportantDate.key).not_in(wanted))
    )
    session.execute(update(ImportantDate).where(mine).values(user_id=document.user_id, artist_id=document.artist_id))
    known = set(session.exec(select(ImportantDate.key).where(mine)).all())
    today = now().date()
    for key, fact in wanted.items():
        day = date.fromisoformat(str(fact["day"]))
        if key in known or fact["name"] == NAMED or (day - today).days < -PAST_DAYS:
            continue
        session.add(
            ImportantDate(
                user_id=document.user_id, artist_id=document.artist_id, document_id=document.id, key=key, day=day,
                label=str(fact["name"])[:200], rule=str(fact["rule"]), page=int(str(fact["page"])), quote=str(fact["quote"]),
            )
        )  # fmt: skip
