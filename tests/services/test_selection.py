"""Search, filters and totals on PostgreSQL as well: its capitals, its grouping and its moments are its own."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.config import IngestionSettings
from app.db import Database
from app.models import FAILED, READY, Document, User
from app.principal import local_operator
from app.services.audit import AuditLog
from app.services.documents import DocumentService
from tests.postgres import postgres_url

__all__ = ["postgres_url"]


@pytest.fixture
def db(postgres_url: str) -> Iterator[Database]:
    database = Database(postgres_url)
    database.migrate()
    yield database
    database.close()


def test_search_filters_and_totals_on_postgresql(db: Database, tmp_path: Path) -> None:
    user = User(email="anna@example.com", password_hash="-")
    with db.session() as session:
        session.add(user)
    documents, anna = DocumentService(db, AuditLog(b"k" * 32), IngestionSettings(), tmp_path), local_operator(user.id)
    kept = {
        name: documents.receive(anna, kb="personal", filename=name, source=io.BytesIO(name.encode()))
        for name in ("Ébène live.txt", "Budget.csv", "Broken.pdf")
    }
    with db.session() as session:
        session.get_one(Document, kept["Ébène live.txt"].id).status = READY
        session.get_one(Document, kept["Broken.pdf"].id).status = FAILED
    documents.replace(anna, kept["Ébène live.txt"].id, filename="Newer.md", source=io.BytesIO(b"newer"))
    asked: dict[str, dict[str, object]] = {
        "Ébène live": {"q": "ÉBÈNE", "status": "reading", "kind": "text", "artist_id": "none", "standing": "none"},
        "Budget": {"q": "budget.csv", "kind": "table"},
        "Broken": {"status": "failed", "since": kept["Broken.pdf"].updated},
    }
    for title, wanted in asked.items():
        found = documents.list(anna, kb="personal", **wanted).items  # type: ignore[arg-type]
        assert [one.title for one in found] == [title]
    told = documents.totals(anna)
    assert (told.documents, told.ready, told.reading, told.failed) == (3, 0, 2, 1)
