"""Handing an artist over to another user, with that user's consent."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime

from pydantic import BaseModel
from sqlalchemy import delete, update
from sqlmodel import Session, col, select

from app.db import Database
from app.errors import AppError, NotFound
from app.models import (
    Artist,
    Conversation,
    Document,
    Draft,
    GrowthFigure,
    Handover,
    ImportantDate,
    Message,
    Plan,
    ProfileNote,
    ShareLink,
    Trace,
    User,
)  # fmt: skip
from app.principal import Principal
from app.services.artists import ArtistPublic, check_not_last, keep_mixed
from app.services.audit import AuditLog
from app.services.documents import DocumentService, queue_again
from app.services.ownership import CHANGES, own_artist
from app.services.paging import Order, next_after, page_size
from app.services.shapes import Id, Listing
from app.services.withdrawal import withdraw, withdraw_work

# What goes with the artist beside documents and conversations.
MOVING: tuple[type[Plan | Draft | GrowthFigure | ImportantDate | ProfileNote], ...] = (
    Plan, Draft, GrowthFigure, ImportantDate, ProfileNote,
)  # fmt: skip
ORDER = Order(col(Handover.created), col(Handover.id))


class OfferPublic(BaseModel):
    """An artist that somebody offers to the reader."""

    id: Id
    artist_id: Id
    artist: str
    from_email: str
    created: datetime


class HandoverService:
    def __init__(self, db: Database, audit: AuditLog, documents: DocumentService) -> None:
        self._db, self._audit, self._documents = db, audit, documents

    def offer(self, principal: Principal, artist_id: str, email: str) -> None:
        """Offer an artist to whoever has this e-mail address; a new offer takes the place of an open one.

        An address that nobody has changes nothing that the caller can see. Raises `Conflict` for the last artist.
        """
        address = email.strip().casefold()
        with self._refusing(principal, "artist.offer", artist_id), self._db.session() as session:
            own_artist(session, principal, artist_id, CHANGES)
            check_not_last(session, principal.user_id, "handed over")
            user = session.exec(select(User).where(User.email == address, col(User.disabled).is_(False))).first()
            if user is not None and user.id == principal.user_id:
                raise AppError("This artist is on your roster already; name another person.", status=422, code="self")
            session.execute(delete(Handover).where(col(Handover.artist_id) == artist_id))
            if user is not None:
                session.add(Handover(artist_id=artist_id, from_user_id=principal.user_id, to_user_id=user.id))
            self._audit.record(session, principal, "artist.offer", object_id=artist_id)

    def withdraw(self, principal: Principal, artist_id: str) -> None:
        """Take an offer back; without one nothing happens, so that nobody learns whether there was one."""
        with self._refusing(principal, "artist.offer_withdrawn", artist_id), self._db.session() as session:
            own_artist(session, principal, artist_id, CHANGES)
            session.execute(delete(Handover).where(col(Handover.artist_id) == artist_id))
            self._audit.record(session, principal, "artist.offer_withdrawn", object_id=artist_id)

    def offers(self, principal: Principal, *, limit: int = 50, after: str | None = None) -> Listing[OfferPublic]:
        """What is offered to the principal, oldest first."""
        limit = page_size(limit)
        query = (
            select(Handover, Artist, User)
            .join(Artist, col(Artist.id) == col(Handover.artist_id))
            .join(User, col(User.id) == col(Handover.from_user_id))
            .where(Handover.to_user_id == principal.user_id, col(User.disabled).is_(False))
            .order_by(*ORDER.columns)
        )
        with self._refusing(principal, "artist.offers", after), self._db.reading() as session:
            if after is not None:
                last = self._get(session, principal, after)
                query = query.where(ORDER.after(last.created, last.id))
            rows = session.exec(query.limit(limit + 1)).all()
        items = [
            OfferPublic(
                id=offer.id, artist_id=artist.id, artist=artist.name, from_email=user.email, created=offer.created
            )
            for offer, artist, user in rows[:limit]
        ]
        return Listing(items=items, next=next_after([offer for offer, _, _ in rows], limit))

    def accept(self, principal: Principal, offer_id: str) -> ArtistPublic:
        """Take an artist over with its documents and conversations, at one instant for everybody.

        The documents are read anew under their new owner, and answer nobody until they are ready. Raises `Conflict` when
        it has become the giver's last artist.
        """
        with self._refusing(principal, "artist.accept", offer_id), self._db.session() as session:
            offer = self._get(session, principal, offer_id)
            artist = session.get_one(Artist, offer.artist_id, with_for_update=True)
            check_not_last(session, offer.from_user_id, "handed over")
            self._move(session, artist, principal.user_id)
            session.delete(offer)
            self._audit.record(session, principal, "artist.accept", object_id=artist.id)
        self._documents.wake()
        return ArtistPublic.model_validate(artist, from_attributes=True)

    def decline(self, principal: Principal, offer_id: str) -> None:
        with self._refusing(principal, "artist.decline", offer_id), self._db.session() as session:
            offer = self._get(session, principal, offer_id)
            session.delete(offer)
            self._audit.record(session, principal, "artist.decline", object_id=offer.artist_id)

    def _refusing(self, principal: Principal, action: str, object_id: str | None) -> AbstractContextManager[None]:
        return self._audit.refusing(self._db, principal, action, object_id)

    def _move(self, session: Session, artist: Artist, owner: str) -> None:
        giver = artist.user_id
        artist.user_id = owner
        session.add(artist)
        documents = session.exec(select(Document).where(Document.artist_id == artist.id)).all()
        for document in documents:
            document.user_id = owner
            queue_again(document)
            session.add(document)
        moved = {document.id for document in documents}
        keep_mixed(session, artist.id)
        theirs = col(Conversation.artist_id) == artist.id
        # Each side keeps the answers from its own documents alone.
        withdraw(session, theirs, lambda document_id: document_id not in moved)
        staying = (col(Conversation.user_id) == giver) & (
            col(Conversation.artist_id).is_(None) | (col(Conversation.artist_id) != artist.id)
        )
        withdraw(session, staying, lambda document_id: document_id in moved)
        said = select(Message.trace_id).where(
            col(Message.conversation_id).in_(select(Conversation.id).where(theirs)), col(Message.trace_id).is_not(None)
        )
        session.execute(update(Trace).where(col(Trace.id).in_(said)).values(user_id=owner))
        # What is left are the giver's own searches for this artist.
        session.execute(delete(Trace).where(col(Trace.artist_id) == artist.id, col(Trace.user_id) == giver))
        session.execute(update(Conversation).where(theirs).values(user_id=owner))
        # Nobody who was shown something by the giver goes on seeing it.
        session.execute(delete(ShareLink).where(col(ShareLink.artist_id) == artist.id))
        withdraw_work(
            session, lambda table: col(table.artist_id) == artist.id, lambda document_id: document_id not in moved
        )
        withdraw_work(
            session,
            lambda table: (col(table.user_id) == giver) & col(table.artist_id).is_distinct_from(artist.id),
            lambda document_id: document_id in moved,
        )
        for table in MOVING:
            session.execute(update(table).where(col(table.artist_id) == artist.id).values(user_id=owner))

    def _get(self, session: Session, principal: Principal, offer_id: str) -> Handover:
        """An offer to the principal of an artist that is still the giver's."""
        query = (
            select(Handover)
            .join(Artist, col(Artist.id) == col(Handover.artist_id))
            .join(User, col(User.id) == col(Handover.from_user_id))
            .where(
                Handover.id == offer_id,
                Handover.to_user_id == principal.user_id,
                col(Artist.user_id) == col(Handover.from_user_id),
                col(User.disabled).is_(False),
            )
        )
        if (offer := session.exec(query).first()) is None:
            raise NotFound("There is no such offer.")
        return offer
