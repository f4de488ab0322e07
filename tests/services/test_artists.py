"""The roster: artists with their documents and conversations, and handing one over."""

from __future__ import annotations

import asyncio
import io
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from sqlmodel import col, select

from app.errors import AppError, Conflict, NotFound
from app.indexes.engine import Scope
from app.models import (
    FAILED,
    READY,
    STORED,
    Artist,
    AuditEvent,
    Chunk,
    Conversation,
    Document,
    Handover,
    Message,
    Trace,
    User,
    new_id,
    now,
)
from app.principal import Principal, local_operator
from app.services.jobs import Job
from app.services.services import Services
from app.services.shapes import SearchRequest
from app.services.withdrawal import WITHDRAWN

QUESTION = "what commission does the manager receive of gross income"


@dataclass
class Office:
    """Two managers with a roster each, over real services."""

    services: Services
    anna: Principal
    ben: Principal

    def artist(self, who: Principal, name: str = "Night Ferry") -> str:
        return self.services.artists.create(who, name).id

    def contract(self, who: Principal, artist_id: str | None, percent: int = 17) -> str:
        text = f"The manager receives a commission of {percent} percent of gross income. Reference {new_id()}."
        return self.services.documents.receive(
            who, kb="personal", filename="deal.txt", source=io.BytesIO(text.encode()), artist_id=artist_id
        ).id

    def ready(self, who: Principal, artist_id: str | None, percent: int = 17) -> str:
        document_id = self.contract(who, artist_id, percent)
        self.services.ingestion.run_all()
        assert self.row(document_id).status == READY
        return document_id

    def later(self, conversation_id: int, text: str) -> int:
        with self.services.db.session() as session:
            message = Message(conversation_id=conversation_id, role="assistant", text=text)
            session.add(message)
        assert message.id is not None
        return message.id

    def row(self, document_id: str) -> Document:
        with self.services.db.reading() as session:
            return session.get_one(Document, document_id)

    def found(self, who: Principal, artist_id: str | None = None) -> set[str]:
        request = SearchRequest(query=QUESTION, top_k=50, intent="hybrid", artist_id=artist_id)
        return {hit.document_id for hit in asyncio.run(self.services.search.search(who, request)).hits}

    def points(self, **scope: Any) -> int:
        """Points of a scope in each personal index, which must agree."""
        counts = {
            self.services.indexes.engine.count(index.store.collection, Scope(**scope)).result()
            for index in self.services.indexes.writable("personal")
        }
        assert len(counts) == 1, counts
        return counts.pop()

    def file_there(self, document_id: str) -> bool:
        return (self.services.settings.data.dir / "uploads" / document_id).exists()

    def answer(
        self,
        who: Principal,
        artist_id: str | None,
        cites: str | None,
        shown: str | None = None,
        text: str = "17 percent",
    ) -> tuple[int, int, str]:
        """A conversation with a question and an answer that cites or was shown a document: ids, and the trace's."""
        with self.services.db.session() as session:
            conversation = Conversation(user_id=who.user_id, artist_id=artist_id)
            chunk = session.exec(select(Chunk.id).where(Chunk.document_id == shown)).first()
            prompt = [{"label": "P1", "chunk_id": chunk}] if chunk else []
            trace = Trace(user_id=who.user_id, artist_id=artist_id, body={"prompt": prompt, "candidates": []})
            session.add_all([conversation, trace])
            session.flush()
            assert conversation.id
            cited = [{"kb": "personal", "document_id": cites, "quote": text}] if cites else []
            question = Message(conversation_id=conversation.id, role="user", text="which?")
            answer = Message(
                conversation_id=conversation.id, role="assistant", text=text, citations=cited, trace_id=trace.id
            )
            session.add_all([question, answer])
            session.flush()
            assert answer.id
        return conversation.id, answer.id, trace.id

    def get(self, table: Any, key: object) -> Any:
        with self.services.db.reading() as session:
            return session.get(table, key)

    def actions(self, object_id: str) -> list[tuple[str, str]]:
        with self.services.db.reading() as session:
            query = select(AuditEvent).where(AuditEvent.object_id == object_id, AuditEvent.outcome == "granted")
            query = query.order_by(col(AuditEvent.id))
            return [(row.action, row.user_id) for row in session.exec(query).all()]

    def email(self, who: Principal) -> str:
        email: str = self.get(User, who.user_id).email
        return email

    def offers(self, artist_id: str) -> list[str]:
        with self.services.db.reading() as session:
            return [row.to_user_id for row in session.exec(select(Handover).where(Handover.artist_id == artist_id))]

    def hand_over(self, artist_id: str) -> None:
        self.services.handovers.offer(self.anna, artist_id, self.email(self.ben))
        offer = self.services.handovers.offers(self.ben).items[-1]
        self.services.handovers.accept(self.ben, offer.id)


@pytest.fixture
def office(services: Services) -> Office:
    with services.db.session() as session:
        users = [User(email=f"{new_id()}@example.com", password_hash="-") for _ in range(2)]
        session.add_all(users)
        session.flush()
        session.add_all([Artist(user_id=user.id, name="me") for user in users])
    anna, ben = (local_operator(user.id) for user in users)
    return Office(services, anna, ben)


# Keeping a roster


def test_an_artist_is_renamed_by_their_user_alone(office: Office) -> None:
    artist = office.artist(office.anna)
    assert office.services.artists.rename(office.anna, artist, "  Day Ferry ").name == "Day Ferry"
    for who, artist_id in ((office.ben, artist), (office.anna, new_id())):
        with pytest.raises(NotFound, match="^There is no such artist.$"):
            office.services.artists.rename(who, artist_id, "mine")
    for name in ("   ", "a" * 201):
        with pytest.raises(AppError) as caught:
            office.services.artists.rename(office.anna, artist, name)
        assert caught.value.status == 422
    assert office.get(Artist, artist).name == "Day Ferry"
    assert office.actions(artist) == [("artist.create", office.anna.user_id), ("artist.rename", office.anna.user_id)]


def test_the_last_artist_stays(office: Office) -> None:
    (only,) = office.services.artists.list(office.anna).items
    with pytest.raises(Conflict, match="last artist of a roster cannot be deleted; add another") as caught:
        office.services.artists.delete(office.anna, only.id)
    assert caught.value.code == "last_artist"
    with pytest.raises(Conflict, match="cannot be handed over"):
        office.services.handovers.offer(office.anna, only.id, office.email(office.ben))
    office.artist(office.anna)
    office.services.artists.delete(office.anna, only.id)
    assert [one.name for one in office.services.artists.list(office.anna).items] == ["Night Ferry"]


def test_a_deleted_artist_takes_everything_of_theirs(office: Office) -> None:
    artist, other = office.artist(office.anna), office.artist(office.anna, "Day Ferry")
    gone, kept, shared = (office.contract(office.anna, one) for one in (artist, other, None))
    office.services.ingestion.run_all()
    theirs = office.answer(office.anna, artist, gone)
    with office.services.db.session() as session:
        search = Trace(user_id=office.anna.user_id, artist_id=artist)
        session.add(search)
    elsewhere = office.answer(office.anna, other, kept)
    assert office.found(office.anna) == {gone, kept, shared}
    with pytest.raises(NotFound):
        office.services.artists.delete(office.ben, artist)
    office.services.artists.delete(office.anna, artist)
    # At once, before the worker did anything.
    assert office.found(office.anna) == {kept, shared}
    assert gone not in {one.id for one in office.services.documents.list(office.anna).items}
    for table, key in zip((Conversation, Message, Trace, Trace, Artist), (*theirs, search.id, artist), strict=True):
        assert office.get(table, key) is None
    office.services.ingestion.run_all()
    assert office.points(document_ids=(gone,)) == 0
    assert not office.file_there(gone)
    assert office.get(Document, gone) is None
    assert office.points(document_ids=(kept,)) == office.points(document_ids=(shared,)) == 1
    assert office.get(Message, elsewhere[1]).text == "17 percent"
    assert office.actions(artist)[-1] == ("artist.delete", office.anna.user_id)


def test_answers_from_a_deleted_artists_documents_go_wherever_they_were_given(office: Office) -> None:
    artist = office.artist(office.anna)
    gone, kept = office.ready(office.anna, artist), office.ready(office.anna, None)
    cited = office.answer(office.anna, None, gone)
    shown = office.answer(office.anna, None, None, shown=gone)
    fine = office.answer(office.anna, None, kept, shown=kept)
    later = office.later(cited[0], "So 17.")  # written with the cited one before it
    office.services.artists.delete(office.anna, artist)
    for message_id in (cited[1], shown[1], later):
        message = office.get(Message, message_id)
        assert (message.text, message.citations, message.trace_id) == (WITHDRAWN, [], None)
    assert office.get(Trace, cited[2]) is None
    assert office.get(Message, fine[1]).text == "17 percent"
    assert office.get(Trace, fine[2]) is not None


def test_a_deleted_document_takes_the_answers_that_hold_its_text(office: Office) -> None:
    gone, kept = office.ready(office.anna, None), office.ready(office.anna, None)
    cited = office.answer(office.anna, None, gone)
    shown = office.answer(office.anna, None, None, shown=gone)
    fine = office.answer(office.anna, None, kept, shown=kept)
    repeating = office.later(cited[0], "It says: the Manager receives a commission of 17 percent, as I said.")
    other = office.later(cited[0], "A manager is paid by commission.")
    office.services.documents.delete(office.anna, gone)
    for message_id in (cited[1], shown[1], repeating):
        message = office.get(Message, message_id)
        assert (message.text, message.trace_id) == (WITHDRAWN, None)
    [citation] = office.get(Message, cited[1]).citations
    assert (citation["document_id"], citation["title"], citation["quote"]) == (gone, "Deleted document", "")
    assert office.get(Trace, cited[2]) is None
    assert office.get(Message, fine[1]).text == "17 percent"
    assert office.get(Message, other).text == "A manager is paid by commission."


# Offers


def test_an_offer_tells_nothing_about_the_address(office: Office) -> None:
    artist = office.artist(office.anna)
    handovers = office.services.handovers
    for email in ("nobody@example.com", office.email(office.ben)):
        handovers.offer(office.anna, artist, email)
    assert office.offers(artist) == [office.ben.user_id]
    handovers.offer(office.anna, artist, f"  {office.email(office.ben).upper()} ")
    assert office.offers(artist) == [office.ben.user_id], "one open offer for each artist"
    handovers.offer(office.anna, artist, "nobody@example.com")
    assert office.offers(artist) == [], "the newest offer is the one that stands"
    assert office.actions(artist)[1:] == [("artist.offer", office.anna.user_id)] * 4
    with pytest.raises(AppError, match="on your roster already"):
        handovers.offer(office.anna, artist, office.email(office.anna))
    with pytest.raises(NotFound):
        handovers.offer(office.ben, artist, office.email(office.anna))


def test_offers_are_listed_declined_and_taken_back(office: Office) -> None:
    handovers = office.services.handovers
    artists = [office.artist(office.anna, f"Artist {number}") for number in range(3)]
    for artist in artists:
        handovers.offer(office.anna, artist, office.email(office.ben))
    first = handovers.offers(office.ben, limit=2)
    rest = handovers.offers(office.ben, limit=2, after=first.next)
    assert [one.artist for one in first.items + rest.items] == ["Artist 0", "Artist 1", "Artist 2"]
    assert (first.items[0].artist_id, first.items[0].from_email) == (artists[0], office.email(office.anna))
    assert handovers.offers(office.anna).items == []
    for act in (handovers.accept, handovers.decline):
        for who, offer_id in ((office.anna, first.items[0].id), (office.ben, new_id())):
            with pytest.raises(NotFound, match="^There is no such offer.$"):
                act(who, offer_id)
    handovers.decline(office.ben, first.items[0].id)
    handovers.withdraw(office.anna, artists[1])
    assert [one.artist for one in handovers.offers(office.ben).items] == ["Artist 2"]
    with pytest.raises(NotFound):
        handovers.accept(office.ben, first.items[1].id)
    assert office.actions(artists[0])[-1] == ("artist.decline", office.ben.user_id)
    assert office.get(Artist, artists[0]).user_id == office.anna.user_id


def test_an_offer_of_what_became_the_last_artist_or_of_a_locked_out_user_stands_no_more(office: Office) -> None:
    handovers = office.services.handovers
    (own,) = office.services.artists.list(office.anna).items
    artist = office.artist(office.anna)
    handovers.offer(office.anna, artist, office.email(office.ben))
    (offer,) = handovers.offers(office.ben).items
    office.services.artists.delete(office.anna, own.id)
    with pytest.raises(Conflict, match="last artist"):
        handovers.accept(office.ben, offer.id)
    office.artist(office.anna, "another")
    office.services.users.disable(office.email(office.anna))
    assert handovers.offers(office.ben).items == []
    with pytest.raises(NotFound):
        handovers.accept(office.ben, offer.id)


# Handing over


def test_an_artist_moves_with_documents_and_nobody_finds_them_half_way(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    artist = office.artist(office.anna)
    moving, staying = office.ready(office.anna, artist), office.ready(office.anna, None)
    before = office.row(moving)
    office.hand_over(artist)
    assert (office.found(office.anna), office.found(office.ben)) == ({staying}, set())
    assert [one.id for one in office.services.documents.list(office.ben, kb="personal").items] == [moving]
    with pytest.raises(NotFound):
        office.services.documents.file(office.anna, moving)

    seen: list[tuple[str, set[str], set[str], int]] = []
    move = office.services.ingestion.jobs.move

    def looking(job: Job, status: str, **values: object) -> None:
        move(job, status, **values)
        points = office.points(user_id=office.ben.user_id)
        seen.append((status, office.found(office.anna), office.found(office.ben), points))

    monkeypatch.setattr(office.services.ingestion.jobs, "move", looking)
    office.services.ingestion.run_all()
    assert [status for status, *_ in seen] == ["parsing", "embedding", "indexing"]
    assert all((anna, ben) == ({staying}, set()) for _, anna, ben, _ in seen)
    assert seen[-1][3] == 1, "the new points were there while nobody found them"

    after = office.row(moving)
    assert (after.user_id, after.status, after.version) == (office.ben.user_id, READY, before.version + 1)
    assert (office.found(office.anna), office.found(office.ben, artist)) == ({staying}, {moving})
    assert office.points(document_ids=(moving,)) == office.points(user_id=office.ben.user_id, artist_ids=(artist,)) == 1
    assert office.points(user_id=office.anna.user_id) == 1, "the one that stayed"
    assert office.services.documents.file(office.ben, moving)[0].is_file()
    assert office.actions(artist)[-1] == ("artist.accept", office.ben.user_id)
    with pytest.raises(NotFound):
        office.services.artists.rename(office.anna, artist, "mine")
    assert artist in {one.id for one in office.services.artists.list(office.ben).items}


def test_whoever_is_at_work_on_the_old_version_ends_first(office: Office) -> None:
    artist = office.artist(office.anna)
    waiting, failed = office.contract(office.anna, artist), office.contract(office.anna, artist, 18)
    with office.services.db.session() as session:
        session.get_one(Document, waiting).lease_until = now() + timedelta(minutes=5)
        session.get_one(Document, failed).status = FAILED
    office.hand_over(artist)
    assert not office.services.ingestion.run_once()
    assert (office.row(waiting).status, office.row(waiting).version) == (STORED, 2)
    assert (office.row(failed).status, office.row(failed).user_id) == (FAILED, office.ben.user_id)
    office.services.documents.delete(office.ben, waiting)
    office.services.ingestion.resume()
    office.services.ingestion.run_all()


def test_conversations_move_and_each_side_keeps_the_answers_from_its_own_documents(office: Office) -> None:
    artist = office.artist(office.anna)
    moving, staying = office.ready(office.anna, artist), office.ready(office.anna, None)
    theirs, mixed = office.answer(office.anna, artist, moving), office.answer(office.anna, artist, staying)
    general, quoting = office.answer(office.anna, None, staying), office.answer(office.anna, None, moving)
    with office.services.db.session() as session:
        search = Trace(user_id=office.anna.user_id, artist_id=artist)
        session.add(search)
    office.hand_over(artist)
    chat = office.services.chat
    assert {one.id for one in chat.conversations(office.ben).items} == {str(theirs[0]), str(mixed[0])}
    assert {one.id for one in chat.conversations(office.anna).items} == {str(general[0]), str(quoting[0])}
    texts = {one[1]: office.get(Message, one[1]).text for one in (theirs, mixed, general, quoting)}
    assert texts == {theirs[1]: "17 percent", mixed[1]: WITHDRAWN, general[1]: "17 percent", quoting[1]: WITHDRAWN}
    assert chat.trace(office.ben, str(theirs[1]))["id"] == theirs[2]
    assert office.get(Trace, theirs[2]).user_id == office.ben.user_id
    assert [office.get(Trace, one) for one in (mixed[2], quoting[2], search.id)] == [None] * 3


# The artist of a document


def test_a_documents_artist_can_be_changed_and_its_points_follow(office: Office) -> None:
    one, other = office.artist(office.anna), office.artist(office.anna, "Day Ferry")
    document = office.ready(office.anna, one)
    documents = office.services.documents
    for wrong in (office.artist(office.ben), new_id(), ""):
        with pytest.raises(NotFound, match="no such artist"):
            documents.update(office.anna, document, artist_id=wrong)
    assert documents.update(office.anna, document, artist_id=one, title="Deal").status == READY, "nothing changed"
    assert documents.update(office.anna, document, title="Deal").artist_id == one
    assert documents.update(office.anna, document, artist_id=other).artist_id == other
    assert office.found(office.anna) == office.found(office.anna, one) == office.found(office.anna, other) == set()
    office.services.ingestion.run_all()
    assert (office.found(office.anna, one), office.found(office.anna, other)) == (set(), {document})
    assert office.points(document_ids=(document,), artist_ids=(other,)) == office.points(document_ids=(document,)) == 1
    documents.update(office.anna, document, artist_id=None)
    office.services.ingestion.run_all()
    assert office.found(office.anna, one) == office.found(office.anna, other) == {document}
    assert office.points(document_ids=(document,), artist_ids=("",)) == 1


def test_an_industry_document_has_no_artist(office: Office) -> None:
    admin = local_operator(office.anna.user_id, "admin")
    guide = office.services.documents.receive(
        admin, kb="global", filename="g.txt", source=io.BytesIO(new_id().encode())
    )
    with pytest.raises(AppError, match="belongs to no artist") as caught:
        office.services.documents.update(admin, guide.id, artist_id=office.artist(admin))
    assert caught.value.status == 422
    office.services.documents.delete(admin, guide.id)


def test_a_conversation_that_was_about_others_too_does_not_leave_with_an_artist(office: Office) -> None:
    """Its artist was changed on the way: what was asked about another one is nobody else's."""
    gone, other = office.artist(office.anna), office.artist(office.anna)
    mixed, alone = office.answer(office.anna, other, None)[0], office.answer(office.anna, gone, None)[0]
    office.services.chat.update(office.anna, str(mixed), artist_id=gone)
    office.hand_over(gone)
    assert [one.id for one in office.services.chat.conversations(office.ben).items] == [str(alone)]
    assert office.services.chat.conversation(office.anna, str(mixed)).artist_id is None
