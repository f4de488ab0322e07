"""Whose a thing is: one rule for every service that is handed an id."""

from __future__ import annotations

from typing import TypeVar

from sqlmodel import Session

from app.errors import NotFound
from app.models import Artist, Conversation, Draft, GrowthFigure, Plan, ProfileNote, ShareLink
from app.principal import Principal

# Tables whose `user_id` is the owner's.
Row = TypeVar("Row", Artist, Conversation, Draft, GrowthFigure, Plan, ProfileNote, ShareLink)
Lock = dict[str, bool] | bool | None  # what SQLAlchemy takes as `with_for_update`; None: nothing is locked
# PostgreSQL keeps the artist where it is until what arrives is there: it is not handed over or deleted meanwhile.
STAYS: Lock = {"read": True, "key_share": True}
CHANGES: Lock = True


def own(
    session: Session, principal: Principal | None, table: type[Row], key: str | int, name: str, lock: Lock = None
) -> Row:
    """The principal's row with this key; unknown, not theirs and nobody's asking are the same `NotFound`, which says `name`."""
    row = session.get(table, key, with_for_update=lock)
    if principal is None or row is None or row.user_id != principal.user_id:
        raise NotFound(f"There is no such {name}.")
    return row


def own_artist(session: Session, principal: Principal | None, artist_id: str, lock: Lock = None) -> Artist:
    return own(session, principal, Artist, artist_id, "artist", lock)


def check_artist(session: Session, principal: Principal, artist_id: str | None, lock: Lock = None) -> None:
    """Raise as `own`; None is all artists, which is everybody's to name."""
    if artist_id is not None:
        own_artist(session, principal, artist_id, lock)
