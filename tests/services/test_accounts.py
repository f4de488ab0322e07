"""An account taken out as an archive, and gone for good."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import text
from sqlmodel import col, select, update

from app.errors import Forbidden, NotFound, Unavailable
from app.indexes.engine import Engine, Scope
from app.main import build_services
from app.models import (
    Artist,
    AuditEvent,
    Chunk,
    Conversation,
    Document,
    Handover,
    LoginSession,
    Message,
    Profile,
    Trace,
    User,
    new_id,
    now,
)
from app.principal import Principal, authenticated, local_operator, system
from app.services import accounts as accounts_module
from app.services.accounts import rows_of
from app.services.archives import file_name
from app.services.profiles import ProfileShape
from app.services.services import Services
from app.services.shapes import SearchRequest
from tests.conftest import settings_in

PASSWORD = "three chords and the truth"
CANARY = "zanzibar"  # every word of the one who leaves holds it

CITATION = {"label": "P1", "document_id": "d", "chunk_id": "c", "title": "Deal", "kb": "personal", "page": 1}


@pytest.fixture
def place(tmp_path: Path, models_dir: Path) -> Iterator[Services]:
    """Services over a data folder of their own, whose every byte is looked at."""
    made = build_services(settings_in(tmp_path / "data", models_dir, llm={"provider": "none"}), seed=False)
    while made.ingestion.back_fill():
        pass
    yield made
    made.close()


def upload(services: Services, who: Principal, words: str, **options: Any) -> str:
    given = {"kb": "personal", "filename": "deal.txt", **options}
    return services.documents.receive(who, source=io.BytesIO(words.encode()), **given).id


def settle(services: Services, name: str, documents: int = 4, messages: int = 30) -> Principal:
    """A user with something in every table; all that a person typed holds `name`."""
    user = services.users.add(f"{name}@{name}.example", PASSWORD)
    who = local_operator(user.id)
    services.profiles.put(who, ProfileShape(artist_name=f"The {name}s", bio=f"Born in {name}. " * 100))
    artist = services.artists.create(who, f"{name} ferry").id
    for number in range(documents):
        words = f"{name} contract number {number}: the manager of {name} receives {number} percent. " * 60
        upload(services, who, words, filename=f"{name} {number}.txt", artist_id=artist if number % 2 else None)
    services.ingestion.run_all()
    with services.db.session() as session:
        for number in range(3):
            conversation = Conversation(user_id=user.id, title=f"{name} talk {number}", artist_id=artist)
            session.add(conversation)
            session.flush()
            trace = Trace(user_id=user.id, artist_id=artist, body={"question": f"What of {name}?", "candidates": []})
            session.add(trace)
            for _ in range(messages):
                session.add(
                    Message(
                        conversation_id=conversation.id or 0, role="assistant", text=f"About {name}. " * 40,
                        trace_id=trace.id, citations=[{**CITATION, "quote": f"{name} said"}], feedback=f"{name} liked it",
                    )
                )  # fmt: skip
    services.sessions.open_browser(user.id, trusted=True)
    search = SearchRequest(query=f"what does the manager of {name} receive", intent="personal")
    assert asyncio.run(services.search.search(who, search)).hits
    return who


def bytes_with(folder: Path, word: str) -> dict[str, int]:
    """Every file below `folder` that holds a word, and how often; the shared model files are no data."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and "models" not in path.relative_to(folder).parts:
            content = path.read_bytes().lower()
            if count := content.count(word.encode()) + content.count(word.encode("utf-16-le")):
                found[str(path.relative_to(folder))] = count
    return found


def points(services: Services, user_id: str) -> int:
    return sum(
        services.indexes.engine.count(index.store.collection, Scope(user_id=user_id)).result()
        for index in services.indexes.writable("personal")
    )


# Out


def read(services: Services, who: Principal) -> tuple[ZipFile, dict[str, Any]]:
    """The archive, and its JSON files by name."""
    with services.accounts.export(who) as file:
        archive = ZipFile(io.BytesIO(file.read()))
    assert archive.testzip() is None
    return archive, {name: json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")}


def test_an_archive_holds_everything_of_its_owner_and_nothing_of_others(place: Services) -> None:
    mine = settle(place, CANARY, messages=2)
    other = settle(place, "tobago", messages=2)
    archive, data = read(place, mine)
    assert data["account.json"]["email"] == f"{CANARY}@{CANARY}.example"
    assert data["profile.json"]["artist_name"] == f"The {CANARY}s"
    assert [one["name"] for one in data["artists.json"]] == [CANARY, f"{CANARY} ferry"]
    assert len(data["documents.json"]) == 4
    for document in data["documents.json"]:
        assert (document["status"], document["chunks"] > 0) == ("ready", True)
        kept = place.settings.data.dir / "uploads" / document["id"]
        assert archive.read(document["file"]) == kept.read_bytes()
    talks = [value for name, value in data.items() if name.startswith("conversations/")]
    assert [(one["title"], len(one["messages"])) for one in talks] == [(f"{CANARY} talk {n}", 2) for n in range(3)]
    said = talks[0]["messages"][0]
    assert (said["citations"][0]["quote"], said["feedback"]) == (f"{CANARY} said", f"{CANARY} liked it")
    assert {f"What of {CANARY}?", f"what does the manager of {CANARY} receive"} == {
        one["question"] for one in data["traces.json"]
    }
    assert {one["action"] for one in data["audit.json"]} >= {"document.receive", "search", "account.export"}
    assert {one["user_id"] for one in data["audit.json"]} == {mine.user_id}
    everything = b"".join(archive.read(name) for name in archive.namelist()).lower()
    assert b"tobago" not in everything
    assert other.user_id.encode() not in everything
    assert b"argon2" not in everything
    assert b"similarities" not in everything
    assert list((place.settings.data.dir / "tmp").iterdir()) == [], "the archive has no name on disk"


def test_an_empty_account_has_an_archive_too(place: Services) -> None:
    who = local_operator(place.users.add("new@example.com", PASSWORD).id)
    _, data = read(place, who)
    assert (data["profile.json"], data["documents.json"], data["traces.json"]) == ({}, [], [])
    with pytest.raises(Forbidden):
        place.accounts.export(system("worker"))
    with pytest.raises(NotFound):
        place.accounts.export(local_operator(new_id()))


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("../../etc/passwd.txt", "passwd"),
        ("C:\\x\\CON.txt", "CON"),
        ('a<b>:"|?*.txt', "a_b______"),
        ("ключ" * 60 + ".txt", ("ключ" * 15)),
        ("...txt", "txt"),
    ],
)
def test_names_in_the_archive_unpack_anywhere(name: str, stem: str) -> None:
    document = Document(kb="personal", title="x", filename=name, suffix=".txt")
    assert file_name(document) == f"documents/{document.id}-{stem}.txt"
    assert len(file_name(document).removeprefix("documents/").encode()) < 255


def test_a_file_that_is_gone_and_a_document_that_goes_do_not_stop_the_archive(place: Services) -> None:
    who = local_operator(place.users.add("a@example.com", PASSWORD).id)
    lost, going = upload(place, who, "one"), upload(place, who, "two")
    (place.settings.data.dir / "uploads" / lost).unlink()
    place.documents.delete(who, going)
    _, data = read(place, who)
    assert [(one["id"], one["file"]) for one in data["documents.json"]] == [(lost, None)]


# Gone


def test_a_deleted_account_leaves_no_byte(place: Services) -> None:
    folder = place.settings.data.dir
    stays = settle(place, "tobago")
    leaves = settle(place, CANARY)
    settle(place, "trinidad")
    assert place.db.purge()  # so that it is in the database, and what follows in its log
    artist = place.artists.list(leaves).items[-1].id
    place.handovers.offer(leaves, artist, "tobago@tobago.example")
    theirs = place.artists.list(stays).items[-1].id
    place.handovers.offer(stays, theirs, f"{CANARY}@{CANARY}.example")
    waiting = upload(place, leaves, f"{CANARY} " * 5000)  # not ingested yet
    place.accounts.export(leaves).close()
    place.profiles.put(leaves, ProfileShape(bio=f"{CANARY} again"))
    before = bytes_with(folder, CANARY)
    assert {"ai_manager.db", "ai_manager.db-wal", f"uploads/{waiting}"} <= set(before), before
    kept = bytes_with(folder, "tobago")

    place.accounts.delete(leaves)

    assert bytes_with(folder, CANARY) == {}
    with place.db.reading() as session:
        assert rows_of(session, leaves.user_id) == {}
        owners = {row.user_id for row in session.exec(select(Document)).all()}
        assert session.exec(select(Handover)).all() == []
        audit = session.exec(select(AuditEvent).where(AuditEvent.user_id == leaves.user_id)).all()
    assert leaves.user_id not in owners
    assert [row.action for row in audit][-2:] == ["account.close", "account.delete"]
    assert points(place, leaves.user_id) == 0
    # Everybody else keeps everything.
    assert set(bytes_with(folder, "tobago")) == {name for name in kept if not name.endswith("-wal")}
    assert points(place, stays.user_id) > 0
    assert rows_of_table(place, stays) == {"profiles": 1, "artists": 2, "documents": 4, "conversations": 3}
    search = SearchRequest(query="what does the manager of tobago receive", intent="personal")
    assert len(asyncio.run(place.search.search(stays, search)).hits) > 0
    # The name is free again, and nothing of before comes back with it.
    again = local_operator(place.users.add(f"{CANARY}@{CANARY}.example", PASSWORD).id)
    assert place.documents.list(again, kb="personal").items == []
    with pytest.raises(NotFound):
        place.accounts.delete(leaves)
    with pytest.raises(Forbidden):
        place.accounts.delete(system("worker"))


def rows_of_table(services: Services, who: Principal) -> dict[str, int]:
    with services.db.reading() as session:
        found = rows_of(session, who.user_id)
    return {name: found[name] for name in ("profiles", "artists", "documents", "conversations")}


def test_every_table_that_names_a_user_is_counted(place: Services) -> None:
    who = settle(place, CANARY, documents=1, messages=1)
    with place.db.reading() as session:
        counted = set(rows_of(session, who.user_id))
    tables = (Profile, Artist, Document, Conversation, Trace, LoginSession)
    assert counted == {str(table.__tablename__) for table in tables}


def test_all_sign_ins_end(place: Services) -> None:
    user = place.users.add("a@example.com", PASSWORD)
    secret, _ = place.sessions.open_browser(user.id, trusted=True)
    session, refresh = place.sessions.open_api(user.id)
    place.accounts.delete(authenticated(user.id, "user", "token", session.id))
    assert place.sessions.by_secret(secret) is None
    assert place.sessions.alive(session.id) is None


def test_a_document_in_work_is_waited_for(place: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    who = local_operator(place.users.add("a@example.com", PASSWORD).id)
    document = upload(place, who, "The term is three years.")
    with place.db.session() as session:
        session.get_one(Document, document).lease_until = now() + timedelta(minutes=5)
    monkeypatch.setattr(accounts_module, "REMOVAL_SECONDS", 0.3)
    with pytest.raises(Unavailable, match="being read at this moment; try again in a minute"):
        place.accounts.delete(who)
    assert place.users.get(who.user_id).id == who.user_id, "the account is there, so that it can be tried again"
    monkeypatch.setattr(accounts_module, "REMOVAL_SECONDS", 20.0)

    def end() -> None:
        time.sleep(0.5)
        with place.db.session() as session:
            session.execute(update(Document).where(col(Document.id) == document).values(lease_until=None))

    thread = threading.Thread(target=end)
    thread.start()
    place.accounts.delete(who)
    thread.join()
    assert not (place.settings.data.dir / "uploads" / document).exists()
    with pytest.raises(NotFound):
        place.users.get(who.user_id)


def test_vectors_that_do_not_answer_leave_an_account_that_can_be_deleted_later(
    place: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = local_operator(place.users.add("a@example.com", PASSWORD).id)
    upload(place, who, "The manager receives a commission of 17 percent.")
    place.ingestion.run_all()

    def fail(*_: object) -> None:
        raise Unavailable("The vectors do not answer.")

    with monkeypatch.context() as patch:
        patch.setattr(accounts_module, "REMOVAL_SECONDS", 0.3)
        patch.setattr(Engine, "delete", fail)
        with pytest.raises(Unavailable):
            place.accounts.delete(who)
    assert place.users.get(who.user_id)
    search = SearchRequest(query="what commission does the manager receive", intent="personal")
    assert asyncio.run(place.search.search(who, search)).hits == []
    place.accounts.delete(who)
    assert points(place, who.user_id) == 0
    with place.db.reading() as session:
        assert session.exec(select(Chunk)).all() == []


def test_points_that_no_document_knows_go_too(place: Services) -> None:
    who = local_operator(place.users.add("a@example.com", PASSWORD).id)
    document = upload(place, who, "The manager receives a commission of 17 percent.")
    place.ingestion.run_all()
    with place.db.session() as session:  # as a crash of old could have left it
        session.execute(text("DELETE FROM documents WHERE id = :id"), {"id": document})
    assert points(place, who.user_id) > 0
    place.accounts.delete(who)
    assert points(place, who.user_id) == 0


def test_documents_that_come_in_meanwhile_go_too(place: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    who = local_operator(place.users.add("a@example.com", PASSWORD).id)
    first = upload(place, who, "The first.")
    remove, late = place.ingestion.remove, list[str]()

    def receiving(document_id: str) -> bool:
        if not late:
            late.append(upload(place, who, "The second, sent a moment before."))
        return remove(document_id)

    monkeypatch.setattr(place.ingestion, "remove", receiving)
    place.accounts.delete(who)
    with place.db.reading() as session:
        assert session.exec(select(Document).where(col(Document.id).in_([first, *late]))).all() == []
    assert list((place.settings.data.dir / "uploads").iterdir()) == []
    with pytest.raises(Exception, match="FOREIGN KEY"):  # and what comes later belongs to nobody
        upload(place, who, "The third.")
    assert list((place.settings.data.dir / "uploads").iterdir()) == []


def test_a_reader_is_waited_for_before_the_log_is_cut(place: Services) -> None:
    who = settle(place, CANARY, documents=1, messages=5)
    reading, done = threading.Event(), threading.Event()

    def read_slowly() -> None:
        with place.db.reading() as session:
            session.exec(select(User)).all()
            reading.set()
            done.wait(20)

    thread = threading.Thread(target=read_slowly)
    thread.start()
    assert reading.wait(10)
    threading.Timer(1.0, done.set).start()
    place.accounts.delete(who)
    thread.join()
    assert bytes_with(place.settings.data.dir, CANARY) == {}
