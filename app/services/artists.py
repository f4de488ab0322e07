"""Artists: whom a user works for. A manager keeps a roster of them."""

from __future__ import annotations

import builtins
from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel
from sqlmodel import col, select

from app.db import Database
from app.errors import AppError, NotFound
from app.models import Artist
from app.principal import Principal
from app.services.audit import AuditLog
from app.services.shapes import Id, Listing

LONGEST_NAME = 200  # characters, as the column


class ArtistPublic(BaseModel):
    id: Id
    name: str
    created: datetime


class ArtistService:
    def __init__(self, db: Database, audit: AuditLog) -> None:
        self._db, self._audit = db, audit

    def list(self, principal: Principal, *, limit: int = 50, after: str | None = None) -> Listing[ArtistPublic]:
        """The principal's own artists, oldest first: the one that came with the account leads."""
        limit = max(1, min(limit, 200))
        query = select(Artist).where(Artist.user_id == principal.user_id)
        with self._db.reading() as session:
            if after is not None:
                last = session.get(Artist, after)
                if last is None or last.user_id != principal.user_id:
                    raise NotFound("There is no such artist.")
                query = query.where(
                    (col(Artist.created) > last.created)
                    | ((col(Artist.created) == last.created) & (col(Artist.id) > last.id))
                )
            rows = session.exec(query.order_by(col(Artist.created), col(Artist.id)).limit(limit + 1)).all()
        following = rows[limit - 1].id if len(rows) > limit else None
        return Listing(items=_public(rows[:limit]), next=following)

    def create(self, principal: Principal, name: str) -> ArtistPublic:
        """Add an artist to the principal's roster. Raises `AppError` 422 for a name that is empty or too long."""
        wanted = name.strip()
        if not 0 < len(wanted) <= LONGEST_NAME:
            raise AppError(
                f"An artist needs a name of 1 to {LONGEST_NAME} characters; type one.", status=422, code="name"
            )
        if principal.kind == "system":
            raise AppError("An artist belongs to a user.", status=403, code="forbidden")
        artist = Artist(user_id=principal.user_id, name=wanted)
        with self._db.session() as session:
            session.add(artist)
            self._audit.record(session, principal, "artist.create", object_id=artist.id)
        return _public([artist])[0]


def _public(rows: Sequence[Artist]) -> builtins.list[ArtistPublic]:
    return [ArtistPublic.model_validate(row, from_attributes=True) for row in rows]
