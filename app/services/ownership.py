"""Whose an artist is: one rule for every service that is handed an artist's id."""

from __future__ import annotations

from sqlmodel import Session

from app.errors import NotFound
from app.models import Artist
from app.principal import Principal

Lock = dict[str, bool] | bool | None  # what SQLAlchemy takes as `with_for_update`; None: nothing is locked
# PostgreSQL keeps the artist where it is until what arrives is there: it is not handed over or deleted meanwhile.
STAYS: Lock = {"read": True, "key_share": True}
CHANGES: Lock = True


def own_artist(session: Session, principal: Principal | None, artist_id: str, lock: Lock = None) -> Artist:
    """An artist of the principal's; unknown, not theirs and nobody's asking are the same `NotFound`."""
    artist = session.get(Artist, artist_id, with_for_update=lock)
    if principal is None or artist is None or artist.user_id != principal.user_id:
        raise NotFound("There is no such artist.")
    return artist


def check_artist(session: Session, principal: Principal, artist_id: str | None, lock: Lock = None) -> None:
    """Raise as `own_artist`; None is all artists, which is everybody's to name."""
    if artist_id is not None:
        own_artist(session, principal, artist_id, lock)
