"""The database: one engine, one session maker, the one line that commits."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import ArgumentError, IntegrityError, OperationalError, SQLAlchemyError
from sqlmodel import Session

from app.commits import SharedCommits
from app.errors import AppError, ConfigError, Unavailable

T = TypeVar("T")
BUSY_MILLISECONDS = 5000
TURN_SECONDS = 10  # longest wait for other writers of this process
KEPT_CONNECTIONS = 32  # of SQLite; each one more that is opened reads the schema and prepares every statement anew
CONNECT_SECONDS = 5  # longest wait for a PostgreSQL server; its library would wait two minutes
PURGE_SECONDS = 10.0  # longest wait for a moment without readers
PURGE_BUSY_MILLISECONDS = 100  # of it at one stretch, while writers wait too
MIGRATE_SECONDS = 120  # longest wait for another start that migrates
# What may end a sign-in or change whose it is; noting that one was used does neither.
_SIGN_INS = re.compile(
    r"\s*(DELETE FROM (login_sessions|users)\b|UPDATE users\b"
    r"|UPDATE login_sessions SET (?!last_seen=\S+, expires=\S+ WHERE))", re.IGNORECASE,
)  # fmt: skip


class Database:
    """SQLite (WAL, synchronous=FULL: an acknowledgement is a promise) or PostgreSQL behind one engine.

    `sign_ins` counts what this process did to sign-ins and users: who remembers one asks whether it is still the same.
    `deleted` is set by every statement that deletes rows of SQLite: what they held is in its files until the next `purge`.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._turn = threading.Lock()
        self.deleted = threading.Event()
        self._look = threading.local()  # the session that this thread's reads share, where it is `looking`
        self._shared = SharedCommits(self._writing, self._begun) if self.is_sqlite else None
        self.sign_ins = 0
        try:
            self.engine = _engine(url)
        except (ArgumentError, ImportError):  # ImportError: the driver of a third kind of database
            raise ConfigError(
                "The setting 'database.url' is no address of a SQLite or PostgreSQL database; "
                "write it like postgresql://user:password@host/name."
            ) from None
        event.listen(self.engine, "before_cursor_execute", _refuse_nul)
        event.listen(self.engine, "after_cursor_execute", self._count_sign_ins)
        if self.is_sqlite:
            _watch_deletions(self.engine, self.deleted)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """A unit of work that takes the write lock at its start, and commits when the block ends without an exception."""
        self._look_again()
        with self._writing(), self._begun() as session:
            before = self.sign_ins
            yield session
            session.commit()
            if self.sign_ins != before:  # whoever read between the statement and its commit still saw what was
                self.sign_ins += 1

    def _count_sign_ins(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if _SIGN_INS.match(statement):
            self.sign_ins += 1

    def _begun(self) -> Session:
        session = Session(self.engine, expire_on_commit=False)
        if self.is_sqlite:
            try:
                session.connection(execution_options={"aim_write": True})
            except BaseException:  # also an interrupt: the connection goes back
                session.close()
                raise
        return session

    def together(self, work: Callable[[Session], T]) -> T:
        """`work(session)` as a unit of work that is committed when this returns; on SQLite in one transaction with those of
        other threads that wait to write. `work` makes what it adds itself: it may be called again.
        """
        self._look_again()
        if self._shared is not None:
            before = self.sign_ins
            try:
                return self._shared.run(work, TURN_SECONDS)
            finally:
                self.sign_ins += self.sign_ins != before
        with self.session() as session:
            return work(session)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """On SQLite the writers of this process take turns. Its own waiting is a lottery: of 16 threads that write at once
        some wait past the busy time (9 s measured, where turns take 2 s at most)."""
        if not self.is_sqlite:
            yield
            return
        if not self._turn.acquire(timeout=TURN_SECONDS):
            raise OperationalError("BEGIN IMMEDIATE", None, TimeoutError("another thread writes"))
        try:
            yield
        finally:
            self._turn.release()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A unit of work that only reads: on SQLite it never waits for a writer. Nothing is committed."""
        shared = getattr(self._look, "session", None)
        if shared is None:
            with Session(self.engine, expire_on_commit=False) as session:
                yield session
            return
        try:
            yield shared
        except BaseException:  # PostgreSQL takes no further statement in a transaction that failed
            self._look_again()
            raise

    @contextmanager
    def looking(self) -> Iterator[None]:
        """What this thread reads within the block is one unit of work: of one moment, and cheaper than many (a question
        through the page began 26 transactions). Whatever it writes meanwhile ends the unit, and later reads see it.
        """
        if getattr(self._look, "session", None) is not None:
            yield
            return
        with _Look(self.engine, expire_on_commit=False, autoflush=False) as session:
            self._look.session = session
            try:
                yield
            finally:
                self._look.session = None

    def _look_again(self) -> None:
        if (shared := getattr(self._look, "session", None)) is not None:
            shared.close()  # it begins anew with the next read; what was read stays readable
            shared.info.clear()

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

    def purge(self, seconds: float = PURGE_SECONDS) -> bool:
        """Leave no byte of deleted rows in SQLite's files: what `secure_delete` zeroed is carried from the write-ahead log
        into the database, and the log is cut to nothing. False when others read or write all the while. Most is copied beside
        the writers; the cut itself holds them up for `PURGE_BUSY_MILLISECONDS` at a time.

        On PostgreSQL nothing is done here: its autovacuum reuses the space of deleted rows.
        """
        if not self.is_sqlite:
            return True
        deadline = time.monotonic() + seconds
        connection = self.engine.raw_connection()
        cursor = connection.cursor()
        try:
            cursor.execute(f"PRAGMA busy_timeout={PURGE_BUSY_MILLISECONDS}")
            while True:
                cursor.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
                busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                if not busy or time.monotonic() > deadline:
                    return not busy
                time.sleep(0.05)
        finally:
            cursor.execute(f"PRAGMA busy_timeout={BUSY_MILLISECONDS}")
            cursor.close()
            connection.close()

    def close(self) -> None:
        self.engine.dispose()


class _Look(Session):
    """Holds every row that it read: one that is asked for again by its key is read once."""


@event.listens_for(_Look, "loaded_as_persistent")
def _hold(session: _Look, row: Any) -> None:
    session.info.setdefault("held", []).append(row)


def _engine(url: str) -> Engine:
    if url.startswith("sqlite:"):
        arguments = {"check_same_thread": False, "timeout": BUSY_MILLISECONDS / 1000}
        engine = create_engine(url, connect_args=arguments, pool_size=KEPT_CONNECTIONS, pool_use_lifo=True)
        _tune_sqlite(engine)
        return engine
    if not url.startswith("postgresql"):
        raise ArgumentError("neither of the two")
    timeout = {"connect_timeout": CONNECT_SECONDS}
    return create_engine(url, connect_args=timeout, pool_pre_ping=True, pool_size=10, max_overflow=20)


def overtaken(error: IntegrityError) -> bool:
    """Whether a row was refused because what it belongs to was deleted meanwhile; any other reason is a bug."""
    return "foreign key" in str(error.orig).lower()


def _refuse_nul(_connection: Any, _cursor: Any, _statement: str, values: Any, *_: Any) -> None:
    """PostgreSQL has no NUL in its texts and raises; SQLite keeps it and cuts texts there in some functions. Neither is
    sent one, to keep or to look for, whatever door it came in by."""
    for row in values if isinstance(values, list) else [values]:
        for value in row.values() if isinstance(row, dict) else row:
            if isinstance(value, str) and "\0" in value:
                raise AppError("A text holds a NUL character; take it out and send it again.", status=422, code="nul")


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


def _watch_deletions(engine: Engine, deleted: threading.Event) -> None:
    """Set the event before the rows' transaction ends: until then a purge finds the write lock held, and is tried again."""

    @event.listens_for(engine, "after_cursor_execute")
    def after_execute(_: Any, cursor: Any, statement: str, *__: Any) -> None:
        if statement.lstrip()[:6].upper() == "DELETE" and cursor.rowcount > 0:
            deleted.set()
