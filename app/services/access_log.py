"""Reading the audit table: one's own rows for everyone, everybody's for admins, whose reading is audited itself."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement
from sqlmodel import Session, and_, col, func, or_, select

from app.db import Database
from app.errors import AppError, Forbidden
from app.models import AuditEvent, User
from app.principal import Principal
from app.services.access_names import KINDS, names_of
from app.services.audit import AuditLog, known_id
from app.services.csv_lines import csv_line
from app.services.paging import next_after, page_size
from app.services.shapes import AuditPublic, Listing

ACTION = "audit.read"
COLUMNS = (
    "at", "user_id", "email", "door", "action", "outcome", "object_id", "object_email", "question_digest", "reads",
    "request_id", "id",
)  # fmt: skip


Conditions = list[ColumnElement[bool]]
DOWNLOADED = 50_000  # newest rows of a download
PAGE = 1000  # of them read at a time


@dataclass(frozen=True)
class AuditFilter:
    """Which rows; what is None limits nothing. `user` is an id or an e-mail address, `until` a moment already too late."""

    user: str | None = None
    action: str | None = None
    outcome: str | None = None
    door: str | None = None
    object_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    kind: str | None = None  # of KINDS


class AccessLog:
    def __init__(self, db: Database, audit: AuditLog) -> None:
        self._db, self._audit = db, audit

    def list(
        self,
        principal: Principal,
        *,
        user: str | None = None,
        action: str | None = None,
        kind: str | None = None,
        limit: int = 50,
        after: str | None = None,
        which: AuditFilter | None = None,
    ) -> Listing[AuditPublic]:
        """Newest first; `kind`: of `KINDS`. Admins see all rows, or one user's; their reading is written in the same transaction.

        Raises `Forbidden` when somebody else asks for another user's rows.
        """
        limit = page_size(limit)
        which = which or AuditFilter(user=user, action=action, kind=kind)
        if not principal.is_admin:
            with self._db.reading() as session:
                rows = _rows(session, self._own(principal, which), limit + 1, after, principal)
        else:
            with self._db.session() as session:
                user, conditions = _anybodys(session, which)
                rows = _addressed(session, _rows(session, conditions, limit + 1, after, principal))
                self._audit.record(session, principal, ACTION, object_id=known_id(user))
        return Listing(items=rows[:limit], next=next_after(rows, limit))

    def download(self, principal: Principal, which: AuditFilter) -> Iterator[bytes]:
        """The same rows as CSV, the newest 50 000 of them; refused, and audited, before the first byte."""
        if not principal.is_admin:
            return self._csv(self._own(principal, which), named=False)
        with self._db.session() as session:
            newest = session.exec(select(func.max(AuditEvent.id))).one() or 0
            user, conditions = _anybodys(session, which)
            self._audit.record(session, principal, ACTION, object_id=known_id(user))
        return self._csv([*conditions, col(AuditEvent.id) <= newest], named=True)

    def _own(self, principal: Principal, which: AuditFilter) -> Conditions:
        with self._audit.refusing(self._db, principal, ACTION, which.user):
            if which.user not in (None, principal.user_id):
                raise Forbidden("The access log of other people is for admins; leave 'user' out to read your own.")
        return [_about(principal.user_id), *_fitting(which)]

    def _csv(self, conditions: Conditions, *, named: bool) -> Iterator[bytes]:
        """Page by page, so that neither memory nor a transaction is held while a slow reader reads."""
        yield csv_line(COLUMNS).encode()
        after: str | None = None
        for _ in range(DOWNLOADED // PAGE):
            with self._db.reading() as session:
                rows = _rows(session, conditions, PAGE, after)
                rows = _addressed(session, rows) if named else rows
            for row in rows:
                yield _line(row)
            if len(rows) < PAGE:
                return
            after = rows[-1].id


def _anybodys(session: Session, which: AuditFilter) -> tuple[str | None, Conditions]:
    """For an admin: the id of the user the filter names, and its conditions."""
    user = which.user
    if user is not None and "@" in user:
        # An address of nobody finds nothing: no row holds one.
        user = session.exec(select(User.id).where(User.email == user.strip().casefold())).first() or user
    return user, _fitting(which) if user is None else [_about(user), *_fitting(which)]


def _rows(
    session: Session, conditions: Conditions, limit: int, after: str | None, principal: Principal | None = None
) -> list[AuditPublic]:
    """Newest first; for a principal with the titles and names that are theirs to see."""
    query = select(AuditEvent).where(*conditions).order_by(col(AuditEvent.id).desc()).limit(limit)
    if after is not None:
        query = query.where(col(AuditEvent.id) < _number(after))
    rows = session.exec(query).all()
    names = names_of(session, principal, rows) if principal is not None else {}
    return [_public(row, names) for row in rows]


def _addressed(session: Session, rows: list[AuditPublic]) -> list[AuditPublic]:
    """With the e-mail addresses of users who have an account still; the table itself keeps opaque ids."""
    ids = {one for row in rows for one in (row.user_id, row.object_id) if one is not None}
    emails = dict(session.exec(select(User.id, User.email).where(col(User.id).in_(ids))).all())
    for row in rows:
        row.email, row.object_email = emails.get(row.user_id), emails.get(row.object_id or "")
    return rows


def _about(user_id: str) -> ColumnElement[bool]:
    """What the user did; the attempts to sign in as them, when nobody was known yet; and what an admin or the operator did
    or read of them, such as this log.
    """
    about = and_(col(AuditEvent.object_id) == user_id, col(AuditEvent.outcome) == "granted")
    signing_in = and_(col(AuditEvent.user_id) == "anonymous", col(AuditEvent.object_id) == user_id)
    return or_(col(AuditEvent.user_id) == user_id, signing_in, about)


def _fitting(which: AuditFilter) -> Conditions:
    """All that a filter says, but whose: the log resolves the user."""
    same = {
        AuditEvent.action: which.action,
        AuditEvent.outcome: which.outcome,
        AuditEvent.door: which.door,
        AuditEvent.object_id: which.object_id,
    }
    found = [col(column) == value for column, value in same.items() if value is not None]
    found += [KINDS[which.kind]] if which.kind is not None else []
    found += [col(AuditEvent.at) >= _utc(which.since)] if which.since else []
    return [*found, col(AuditEvent.at) < _utc(which.until)] if which.until else found


def _utc(moment: datetime) -> datetime:
    """A time without a zone is one of UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _line(row: AuditPublic) -> bytes:
    return csv_line(_told(getattr(row, name)) for name in COLUMNS).encode()


def _told(value: Any) -> Any:
    return _utc(value) if isinstance(value, datetime) else json.dumps(value) if isinstance(value, list) else value


def _number(after: str) -> int:
    if after.isascii() and after.isdigit() and len(after) < 19:
        return int(after)
    raise AppError("'after' is the 'next' of the page before; leave it out for the first.", status=422, code="after")


def _public(row: AuditEvent, names: dict[str, str]) -> AuditPublic:
    ids = {row.object_id, *(one.get("document_id") for one in row.reads)}
    told = {identity: name for identity, name in names.items() if identity in ids}
    return AuditPublic.model_validate(row, from_attributes=True).model_copy(update={"names": told})
