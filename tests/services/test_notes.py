"""Notes about oneself: proposed from what was said, used when they were confirmed and not before, gone when forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from sqlmodel import select

from app.errors import AppError, Conflict, NotFound
from app.llms import ChatModel
from app.models import AuditEvent, ProfileNote
from app.principal import Principal
from app.services import notes as module
from app.services.notes import OPEN, TITLE, NotePublic
from app.services.profiles import ProfileShape
from app.services.services import Services
from app.services.shapes import AskRequest
from tests.llm_calls import make
from tests.openai_server import OpenAIServer
from tests.retrievers.library import artist, person

SAID = "I play the cello and sing. How do I register a song?"
FACT = "I play the cello and sing."


@pytest.fixture
def lena(services: Services) -> Principal:
    return person(services)


def ask(services: Services, principal: Principal, text: str, artist_id: str | None = None) -> str:
    return asyncio.run(services.chat.answer(principal, AskRequest(text=text, artist_id=artist_id))).conversation


def listed(services: Services, principal: Principal, **options: str) -> list[NotePublic]:
    return services.notes.list(principal, **options).items  # type: ignore[arg-type]


def test_a_fact_is_proposed_and_counts_only_when_confirmed(services: Services, lena: Principal) -> None:
    conversation = ask(services, lena, SAID)
    [note] = listed(services, lena, conversation=conversation)
    assert (note.text, note.status, note.artist_id) == (FACT, "proposed", None)
    assert note.message == services.chat.messages(lena, conversation).items[0].id
    assert services.notes.as_section(lena, None) is None
    services.notes.update(lena, note.id, status="confirmed")
    assert services.notes.as_section(lena, None) == (TITLE, f"- {FACT}")
    services.notes.update(lena, note.id, text="I play the viola.")
    assert services.notes.as_section(lena, None) == (TITLE, "- I play the viola.")
    services.notes.delete(lena, note.id)
    assert (services.notes.as_section(lena, None), listed(services, lena)) == (None, [])


def test_a_declined_one_leaves_no_words_and_does_not_come_back(services: Services, lena: Principal) -> None:
    [note] = listed(services, lena, conversation=ask(services, lena, SAID))
    assert services.notes.update(lena, note.id, status="declined").text == ""
    assert listed(services, lena) == []
    with services.db.reading() as session:
        row = session.exec(select(ProfileNote).where(ProfileNote.id == note.id)).one()
    assert FACT not in repr(row)
    assert "cello" not in row.digest
    ask(services, lena, "i PLAY the cello, and sing! How do I register one?")
    assert listed(services, lena) == []
    with pytest.raises(Conflict):
        services.notes.update(lena, note.id, text="Again")


def test_what_is_known_is_not_proposed_again(services: Services, lena: Principal) -> None:
    services.profiles.put(lena, ProfileShape(bio="I live in Porto. I play the cello and sing."))
    services.notes.create(lena, "I never tour in winter.")
    ask(services, lena, SAID + " I never tour in winter")
    assert [note.status for note in listed(services, lena)] == ["confirmed"]


def test_notes_of_an_artist_stay_with_the_artist(services: Services, lena: Principal) -> None:
    ferry, kite = artist(services, lena, "Night Ferry"), artist(services, lena, "Paper Kite")
    [note] = listed(services, lena, conversation=ask(services, lena, "We tour in May every year.", ferry))
    assert note.artist_id == ferry
    services.notes.update(lena, note.id, status="confirmed")
    services.notes.create(lena, "I take 15 % commission.")
    of_ferry, of_kite, of_all = (services.notes.as_section(lena, one) for one in (ferry, kite, None))
    assert of_ferry is not None
    assert "tour in May" in of_ferry[1]
    assert of_kite == (TITLE, "- I take 15 % commission.")
    assert of_all is not None
    assert "- About Night Ferry: We tour in May every year." in of_all[1]


def test_a_deleted_conversation_takes_its_proposals_along(services: Services, lena: Principal) -> None:
    conversation = ask(services, lena, f"{FACT} We tour in May every year. How do I register a song?")
    kept, gone = sorted(listed(services, lena), key=lambda note: note.text)
    services.notes.update(lena, kept.id, status="confirmed")
    ask(services, lena, "I live in Porto. How do I register a song?")
    services.chat.delete(lena, conversation)
    assert {note.text for note in listed(services, lena)} == {kept.text, "I live in Porto."}
    assert gone.text not in {note.text for note in listed(services, lena)}


def test_nobody_reaches_anothers(services: Services, lena: Principal) -> None:
    other = person(services)
    conversation = ask(services, lena, SAID)
    [note] = listed(services, lena)
    acts: list[Callable[[], object]] = [
        lambda: services.notes.update(other, note.id, status="confirmed"),
        lambda: services.notes.delete(other, note.id),
        lambda: services.notes.list(other, after=note.id),
        lambda: services.notes.list(other, conversation=conversation),
        lambda: services.notes.create(other, "Mine now", artist(services, lena)),
        lambda: services.notes.update(lena, note.id, artist_id=artist(services, other)),
    ]
    for act in acts:
        with pytest.raises(NotFound):
            act()
    with services.db.reading() as session:
        query = select(AuditEvent.action).where(AuditEvent.user_id == other.user_id, AuditEvent.outcome == "refused")
        refused = session.exec(query).all()
    assert sorted(refused) == ["note.create", "note.delete", "note.list", "note.list", "note.update"]
    assert (listed(services, other), services.notes.as_section(other, None)) == ([], None)


def test_they_are_bounded(services: Services, lena: Principal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "KEPT", 2)
    for number in range(OPEN + 3):
        services.notes._propose(lena, None, [f"I play instrument {number}."], None)
    waiting = listed(services, lena)
    assert (len(waiting), waiting[0].text) == (OPEN, f"I play instrument {OPEN + 2}.")
    assert services.notes.create(lena, "One two three").id == services.notes.create(lena, "one, two THREE").id
    services.notes.update(lena, waiting[0].id, status="confirmed")
    refused: list[Callable[[], object]] = [
        lambda: services.notes.create(lena, "One too many"),
        lambda: services.notes.update(lena, waiting[1].id, status="confirmed"),
    ]
    for act in refused:
        with pytest.raises(Conflict, match="forget one"):
            act()
    with pytest.raises(AppError, match="1 to 500"):
        services.notes.create(lena, "  ")
    monkeypatch.setattr(module, "SECTION_CHARS", 30)
    section = services.notes.as_section(lena, None)
    assert section is not None
    assert section[1].count("\n") == 0


def notice(services: Services, principal: Principal, text: str, model: ChatModel) -> list[str]:
    asyncio.run(services.notes.notice(principal, None, text, None, model))
    return [note.text for note in listed(services, principal)]


def test_a_model_points_out_more_and_makes_nothing_up(
    services: Services, lena: Principal, openai_server: OpenAIServer
) -> None:
    text = "As a cellist from Porto I care most about sync. Where do I begin?"
    openai_server.script('Sure: ["As a cellist from Porto", "I own a yacht in Monaco"]')
    assert notice(services, lena, text, make(openai_server)) == ["As a cellist from Porto"]
    [asked] = openai_server.chats
    assert asked.body["messages"][-1]["content"] == text


@pytest.mark.parametrize("answer", ["[", "none", '{"quotes": 3}', '["yacht in Monaco Bay"]'])
def test_a_model_that_fails_proposes_nothing(
    services: Services, lena: Principal, openai_server: OpenAIServer, answer: str
) -> None:
    openai_server.script(answer)
    assert notice(services, lena, "As a cellist I care about sync.", make(openai_server)) == []


def test_a_question_costs_no_call(services: Services, lena: Principal, openai_server: OpenAIServer) -> None:
    assert notice(services, lena, "How should I price my production services?", make(openai_server)) == []
    assert not openai_server.chats
