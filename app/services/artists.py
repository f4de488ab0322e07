"""Artists: whom a user works for. A manager keeps a roster of them."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import datetime

from pydantic import BaseModel, Field
from sqlalchemy import delete, update
from sqlmodel import Session, col, func, select

from app.db import Database
from app.errors import AppError, Conflict
from app.models import DELETING, Artist, Conversation, Document, Message, Trace, User, now
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.documents import DocumentService
from app.services.ownership import CHANGES, own_artist
from app.services.paging import Order, next_after, page_size
from app.services.shapes import Id, Listing
from app.services.withdrawal import withdraw, withdraw_all

LONGEST_NAME = 200  # characters, as the column
ORDER = Order(col(Artist.created), col(Artist.id))


class ArtistPublic(BaseModel):
    id: Id
    name: str
    created: datetime
    documents: int = Field(default=0, description="in a list: how many documents are this artist's")


class ArtistService:
    def __init__(self, db: Database, audit: AuditLog, documents: DocumentService) -> None:
        self._db, self._audit, self._documents = db, audit, documents

    def list(
        self, principal: Principal, *, limit: int = 50, after: str | None = None, counted: bool = True
    ) -> Listing[ArtistPublic]:
        """The principal's own artists, oldest first: the one that came with the account leads. `counted`: with the number of
        their documents."""
        limit = page_size(limit)
        query = select(Artist).where(Artist.user_id == principal.user_id)
        with self._refusing(principal, "artist.list", after), self._db.reading() as session:
            if after is not None:
                last = own_artist(session, principal, after)
                query = query.where(ORDER.after(last.created, last.id))
            rows = session.exec(query.order_by(*ORDER.columns).limit(limit + 1)).all()
            documents = select(Document.artist_id, func.count()).where(
                col(Document.artist_id).in_([row.id for row in rows]), Document.status != DELETING
            )
            counts = dict(session.exec(documents.group_by(col(Document.artist_id))).all()) if counted else {}
        items = [one.model_copy(update={"documents": counts.get(one.id, 0)}) for one in _public(rows[:limit])]
        return Listing(items=items, next=next_after(rows, limit))

    def create(self, principal: Principal, name: str) -> ArtistPublic:
        """Add an artist to the principal's roster. Raises `AppError` 422 for a name that is empty or too long."""
        wanted = _checked(name)
        if principal.kind == "system":
            raise AppError("An artist belongs to a user.", status=403, code="forbidden")
        artist = Artist(user_id=principal.user_id, name=wanted)
        with self._db.session() as session:
            session.add(artist)
            self._audit.record(session, principal, "artist.create", object_id=artist.id)
        return _public([artist])[0]

    def rename(self, principal: Principal, artist_id: str, name: str) -> ArtistPublic:
        """Raises `AppError` 422 for a name that is empty or too long."""
        wanted = _checked(name)
        with self._refusing(principal, "artist.rename", artist_id), self._db.session() as session:
            artist = own_artist(session, principal, artist_id, CHANGES)
            artist.name = wanted
            session.add(artist)
            self._audit.record(session, principal, "artist.rename", object_id=artist_id)
        return _public([artist])[0]

    def delete(self, principal: Principal, artist_id: str) -> None:
        """Remove an artist and everything of theirs. Nothing is answered from their documents from then on; points and
        files follow. Answers elsewhere that used these documents go too. Raises `Conflict` for the last artist.
        """
        with self._refusing(principal, "artist.delete", artist_id), self._db.session() as session:
            artist = own_artist(session, principal, artist_id, CHANGES)
            check_not_last(session, principal.user_id, "deleted")
            theirs = set(session.exec(select(Document.id).where(Document.artist_id == artist_id)).all())
            # Without the artist, whose row goes now: the documents' own rows must outlive their points and files.
            session.execute(
                update(Document)
                .where(col(Document.artist_id) == artist_id)
                .values(status=DELETING, artist_id=None, attempts=0, next_attempt=None, updated=now())
            )
            keep_mixed(session, artist_id)
            self._delete_conversations(session, artist_id)
            session.execute(delete(Trace).where(col(Trace.artist_id) == artist_id))
            withdraw(session, Conversation.user_id == principal.user_id, lambda document_id: document_id in theirs)
            session.delete(artist)
            session.flush()  # their own plans and drafts are gone with them; those of all artists stay
            withdraw_all(session, principal.user_id, theirs)
            self._audit.record(session, principal, "artist.delete", object_id=artist_id)
        self._documents.wake()

    def _refusing(self, principal: Principal, action: str, object_id: str | None) -> AbstractContextManager[None]:
        return self._audit.refusing(self._db, principal, action, object_id)

    def _delete_conversations(self, session: Session, artist_id: str) -> None:
        about = select(Conversation.id).where(Conversation.artist_id == artist_id)
        traces = select(Message.trace_id).where(col(Message.conversation_id).in_(about))
        session.execute(delete(Trace).where(col(Trace.id).in_(traces)))
        session.execute(delete(Conversation).where(col(Conversation.artist_id) == artist_id))


def keep_mixed(session: Session, artist_id: str) -> None:
    """A conversation that was about others too, before its artist was changed, does not leave with this one."""
    others = (
        select(Message.conversation_id)
        .join(Trace, col(Trace.id) == col(Message.trace_id))
        .where(col(Trace.artist_id).is_distinct_from(artist_id))
    )
    mixed = (col(Conversation.artist_id) == artist_id) & col(Conversation.id).in_(others)
    session.execute(update(Conversation).where(mixed).values(artist_id=None))


def check_not_last(session: Session, user_id: str, what: str) -> None:
    """Every user has at least one artist (design 2); the user's row is held, so that no two leave at once."""
    session.get(User, user_id, with_for_update=True)
    if session.exec(select(func.count()).where(Artist.user_id == user_id)).one() < 2:
        raise Conflict(f"The last artist of a roster cannot be {what}; add another one first.", code="last_artist")


def _checked(name: str) -> str:
    wanted = name.strip()
    if not 0 < len(wanted) <= LONGEST_NAME:
        raise AppError(f"An artist needs a name of 1 to {LONGEST_NAME} characters; type one.", status=422, code="name")
    return wanted


def _public(rows: Sequence[Artist]) -> builtins.list[ArtistPublic]:
    return [ArtistPublic.model_validate(row, from_attributes=True) for row in rows]
