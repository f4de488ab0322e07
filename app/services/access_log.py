"""Reading the audit table: one's own rows for everyone, everybody's for admins, whose reading is audited itself."""

from __future__ import annotations

from sqlalchemy import ColumnElement
from sqlmodel import and_, col, or_, select

from app.db import Database
from app.errors import AppError, Forbidden
from app.models import AuditEvent
from app.principal import Principal
from app.services.access_names import KINDS, names_of
from app.services.audit import AuditLog, known_id
from app.services.shapes import AuditPublic, Listing

ACTION = "audit.read"


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
    ) -> Listing[AuditPublic]:
        """Newest first; `kind`: of `KINDS`. Admins see all rows, or one user's; their reading is written in the same transaction.

        Raises `Forbidden` when somebody else asks for another user's rows.
        """
        limit = max(1, min(limit, 200))
        query = select(AuditEvent).order_by(col(AuditEvent.id).desc()).limit(limit + 1)
        if after is not None:
            query = query.where(col(AuditEvent.id) < _number(after))
        if action is not None:
            query = query.where(AuditEvent.action == action)
        if kind is not None:
            query = query.where(KINDS[kind])
        if not principal.is_admin:
            with self._audit.refusing(self._db, principal, ACTION, user):
                if user not in (None, principal.user_id):
                    raise Forbidden("The access log of other people is for admins; leave 'user' out to read your own.")
            with self._db.reading() as session:
                rows = session.exec(query.where(_about(principal.user_id))).all()
                names = names_of(session, principal, rows)
        else:
            with self._db.session() as session:
                rows = session.exec(query.where(_about(user)) if user is not None else query).all()
                names = names_of(session, principal, rows)
                self._audit.record(session, principal, ACTION, object_id=known_id(user))
        following = str(rows[limit - 1].id) if len(rows) > limit else None
        return Listing(items=[_public(row, names) for row in rows[:limit]], next=following)


def _about(user_id: str) -> ColumnElement[bool]:
    """What the user did; the attempts to sign in as them, when nobody was known yet; and what an admin or the operator did
    or read of them, such as this log.
    """
    about = and_(col(AuditEvent.object_id) == user_id, col(AuditEvent.outcome) == "granted")
    signing_in = and_(col(AuditEvent.user_id) == "anonymous", col(AuditEvent.object_id) == user_id)
    return or_(col(AuditEvent.user_id) == user_id, signing_in, about)


def _number(after: str) -> int:
    if after.isascii() and after.isdigit() and len(after) < 19:
        return int(after)
    raise AppError("'after' is the 'next' of the page before; leave it out for the first.", status=422, code="after")


def _public(row: AuditEvent, names: dict[str, str]) -> AuditPublic:
    ids = {row.object_id, *(one.get("document_id") for one in row.reads)}
    told = {identity: name for identity, name in names.items() if identity in ids}
    return AuditPublic.model_validate(row, from_attributes=True).model_copy(update={"names": told})
