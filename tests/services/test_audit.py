from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from app.db import Database
from app.log import request_id
from app.models import AuditEvent
from app.principal import Principal, authenticated, local_operator, system
from app.services.audit import AuditLog

LENA = authenticated("lena", "user", "token", "s")
READS = [{"document_id": "d", "chunk_ids": ["c1", "c2"]}]


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'app.db'}")
    database.migrate()
    yield database
    database.close()


def rows(db: Database) -> list[AuditEvent]:
    with db.reading() as session:
        return list(session.exec(select(AuditEvent)).all())


def test_a_row_says_who_read_what_for_which_question(db: Database) -> None:
    audit = AuditLog(b"key")
    token = request_id.set("a-request")
    try:
        with db.session() as session:
            audit.record(session, LENA, "chat.read", object_id="trace", question="My advance?", reads=READS)
    finally:
        request_id.reset(token)
    [row] = rows(db)
    assert (row.user_id, row.door, row.action, row.outcome) == ("lena", "token", "chat.read", "granted")
    assert (row.object_id, row.reads, row.request_id) == ("trace", READS, "a-request")
    assert row.question_digest == audit.digest("My advance?")
    assert row.at is not None
    assert "advance" not in str(row.model_dump())


@pytest.mark.parametrize(
    ("principal", "user_id", "door"),
    [
        (None, "anonymous", "anonymous"),
        (local_operator("lena"), "lena", "operator"),
        (system("seed"), "system:seed", "system"),
    ],
)
def test_every_door_is_named(db: Database, principal: Principal | None, user_id: str, door: str) -> None:
    with db.session() as session:
        AuditLog(b"key").record(session, principal, "search", outcome="refused")
    [row] = rows(db)
    assert (row.user_id, row.door, row.outcome, row.question_digest) == (user_id, door, "refused", None)


def test_without_its_transaction_there_is_no_row(db: Database) -> None:
    """And the other way round: what the caller did is not kept without the row."""

    def interrupted() -> None:
        with db.session() as session:
            AuditLog(b"key").record(session, LENA, "document.delete")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert rows(db) == []


def test_a_digest_is_keyed() -> None:
    one, other = AuditLog(b"key"), AuditLog(b"other key")
    assert one.digest("My advance?") == AuditLog(b"key").digest("My advance?")
    assert one.digest("My advance?") != one.digest("My advance")
    assert one.digest("My advance?") != other.digest("My advance?"), "no dictionary of questions opens it"
    assert len(one.digest("Grüße 🎵")) == 64
