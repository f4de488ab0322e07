from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from sqlmodel import col, select

from app.config import SEED_DIR, IngestionSettings
from app.db import Database
from app.models import DELETING, STORED, Document
from app.principal import system
from app.services.audit import AuditLog
from app.services.documents import DocumentService
from app.services.seed import load_seed


@dataclass
class Place:
    db: Database
    documents: DocumentService
    folder: Path

    def load(self) -> int:
        return load_seed(self.db, self.documents, self.folder)

    def write(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    def rows(self, filename: str = "%") -> list[Document]:
        with self.db.reading() as session:
            query = select(Document).where(col(Document.filename).like(filename))
            return list(session.exec(query.order_by(col(Document.created))).all())


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    database = Database(f"sqlite:///{tmp_path / 'app.db'}")
    database.migrate()
    (folder := tmp_path / "seed").mkdir()
    documents = DocumentService(database, AuditLog(b"key"), IngestionSettings(), tmp_path)
    made = Place(database, documents, folder)
    made.write("royalties.md", "# Royalties and statements\n\nMechanical royalties are paid per copy.\n")
    made.write("split-sheets.md", "Splits are agreed on the day of the session.\n")
    yield made
    database.close()


def test_every_markdown_file_is_queued_for_everybody(place: Place) -> None:
    place.write("notes.txt", "not of the seed")
    assert place.load() == 2
    rows = {row.filename: row for row in place.rows()}
    assert set(rows) == {"royalties.md", "split-sheets.md"}
    assert {(row.kb, row.user_id, row.status) for row in rows.values()} == {("global", None, STORED)}
    assert rows["royalties.md"].title == "Royalties and statements"
    assert rows["split-sheets.md"].title == "Split sheets", "from the file's name where it has no heading"


def test_a_second_start_loads_nothing(place: Place) -> None:
    place.load()
    before = [row.id for row in place.rows()]
    assert place.load() == 0
    assert [row.id for row in place.rows()] == before


def test_a_changed_file_takes_the_place_of_the_old_one(place: Place) -> None:
    place.load()
    [old] = place.rows("royalties.md")
    [other] = place.rows("split-sheets.md")
    place.write("royalties.md", "# Royalties\n\nNow they are paid per stream.\n")
    assert place.load() == 1
    replaced, new = place.rows("royalties.md")
    assert (replaced.id, replaced.status) == (old.id, DELETING)
    assert (new.status, new.title) == (STORED, "Royalties")
    assert [row.status for row in place.rows("split-sheets.md")] == [other.status]


def test_a_new_file_is_added(place: Place) -> None:
    place.load()
    place.write("touring.md", "# Touring\n\nA rider lists what the stage needs.\n")
    assert place.load() == 1
    assert len(place.rows()) == 3


def test_what_an_admin_deleted_stays_deleted_until_its_file_changes(place: Place) -> None:
    place.load()
    [row] = place.rows("royalties.md")
    place.documents.delete(system("admin"), row.id)
    assert place.load() == 0
    place.write("royalties.md", "# Royalties\n\nNow they are paid per stream.\n")
    assert place.load() == 1


def test_an_admins_own_file_of_the_same_name_stays(place: Place) -> None:
    place.load()
    source = io.BytesIO(b"# Our own royalties guide\n\nRead this first.\n")
    own = place.documents.receive(system("admin"), kb="global", filename="royalties.md", source=source)
    place.write("royalties.md", "# Royalties\n\nNow they are paid per stream.\n")
    place.load()
    assert place.documents.get(system("admin"), own.id).status == STORED


def test_a_crash_before_the_file_was_stamped_loads_it_once(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same bytes are the same document: the next start finds it and stamps it."""
    from app.services import seed

    def crash(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(seed, "Stamp", crash)
        with pytest.raises(KeyboardInterrupt):
            place.load()
    assert place.load() >= 1
    assert sorted(row.filename for row in place.rows()) == ["royalties.md", "split-sheets.md"]
    assert {row.status for row in place.rows()} == {STORED}


def test_the_shipped_seed_can_be_loaded(place: Place) -> None:
    place.folder = SEED_DIR
    files = list(SEED_DIR.glob("*.md"))
    assert len(files) >= 10
    assert place.load() == len(files)
    rows = place.rows()
    assert len({row.sha256 for row in rows}) == len(files)
    assert all(row.title and not row.title.startswith("#") for row in rows)


def test_a_seed_document_says_as_of_when_it_was_written(place: Place) -> None:
    place.write("dated.md", "# Fees\n\nAs of November 2026.\n\nA fee is paid monthly.\n")
    place.write("undated.md", "# Rates\n\nA rate is agreed.\n")
    place.write("odd.md", "# Odd\n\nAs of Someday 2026.\n\nA date is none.\n")
    place.load()
    dates = {row.filename: row.as_of for row in place.rows()}
    assert (dates["dated.md"], dates["undated.md"], dates["odd.md"]) == (date(2026, 11, 1), None, None)


def test_every_document_of_the_starter_knowledge_has_its_date(place: Place) -> None:
    place.folder = SEED_DIR
    place.load()
    assert [row.filename for row in place.rows() if row.as_of is None] == []
