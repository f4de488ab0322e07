"""One's own sign-ins: where one is signed in, and ending one of them or all."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy import ColumnElement
from sqlmodel import Session, col, select

from app.db import Database
from app.errors import NotFound
from app.models import LoginSession, now
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.paging import Order, next_after, page_size
from app.services.sessions import BROWSER, revoke_all
from app.services.shapes import Id, Listing

ORDER = Order(col(LoginSession.created), col(LoginSession.id), newest_first=True)


class SignInPublic(BaseModel):
    """A browser, or a program with a refresh token, that is signed in."""

    id: Id
    kind: str = Field(description="`browser`, or `api` for a program")
    device: str = Field(description="such as `Firefox on Windows`; empty where it is not known")
    trusted: bool
    current: bool = Field(description="the one that asks")
    created: datetime
    last_seen: datetime
    expires: datetime


class SignIns:
    def __init__(self, db: Database, audit: AuditLog, clock: Callable[[], datetime] = now) -> None:
        self._db, self._audit, self._clock = db, audit, clock

    def list(self, principal: Principal, *, limit: int = 50, after: str | None = None) -> Listing[SignInPublic]:
        """Newest first; those that have ended are left out."""
        limit = page_size(limit)
        query = select(LoginSession).where(*self._live(principal))
        with self._refusing(principal, "session.list", after), self._db.reading() as session:
            if after is not None:
                last = self._own(session, principal, after)
                query = query.where(ORDER.after(last.created, last.id))
            query = query.order_by(*ORDER.columns).limit(limit + 1)
            rows = session.exec(query).all()
        return Listing(items=[_public(row, principal) for row in rows[:limit]], next=next_after(rows, limit))

    def end(self, principal: Principal, session_id: str) -> None:
        """Sign one of them out, at once. Unknown, ended and somebody else's are the same `NotFound`."""
        with self._refusing(principal, "session.end", session_id), self._db.session() as session:
            row = self._own(session, principal, session_id)
            row.revoked = True
            session.add(row)
            self._audit.record(session, principal, "session.end", object_id=session_id)

    def end_all(self, principal: Principal, *, others: bool = False) -> None:
        """Sign out everywhere; `others` leaves the one that asks."""
        with self._db.session() as session:
            revoke_all(session, principal.user_id, except_id=principal.session_id if others else None)
            self._audit.record(session, principal, "session.end_all")

    def _live(self, principal: Principal) -> builtins.list[ColumnElement[bool]]:
        mine = col(LoginSession.user_id) == principal.user_id
        return [mine, col(LoginSession.revoked).is_(False), col(LoginSession.expires) > self._clock()]

    def _own(self, session: Session, principal: Principal, session_id: str) -> LoginSession:
        row = session.exec(select(LoginSession).where(LoginSession.id == session_id, *self._live(principal))).first()
        if row is None:
            raise NotFound("There is no such sign-in; it may have ended.")
        return row

    def _refusing(self, principal: Principal, action: str, object_id: str | None) -> AbstractContextManager[None]:
        return self._audit.refusing(self._db, principal, action, object_id)


def _public(row: LoginSession, principal: Principal) -> SignInPublic:
    return SignInPublic(
        id=row.id,
        kind=row.kind,
        device=row.device if row.kind == BROWSER else "",
        trusted=row.trusted,
        current=row.id == principal.session_id,
        created=row.created,
        last_seen=row.last_seen,
        expires=row.expires,
    )
