from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import delete, event, text
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlmodel import Session, col, select

from app import db as db_module
from app.config import ROOT, child_environment
from app.db import BUSY_MILLISECONDS, Database
from app.errors import ConfigError, Unavailable
from app.models import Artist, Stamp, new_id


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'test.db'}")
    database.migrate()
    yield database
    database.close()


def keys(db: Database) -> list[str]:
    with db.reading() as session:
        return sorted(row.key for row in session.exec(select(Stamp)).all())


def add(db: Database, key: str) -> None:
    with db.session() as session:
        session.add(Stamp(key=key, value="1"))


def test_every_connection_is_durable_and_checks_its_keys(db: Database) -> None:
    expected = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1, "busy_timeout": 5000}
    with db.engine.connect() as one, db.engine.connect() as two:
        for connection in (one, two):
            told = {name: connection.execute(text(f"PRAGMA {name}")).scalar_one() for name in expected}
            assert told == expected


def test_a_unit_of_work_is_committed_at_its_end(db: Database) -> None:
    add(db, "a")
    assert keys(db) == ["a"]


def test_an_exception_undoes_the_whole_unit(db: Database) -> None:
    def fail() -> None:
        with db.session() as session:
            session.add(Stamp(key="a", value="1"))
            session.flush()
            raise RuntimeError

    def break_a_foreign_key() -> None:
        with db.session() as session:
            session.add(Stamp(key="a", value="1"))
            session.flush()
            session.add(Artist(user_id="nobody", name="x"))

    for work, error in ((fail, RuntimeError), (break_a_foreign_key, IntegrityError)):
        with pytest.raises(error):
            work()
        assert keys(db) == []
    add(db, "b")


def test_rows_stay_readable_after_their_unit(db: Database) -> None:
    with db.session() as session:
        row = Stamp(key="a", value="1")
        session.add(row)
    assert row.value == "1"


def test_reading_commits_nothing(db: Database) -> None:
    with db.reading() as session:
        session.add(Stamp(key="a", value="1"))
        session.flush()
    assert keys(db) == []


def test_a_unit_of_work_holds_the_write_lock_from_its_first_moment(db: Database, tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "test.db", timeout=0)
    with db.session() as session:
        session.exec(select(Stamp)).all()  # only reads, so far
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.rollback()
    other.close()


def test_two_writers_that_read_first_do_not_lose_an_update(db: Database) -> None:
    """With a plain BEGIN both would read 0; one would then fail or overwrite the other."""
    add(db, "n")

    def count() -> None:
        for _ in range(20):
            with db.session() as session:
                row = session.get_one(Stamp, "n")
                row.value = str(int(row.value) + 1)

    threads = [threading.Thread(target=count) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with db.reading() as session:
        assert session.get_one(Stamp, "n").value == "61"


def test_a_second_writer_waits_and_a_reader_does_not(db: Database) -> None:
    writing, done = threading.Event(), threading.Event()

    def write_slowly() -> None:
        with db.session() as session:
            session.add(Stamp(key="slow", value="1"))
            session.flush()
            writing.set()
            done.wait(10)

    thread = threading.Thread(target=write_slowly)
    thread.start()
    assert writing.wait(10)
    start = time.monotonic()
    assert keys(db) == [], "what is not committed is not seen"
    assert time.monotonic() - start < 1
    threading.Timer(0.4, done.set).start()
    add(db, "second")
    assert time.monotonic() - start > 0.35
    thread.join(10)
    assert keys(db) == ["second", "slow"]


def test_writers_of_one_process_take_turns_and_none_waits_for_ever(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db_module, "TURN_SECONDS", 0.2)
    with db.session(), pytest.raises(OperationalError, match="another thread"):
        add(db, "a")
    add(db, "b")
    assert keys(db) == ["b"]


def test_a_writer_gives_up_after_the_busy_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db_module, "BUSY_MILLISECONDS", 200)
    db = Database(f"sqlite:///{tmp_path / 'test.db'}")
    db.migrate()
    other = sqlite3.connect(tmp_path / "test.db")
    other.execute("BEGIN IMMEDIATE")
    start = time.monotonic()
    with pytest.raises(OperationalError, match="locked"):
        add(db, "a")
    assert 0.15 < time.monotonic() - start < 2
    other.rollback()
    add(db, "a")
    other.close()
    db.close()


def test_deleted_text_is_not_left_in_the_file(db: Database, tmp_path: Path) -> None:
    with db.session() as session:
        session.add(Stamp(key="a", value="canary-" * 400))
    with db.session() as session:
        session.delete(session.get_one(Stamp, "a"))
    db.close()
    raw = sqlite3.connect(tmp_path / "test.db")
    raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw.close()
    assert b"canary-canary" not in (tmp_path / "test.db").read_bytes()


def test_only_rows_that_were_deleted_call_for_a_purge(db: Database) -> None:
    add(db, "a")
    with db.session() as session:
        session.execute(delete(Stamp).where(col(Stamp.key) == "nobody's"))
    assert not db.deleted.is_set()
    with db.session() as session:
        session.delete(session.get_one(Stamp, "a"))
    assert db.deleted.is_set()


def test_a_purge_waits_for_readers_no_longer_than_told_and_lets_writers_pass(db: Database, tmp_path: Path) -> None:
    add(db, "a")
    with db.reading() as session:
        assert session.exec(select(Stamp)).all()
        add(db, "b")
        purging = threading.Thread(target=db.purge, args=(1.5,))
        purging.start()
        longest = 0.0
        while purging.is_alive():
            start = time.monotonic()
            add(db, new_id())
            longest = max(longest, time.monotonic() - start)
        assert longest < 1, "a writer waits for one stretch of the purge, not for the reader"
        assert not db.purge(0.0)
    assert (tmp_path / "test.db-wal").stat().st_size > 0
    assert db.purge(5.0)
    assert (tmp_path / "test.db-wal").stat().st_size == 0
    with db.engine.connect() as connection:
        assert connection.exec_driver_sql("PRAGMA busy_timeout").scalar() == BUSY_MILLISECONDS


def test_a_killed_process_loses_nothing_it_had_committed(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from app.db import Database; from app.models import Stamp\n"
        "db = Database('sqlite:///' + sys.argv[1]); db.migrate()\n"
        "with db.session() as session: session.add(Stamp(key='kept', value='1'))\n"
        "with db.session() as session:\n"
        "    session.add(Stamp(key='lost', value='1')); session.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "test.db")]
    assert subprocess.run(command, cwd=ROOT, env=child_environment(), check=False, timeout=60).returncode == -9
    db = Database(f"sqlite:///{tmp_path / 'test.db'}")
    assert keys(db) == ["kept"]
    db.close()


# Addresses


@pytest.mark.parametrize(
    "url", ["nonsense", "", "mysql://u:p@h/n", "oracle://h", "postgresql+nodriver://h/n", "http://h"]
)
def test_an_address_of_no_known_database_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError, match=r"'database.url' is no address of a SQLite or PostgreSQL database"):
        Database(url)


def test_a_database_that_does_not_answer_is_told_in_one_sentence(tmp_path: Path) -> None:
    db = Database("postgresql+psycopg://u:secret@127.0.0.1:9/n")
    with pytest.raises(
        Unavailable, match="^The database does not answer; check database.url and that the server runs.$"
    ):
        db.ping()
    with pytest.raises(ConfigError, match="cannot be opened or upgraded") as caught:
        db.migrate()
    assert "secret" not in caught.value.sentence
    db.close()
    (tmp_path / "file").write_text("x" * 5000)
    for path in (tmp_path / "file" / "test.db", tmp_path / "file"):  # no folder; no database
        broken = Database(f"sqlite:///{path}")
        with pytest.raises(ConfigError, match="cannot be opened or upgraded"):
            broken.migrate()
        broken.close()


def test_a_silent_postgresql_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(db_module, "CONNECT_SECONDS", 2)  # the least that libpq takes
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        db = Database(f"postgresql+psycopg://u:p@127.0.0.1:{listener.getsockname()[1]}/n")
        start = time.monotonic()
        with pytest.raises(Unavailable):
            db.ping()
        assert time.monotonic() - start < 4
        db.close()


def test_ping_answers(db: Database) -> None:
    db.ping()


def test_reads_of_one_look_are_of_one_moment_until_this_thread_writes(db: Database) -> None:
    with db.looking():
        assert keys(db) == []
        other = threading.Thread(target=add, args=(db, "theirs"))
        other.start()
        other.join()
        assert keys(db) == []
        add(db, "mine")
        assert keys(db) == ["mine", "theirs"]
        db.together(lambda session: session.add(Stamp(key="more", value="1")))
        assert keys(db) == ["mine", "more", "theirs"]
    add(db, "later")
    assert keys(db) == ["later", "mine", "more", "theirs"]


def test_what_was_read_in_a_look_stays_readable(db: Database) -> None:
    add(db, "a")
    with db.looking():
        with db.looking(), db.reading() as session:
            row = session.get_one(Stamp, "a")
        with db.reading() as session:
            assert session.get_one(Stamp, "a") is row
        add(db, "b")
        assert (row.key, row.value) == ("a", "1")
    assert row.value == "1"


def test_a_read_that_fails_does_not_spoil_the_look(db: Database) -> None:
    with db.looking():
        with pytest.raises(OperationalError), db.reading() as session:
            session.execute(text("SELECT nothing FROM nowhere"))
        assert keys(db) == []


def test_a_row_that_a_look_asks_for_again_is_read_once_until_this_thread_writes(db: Database) -> None:
    def value() -> str:
        with db.reading() as session:
            return session.get_one(Stamp, "a").value

    def change(session: Session) -> None:
        session.get_one(Stamp, "a").value = "2"

    add(db, "a")
    read: list[str] = []
    event.listen(db.engine, "before_cursor_execute", lambda *said: read.append(said[2]))
    with db.looking():
        assert (value(), value()) == ("1", "1")
        assert len([one for one in read if one.startswith("SELECT")]) == 1
        db.together(change)
        assert value() == "2"
