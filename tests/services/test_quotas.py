"""Quotas: never more documents or bytes than allowed, also when uploads race at the edge; places for answers."""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from sqlmodel import select

from app.config import IngestionSettings, QuotaSettings
from app.db import Database
from app.errors import AppError, Conflict, TooMany, Unavailable
from app.models import Document, User
from app.principal import Principal, local_operator
from app.services.admission import Admission
from app.services.audit import AuditLog
from app.services.documents import DocumentService


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'app.db'}")
    database.migrate()
    yield database
    database.close()


def somebody(db: Database, name: str = "anna", role: str = "user") -> Principal:
    user = User(email=f"{name}@example.com", password_hash="-", role=role)
    with db.session() as session:
        session.add(user)
    return local_operator(user.id, "admin" if role == "admin" else "user")


def desk(db: Database, folder: Path, **quotas: int) -> DocumentService:
    settings = QuotaSettings(**quotas)
    return DocumentService(db, AuditLog(b"k"), IngestionSettings(), folder, quotas=settings)


def put(documents: DocumentService, who: Principal, text: str, kb: str = "personal") -> str:
    source = io.BytesIO(text.encode())
    return documents.receive(who, kb=kb, filename="a.txt", source=source).id  # type: ignore[arg-type]


def refusal(documents: DocumentService, who: Principal, text: str) -> str:
    with pytest.raises(Conflict) as caught:
        put(documents, who, text)
    assert (caught.value.status, caught.value.code) == (409, "quota")
    return caught.value.sentence


def on_disk(folder: Path) -> int:
    return len(list((folder / "uploads").iterdir()))


def test_one_document_too_many_is_refused_and_leaves_nothing(db: Database, tmp_path: Path) -> None:
    documents, anna, ben = desk(db, tmp_path, documents=2), somebody(db), somebody(db, "ben")
    first = put(documents, anna, "one")
    put(documents, anna, "two")
    assert refusal(documents, anna, "three").startswith("You keep 2 documents")
    assert on_disk(tmp_path) == 2
    put(documents, ben, "three")
    documents.delete(anna, first)
    put(documents, anna, "three")


def test_one_byte_too_many_is_refused(db: Database, tmp_path: Path) -> None:
    documents, anna = desk(db, tmp_path, bytes=10), somebody(db)
    put(documents, anna, "123456")
    assert "does not fit" in refusal(documents, anna, "12345")
    assert on_disk(tmp_path) == 1
    put(documents, anna, "1234")


def test_the_industrys_documents_have_no_quota(db: Database, tmp_path: Path) -> None:
    documents, admin = desk(db, tmp_path, documents=1), somebody(db, role="admin")
    for text in ("one", "two"):
        put(documents, admin, text, "global")
    put(documents, admin, "mine")


@pytest.mark.parametrize("quota", [{"documents": 3}, {"bytes": 3 * len("text 0")}])
def test_uploads_that_race_at_the_edge_never_pass_it(db: Database, tmp_path: Path, quota: dict[str, int]) -> None:
    documents, anna, start, told = desk(db, tmp_path, **quota), somebody(db), threading.Barrier(8), []

    def upload(number: int) -> None:
        start.wait()
        try:
            put(documents, anna, f"text {number}")
        except AppError as error:
            told.append(error.code)

    threads = [threading.Thread(target=upload, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with db.reading() as session:
        assert len(session.exec(select(Document)).all()) == 3
    assert told == ["quota"] * 5
    assert on_disk(tmp_path) == 3


def test_places_for_answers_are_counted_and_given_back() -> None:
    admission = Admission(QuotaSettings(concurrent_answers=2, all_answers=3))
    anna, ben = local_operator("anna"), local_operator("ben")
    with ExitStack() as stack:
        stack.enter_context(admission.place(anna))
        stack.enter_context(admission.place(anna))
        with pytest.raises(TooMany, match="2 answers") as caught, admission.place(anna):
            pass
        assert (caught.value.status, caught.value.code, caught.value.retry_after) == (429, "too_many_answers", 5)
        stack.enter_context(admission.place(ben))
        with pytest.raises(Unavailable, match="Everybody") as full, admission.place(ben):
            pass
        assert (full.value.status, full.value.code, full.value.retry_after) == (503, "busy", 5)
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(admission.place(anna))
