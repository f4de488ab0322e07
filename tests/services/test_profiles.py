from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

from app.db import Database
from app.models import User, new_id
from app.principal import Principal, authenticated
from app.services.profiles import ProfileService, ProfileShape


@pytest.fixture(scope="module")
def profiles(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProfileService]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('profiles') / 'app.db'}")
    database.migrate()
    yield ProfileService(database)
    database.close()


@pytest.fixture
def lena(profiles: ProfileService) -> Principal:
    return user(profiles)


def user(profiles: ProfileService) -> Principal:
    row = User(email=f"{new_id()}@example.com", password_hash="-")
    with profiles._db.session() as session:
        session.add(row)
    return authenticated(row.id, "user", "session", "s")


def test_nothing_is_known_at_first(profiles: ProfileService, lena: Principal) -> None:
    assert profiles.get(lena) == ProfileShape()
    assert profiles.as_text(lena) == ""


def test_what_was_put_is_got_and_replaces_what_was_there(profiles: ProfileService, lena: Principal) -> None:
    first = ProfileShape(role="songwriter", artist_name="Night Ferry", bio="Sings by the water.", goals="A record")
    assert profiles.put(lena, first) == first
    assert profiles.get(lena) == first
    profiles.put(lena, ProfileShape(role="producer"))
    assert profiles.get(lena) == ProfileShape(role="producer")


def test_a_profile_is_its_owners_alone(profiles: ProfileService, lena: Principal) -> None:
    profiles.put(lena, ProfileShape(bio="Lena's"))
    other = user(profiles)
    assert profiles.get(other) == ProfileShape()
    profiles.put(other, ProfileShape(bio="Other's"))
    assert profiles.get(lena).bio == "Lena's"


def test_as_text_names_what_is_known_line_by_line(profiles: ProfileService, lena: Principal) -> None:
    profiles.put(lena, ProfileShape(artist_name="Night Ferry", genres="folk, dream pop"))
    assert profiles.as_text(lena) == "artist name: Night Ferry\ngenres: folk, dream pop"


def test_a_field_has_its_limit() -> None:
    assert ProfileShape(bio="x" * 4000).bio
    with pytest.raises(ValidationError):
        ProfileShape(bio="x" * 4001)
