"""Important dates: proposed by what documents say, confirmed, changed or put away by their owner, or the owner's own."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import date

from sqlmodel import Session, col, or_, select

from app.db import Database
from app.errors import AppError, NotFound
from app.models import ACCEPTED, DECLINED, DELETING, Document, DocumentInsight, ImportantDate, new_id, now
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.insight.places import Passages
from app.services.insight.shapes import DatePublic, DateStatus
from app.services.ownership import check_artist
from app.services.paging import Order, next_after, page_size
from app.services.shapes import Listing

LONGEST_LABEL = 200  # characters, as the column
EARLIEST, LATEST = date(1900, 1, 1), date(2200, 12, 31)
ORDER = Order(col(ImportantDate.day), col(ImportantDate.id))


class DateService:
    def __init__(self, db: Database, audit: AuditLog) -> None:
        self._db, self._audit = db, audit

    def list(
        self,
        principal: Principal,
        *,
        status: DateStatus | None = None,
        artist_id: str | None = None,
        document_id: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Listing[DatePublic]:
        """The principal's own, the earliest day first; the reading of what documents say is audited. `artist_id`: that
        artist's and the ones of all artists. Raises `NotFound` for an artist or document that is not the principal's.
        """
        limit = page_size(limit)
        query = _mine(principal)
        with self._refusing(principal, "date.list", after or artist_id or document_id), self._db.session() as session:
            if status is not None:
                query = query.where(ImportantDate.status == status)
            if artist_id is not None:
                check_artist(session, principal, artist_id)
                query = query.where(or_(ImportantDate.artist_id == artist_id, col(ImportantDate.artist_id).is_(None)))
            if document_id is not None:
                document = session.get(Document, document_id)
                if document is None or document.user_id != principal.user_id or document.status == DELETING:
                    raise NotFound("There is no such document.")
                query = query.where(ImportantDate.document_id == document_id)
            if after is not None:
                last = _get(session, principal, after)
                query = query.where(ORDER.after(last.day, last.id))
            rows = session.exec(query.order_by(*ORDER.columns).limit(limit + 1)).all()
            told = _public(session, rows[:limit])
            read = sorted({one.document_id for one in told if one.document_id})
            if read:
                self._audit.record(
                    session, principal, "date.list", reads=[{"document_id": one, "chunk_ids": []} for one in read]
                )
        return Listing(items=told, next=next_after(rows, limit))

    def create(self, principal: Principal, label: str, day: date, artist_id: str | None = None) -> DatePublic:
        """Keep a date of the principal's own; it counts at once. Raises `AppError` 422 for a label or day that is none."""
        row = ImportantDate(
            user_id=principal.user_id, artist_id=artist_id, key=new_id(), label=_label(label), day=_day(day),
            status=ACCEPTED,
        )  # fmt: skip
        with self._refusing(principal, "date.create", artist_id), self._db.session() as session:
            check_artist(session, principal, artist_id)
            session.add(row)
            self._audit.record(session, principal, "date.create", object_id=row.id)
            session.flush()
            return _public(session, [row])[0]

    def update(
        self,
        principal: Principal,
        date_id: str,
        *,
        status: DateStatus | None = None,
        day: date | None = None,
        label: str | None = None,
    ) -> DatePublic:
        """Confirm (`accepted`), put away (`declined`) or change a date. What was changed by hand is never overwritten."""
        with self._refusing(principal, "date.update", date_id), self._db.session() as session:
            row = _get(session, principal, date_id)
            if label is not None:
                row.label = _label(label)
            if day is not None and day != row.day:
                row.day, row.rule = _day(day), ""  # the rule told of another day
            row.status = status or row.status
            session.add(row)
            self._audit.record(session, principal, "date.update", object_id=date_id)
            session.flush()
            return _public(session, [row])[0]

    def delete(self, principal: Principal, date_id: str) -> None:
        """Remove a date of one's own. One that a document names is put away: removed, it would be proposed again."""
        with self._refusing(principal, "date.delete", date_id), self._db.session() as session:
            row = _get(session, principal, date_id)
            if row.document_id is None:
                session.delete(row)
            else:
                row.status = DECLINED
                session.add(row)
            self._audit.record(session, principal, "date.delete", object_id=date_id)

    def _refusing(self, principal: Principal, action: str, object_id: str | None) -> AbstractContextManager[None]:
        return self._audit.refusing(self._db, principal, action, object_id)


def dates_of(session: Session, principal: Principal, document_id: str) -> builtins.list[DatePublic]:
    """Those of one document, the earliest first."""
    query = _mine(principal).where(ImportantDate.document_id == document_id)
    return _public(session, session.exec(query.order_by(*ORDER.columns)).all())


def _mine(principal: Principal):  # type: ignore[no-untyped-def]  # SQLModel's own type of a select has no public name
    """Of documents that go nothing is told any more."""
    query = select(ImportantDate).outerjoin(Document, col(Document.id) == col(ImportantDate.document_id))
    here = or_(col(ImportantDate.document_id).is_(None), col(Document.status) != DELETING)
    return query.where(ImportantDate.user_id == principal.user_id, here)


def _get(session: Session, principal: Principal, date_id: str) -> ImportantDate:
    """Unknown and somebody else's are the same `NotFound`."""
    row: ImportantDate | None = session.exec(_mine(principal).where(ImportantDate.id == date_id)).first()
    if row is None:
        raise NotFound("There is no such date.")
    return row


def _label(label: str) -> str:
    wanted = " ".join(label.split())
    if not 0 < len(wanted) <= LONGEST_LABEL:
        raise AppError(f"A date needs a name of 1 to {LONGEST_LABEL} characters; type one.", status=422, code="label")
    return wanted


def _day(day: date) -> date:
    if not EARLIEST <= day <= LATEST:
        raise AppError("This day is out of range; choose one between 1900 and 2200.", status=422, code="day")
    return day


def _public(session: Session, rows: Sequence[ImportantDate]) -> builtins.list[DatePublic]:
    """With the places where they stand, as far as the documents still say so."""
    ids = {row.document_id for row in rows if row.document_id}
    titles: dict[str, str] = dict(
        session.exec(select(Document.id, Document.title).where(col(Document.id).in_(ids))).all()
    )
    read = session.exec(select(DocumentInsight).where(col(DocumentInsight.document_id).in_(ids))).all()
    facts = {fact["key"]: fact for one in read for fact in one.facts if fact["kind"] == "date"}
    passages, today = Passages(session, ids), now().date()
    told = []
    for row in rows:
        fact = facts.get(row.key, {})
        start, end = fact.get("start"), fact.get("end")
        told.append(
            DatePublic(
                **row.model_dump(exclude={"user_id", "key"}),
                title=titles.get(row.document_id or ""),
                days_left=(row.day - today).days,
                start=start,
                end=end,
                chunk_id=passages.holding(row.document_id, row.page, start, end),
                changed=row.document_id is not None and not fact,
            )
        )
    return told
