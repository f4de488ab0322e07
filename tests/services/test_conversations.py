from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col, select

from app.db import Database
from app.errors import AppError, NotFound
from app.models import (
    DELETING,
    READY,
    Artist,
    AuditEvent,
    Chunk,
    Conversation,
    Document,
    Message,
    Trace,
    User,
    new_id,
)
from app.principal import Principal, Role, authenticated
from app.services.audit import AuditLog
from app.services.conversations import UNTITLED, ConversationService, number
from app.services.prompts import HISTORY_MESSAGES, Turn

START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def db(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path_factory.mktemp('conversations') / 'app.db'}")
    database.migrate()
    yield database
    database.close()


@pytest.fixture
def chats(db: Database) -> ConversationService:
    return ConversationService(db, AuditLog(b"key"))


def user(db: Database, role: Role = "user") -> Principal:
    row = User(email=f"{new_id()}@example.com", password_hash="-", role=role)
    with db.session() as session:
        session.add(row)
    return authenticated(row.id, role, "session", "s")


@pytest.fixture
def lena(db: Database) -> Principal:
    return user(db)


def say(db: Database, conversation: str, *texts: str, **values: Any) -> list[str]:
    """Messages by turns of the user and the assistant; returns their ids."""
    rows = [
        Message(conversation_id=int(conversation), role="assistant" if place % 2 else "user", text=text)
        for place, text in enumerate(texts)
    ]
    for row in rows:
        for name, value in values.items():
            setattr(row, name, value)
    with db.session() as session:
        session.add_all(rows)
    return [str(row.id) for row in rows]


def dated(db: Database, conversation: str, days: int) -> None:
    with db.session() as session:
        query = update(Conversation).where(col(Conversation.id) == int(conversation))
        session.execute(query.values(updated=START + timedelta(days=days)))


def test_a_conversation_is_made_and_found(chats: ConversationService, lena: Principal) -> None:
    made = chats.create(lena, title="Tour in May")
    assert chats.conversation(lena, made.id) == made
    assert (made.title, made.artist_id) == ("Tour in May", None)
    assert chats.create(lena).title == UNTITLED
    assert len(chats.create(lena, title="x" * 500).title) == 200


def test_they_are_listed_newest_first_and_in_pages(db: Database, chats: ConversationService, lena: Principal) -> None:
    made = [chats.create(lena, title=str(place)).id for place in range(7)]
    for place, conversation in enumerate(made):
        dated(db, conversation, days=place // 2)  # pairs are equally old
    whole = [row.id for row in chats.conversations(lena).items]
    assert whole == made[::-1]
    pages: list[list[str]] = []
    after: str | None = None
    while True:
        page = chats.conversations(lena, limit=3, after=after)
        pages.append([row.id for row in page.items])
        if (after := page.next) is None:
            break
    assert [len(page) for page in pages] == [3, 3, 1]
    assert sum(pages, []) == whole
    assert chats.conversations(lena, limit=7).next is None
    assert len(chats.conversations(lena, limit=0).items) == 1, "a limit is at least one"


def test_messages_are_listed_oldest_first_and_in_pages(
    db: Database, chats: ConversationService, lena: Principal
) -> None:
    conversation = chats.create(lena).id
    other = chats.create(lena).id
    ids = say(db, conversation, "a", "b", "c")
    say(db, other, "elsewhere")
    ids += say(db, conversation, "d", "e")
    first = chats.messages(lena, conversation, limit=3)
    assert [row.id for row in first.items] == ids[:3]
    assert first.next == ids[2]
    rest = chats.messages(lena, conversation, limit=3, after=first.next)
    assert ([row.id for row in rest.items], rest.next) == (ids[3:], None)
    assert [row.role for row in first.items] == ["user", "assistant", "user"]
    assert all(row.conversation == conversation for row in first.items)


@pytest.mark.parametrize("kind", ["theirs", "unknown", "words", "huge"])
def test_other_peoples_conversations_are_not_there(
    db: Database, chats: ConversationService, lena: Principal, kind: str
) -> None:
    theirs = chats.create(user(db), title="Secret").id
    [question, answer] = say(db, theirs, "a", "b", trace_id=None)
    place = {"theirs": theirs, "unknown": "99999999", "words": "1 or 1=1", "huge": "9" * 40}[kind]
    message = answer if kind == "theirs" else place
    doors: list[Any] = [
        lambda: chats.conversation(lena, place),
        lambda: chats.update(lena, place, title="Mine"),
        lambda: chats.delete(lena, place),
        lambda: chats.messages(lena, place),
        lambda: chats.conversations(lena, after=place),
        lambda: chats.trace(lena, message),
        lambda: chats.feedback(lena, message, 1),
    ]
    sentences = set()
    for door in doors:
        with pytest.raises(NotFound) as caught:
            door()
        sentences.add(caught.value.sentence)
    assert sentences == {"There is no such conversation.", "There is no such message."}


def test_another_users_artist_is_not_there(db: Database, chats: ConversationService, lena: Principal) -> None:
    mine, theirs = Artist(user_id=lena.user_id, name="Mine"), Artist(user_id=user(db).user_id, name="Theirs")
    with db.session() as session:
        session.add_all([mine, theirs])
    assert chats.create(lena, artist_id=mine.id).artist_id == mine.id
    for artist_id in (theirs.id, "unknown"):
        with pytest.raises(NotFound, match="artist"):
            chats.create(lena, artist_id=artist_id)


def test_rename(chats: ConversationService, lena: Principal) -> None:
    conversation = chats.create(lena).id
    assert chats.update(lena, conversation, title="  Tour  ").title == "Tour"
    assert chats.conversation(lena, conversation).title == "Tour"
    assert len(chats.update(lena, conversation, title="x" * 500).title) == 200
    with pytest.raises(AppError) as caught:
        chats.update(lena, conversation, title=" \n")
    assert caught.value.status == 422


def test_delete_takes_messages_and_traces_and_leaves_an_audit_row(
    db: Database, chats: ConversationService, lena: Principal
) -> None:
    conversation, other = chats.create(lena).id, chats.create(lena).id
    traces = [Trace(user_id=lena.user_id, body={}) for _ in range(2)]
    with db.session() as session:
        session.add_all(traces)
    say(db, conversation, "a", "b", trace_id=traces[0].id)
    say(db, other, "a", "b", trace_id=traces[1].id)
    chats.delete(lena, conversation)
    with pytest.raises(NotFound):
        chats.conversation(lena, conversation)
    with db.reading() as session:
        assert session.exec(select(Message).where(Message.conversation_id == int(conversation))).all() == []
        assert session.get(Trace, traces[0].id) is None
        assert session.get(Trace, traces[1].id) is not None
        rows = session.exec(select(AuditEvent).where(AuditEvent.user_id == lena.user_id)).all()
        [row] = [row for row in rows if row.outcome == "granted"]
    assert (row.action, row.object_id) == ("conversation.delete", conversation)
    assert len(chats.messages(lena, other).items) == 2


def test_a_number_once_used_never_comes_again(chats: ConversationService, lena: Principal) -> None:
    """A link to a deleted conversation must not open a newer one."""
    gone = chats.create(lena).id
    chats.delete(lena, gone)
    assert int(chats.create(lena).id) > int(gone)


def test_the_trace_is_shown_without_scores_but_to_admins(
    db: Database, chats: ConversationService, lena: Principal
) -> None:
    row = {"kb": "global", "chunk_id": "c", "ranks": {"minilm": 1}, "score": 0.9, "similarities": {"minilm": 0.7}}
    row["relevance"] = 0.8
    for asker, shown in ((lena, {"kb", "chunk_id", "ranks"}), (user(db, "admin"), set(row))):
        trace = Trace(user_id=asker.user_id, body={"question": "q", "candidates": [row]})
        with db.session() as session:
            session.add(trace)
        [_, answer] = say(db, chats.create(asker).id, "q", "a", trace_id=trace.id)
        body = chats.trace(asker, answer)
        assert (body["id"], body["question"]) == (trace.id, "q")
        assert set(body["candidates"][0]) == shown


def test_a_question_has_no_trace(db: Database, chats: ConversationService, lena: Principal) -> None:
    [question] = say(db, chats.create(lena).id, "q")
    with pytest.raises(NotFound, match="no trace"):
        chats.trace(lena, question)


def test_feedback(db: Database, chats: ConversationService, lena: Principal) -> None:
    question, answer = say(db, chats.create(lena).id, "q", "a")
    assert chats.feedback(lena, answer, 1).rating == 1
    assert chats.feedback(lena, answer, -1, "w" * 2000).rating == -1
    with db.reading() as session:
        row = session.get_one(Message, int(answer))
    assert (row.rating, len(row.feedback or "")) == (-1, 1000)
    for message, rating in ((answer, 0), (answer, 5), (question, 1)):
        with pytest.raises(AppError) as caught:
            chats.feedback(lena, message, rating)
        assert caught.value.status == 422
    assert chats.feedback(lena, answer, -1).rating == -1


def test_turns_are_the_last_messages_before_the_question(
    db: Database, chats: ConversationService, lena: Principal
) -> None:
    conversation = chats.create(lena).id
    ids = say(db, conversation, *[str(place) for place in range(10)])
    turns = chats.turns(lena, int(conversation), int(ids[8]))
    assert turns == [Turn("assistant" if place % 2 else "user", str(place)) for place in range(8 - HISTORY_MESSAGES, 8)]
    assert chats.turns(lena, int(conversation), int(ids[0])) == []
    assert chats.turns(user(db), int(conversation), int(ids[8])) == [], "of nobody else"
    blank = chats.create(lena).id
    ids = say(db, blank, "q", "", "r")
    assert chats.turns(lena, int(blank), int(ids[2])) == [Turn("user", "q")], "an answer that never came says nothing"


def test_the_first_question_names_the_conversation(db: Database, chats: ConversationService, lena: Principal) -> None:
    def ask(conversation: str, text: str) -> str:
        with db.session() as session:
            row = session.get_one(Conversation, int(conversation))
            chats._add_question(session, row, text)
        return chats.conversation(lena, conversation).title

    conversation = chats.create(lena).id
    dated(db, conversation, days=-900)
    assert ask(conversation, "  When does\nmy deal   end? ") == "When does my deal end?"
    assert ask(conversation, "And then?") == "When does my deal end?"
    assert chats.conversations(lena).items[0].id == conversation, "it is the newest now"
    long = ask(chats.create(lena).id, "word " * 50)
    assert len(long) <= 60
    assert long.endswith("word…")
    assert ask(chats.create(lena, title="Mine").id, "Hello") == "Mine"


def test_numbers_alone_are_ids() -> None:
    assert number("12") == 12
    for text in ("", "-1", "1.0", "٣", "0x1", "1e3", " 1", "9" * 19):
        assert number(text) == 0


def test_a_citation_tells_that_its_document_or_its_passage_is_not_here_any_more(
    db: Database, chats: ConversationService, lena: Principal
) -> None:
    rows = {
        name: Document(kb="personal", user_id=lena.user_id, title=name, filename="f", suffix=".txt", status=status)
        for name, status in (("here", READY), ("newer", READY), ("going", DELETING))
    }
    with db.session() as session:
        session.add_all(rows.values())
        session.flush()
        here = Chunk(id=new_id(), document_id=rows["here"].id, version=1, number=0, page=1, start=0, end=1, text="x")
        session.add(here)
    cited = [("here", rows["here"].id, here.id), ("newer", rows["newer"].id, new_id()),
             ("going", rows["going"].id, new_id()), ("gone", new_id(), new_id())]  # fmt: skip
    citations = [
        {"label": "P1", "document_id": document_id, "chunk_id": chunk_id, "title": name, "kb": "personal", "page": 1,
         "quote": "x"}
        for name, document_id, chunk_id in cited
    ]  # fmt: skip
    conversation = chats.create(lena).id
    say(db, conversation, "What?", "That. [P1]", citations=citations)
    shown = chats.messages(lena, conversation).items[1].citations
    assert {one.title: (one.deleted, one.replaced) for one in shown} == {
        "here": (False, False),
        "newer": (False, True),
        "going": (True, False),
        "gone": (True, False),
    }


# Searching, whom it is about, the newest first


def test_conversations_are_found_by_title_and_by_what_was_said(
    db: Database, chats: ConversationService, lena: Principal
) -> None:
    titled, said, replaced = (chats.create(lena, title=title).id for title in ("Summer TOUR", "Money", "Other"))
    say(db, said, "Which tour dates?", "The 100% ones.")
    say(db, replaced, "a tour that was asked in other words", replaced_by=1)
    say(db, chats.create(user(db)).id, "A tour of somebody else's")

    def found(words: str) -> set[str]:
        return {one.id for one in chats.conversations(lena, q=words).items}

    assert found("tour") == {titled, said}
    assert found("100%") == {said}
    assert found("_") == set()
    assert found("  ") == {titled, said, replaced}


def test_the_artist_of_a_conversation_changes_alone_and_only_to_ones_own(
    db: Database, chats: ConversationService, lena: Principal
) -> None:
    mine, theirs = Artist(user_id=lena.user_id, name="Mine"), Artist(user_id=user(db).user_id, name="Theirs")
    with db.session() as session:
        session.add_all([mine, theirs])
    conversation = chats.create(lena, title="Tour").id
    assert chats.update(lena, conversation, artist_id=mine.id).artist_id == mine.id
    assert chats.update(lena, conversation, title="Other").artist_id == mine.id
    with pytest.raises(NotFound, match="artist"):
        chats.update(lena, conversation, artist_id=theirs.id)
    assert chats.update(lena, conversation, artist_id=None).artist_id is None
    assert chats.conversation(lena, conversation).title == "Other"


def test_the_newest_messages_come_first_and_in_reading_order(
    db: Database, chats: ConversationService, lena: Principal
) -> None:
    conversation = chats.create(lena).id
    ids = say(db, conversation, "a", "b", "c", "d", "e")
    last = chats.newest(lena, conversation, limit=2)
    assert ([row.text for row in last.items], last.next) == (["d", "e"], ids[3])
    above = chats.newest(lena, conversation, limit=3, before=last.next)
    assert ([row.text for row in above.items], above.next) == (["a", "b", "c"], None)
