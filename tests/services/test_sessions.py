from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from app.config import AuthSettings
from app.db import Database
from app.errors import Unauthorized
from app.models import LoginSession, User
from app.services.sessions import SessionService

START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.at = START

    def __call__(self) -> datetime:
        return self.at

    def pass_by(self, **spans: float) -> None:
        self.at += timedelta(**spans)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'sessions.db'}")
    database.migrate()
    with database.session() as session:
        session.add(User(id="dana", email="dana@example.com", password_hash="-"))
        session.add(User(id="eli", email="eli@example.com", password_hash="-"))
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sessions(db: Database, clock: Clock) -> SessionService:
    return SessionService(db, AuthSettings(), clock)


def rows(db: Database) -> list[LoginSession]:
    with db.reading() as session:
        return list(session.exec(select(LoginSession)).all())


def disable(db: Database, user_id: str) -> None:
    with db.session() as session:
        session.get_one(User, user_id).disabled = True


# Browsers


def test_a_browser_secret_is_random_long_and_stored_only_as_its_digest(db: Database, sessions: SessionService) -> None:
    secret, expires = sessions.open_browser("dana", False)
    other, _ = sessions.open_browser("dana", False)
    assert secret != other
    assert len(secret) >= 43, "256 bits in base64"
    stored = [row for row in rows(db) if row.secret_sha256 == hashlib.sha256(secret.encode()).hexdigest()]
    assert len(stored) == 1
    assert secret not in stored[0].model_dump_json()
    assert expires == START + timedelta(hours=12)
    found = sessions.by_secret(secret)
    assert found is not None
    assert (found[0].id, found[1].id) == (stored[0].id, "dana")
    assert sessions.by_secret("") is None
    assert sessions.by_secret(stored[0].secret_sha256) is None
    assert sessions.by_secret("\ud800") is None


def test_an_untrusted_browser_ends_after_twelve_idle_hours(sessions: SessionService, clock: Clock) -> None:
    secret, _ = sessions.open_browser("dana", False)
    for _ in range(3):
        clock.pass_by(hours=11, minutes=59)
        assert sessions.by_secret(secret) is not None
    clock.pass_by(hours=12)
    assert sessions.by_secret(secret) is None


def test_an_untrusted_browser_in_constant_use_still_ends_after_the_longest_time(
    sessions: SessionService, clock: Clock
) -> None:
    secret, _ = sessions.open_browser("dana", False)
    for _ in range(59):
        clock.pass_by(hours=11)
        assert sessions.by_secret(secret) is not None
    for _ in range(10):
        clock.pass_by(hours=11)
        sessions.by_secret(secret)
    assert sessions.by_secret(secret) is None


def test_a_trusted_browser_lasts_thirty_days(sessions: SessionService, clock: Clock) -> None:
    secret, expires = sessions.open_browser("dana", True)
    assert expires == START + timedelta(days=30)
    clock.pass_by(days=1)
    assert sessions.by_secret(secret) is not None
    clock.pass_by(days=28, hours=23)
    assert sessions.by_secret(secret) is not None
    clock.pass_by(hours=1)
    assert sessions.by_secret(secret) is None


def test_use_is_noted_at_most_once_a_minute(db: Database, sessions: SessionService, clock: Clock) -> None:
    secret, _ = sessions.open_browser("dana", False)
    clock.pass_by(seconds=59)
    sessions.by_secret(secret)
    assert rows(db)[0].last_seen == START
    clock.pass_by(seconds=1)
    sessions.by_secret(secret)
    assert rows(db)[0].last_seen == START + timedelta(seconds=60)
    assert rows(db)[0].expires == START + timedelta(hours=12, seconds=60)


def test_a_busy_database_signs_nobody_out(db: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.db.BUSY_MILLISECONDS", 50)
    impatient = Database(db.url)
    sessions = SessionService(impatient, AuthSettings(), clock)
    secret, _ = sessions.open_browser("dana", False)
    clock.pass_by(minutes=5)
    with db.session() as holder:
        holder.connection().exec_driver_sql("UPDATE users SET role = role")  # takes the write lock
        assert sessions.by_secret(secret) is not None
    assert rows(db)[0].last_seen == START
    assert sessions.by_secret(secret) is not None
    assert rows(db)[0].last_seen == clock.at, "noted by the next request"
    impatient.close()


def test_closed_disabled_and_foreign_kinds_are_nobody(db: Database, sessions: SessionService) -> None:
    secret, _ = sessions.open_browser("dana", True)
    api, refresh = sessions.open_api("dana")
    assert sessions.by_secret(refresh) is None, "a refresh secret is no cookie"
    assert sessions.alive(api.id) is not None
    assert sessions.alive("nothing") is None
    sessions.close(api.id)
    assert sessions.alive(api.id) is None
    disable(db, "dana")
    assert sessions.by_secret(secret) is None


def test_close_all_keeps_the_named_one_and_other_users(sessions: SessionService) -> None:
    here, _ = sessions.open_browser("dana", True)
    there, _ = sessions.open_browser("dana", True)
    api, _ = sessions.open_api("dana")
    eli, _ = sessions.open_browser("eli", True)
    found = sessions.by_secret(here)
    assert found is not None
    sessions.close_all("dana", except_id=found[0].id)
    assert sessions.by_secret(here) is not None
    assert sessions.by_secret(there) is None
    assert sessions.alive(api.id) is None
    sessions.close_all("dana")
    assert sessions.by_secret(here) is None
    assert sessions.by_secret(eli) is not None


def test_signing_in_sweeps_the_users_ended_sessions(db: Database, sessions: SessionService, clock: Clock) -> None:
    sessions.open_browser("dana", False)
    sessions.open_browser("eli", False)
    clock.pass_by(days=1)
    sessions.open_browser("dana", False)
    assert sorted(row.user_id for row in rows(db)) == ["dana", "eli"]


# Refresh families


def test_rotation_keeps_the_session_and_replaces_the_secret(db: Database, sessions: SessionService) -> None:
    opened, first = sessions.open_api("dana")
    assert first not in rows(db)[0].model_dump_json()
    session, user, second = sessions.rotate(first)
    assert (session.id, user.id) == (opened.id, "dana")
    assert second != first
    assert sessions.rotate(second)[0].id == opened.id
    assert len(rows(db)) == 1


def test_a_second_use_within_ten_seconds_is_refused_and_harms_nobody(sessions: SessionService, clock: Clock) -> None:
    opened, first = sessions.open_api("dana")
    _, _, second = sessions.rotate(first)
    clock.pass_by(seconds=10)
    with pytest.raises(Unauthorized):
        sessions.rotate(first)
    assert sessions.alive(opened.id) is not None
    assert sessions.rotate(second)


def test_a_later_second_use_revokes_the_family(sessions: SessionService, clock: Clock) -> None:
    opened, first = sessions.open_api("dana")
    _, _, second = sessions.rotate(first)
    clock.pass_by(seconds=11)
    with pytest.raises(Unauthorized):
        sessions.rotate(first)
    assert sessions.alive(opened.id) is None
    with pytest.raises(Unauthorized):
        sessions.rotate(second)


def test_a_thief_who_rotated_twice_is_found_out_too(sessions: SessionService) -> None:
    opened, stolen = sessions.open_api("dana")
    _, _, second = sessions.rotate(stolen)
    _, _, third = sessions.rotate(second)
    with pytest.raises(Unauthorized):
        sessions.rotate(stolen)  # the owner, two generations late
    assert sessions.alive(opened.id) is None
    with pytest.raises(Unauthorized):
        sessions.rotate(third)


def test_knowing_the_session_id_revokes_nothing(sessions: SessionService) -> None:
    opened, refresh = sessions.open_api("dana")
    for guess in (opened.id, f"{opened.id}.x", "", ".", "x" * 10_000, "\ud800.x"):
        with pytest.raises(Unauthorized):
            sessions.rotate(guess)
        sessions.close_family(guess)
    assert sessions.alive(opened.id) is not None
    assert sessions.rotate(refresh)


def test_twenty_parallel_uses_leave_exactly_one_child(db: Database, sessions: SessionService) -> None:
    opened, refresh = sessions.open_api("dana")
    together = threading.Barrier(20)

    def use(_number: int) -> str | None:
        together.wait(10)
        try:
            return sessions.rotate(refresh)[2]
        except Unauthorized:
            return None

    with ThreadPoolExecutor(20) as pool:
        children = [child for child in pool.map(use, range(20)) if child is not None]
    assert len(children) == 1
    assert sessions.rotate(children[0])[0].id == opened.id
    assert len(rows(db)) == 1


def test_a_family_ends_after_seven_days_however_often_it_rotates(sessions: SessionService, clock: Clock) -> None:
    opened, refresh = sessions.open_api("dana")
    for _ in range(6):
        clock.pass_by(days=1)
        _, _, refresh = sessions.rotate(refresh)
    clock.pass_by(days=1)
    assert sessions.alive(opened.id) is None
    with pytest.raises(Unauthorized):
        sessions.rotate(refresh)


def test_a_disabled_user_rotates_nothing(db: Database, sessions: SessionService) -> None:
    opened, refresh = sessions.open_api("dana")
    disable(db, "dana")
    with pytest.raises(Unauthorized):
        sessions.rotate(refresh)
    assert [row.revoked for row in rows(db) if row.id == opened.id] == [True]


def test_signing_out_by_refresh_secret_ends_the_family(sessions: SessionService) -> None:
    opened, first = sessions.open_api("dana")
    _, _, second = sessions.rotate(first)
    sessions.close_family(second)
    assert sessions.alive(opened.id) is None
    with pytest.raises(Unauthorized):
        sessions.rotate(second)
