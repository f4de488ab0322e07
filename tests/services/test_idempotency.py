"""The table of keys: who claims, who waits, what ends after a day or a crash."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import select

from app.db import Database
from app.errors import Conflict
from app.models import IdempotencyKey, User, now
from app.principal import Principal, local_operator
from app.services.idempotency import Idempotency
from tests.at_once import together

ROUTE, KEY, REQUEST = "POST /documents", "key-1", "a" * 64


class Clock:
    def __init__(self) -> None:
        self.moment = now()

    def __call__(self) -> datetime:
        return self.moment


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'app.db'}")
    database.migrate()
    with database.session() as session:
        session.add_all(User(id=name, email=f"{name}@example.com", password_hash="-") for name in ("anna", "ben"))
    yield database
    database.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def keys(db: Database, clock: Clock) -> Idempotency:
    return Idempotency(db, clock)


ANNA, BEN = local_operator("anna"), local_operator("ben")


def code(keys: Idempotency, who: Principal = ANNA, request: str = REQUEST) -> tuple[str, int | None]:
    with pytest.raises(Conflict) as caught:
        keys.claim(who, ROUTE, KEY, request)
    return caught.value.code, caught.value.retry_after


def test_the_second_waits_and_then_gets_the_first_ones_answer(keys: Idempotency) -> None:
    claim = keys.claim(ANNA, ROUTE, KEY, REQUEST)
    assert code(keys) == ("in_progress", 2)
    keys.keep(claim, 202, {"id": "d"}, "d")
    again = keys.claim(ANNA, ROUTE, KEY, REQUEST)
    assert (again.status, again.body) == (202, {"id": "d"})


def test_a_key_belongs_to_its_user_route_and_request(keys: Idempotency) -> None:
    keys.keep(keys.claim(ANNA, ROUTE, KEY, REQUEST), 202, {}, "d")
    assert code(keys, request="b" * 64) == ("key_reused", None)
    assert keys.claim(BEN, ROUTE, KEY, REQUEST).status is None
    assert keys.claim(ANNA, "POST /messages", KEY, REQUEST).status is None
    assert keys.claim(ANNA, ROUTE, "key-2", REQUEST).status is None


def test_what_failed_may_be_tried_again(keys: Idempotency) -> None:
    keys.release(keys.claim(ANNA, ROUTE, KEY, REQUEST))
    assert keys.claim(ANNA, ROUTE, KEY, REQUEST).status is None


def test_a_day_later_everything_is_forgotten(keys: Idempotency, db: Database, clock: Clock) -> None:
    keys.keep(keys.claim(ANNA, ROUTE, KEY, REQUEST), 202, {}, "d")
    clock.moment += timedelta(hours=24)
    keys.claim(BEN, ROUTE, "other", REQUEST)
    with db.reading() as session:
        assert [row.user_id for row in session.exec(select(IdempotencyKey)).all()] == ["ben"]


def test_after_a_crash_another_takes_over_and_the_first_keeps_nothing(keys: Idempotency, clock: Clock) -> None:
    first = keys.claim(ANNA, ROUTE, KEY, REQUEST)
    clock.moment += timedelta(minutes=4)
    assert code(keys)[0] == "in_progress"
    clock.moment += timedelta(minutes=1)
    second = keys.claim(ANNA, ROUTE, KEY, REQUEST)
    keys.keep(first, 202, {"by": "first"}, "d")
    keys.keep(second, 202, {"by": "second"}, "d")
    assert keys.claim(ANNA, ROUTE, KEY, REQUEST).body == {"by": "second"}


def test_of_many_at_once_one_claims(keys: Idempotency) -> None:
    def claim(_: int) -> str:
        try:
            keys.claim(ANNA, ROUTE, KEY, REQUEST)
        except Conflict as error:
            return error.code
        return "claimed"

    assert sorted(together(claim, 8)) == ["claimed"] + ["in_progress"] * 7


def test_keys_go_with_their_user(keys: Idempotency, db: Database) -> None:
    keys.claim(ANNA, ROUTE, KEY, REQUEST)
    with db.session() as session:
        session.delete(session.get_one(User, "anna"))
    with db.reading() as session:
        assert session.exec(select(IdempotencyKey)).all() == []
