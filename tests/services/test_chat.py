from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import pytest
from loguru import logger
from sqlmodel import col, select

from app.errors import AppError, NotFound, Unavailable
from app.models import AuditEvent, Message, Trace
from app.principal import Principal
from app.services.answering import NONE_OF_YOURS, NOTHING
from app.services.chat import FAILED_SENTENCE, ChatService
from app.services.services import Services
from app.services.shapes import AskRequest, Event, MessagePublic
from tests.llm_calls import soon
from tests.openai_replies import default_reply
from tests.openai_server import OpenAIServer
from tests.retrievers.library import artist, change, chunk_ids, left_open, person, put

QUESTION = "What commission does my manager take?"
CONTRACT = "The Manager takes a commission of seventeen percent of gross income."
INDUSTRY = "A manager usually takes a commission of fifteen to twenty percent of gross income."
UNHEARD = "How do I prune an apple tree in winter?"


@dataclass
class Scene:
    services: Services
    server: OpenAIServer
    lena: Principal
    contract: str

    @property
    def chat(self) -> ChatService:
        return self.services.chat

    async def events(self, text: str = QUESTION, asker: Principal | None = None, **values: Any) -> list[Event]:
        async with aclosing(self.chat.ask(asker or self.lena, AskRequest(text=text, **values))) as events:
            return [event async for event in events]

    def ask(self, text: str = QUESTION, asker: Principal | None = None, **values: Any) -> list[Event]:
        return asyncio.run(self.events(text, asker, **values))

    def message(self, message_id: str) -> Message:
        with self.services.db.reading() as session:
            return session.get_one(Message, int(message_id))

    def audit(self, principal: Principal, action: str = "chat.read") -> list[AuditEvent]:
        with self.services.db.reading() as session:
            query = select(AuditEvent).where(AuditEvent.user_id == principal.user_id, AuditEvent.action == action)
            return list(session.exec(query.order_by(col(AuditEvent.id))).all())


@pytest.fixture(scope="module")
def world(services_with_model: tuple[Services, OpenAIServer]) -> Scene:
    services, server = services_with_model
    lena = person(services)
    put(services, INDUSTRY, title="Managers")
    scene = Scene(services, server, lena, put(services, CONTRACT, title="Harbour Lane", owner=lena, standing="signed"))
    scene.ask("Hello")  # the first call imports for a second, which is longer than an intent may take
    return scene


@pytest.fixture
def scene(world: Scene) -> Iterator[Scene]:
    world.server.script()
    yield world
    world.server.script()


def names(events: list[Event]) -> list[str]:
    """Event names in order, many tokens as one."""
    found = [event.name for event in events]
    return [name for place, name in enumerate(found) if place == 0 or name != "token" or found[place - 1] != "token"]


def of(events: list[Event], name: str) -> dict[str, Any]:
    [event] = [event for event in events if event.name == name]
    return event.data


def told(events: list[Event]) -> str:
    return "".join(event.data["text"] for event in events if event.name == "token")


def replying(answer: str) -> Any:
    """Intents by the test server's own rules; every answer is this one."""
    return lambda body: default_reply(body) if not body.get("stream") else answer


def test_an_answer_from_question_to_done(scene: Scene) -> None:
    scene.server.script(replying("Seventeen percent [P1]; fifteen to twenty is usual [G1]."))
    events = scene.ask()
    assert names(events) == ["intent", "sources", "token", "done"]

    intent = of(events, "intent")
    assert (intent["intent"], intent["direct"], intent["kbs"]) == ("personal", False, ["personal", "global"])
    assert intent["reason"] == "model: chosen by the language model"
    assert intent["missing"] == []

    shown = of(events, "sources")["citations"]
    assert {one["label"]: one["quote"] for one in shown} == {"P1": CONTRACT, "G1": INDUSTRY}
    [mine] = [one for one in shown if one["label"] == "P1"]
    assert (mine["document_id"], mine["title"], mine["standing"]) == (scene.contract, "Harbour Lane", "signed")

    done = MessagePublic.model_validate(of(events, "done"))
    assert done.text == told(events).strip() == "Seventeen percent [P1]; fifteen to twenty is usual [G1]."
    assert (done.state, done.intent, done.role) == ("answered", "personal", "assistant")
    assert [one.label for one in done.citations] == ["P1", "G1"]
    assert (done.conversation, done.trace_id) == (intent["conversation"], of(events, "sources")["trace_id"])


def test_question_and_answer_are_kept(scene: Scene) -> None:
    events = scene.ask()
    conversation = of(events, "intent")["conversation"]
    asked, answered = scene.chat.messages(scene.lena, conversation).items
    assert (asked.id, asked.role, asked.text, asked.state) == (of(events, "intent")["message"], "user", QUESTION, None)
    assert answered == MessagePublic.model_validate(of(events, "done"))
    assert scene.chat.conversation(scene.lena, conversation).title == QUESTION


def test_only_what_the_answer_cites_is_a_citation(scene: Scene) -> None:
    scene.server.script(replying("Seventeen percent [P1], says [P7]."))
    done = of(scene.ask(), "done")
    assert [one["label"] for one in done["citations"]] == ["P1"]
    assert done["text"] == "Seventeen percent [P1], says."


def test_the_trace_says_what_entered_the_prompt(scene: Scene) -> None:
    events = scene.ask()
    trace = scene.chat.trace(scene.lena, of(events, "done")["id"])
    assert trace["question"] == QUESTION
    assert (trace["intent"], trace["kbs"]) == ("personal", ["personal", "global"])
    shown = {one["label"]: one["chunk_id"] for one in of(events, "sources")["citations"]}
    assert {one["label"]: one["chunk_id"] for one in trace["prompt"]} == shown
    assert set(shown) == {"P1", "G1"}
    assert {row["outcome"] for row in trace["candidates"]} >= {"prompt"}


def test_audit_and_trace_are_written_before_any_source_leaves(scene: Scene) -> None:
    asker = person(scene.services)
    mine = put(scene.services, CONTRACT, owner=asker)

    async def first() -> Event:
        async with aclosing(scene.chat.ask(asker, AskRequest(text=QUESTION))) as events:
            async for event in events:
                return event
        raise AssertionError

    event = asyncio.run(first())
    assert event.name == "intent"
    [row] = scene.audit(asker)
    assert (row.outcome, row.door) == ("granted", "session")
    assert {"document_id": mine, "chunk_ids": chunk_ids(scene.services, mine)} in row.reads
    with scene.services.db.reading() as session:
        trace = session.get_one(Trace, row.object_id)
    assert (trace.user_id, trace.body["question"]) == (asker.user_id, QUESTION)


def test_no_audit_no_data(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that cannot be accounted for is not shown."""

    def full(*_: Any, **__: Any) -> None:
        raise Unavailable("The disk is full.")

    monkeypatch.setattr(scene.services.audit, "record", full)
    events = scene.ask()
    assert names(events) == ["error"]
    assert CONTRACT not in str(events)


def test_audit_holds_a_digest_of_the_question_and_no_text(scene: Scene) -> None:
    asker = person(scene.services)
    for text in (QUESTION, QUESTION, "What are mechanical royalties?"):
        scene.ask(text, asker)
    one, two, other = scene.audit(asker)
    assert one.question_digest == two.question_digest == scene.services.audit.digest(QUESTION)
    assert other.question_digest not in (None, one.question_digest)
    assert "commission" not in str([row.model_dump() for row in (one, two, other)])


def test_logs_hold_no_text(scene: Scene) -> None:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(f"{message} {message.record['extra']}"), level="DEBUG")
    try:
        scene.ask()
        scene.server.script(status=401, times=9)
        scene.ask()
    finally:
        logger.remove(sink)
    assert lines
    assert not any("commission" in line for line in lines)


def test_a_later_question_knows_the_earlier_ones(scene: Scene) -> None:
    first = scene.ask()
    conversation = of(first, "intent")["conversation"]
    scene.ask("Does my manager take a commission of gross or of net income?", conversation=conversation)
    prompt = scene.server.chats[-1].body["messages"][-1]["content"]
    history = prompt.split("## Conversation so far\n")[1].split("\n\n## Question")[0]
    assert history.startswith(f"user: {QUESTION}\nassistant: ")
    assert "gross or of net" not in history
    assert len(scene.chat.messages(scene.lena, conversation).items) == 4
    assert scene.chat.conversation(scene.lena, conversation).title == QUESTION


def test_the_profile_is_in_the_prompt(scene: Scene) -> None:
    from app.services.profiles import ProfileShape

    asker = person(scene.services)
    scene.services.profiles.put(asker, ProfileShape(role="songwriter", goals="A record by May"))
    scene.ask(asker=asker)
    assert "role: songwriter\ngoals: A record by May" in scene.server.chats[-1].body["messages"][-1]["content"]


def test_small_talk_reads_nothing(scene: Scene) -> None:
    asker = person(scene.services)
    events = scene.ask("Hello, how are you?", asker)
    assert names(events) == ["intent", "sources", "token", "done"]
    assert of(events, "sources")["citations"] == []
    assert (of(events, "done")["state"], of(events, "done")["citations"]) == ("direct", [])
    [row] = scene.audit(asker)
    assert row.reads == []


def test_nothing_found_shows_no_sources(scene: Scene) -> None:
    events = scene.ask(UNHEARD)
    assert of(events, "sources")["citations"] == []
    done = of(events, "done")
    assert (done["state"], done["text"], done["citations"]) == ("nothing_found", NOTHING, [])


def test_somebody_without_documents_is_told_so_first(scene: Scene) -> None:
    done = of(scene.ask(asker=person(scene.services)), "done")
    assert done["text"].startswith(NONE_OF_YOURS.strip())
    assert {one["kb"] for one in done["citations"]} == {"global"}


def test_a_provider_that_is_down_leaves_it_to_the_sources(scene: Scene) -> None:
    scene.server.script(status=401, times=9)
    events = scene.ask()
    assert names(events) == ["intent", "sources", "token", "done"]
    assert of(events, "intent")["reason"].startswith("examples: ")
    done = of(events, "done")
    assert done["state"] == "extractive"
    assert done["text"].startswith("The language model did not answer (")
    assert CONTRACT in done["text"]
    assert "P1" in [one["label"] for one in done["citations"]]


def test_an_answer_that_breaks_off_is_kept_as_partial(scene: Scene) -> None:
    scene.server.script(replying("Seventeen percent [P1] of gross income and more"), die_after=4)
    events = scene.ask()
    assert names(events) == ["intent", "sources", "token", "error"]
    error = of(events, "error")
    assert error["error"] == "provider_broke"
    assert error["request_id"]
    kept = MessagePublic.model_validate(error["message"])
    assert kept.state == "partial"
    assert kept.text == f"Seventeen percent [P1] of\n\n{error['detail']}"
    assert [one.label for one in kept.citations] == ["P1"]
    assert scene.message(kept.id).text == kept.text


def test_the_whole_answer_at_once(scene: Scene) -> None:
    message = asyncio.run(scene.chat.answer(scene.lena, AskRequest(text=QUESTION)))
    assert message.state == "answered"
    scene.server.script(replying("Seventeen percent [P1] of gross income"), die_after=3)
    message = asyncio.run(scene.chat.answer(scene.lena, AskRequest(text=QUESTION)))
    assert message.state == "partial"
    assert message.text.startswith("Seventeen percent [P1]")


def test_closing_mid_answer_keeps_what_came_and_stops_the_provider(scene: Scene) -> None:
    scene.server.script(replying("Seventeen percent [P1] " + "and more " * 400), token_seconds=0.01)
    before = scene.server.closed

    conversation = scene.chat.create(scene.lena).id

    async def leave() -> None:
        request = AskRequest(text=QUESTION, conversation=conversation)
        async with aclosing(scene.chat.ask(scene.lena, request)) as events:
            seen = 0
            async for event in events:
                seen += event.name == "token"
                if seen == 6:
                    break

    assert asyncio.run(left_open(leave())) == set()
    assert soon(lambda: scene.server.closed == before + 1)
    [_, kept] = scene.chat.messages(scene.lena, conversation).items
    assert kept.state == "partial"
    assert kept.text.startswith("Seventeen percent [P1] and more")
    assert [one.label for one in kept.citations] == ["P1"]


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.2])
def test_cancelling_at_any_time_leaves_one_answer_at_most(scene: Scene, delay: float) -> None:
    scene.server.script(replying("word " * 400), token_seconds=0.01)
    conversation = scene.chat.create(scene.lena).id

    async def leave() -> None:
        task = asyncio.create_task(scene.events(conversation=conversation))
        await asyncio.sleep(delay)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.1)

    asyncio.run(leave())
    states = [message.state for message in scene.chat.messages(scene.lena, conversation).items]
    assert states in ([], [None], [None, "partial"])


def test_cancelling_while_the_answer_is_being_opened_leaves_one(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that writes its row goes on."""
    started = threading.Event()
    keep = scene.services.search.keep_in

    def slow(*values: Any) -> None:
        started.set()
        time.sleep(0.2)
        keep(*values)

    monkeypatch.setattr(scene.services.search, "keep_in", slow)
    conversation = scene.chat.create(scene.lena).id

    async def leave() -> None:
        task = asyncio.create_task(scene.events(conversation=conversation))
        await asyncio.to_thread(started.wait, 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(leave())
    time.sleep(0.3)
    states = [message.state for message in scene.chat.messages(scene.lena, conversation).items]
    assert states == [None, "partial"]


def test_a_conversation_deleted_meanwhile_takes_its_answer_with_it(scene: Scene) -> None:
    conversation = scene.chat.create(scene.lena).id

    async def delete_half_way() -> None:
        request = AskRequest(text=QUESTION, conversation=conversation)
        async with aclosing(scene.chat.ask(scene.lena, request)) as events:
            async for event in events:
                if event.name == "sources":
                    scene.chat.delete(scene.lena, conversation)

    with pytest.raises(NotFound, match="deleted while it was being answered"):
        asyncio.run(delete_half_way())
    with scene.services.db.reading() as session:
        query = select(Message).where(Message.conversation_id == int(conversation))
        assert session.exec(query).all() == []


def test_a_failing_search_keeps_the_question(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: Any, **__: Any) -> Any:
        raise Unavailable("The knowledge bases cannot be searched now; try again in a moment.", retry_after=10)

    monkeypatch.setattr(scene.services.search, "retriever", down)
    events = scene.ask()
    assert names(events) == ["error"]
    error = of(events, "error")
    assert (error["error"], error["status"], error["retry_after"]) == ("unavailable", 503, 10)
    kept = MessagePublic.model_validate(error["message"])
    assert (kept.state, kept.text, kept.citations) == ("failed", error["detail"], [])
    question, _ = scene.chat.messages(scene.lena, kept.conversation).items
    assert question.text == QUESTION
    with pytest.raises(AppError) as caught:
        asyncio.run(scene.chat.answer(scene.lena, AskRequest(text=QUESTION)))
    assert (caught.value.status, caught.value.code, caught.value.retry_after) == (503, "unavailable", 10)


def test_a_bug_is_a_sentence_and_keeps_the_question(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(scene.services.search, "retriever", bug)
    error = of(scene.ask(), "error")
    assert (error["error"], error["detail"], error["status"]) == ("internal", FAILED_SENTENCE, 500)
    assert error["message"]["state"] == "failed"
    assert "secret" not in str(error)


def test_other_peoples_things_are_not_there(scene: Scene) -> None:
    stranger = person(scene.services)
    conversation = of(scene.ask(), "intent")["conversation"]
    theirs = artist(scene.services, scene.lena)
    for values in (
        {"conversation": conversation},
        {"conversation": "999999"},
        {"conversation": "x"},
        {"documents": [scene.contract]},
        {"documents": ["unknown"]},
        {"artist_id": theirs},
        {"artist_id": "unknown"},
    ):
        with pytest.raises(NotFound):
            scene.ask(asker=stranger, **values)
    assert len(scene.chat.messages(scene.lena, conversation).items) == 2
    assert scene.chat.conversations(stranger).items == [], "nothing was begun for them"


def test_named_documents_are_all_that_is_read(scene: Scene) -> None:
    asker = person(scene.services)
    one = put(scene.services, "Old deal: the manager takes a commission of ten percent.", owner=asker)
    put(scene.services, "New deal: the manager takes a commission of twelve percent.", owner=asker)
    events = scene.ask(asker=asker, documents=[one])
    assert {source["document_id"] for source in of(events, "sources")["citations"]} == {one}
    shared = put(scene.services, INDUSTRY.replace("fifteen", "ten"))
    events = scene.ask(asker=asker, documents=[shared])
    assert {source["document_id"] for source in of(events, "sources")["citations"]} == {shared}
    assert of(events, "intent")["intent"] == "global", "whatever the question sounds like"
    change(scene.services, shared, status="deleting")


def test_a_conversation_about_one_artist_stays_with_them(scene: Scene) -> None:
    asker = person(scene.services)
    ferry, kite = artist(scene.services, asker, "Night Ferry"), artist(scene.services, asker, "Paper Kite")
    hers = put(
        scene.services, "Night Ferry: the Manager takes a commission of nine percent.", owner=asker, artist_id=ferry
    )
    his = put(
        scene.services, "Paper Kite: the Manager takes a commission of eight percent.", owner=asker, artist_id=kite
    )
    conversation = scene.chat.create(asker, artist_id=ferry)

    def read(**values: Any) -> set[str]:
        events = scene.ask(asker=asker, **values)
        with scene.services.db.reading() as session:
            trace = session.get_one(Trace, of(events, "sources")["trace_id"])
        assert trace.artist_id == values.get("artist_id", ferry)
        return {one["document_id"] for one in of(events, "sources")["citations"]}

    first = read(artist_id=ferry)
    assert hers in first
    assert his not in first
    later = read(conversation=conversation.id)
    assert hers in later
    assert his not in later
    switched = read(conversation=conversation.id, artist_id=kite)
    assert his in switched
    assert hers not in switched


def test_many_at_once_each_get_their_own(scene: Scene) -> None:
    askers = [person(scene.services) for _ in range(4)]
    percent = ["three", "four", "six", "seven"]
    for asker, number in zip(askers, percent, strict=True):
        put(scene.services, f"The Manager takes a commission of {number} percent.", owner=asker)

    async def all_at_once() -> list[list[Event]]:
        return await asyncio.gather(*(scene.events(asker=asker) for asker in askers))

    for number, events in zip(percent, asyncio.run(all_at_once()), strict=True):
        mine = [one["quote"] for one in of(events, "sources")["citations"] if one["kb"] == "personal"]
        assert mine == [f"The Manager takes a commission of {number} percent."]
