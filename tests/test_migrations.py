from __future__ import annotations

import asyncio
import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from filelock import FileLock
from sqlalchemy import inspect, text
from sqlmodel import SQLModel, select

from app import db as db_module
from app.db import Database
from app.errors import ConfigError
from app.main import build_services
from app.models import READY, AuditEvent, Chunk, Document, IndexGeneration, Stamp
from app.principal import local_operator
from app.services.shapes import SearchRequest
from tests.conftest import settings_in
from tests.indexes.test_knowledge import BM25
from tests.postgres import postgres_url

__all__ = ["postgres_url"]

PASSWORD = "three chords and the truth"


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'test.db'}"
        return
    given = request.getfixturevalue("postgres_url").replace("postgresql://", "postgresql+psycopg://")
    db = Database(given)
    assert tables(db) == set(), "DATABASE_URL_TEST must name an empty database: these tests drop what is in it"
    db.close()
    yield given
    empty(given)


def empty(url: str) -> None:
    db = Database(url)
    with db.engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    db.close()


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    made = Database(url)
    made.migrate()
    yield made
    made.close()


def tables(db: Database) -> set[str]:
    return set(inspect(db.engine).get_table_names())


def test_the_migrated_schema_is_the_one_of_the_models(db: Database) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    assert tables(db) == {*SQLModel.metadata.tables, "alembic_version"}


def test_migrating_again_changes_nothing(db: Database) -> None:
    with db.session() as session:
        session.add(Stamp(key="kept", value="1"))
    db.migrate()
    with db.reading() as session:
        assert session.get_one(Stamp, "kept").value == "1"


def test_every_revision_can_be_taken_back(db: Database) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(db_module.__file__).parent / "migrations"))
    with db.engine.connect() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert tables(db) == {"alembic_version"}
    db.migrate()
    assert tables(db) == {*SQLModel.metadata.tables, "alembic_version"}


@contextmanager
def another_start(url: str) -> Iterator[None]:
    """As another process that migrates this database now."""
    if url.startswith("sqlite"):
        with FileLock(f"{url.removeprefix('sqlite:///')}.migrate"):
            yield
        return
    db = Database(url)
    with db.engine.connect() as connection:
        connection.execute(text("SELECT pg_advisory_lock(7860)"))
        yield
        connection.execute(text("SELECT pg_advisory_unlock(7860)"))
    db.close()


def test_a_start_waits_for_another_that_migrates(url: str) -> None:
    db = Database(url)
    thread = threading.Thread(target=db.migrate)
    with another_start(url):
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        assert "users" not in tables(db)
    thread.join(20)
    assert {*SQLModel.metadata.tables, "alembic_version"} == tables(db)
    with another_start(url):  # the lock is free again
        pass
    db.close()


def test_a_database_of_a_newer_version_is_told_in_one_sentence(db: Database) -> None:
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'ffff'"))
    with pytest.raises(ConfigError, match="written by a newer version of this program; install that one"):
        db.migrate()
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    db.migrate()  # no lock was left behind


def test_numbered_rows_are_numbered_by_the_database(db: Database) -> None:
    with db.session() as session:
        rows = [AuditEvent(user_id="u", door="session", action="x") for _ in range(3)]
        session.add_all(rows)
    assert rows[0].id is not None
    assert [row.id for row in rows] == [rows[0].id, rows[0].id + 1, rows[0].id + 2]
    assert rows[0].at.tzinfo is not None
    with db.reading() as session:
        assert session.exec(select(AuditEvent)).all()[0].at == rows[0].at


def ask(services: Any, who: Any, query: str) -> list[str]:
    answer = asyncio.run(services.search.search(who, SearchRequest(query=query)))
    return [hit.document_id for hit in answer.hits]


def test_upload_ingestion_search_and_deletion_work_on_both(url: str, tmp_path: Path) -> None:
    settings = settings_in(tmp_path / "data", embeddings=[BM25], database={"url": url}, llm={"provider": "none"})
    services = build_services(settings, seed=False)
    try:
        while services.ingestion.back_fill():
            pass
        anna, ben = (local_operator(services.users.add(f"{name}@example.com", PASSWORD).id) for name in ("anna", "ben"))
        source = io.BytesIO(b"The commission of the manager is seventeen percent.")
        mine = services.documents.receive(anna, kb="personal", filename="deal.txt", source=source)
        again = services.documents.receive(
            anna, kb="personal", filename="copy.txt", source=io.BytesIO(source.getvalue())
        )
        assert again.id == mine.id
        services.ingestion.run_all()
        assert services.documents.get(anna, mine.id).status == READY
        assert ask(services, anna, "which commission does the manager get") == [mine.id]
        assert ask(services, ben, "which commission does the manager get") == []
        services.documents.delete(anna, mine.id)
        services.ingestion.run_all()
        assert ask(services, anna, "which commission does the manager get") == []
        with services.db.reading() as session:
            assert (session.exec(select(Chunk)).all(), session.exec(select(Document)).all()) == ([], [])
            assert {row.state for row in session.exec(select(IndexGeneration)).all()} == {"live"}
    finally:
        services.close()
