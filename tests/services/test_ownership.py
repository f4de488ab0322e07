from __future__ import annotations

import pytest

from app.db import Database
from app.errors import NotFound
from app.models import Artist, ProfileNote
from app.services.ownership import CHANGES, STAYS, Lock, check_artist, own
from tests.services.both import db, postgres_url
from tests.services.seeded import user

__all__ = ["db", "postgres_url"]


@pytest.mark.parametrize("lock", [None, STAYS, CHANGES])
def test_unknown_and_anothers_are_the_same_refusal(db: Database, lock: Lock) -> None:
    anna, ben = user(db, f"anna{lock}"), user(db, f"ben{lock}")
    artist = Artist(user_id=anna.user_id, name="The Night Shift")
    with db.session() as session:
        session.add(artist)
    with db.session() as session:
        assert own(session, anna, Artist, artist.id, "artist", lock).name == "The Night Shift"
        check_artist(session, ben, None, lock)
        for principal, key in ((ben, artist.id), (anna, "none"), (None, artist.id)):
            with pytest.raises(NotFound, match=r"^There is no such artist\.$"):
                own(session, principal, Artist, key, "artist", lock)
        with pytest.raises(NotFound, match="artist"):
            check_artist(session, ben, artist.id, lock)


def test_the_refusal_names_what_was_asked_for(db: Database) -> None:
    carla = user(db, "carla")
    with db.reading() as session, pytest.raises(NotFound, match=r"^There is no such note\.$"):
        own(session, carla, ProfileNote, "none", "note")
