"""Share links: whoever holds one reads one thing, until it expires or is revoked."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, delete, or_
from sqlmodel import Session, col, func, select

from app.db import Database
from app.errors import AppError, Conflict, NotFound
from app.models import Conversation, Message, Plan, ShareLink, User, now
from app.principal import Principal, by_link
from app.services.audit import AuditLog
from app.services.exports.exports import MOST_DOCUMENTS, ExportService
from app.services.exports.pace import Pace
from app.services.exports.paper import Paper, writable
from app.services.ownership import own
from app.services.paging import Order, next_after, page_size
from app.services.shapes import Id, Listing
from app.services.withdrawal import gone_of

ShareKind = Literal["plan", "answer", "conversation", "clauses"]
SECRET_BYTES = 32  # 256 bits
SECRET = re.compile(r"[A-Za-z0-9_-]{43}")  # what `token_urlsafe` makes of them
MOST_LINKS = 200  # open ones of a user
KEPT = timedelta(days=30)  # a link that is over stays in the account's archive so long
GONE = "This link does not work: it has expired, was taken back, or never was. Ask whoever sent it for a new one."
ORDER = Order(col(ShareLink.created), col(ShareLink.id), newest_first=True)


class ShareRequest(BaseModel):
    model_config = ConfigDict(json_schema_extra={"example": {"kind": "answer", "id": "41", "days": 14}})
    kind: ShareKind
    id: Id | None = Field(default=None, description="of the plan, answer or conversation")
    documents: list[Id] | None = Field(default=None, max_length=MOST_DOCUMENTS, description="of a sheet of clauses")
    days: int = Field(14, ge=1, le=365, description="until it expires")


class SharePublic(BaseModel):
    """A link that works now. Its address was told once, when it was made: only its digest is kept."""

    id: Id
    kind: ShareKind
    object_id: Id | None
    title: str
    created: datetime
    expires: datetime
    opened: int
    last_opened: datetime | None


@dataclass(frozen=True, slots=True)
class Shared:
    """What a link shows."""

    paper: Paper
    expires: datetime


class ShareService:
    def __init__(
        self, db: Database, audit: AuditLog, exports: ExportService, clock: Callable[[], datetime] = now,
        pace: Pace | None = None,
    ) -> None:  # fmt: skip
        self._db, self._audit, self._exports, self._clock = db, audit, exports, clock
        self._pace = pace or Pace()

    def create(self, principal: Principal, wanted: ShareRequest) -> tuple[SharePublic, str]:
        """The link, and its secret, which is told here and nowhere else.

        Raises `NotFound` for what is not the principal's, `AppError` 422 where nothing is named, `Conflict` for too many.
        """
        shown = _checked(wanted)
        with self._refusing(principal, "share.create", wanted.id):
            paper = self._paper(principal, wanted.kind, wanted.id, {"documents": wanted.documents or []})
        secret, moment = secrets.token_urlsafe(SECRET_BYTES), self._clock()
        link = ShareLink(
            user_id=principal.user_id, kind=wanted.kind, object_id=shown, title=paper.title[:300],
            secret_sha256=_digest(secret), expires=moment + timedelta(days=wanted.days), created=moment,
        )  # fmt: skip
        with self._db.session() as session:
            self._make_room(session, principal, moment)
            link.artist_id, link.body = self._about(session, wanted)
            session.add(link)
            session.flush()
            self._audit.record(session, principal, "share.create", object_id=link.id)
            return _public(link), secret

    def list(self, principal: Principal, *, limit: int = 50, after: str | None = None) -> Listing[SharePublic]:
        """The principal's links that work, newest first."""
        limit = page_size(limit)
        query = select(ShareLink).where(ShareLink.user_id == principal.user_id, *self._works(self._clock()))
        with self._refusing(principal, "share.list", after), self._db.reading() as session:
            if after is not None:
                last = self._get(session, principal, after)
                query = query.where(ORDER.after(last.created, last.id))
            query = query.order_by(*ORDER.columns).limit(limit + 1)
            rows = session.exec(query).all()
        return Listing(items=[_public(row) for row in rows[:limit]], next=next_after(rows, limit))

    def revoke(self, principal: Principal, share_id: str) -> None:
        """From this moment on the link shows nothing. One that was revoked before stays so."""
        with self._refusing(principal, "share.revoke", share_id), self._db.session() as session:
            link = self._get(session, principal, share_id)
            link.revoked = True
            session.add(link)
            self._audit.record(session, principal, "share.revoke", object_id=link.id)

    def open(self, secret: str, address: str) -> Shared:
        """What the link shows now. Nobody is known here: the secret is the right, for this one thing.

        Raises the same `NotFound` for a link that never was, is over, was revoked, whose thing is gone or whose owner's
        account is shut; `TooMany` for a network that opens too much.
        """
        self._pace.admit(address)
        try:
            link, owner = self._found(secret)
            paper = self._paper(owner, link.kind, link.object_id, link.body)
        except (NotFound, Conflict):
            self._pace.missed(address)
            raise NotFound(GONE) from None
        with self._db.session() as session:
            row = session.get(ShareLink, link.id, with_for_update=True)
            if row is None or row.revoked:  # meanwhile
                raise NotFound(GONE)
            if gone_of(session, owner.user_id, paper.quotes):  # as it was made a moment ago
                raise NotFound(GONE)
            row.opened, row.last_opened = row.opened + 1, self._clock()
            session.add(row)
            self._audit.record(session, owner, "share.open", object_id=link.id)
        return Shared(writable(paper), link.expires)

    def _found(self, secret: str) -> tuple[ShareLink, Principal]:
        if not SECRET.fullmatch(secret):
            raise NotFound(GONE)
        query = select(ShareLink).join(User, col(User.id) == col(ShareLink.user_id))
        query = query.where(ShareLink.secret_sha256 == _digest(secret), col(User.disabled).is_(False))
        with self._db.reading() as session:
            link = session.exec(query.where(*self._works(self._clock()))).first()
        if link is None:
            raise NotFound(GONE)
        return link, by_link(link.user_id)

    def _paper(self, principal: Principal, kind: str, object_id: str | None, body: dict[str, object]) -> Paper:
        exports, named = self._exports, object_id or ""
        if kind == "plan":
            return exports.plan_paper(principal, named, comments=False)
        if kind == "answer":
            return exports.answer_paper(principal, named)
        if kind == "conversation":
            until = body.get("until")
            return exports.conversation_paper(principal, named, until=str(until) if until else None)
        documents = body.get("documents")
        return exports.clause_paper(principal, [str(one) for one in documents] if isinstance(documents, list) else [])

    def _about(self, session: Session, wanted: ShareRequest) -> tuple[str | None, dict[str, object]]:
        """Whose artist's it is, and what to remember: a conversation is shown as far as it goes now."""
        if wanted.kind == "clauses":
            return None, {"documents": list(dict.fromkeys(wanted.documents or []))}
        if wanted.kind == "plan":
            plan = session.get(Plan, wanted.id)
            return (plan.artist_id if plan else None), {}
        number = int(wanted.id or 0)
        if wanted.kind == "answer":
            message = session.get(Message, number)
            number = message.conversation_id if message else 0
        conversation = session.get(Conversation, number)
        about = conversation.artist_id if conversation else None
        if wanted.kind == "answer":
            return about, {}
        last = session.exec(select(func.max(Message.id)).where(Message.conversation_id == number)).one()
        return about, {"until": str(last or 0)}

    def _make_room(self, session: Session, principal: Principal, moment: datetime) -> None:
        mine = col(ShareLink.user_id) == principal.user_id
        over = or_(col(ShareLink.revoked), col(ShareLink.expires) <= moment - KEPT)
        session.execute(delete(ShareLink).where(mine, over, col(ShareLink.created) <= moment - KEPT))
        query = select(func.count()).select_from(ShareLink).where(mine, *self._works(moment))
        if session.exec(query).one() >= MOST_LINKS:
            raise Conflict(
                f"You have {MOST_LINKS} links that work; revoke some on the account page first.", code="full"
            )

    def _works(self, moment: datetime) -> tuple[ColumnElement[bool], ...]:
        return col(ShareLink.revoked).is_(False), col(ShareLink.expires) > moment

    def _get(self, session: Session, principal: Principal, share_id: str) -> ShareLink:
        return own(session, principal, ShareLink, share_id, "link")

    def _refusing(self, principal: Principal, action: str, object_id: str | None) -> AbstractContextManager[None]:
        return self._audit.refusing(self._db, principal, action, object_id)


def _checked(wanted: ShareRequest) -> str | None:
    """The id that is shown; None for a sheet of clauses."""
    if wanted.kind == "clauses":
        if not wanted.documents:
            raise AppError("Choose the documents of the clause sheet.", status=422, code="documents")
        return None
    if not wanted.id:
        raise AppError("Name what the link is to show: its id is missing.", status=422, code="id")
    return wanted.id


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _public(link: ShareLink) -> SharePublic:
    return SharePublic.model_validate(link, from_attributes=True)
