"""The database: one engine, one session maker, the one line that commits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from threading import Lock
from typing import Any

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlmodel import Session

from app.errors import ConfigError, Unavailable

BUSY_MILLISECONDS = 5000
CONNECT_SECONDS = 5  # longest wait for a PostgreSQL server; its library would wait two minutes
PURGE_SECONDS = 10  # longest wait for a moment without readers
MIGRATE_SECONDS = 120  # longest wait for another start that migrates


class Database:
    """SQLite (WAL, synchronous=FULL: an acknowledgement is a promise) or PostgreSQL behind one engine."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._writing = Lock()
        try:
            self.engine = _engine(url)
        except (ArgumentError, ImportError):  # ImportError: the driver of a third kind of database
            raise ConfigError(
                "The setting 'database.url' is no address of a SQLite or PostgreSQL database; "
                "write it like postgresql://user:password@host/name."
            ) from None

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A unit of work that takes the write lock at its start, and commits when the block ends without an exception."""
        with self._turn(), Session(self.engine, expire_on_commit=False) as session:
            if self.is_sqlite:
                session.connection(execution_options={"aim_write": True})
            yield session
            session.commit()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """One writer of this process at a time on SQLite, whose own waiting is no queue: after a lock of 2 s, one of eight
        threads found it taken for over 5 s. Whoever gets no turn in that time tries without.
        """
        mine = self.is_sqlite and self._writing.acquire(timeout=BUSY_MILLISECONDS / 1000)
        try:
            yield
        finally:
            if mine:
                self._writing.release()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A unit of work that only reads: on SQLite it never waits for a writer. Nothing is committed."""
        with Session(self.engine, expire_on_commit=False) as session:
            yield session

    def ping(self) -> None:
        """Raise `Unavailable` unless the database answers."""
        try:
            with self.engine.connect() as connection:
                connection.execute(text("SELECT 1"))
        except SQLAlchemyError:
            raise Unavailable("The database does not answer; check database.url and that the server runs.") from None

    def migrate(self) -> None:
        """Bring the schema to the newest revision; concurrent starts wait for each other."""
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
        try:
            with self.engine.connect() as connection, self._alone(connection):
                config.attributes["connection"] = connection
                command.upgrade(config, "head")
        except CommandError:
            raise ConfigError(
                "The database named by database.url was written by a newer version of this program; install that one."
            ) from None
        except (SQLAlchemyError, OSError) as error:
            raise ConfigError(
                "The database named by database.url cannot be opened or upgraded "
                f"({type(error).__name__}); check the address, the password and that the server runs."
            ) from None

    @contextmanager
    def _alone(self, connection: Connection) -> Iterator[None]:
        """Hold what every other start waits for: a file beside SQLite, an advisory lock of PostgreSQL."""
        if self.is_sqlite:
            file = self.engine.url.database
            with FileLock(f"{file}.migrate", timeout=MIGRATE_SECONDS) if file else nullcontext():
                yield
            return
        connection.execute(text("SELECT pg_advisory_lock(7860)"))
        connection.commit()
        try:
            yield
        finally:
            connection.rollback()
            connection.execute(text("SELECT pg_advisory_unlock(7860)"))
            connection.commit()

    def purge(self) -> bool:
        """Leave no byte of deleted rows in SQLite's files: what `secure_delete` zeroed is carried from the write-ahead log
        into the database, and the log is cut to nothing. False when others read or write all the while.

        On PostgreSQL nothing is done here: its autovacuum reuses the space of deleted rows.
        """
        if not self.is_sqlite:
            return True
        deadline = time.monotonic() + PURGE_SECONDS
        connection = self.engine.raw_connection()
        try:
            while True:
                cursor = connection.cursor()
                busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                cursor.close()
                if not busy or time.monotonic() > deadline:
                    return not busy
                time.sleep(0.05)
        finally:
            connection.close()

    def close(self) -> None:
        self.engine.dispose()


def _engine(url: str) -> Engine:
    if url.startswith("sqlite:"):
        engine = create_engine(url, connect_args={"check_same_thread": False, "timeout": BUSY_MILLISECONDS / 1000})
        _tune_sqlite(engine)
        return engine
    if not url.startswith("postgresql"):
        raise ArgumentError("neither of the two")
    timeout = {"connect_timeout": CONNECT_SECONDS}
    return create_engine(url, connect_args=timeout, pool_pre_ping=True, pool_size=10, max_overflow=20)


def _tune_sqlite(engine: Engine) -> None:
    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy emits BEGIN itself, below
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",
            f"busy_timeout={BUSY_MILLISECONDS}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def on_begin(connection: Any) -> None:
        write = connection.get_execution_options().get("aim_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")
