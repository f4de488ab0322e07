from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from app.errors import AppError, Conflict, Forbidden, NotFound, TooLarge, UnsupportedFile
from app.indexes.readers import READERS
from app.models import DELETING, FAILED, READY, Artist, AuditEvent, Document, User, new_id
from app.principal import Principal, local_operator, system
from app.services.documents import DocumentService
from app.services.selection import KINDS
from app.services.services import Services
from app.services.shapes import DocumentPublic


@dataclass
class Desk:
    """The document service and two users of it; nothing is ingested here."""

    services: Services
    anna: Principal
    ben: Principal
    admin: Principal

    @property
    def documents(self) -> DocumentService:
        return self.services.documents

    def upload(self, text: str | bytes | None = None, who: Principal | None = None, **options: Any) -> DocumentPublic:
        """By default Anna's, and unlike every other."""
        data = text if isinstance(text, bytes) else (text or new_id()).encode()
        given = {"kb": "personal", "filename": "deal.txt", **options}
        return self.documents.receive(who or self.anna, source=io.BytesIO(data), **given)

    def on_disk(self) -> set[str]:
        return {path.name for path in (self.services.settings.data.dir / "uploads").iterdir()}

    def set(self, document: DocumentPublic, **values: Any) -> None:
        with self.services.db.session() as session:
            row = session.get_one(Document, document.id)
            for name, value in values.items():
                setattr(row, name, value)

    def audited(self, document: DocumentPublic) -> list[tuple[str, str, str]]:
        with self.services.db.reading() as session:
            query = select(AuditEvent).where(AuditEvent.object_id == document.id).order_by(col(AuditEvent.id))
            return [(row.action, row.user_id, row.outcome) for row in session.exec(query).all()]

    def artist(self, who: Principal, name: str) -> str:
        with self.services.db.session() as session:
            row = Artist(user_id=who.user_id, name=name)
            session.add(row)
        return row.id


@pytest.fixture
def desk(services: Services) -> Desk:
    with services.db.session() as session:
        users = [User(email=f"{new_id()}@example.com", password_hash="-") for _ in range(3)]
        session.add_all(users)
    anna, ben, admin = (user.id for user in users)
    return Desk(services, local_operator(anna), local_operator(ben), local_operator(admin, "admin"))


# Receiving


def test_when_receive_returns_file_row_and_audit_are_there_and_the_worker_is_told(desk: Desk) -> None:
    woken: list[bool] = []
    desk.documents.wake = lambda: woken.append(True)
    text = f"Term: three years. {new_id()}"
    document = desk.upload(text, filename="../Management deal.TXT")
    assert (desk.services.settings.data.dir / "uploads" / document.id).read_text() == text
    assert document.model_dump(exclude={"id", "created", "updated"}) == {
        "title": "Management deal", "kb": "personal", "artist_id": None, "standing": "none", "status": "stored",
        "reason": None, "progress": 0.0, "pages": 0, "chunks": 0, "bytes": len(text),
        "sha256": hashlib.sha256(text.encode()).hexdigest(), "filename": "Management deal.TXT", "version": 1,
        "answers": False, "detail": None, "as_of": None, "insight": None,
    }  # fmt: skip
    assert desk.documents.get(desk.anna, document.id) == document
    assert desk.audited(document) == [("document.receive", desk.anna.user_id, "granted")]
    assert woken == [True]


@pytest.mark.parametrize(
    ("title", "shown"), [(None, "deal"), ("  ", "deal"), (" Deal with X ", "Deal with X"), ("x" * 400, "x" * 300)]
)
def test_the_title_is_the_given_one_or_the_files_name(desk: Desk, title: str | None, shown: str) -> None:
    assert desk.upload(title=title).title == shown


@pytest.mark.parametrize("filename", ["song.mp3", "deal", "deal.", ".pdf", "deal.pdf.exe", ""])
def test_a_type_nobody_reads_is_refused_with_the_ones_that_are(desk: Desk, filename: str) -> None:
    before = desk.on_disk()
    with pytest.raises(UnsupportedFile, match="cannot be read; these can: .*DOCX.*MD.*PDF.*TXT") as caught:
        desk.upload(filename=filename)
    assert (caught.value.status, caught.value.code) == (415, "unknown_type")
    assert desk.on_disk() == before


def test_empty_and_too_large_files_leave_neither_file_nor_row(desk: Desk) -> None:
    before, rows = desk.on_disk(), desk.documents.list(desk.anna)
    small = desk.services.settings.ingestion.model_copy(update={"max_bytes": 1_000_000})
    documents = DocumentService(desk.services.db, desk.services.audit, small, desk.services.settings.data.dir)
    with pytest.raises(UnsupportedFile, match="This file is empty"):
        desk.upload(b"")
    with pytest.raises(TooLarge, match="larger than 1 MB"):
        documents.receive(desk.anna, kb="personal", filename="a.txt", source=io.BytesIO(bytes(1_000_001)))
    assert desk.on_disk() == before
    assert desk.documents.list(desk.anna) == rows


def test_a_row_that_cannot_be_written_takes_its_file_with_it(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    before = desk.on_disk()

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no audit, no data")

    monkeypatch.setattr(desk.services.audit, "record", fail)
    with pytest.raises(RuntimeError):
        desk.upload()
    assert desk.on_disk() == before
    assert desk.documents.list(desk.anna).items == []


def test_a_note_is_a_document_with_its_text(desk: Desk) -> None:
    document = desk.documents.note(desk.anna, "Call with the label / May", "They offered 20 %. ♫")
    assert (document.title, document.status) == ("Call with the label / May", "stored")
    path, name = desk.documents.file(desk.anna, document.id)
    assert path.read_text(encoding="utf-8") == "They offered 20 %. ♫"
    assert name.endswith(".txt")
    assert "/" not in name


# Who may write where


def test_the_industry_kb_is_written_by_admins_and_the_system_owns_nothing(desk: Desk) -> None:
    before = desk.on_disk()
    with pytest.raises(Forbidden, match="written by admins"):
        desk.upload(kb="global")
    with pytest.raises(Forbidden, match="needs an owner"):
        desk.upload(who=system("seed"))
    assert desk.on_disk() == before
    shared = desk.upload(who=desk.admin, kb="global", artist_id=desk.artist(desk.admin, "duo"))
    assert (shared.kb, shared.artist_id) == ("global", None)
    assert desk.documents.get(desk.ben, shared.id) == shared
    for change in (
        lambda: desk.documents.update(desk.ben, shared.id, title="mine"),
        lambda: desk.documents.delete(desk.ben, shared.id),
        lambda: desk.documents.retry(desk.ben, shared.id),
    ):
        with pytest.raises(Forbidden):
            change()
    assert desk.documents.update(desk.admin, shared.id, title="Guide").title == "Guide"


def test_an_artist_must_be_on_ones_own_roster(desk: Desk) -> None:
    before = desk.on_disk()
    for artist in (desk.artist(desk.ben, "solo"), "unknown"):
        with pytest.raises(NotFound, match="^There is no such artist.$"):
            desk.upload(artist_id=artist)
    assert desk.on_disk() == before
    mine = desk.artist(desk.anna, "duo")
    assert desk.upload(artist_id=mine).artist_id == mine


# The same bytes


def test_the_same_bytes_for_the_same_owner_are_one_document(desk: Desk) -> None:
    text, duo = new_id(), desk.artist(desk.anna, "duo")
    first = desk.upload(text)
    files = desk.on_disk()
    assert desk.upload(text, filename="copy.txt", title="copy").id == first.id
    assert desk.on_disk() == files
    others = [
        desk.upload(text, desk.ben),
        desk.upload(text, desk.admin, kb="global"),
        desk.upload(text, artist_id=duo),
        desk.upload(text, filename="copy.md"),
    ]
    assert len({first.id, *(other.id for other in others)}) == 5
    assert desk.upload(text, artist_id=duo).id == others[2].id


@pytest.mark.parametrize(("status", "known"), [(READY, True), (FAILED, True), (DELETING, False)])
def test_what_failed_is_tried_again_and_what_goes_is_uploaded_anew(desk: Desk, status: str, known: bool) -> None:
    text = new_id()
    first = desk.upload(text)
    desk.set(first, status=status)
    assert (desk.upload(text).id == first.id) is known


def test_two_uploads_at_once_are_one_document(desk: Desk) -> None:
    text, ids = new_id(), list[str]()
    threads = [threading.Thread(target=lambda: ids.append(desk.upload(text).id)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(ids) == 6
    assert len(set(ids)) == 1
    assert set(ids) <= desk.on_disk()


# Not yours is not there


def doings(desk: Desk, who: Principal, document_id: str) -> list[Callable[[], object]]:
    documents = desk.documents
    return [
        lambda: documents.get(who, document_id),
        lambda: documents.update(who, document_id, title="x"),
        lambda: documents.delete(who, document_id),
        lambda: documents.retry(who, document_id),
        lambda: documents.file(who, document_id),
        lambda: documents.list(who, after=document_id),
        lambda: documents.check_visible(who, [document_id]),
        lambda: documents.check_visible(None, [document_id]),
    ]


def test_unknown_foreign_and_deleted_documents_are_the_same_404(desk: Desk) -> None:
    mine, gone = desk.upload(), desk.upload()
    desk.documents.delete(desk.anna, gone.id)
    told = set()
    for who, document_id in ((desk.ben, mine.id), (desk.admin, mine.id), (desk.anna, gone.id), (desk.anna, new_id())):
        for do in doings(desk, who, document_id):
            with pytest.raises(NotFound) as caught:
                do()
            told.add((caught.value.status, caught.value.code, caught.value.sentence))
    assert told == {(404, "not_found", "There is no such document.")}
    assert desk.documents.get(desk.anna, mine.id).title == "deal", "nothing of it happened"


# Lists


def test_lists_hold_ones_own_and_the_industrys_newest_first_page_by_page(desk: Desk) -> None:
    mine = [desk.upload() for _ in range(5)]
    desk.upload(who=desk.ben)
    shared = desk.upload(who=desk.admin, kb="global")
    assert [one.id for one in desk.documents.list(desk.anna, kb="personal").items] == [one.id for one in mine[::-1]]
    pages, after = list[list[str]](), None
    while True:
        page = desk.documents.list(desk.anna, kb="personal", limit=2, after=after)
        pages.append([one.id for one in page.items])
        after = page.next
        if after is None:
            break
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [one for page in pages for one in page] == [one.id for one in mine[::-1]]
    assert desk.documents.list(desk.anna).items[0].id == shared.id
    assert shared.id in {one.id for one in desk.documents.list(desk.ben, kb="global").items}
    assert not {one.id for one in mine} & {one.id for one in desk.documents.list(desk.ben, limit=200).items}
    assert len(desk.documents.list(desk.anna, limit=0).items) == 1
    desk.documents.delete(desk.anna, mine[0].id)
    assert mine[0].id not in {one.id for one in desk.documents.list(desk.anna).items}


def test_documents_of_the_same_moment_are_each_listed_once(desk: Desk) -> None:
    mine = [desk.upload() for _ in range(4)]
    moment = mine[0].created
    for one in mine:
        desk.set(one, created=moment)
    seen, after = list[str](), None
    for _ in range(4):
        page = desk.documents.list(desk.anna, kb="personal", limit=1, after=after)
        seen += [one.id for one in page.items]
        after = page.next
    assert sorted(seen) == sorted(one.id for one in mine)
    assert after is None


def test_only_ready_documents_are_counted(desk: Desk) -> None:
    ready, _waiting = desk.upload(), desk.upload()
    desk.set(ready, status=READY)
    shared = desk.documents.counts(desk.ben)["global"]
    desk.set(desk.upload(who=desk.admin, kb="global"), status=READY)
    assert desk.documents.counts(desk.anna) == {"personal": 1, "global": shared + 1}
    assert desk.documents.counts(desk.ben) == {"personal": 0, "global": shared + 1}


# Changing


def test_title_and_standing_change_within_their_rules(desk: Desk) -> None:
    document = desk.upload()
    assert desk.documents.update(desk.anna, document.id, title="  Deal  ").title == "Deal"
    assert desk.documents.update(desk.anna, document.id, standing="signed").title == "Deal"
    assert desk.documents.get(desk.anna, document.id).standing == "signed"
    refused: list[tuple[dict[str, Any], str]] = [({"standing": "binding"}, "standing"), ({"title": "  "}, "title")]
    for change, code in refused:
        with pytest.raises(AppError) as caught:
            desk.documents.update(desk.anna, document.id, **change)
        assert (caught.value.status, caught.value.code) == (422, code)
    after = desk.documents.get(desk.anna, document.id)
    assert (after.title, after.standing) == ("Deal", "signed")


def test_only_a_failed_document_is_tried_again(desk: Desk) -> None:
    document = desk.upload()
    with pytest.raises(Conflict, match="Only a failed document") as caught:
        desk.documents.retry(desk.anna, document.id)
    assert caught.value.code == "not_failed"
    desk.set(document, status=FAILED, reason="The file is damaged.", attempts=5)
    assert desk.documents.get(desk.anna, document.id).reason == "The file is damaged."
    again = desk.documents.retry(desk.anna, document.id)
    assert (again.status, again.reason) == ("stored", None)


def test_a_file_comes_back_with_its_name_and_the_reading_is_audited(desk: Desk) -> None:
    document = desk.upload("Signed in May.", filename="Été deal.md")
    path, name = desk.documents.file(desk.anna, document.id)
    assert (path.read_text(), name) == ("Signed in May.", "Été deal.md")
    assert desk.audited(document)[-1] == ("document.download", desk.anna.user_id, "granted")
    path.unlink()
    with pytest.raises(NotFound, match="is not here any more"):
        desk.documents.file(desk.anna, document.id)


def test_every_change_is_audited_and_a_refused_one_changes_nothing(desk: Desk) -> None:
    document = desk.upload()
    desk.documents.update(desk.anna, document.id, title="x")
    desk.set(document, status=FAILED)
    desk.documents.retry(desk.anna, document.id)
    desk.documents.delete(desk.anna, document.id)
    actions = [action for action, _, _ in desk.audited(document)]
    assert actions == ["document.receive", "document.update", "document.retry", "document.delete"]


def test_deleting_stops_answers_at_once_and_wakes_the_worker(desk: Desk) -> None:
    document, woken = desk.upload(), list[bool]()
    desk.set(document, attempts=4)
    desk.documents.wake = lambda: woken.append(True)
    desk.documents.delete(desk.anna, document.id)
    with desk.services.db.reading() as session:
        row = session.get_one(Document, document.id)
    assert (row.status, row.attempts, row.next_attempt, woken) == (DELETING, 0, None, [True])


def test_files_lie_where_the_data_folder_says(desk: Desk) -> None:
    path, _ = desk.documents.file(desk.anna, desk.upload().id)
    assert path.parent == Path(desk.services.settings.data.dir) / "uploads"


# Search, filters, totals


@pytest.fixture
def shelf(desk: Desk) -> dict[str, str]:
    """Anna's documents by title -> id, of every state and kind."""
    night = desk.artist(desk.anna, "Night Ferry")
    made = {
        "Management deal": desk.upload(filename="deal_100%.pdf", title="Management deal", artist_id=night),
        "Ébène live": desk.upload(filename="live.txt", title="Ébène live"),
        "Broken": desk.upload(filename="Night Ferry statement.csv", title="Broken"),
        "On its way": desk.upload(filename="scan.PNG", title="On its way"),
    }
    desk.upload(who=desk.ben, title="Management deal of Ben")
    desk.set(made["Management deal"], status=READY, standing="signed", pages=3, chunks=9)
    desk.set(made["Ébène live"], status=READY, pages=1, chunks=2)
    desk.set(made["Broken"], status=FAILED, reason="It is damaged.")
    return {title: document.id for title, document in made.items()} | {"night": night}


@pytest.mark.parametrize(
    ("asked", "titles"),
    [
        ({}, {"Management deal", "Ébène live", "Broken", "On its way"}),
        ({"q": "MANAGE"}, {"Management deal"}),
        ({"q": "deal management"}, {"Management deal"}),
        ({"q": "ébène"}, {"Ébène live"}),
        ({"q": "ferry night"}, {"Broken"}),
        ({"q": "100%"}, {"Management deal"}),
        ({"q": "_"}, {"Management deal"}),
        ({"q": "nothing of the kind"}, set()),
        ({"q": "  "}, {"Management deal", "Ébène live", "Broken", "On its way"}),
        ({"status": "ready"}, {"Management deal", "Ébène live"}),
        ({"status": "failed"}, {"Broken"}),
        ({"status": "reading"}, {"On its way"}),
        ({"artist_id": "night"}, {"Management deal"}),
        ({"artist_id": "none"}, {"Ébène live", "Broken", "On its way"}),
        ({"standing": "signed"}, {"Management deal"}),
        ({"kind": "picture"}, {"On its way"}),
        ({"kind": "table", "status": "ready"}, set()),
    ],
)
def test_a_list_is_searched_and_filtered(
    desk: Desk, shelf: dict[str, str], asked: dict[str, Any], titles: set[str]
) -> None:
    asked = {**asked, **({"artist_id": shelf["night"]} if asked.get("artist_id") == "night" else {})}
    found = desk.documents.list(desk.anna, kb="personal", **asked).items
    assert {document.title for document in found} == titles


def test_a_filtered_list_comes_in_pages(desk: Desk, shelf: dict[str, str]) -> None:
    first = desk.documents.list(desk.anna, kb="personal", status="ready", limit=1)
    then = desk.documents.list(desk.anna, kb="personal", status="ready", limit=1, after=first.next)
    assert [one.title for one in [*first.items, *then.items]] == ["Ébène live", "Management deal"]
    assert then.next is None


def test_a_new_version_on_its_way_has_the_state_that_counts(desk: Desk, shelf: dict[str, str]) -> None:
    desk.documents.replace(desk.anna, shelf["Ébène live"], filename="live.md", source=io.BytesIO(b"Newer words."))
    for status, there in (("reading", True), ("ready", False)):
        found = desk.documents.list(desk.anna, status=status, kind="text").items  # type: ignore[arg-type]
        assert (shelf["Ébène live"] in {one.id for one in found}) is there


def test_only_what_changed_since_is_listed(desk: Desk, shelf: dict[str, str]) -> None:
    seen = max(one.updated for one in desk.documents.list(desk.anna).items if one.updated)
    assert len(desk.documents.list(desk.anna, kb="personal", since=seen).items) < len(shelf)
    changed = desk.documents.update(desk.anna, shelf["Broken"], title="Broken still")
    assert changed.updated is not None
    found = desk.documents.list(desk.anna, kb="personal", since=changed.updated).items
    assert [one.id for one in found] == [shelf["Broken"]]


def test_a_list_of_somebody_elses_artist_is_not_there(desk: Desk, shelf: dict[str, str]) -> None:
    for artist in (shelf["night"], new_id()):
        with pytest.raises(NotFound, match="no such artist"):
            desk.documents.list(desk.ben, artist_id=artist)


def test_totals_are_ones_own(desk: Desk, shelf: dict[str, str]) -> None:
    told = desk.documents.totals(desk.anna)
    assert (told.documents, told.ready, told.reading, told.failed) == (4, 2, 1, 1)
    assert (told.pages, told.chunks) == (4, 11)
    assert told.bytes == sum(one.bytes for one in desk.documents.list(desk.anna, kb="personal").items)
    assert (told.most_documents, told.kbs) == (desk.services.settings.quotas.documents, ["personal"])
    assert desk.documents.totals(desk.admin).kbs == ["personal", "global"]
    desk.documents.delete(desk.anna, shelf["Broken"])
    assert desk.documents.totals(desk.anna).documents == 3


def test_every_kind_of_file_can_be_filtered_for() -> None:
    assert sorted(suffix for kind in KINDS.values() for suffix in kind) == sorted(READERS)


def test_the_date_of_what_it_says_is_set_and_taken_back(desk: Desk) -> None:
    document = desk.upload(who=desk.admin, kb="global", as_of=date(2026, 11, 1))
    assert document.as_of == date(2026, 11, 1)
    assert desk.documents.update(desk.admin, document.id, title="Other").as_of == date(2026, 11, 1)
    assert desk.documents.update(desk.admin, document.id, as_of=date(2026, 12, 24)).as_of == date(2026, 12, 24)
    assert desk.documents.update(desk.admin, document.id, as_of=None).as_of is None
    with pytest.raises(Forbidden):
        desk.documents.update(desk.anna, document.id, as_of=date(2000, 1, 1))
