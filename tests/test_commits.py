from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session, select

from app import db as db_module
from app.db import Database
from app.log import request_id
from app.models import Stamp


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    database.migrate()
    yield database
    database.close()


def stamp(key: str) -> Callable[[Session], str]:
    def work(session: Session) -> str:
        session.add(Stamp(key=key, value="1"))
        return key

    return work


def keys(db: Database) -> list[str]:
    with db.reading() as session:
        return sorted(session.exec(select(Stamp.key)).all())


def commits(db: Database) -> list[None]:
    seen: list[None] = []
    event.listen(db.engine, "commit", lambda _connection: seen.append(None))
    return seen


def held_up(db: Database, works: list[Callable[[Session], object]]) -> list[object]:
    """What becomes of each when all of them wait for one writer."""
    with ThreadPoolExecutor(len(works)) as pool:
        with db.session():
            futures = [pool.submit(db.together, work) for work in works]
            assert db._shared is not None
            while len(db._shared._waiting) < len(works):
                threading.Event().wait(0.01)
        return [future.exception(10) or future.result() for future in futures]


def test_units_that_wait_share_one_commit(db: Database) -> None:
    seen = commits(db)
    names = [f"k{number:02}" for number in range(20)]
    assert held_up(db, [stamp(name) for name in names]) == names
    assert keys(db) == names
    assert len(seen) == 2, "the one they waited for, and theirs"


def test_alone_a_unit_is_written_when_its_call_returns(db: Database, tmp_path: Path) -> None:
    assert db.together(stamp("a")) == "a"
    other = Database(f"sqlite:///{tmp_path / 'test.db'}")
    assert keys(other) == ["a"]
    other.close()


def test_what_one_raises_undoes_it_alone(db: Database) -> None:
    def fails(session: Session) -> None:
        session.add(Stamp(key="half", value="1"))
        session.flush()
        raise ValueError("mine")

    db.together(stamp("there"))
    one, two, three, four = held_up(db, [stamp("a"), fails, stamp("there"), stamp("b")])
    assert (one, four) == ("a", "b")
    assert isinstance(two, ValueError)
    assert isinstance(three, IntegrityError)
    assert keys(db) == ["a", "b", "there"]


def test_units_that_wait_need_no_savepoints_while_nothing_goes_wrong(db: Database) -> None:
    said: list[str] = []
    event.listen(db.engine, "savepoint", lambda _connection, name: said.append(name))
    held_up(db, [stamp("a"), stamp("b")])
    assert said == []


def test_where_the_database_fails_each_is_tried_alone_and_none_is_said_to_be_written_that_is_not(db: Database) -> None:
    tries: list[int] = []

    def full(session: Session) -> None:
        """SQLite undoes the whole transaction when its disk is full, whatever savepoints it holds."""
        tries.append(1)
        session.connection().exec_driver_sql("ROLLBACK")
        raise OperationalError("INSERT", None, Exception("database or disk is full"))

    one, two, three = held_up(db, [stamp("a"), full, stamp("b")])
    assert (one, three) == ("a", "b")
    assert isinstance(two, OperationalError)
    assert keys(db) == ["a", "b"]
    assert len(tries) == 2


def test_each_works_in_the_context_of_who_asked(db: Database) -> None:
    def ask(name: str) -> str:
        request_id.set(name)
        return db.together(lambda _session: request_id.get())

    with ThreadPoolExecutor(8) as pool:
        with db.session():
            futures = [pool.submit(ask, f"r{number}") for number in range(8)]
            threading.Event().wait(0.1)
        assert [future.result(10) for future in futures] == [f"r{number}" for number in range(8)]


def test_rows_of_one_are_not_those_of_the_next(db: Database) -> None:
    db.together(stamp("a"))

    def change(session: Session) -> str:
        row = session.get_one(Stamp, "a")
        row.value = str(int(row.value) + 1)
        session.add(row)
        session.flush()
        return row.value

    assert sorted(str(value) for value in held_up(db, [change] * 5)) == ["2", "3", "4", "5", "6"]


def test_many_writers_lose_nothing(db: Database) -> None:
    names = [f"k{number:03}" for number in range(300)]
    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(lambda name: db.together(stamp(name)), names)) == names
    assert keys(db) == names


def test_whoever_waits_too_long_is_told_and_the_next_one_is_served(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db_module, "TURN_SECONDS", 0.2)
    with db.session(), ThreadPoolExecutor(3) as pool:
        futures = [pool.submit(db.together, stamp(f"late{number}")) for number in range(3)]
        assert all(isinstance(future.exception(5), OperationalError) for future in futures)
    assert db.together(stamp("next")) == "next"
    assert keys(db) == ["next"]
