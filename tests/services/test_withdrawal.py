"""What goes while something is being written from it: nothing that is kept afterwards holds a word of it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import pytest
from sqlmodel import col, select

from app.errors import Conflict, NotFound
from app.models import Conversation, Draft, Message, Plan, PlanStep, Trace
from app.principal import Principal
from app.services.desk.shapes import DraftCreate, DraftUpdate
from app.services.plans.shapes import PlanCreate
from app.services.services import Services
from app.services.shapes import AskRequest, Event, SearchRequest
from app.services.withdrawal import DELETED_TITLE, WITHDRAWN
from tests.openai_replies import default_reply
from tests.openai_server import OpenAIServer
from tests.retrievers.library import artist, person, put
from tests.services.plans.test_plans import TARGET

QUESTION = "What commission does my manager take?"
CANARY = "ZEBRAFINCH"
CONTRACT = (
    f"The Manager takes a commission of seventeen percent of gross income under the {CANARY} clause of this agreement."
)
ANSWER = f"Your manager takes a commission of seventeen percent of gross income under the {CANARY} clause [P1]."


@dataclass
class Scene:
    services: Services
    server: OpenAIServer
    lena: Principal

    def contract(self, **values: Any) -> str:
        return put(self.services, CONTRACT, title=f"{CANARY} deal", owner=self.lena, **values)

    def ask(self, request: AskRequest, at: str, do: Any) -> list[Event]:
        """All events; `do` is called at the first one called `at`."""

        async def run() -> list[Event]:
            seen: list[Event] = []
            async with aclosing(self.services.chat.ask(self.lena, request)) as events:
                async for event in events:
                    if event.name == at and at not in [one.name for one in seen]:
                        do()
                    seen.append(event)
            return seen

        return asyncio.run(run())

    def kept(self) -> str:
        """All that is kept of this user's, but documents and the question."""
        user_id = self.lena.user_id
        mine = select(Conversation.id).where(Conversation.user_id == user_id)
        plans = select(Plan.id).where(Plan.user_id == user_id)
        queries = (
            select(Message).where(col(Message.conversation_id).in_(mine), Message.role == "assistant"),
            select(Trace).where(Trace.user_id == user_id),
            select(Draft).where(Draft.user_id == user_id),
            select(Plan).where(Plan.user_id == user_id),
            select(PlanStep).where(col(PlanStep.plan_id).in_(plans)),
        )
        with self.services.db.reading() as session:
            return "\n".join(str(row) for query in queries for row in session.exec(query).all())


@pytest.fixture
def scene(services_with_model: tuple[Services, OpenAIServer]) -> Iterator[Scene]:
    services, server = services_with_model
    server.script(lambda body: default_reply(body) if not body.get("stream") else ANSWER)
    yield Scene(services, server, person(services))
    server.script()


@pytest.mark.parametrize("at", ["sources", "token"])
def test_an_answer_keeps_nothing_of_a_document_that_goes_while_it_is_written(scene: Scene, at: str) -> None:
    document = scene.contract()
    events = scene.ask(AskRequest(text=QUESTION), at, lambda: scene.services.documents.delete(scene.lena, document))
    done = events[-1]
    assert done.name == "done"
    assert (done.data["text"], done.data["state"]) == (WITHDRAWN, "nothing_found")
    assert {one["title"] for one in done.data["citations"]} <= {DELETED_TITLE}
    assert CANARY not in scene.kept()


def test_an_answer_that_is_stopped_keeps_nothing_of_it_either(scene: Scene) -> None:
    document = scene.contract()

    async def stop() -> None:
        async with aclosing(scene.services.chat.ask(scene.lena, AskRequest(text=QUESTION))) as events:
            async for event in events:
                if event.name == "token":
                    scene.services.documents.delete(scene.lena, document)
                    return

    asyncio.run(stop())
    assert CANARY not in scene.kept()


def test_what_went_between_search_and_answer_is_not_shown(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    document, opened = scene.contract(), scene.services.chat._open

    def late(*values: Any) -> Any:
        scene.services.documents.delete(scene.lena, document)
        return opened(*values)

    monkeypatch.setattr(scene.services.chat, "_open", late)
    events = scene.ask(AskRequest(text=QUESTION), "never", None)
    assert [event.name for event in events] == ["error"]
    assert events[0].data["status"] == 409
    assert CANARY not in f"{events}{scene.kept()}"


def test_an_answer_that_repeats_one_that_was_taken_back_goes_too(scene: Scene) -> None:
    """The second question finds nothing of the document: it knows its words from the first answer alone."""
    document = scene.contract()
    first = scene.ask(AskRequest(text=QUESTION), "never", None)[-1].data
    scene.server.script(lambda body: default_reply(body) if not body.get("stream") else ANSWER.replace(" [P1]", ""))
    request = AskRequest(text="Hello, how are you?", conversation=first["conversation"])
    events = scene.ask(request, "token", lambda: scene.services.documents.delete(scene.lena, document))
    assert events[-1].data["text"] == WITHDRAWN
    assert CANARY not in scene.kept()


def test_a_draft_keeps_nothing_of_it_and_is_not_brought_back(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    document, desk = scene.contract(), scene.services.desk
    request = DraftCreate(kind="bio_short", documents=[document])
    scene.server.script(f"The {CANARY} clause.")
    kept = desk._keep

    def late(*values: Any) -> Any:
        scene.services.documents.delete(scene.lena, document)
        return kept(*values)

    monkeypatch.setattr(desk, "_keep", late)
    with pytest.raises(Conflict, match="deleted at this moment"):
        asyncio.run(desk.create(scene.lena, request))
    assert CANARY not in scene.kept()
    monkeypatch.undo()
    again = scene.contract()
    draft = asyncio.run(desk.create(scene.lena, DraftCreate(kind="bio_short", documents=[again])))
    assert draft.sources
    scene.services.documents.delete(scene.lena, again)
    with pytest.raises(Conflict, match="not here any more"):
        desk.update(scene.lena, draft.id, DraftUpdate(text=f"{draft.text} {CANARY}"))
    assert CANARY not in scene.kept()


def test_a_plan_keeps_nothing_of_it(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    words = (
        f"Distribution agreement {CANARY}: deliver the master to the distributor at least sixty days before release."
    )
    document = put(scene.services, words, title=f"{CANARY} deal", owner=scene.lena)
    plans, request = scene.services.plans, PlanCreate(template="release_single", goal="", target_date=TARGET)
    asyncio.run(plans.create(scene.lena, request))
    assert CANARY in scene.kept()  # it is quoted where nothing happens meanwhile
    kept = plans._keep

    def late(*values: Any) -> Any:
        scene.services.documents.delete(scene.lena, document)
        return kept(*values)

    monkeypatch.setattr(plans, "_keep", late)
    plan = asyncio.run(plans.create(scene.lena, request))
    assert plan.steps
    assert CANARY not in scene.kept()


def test_an_artist_takes_what_others_plans_and_drafts_quote_of_theirs(scene: Scene) -> None:
    """A plan and a draft for all artists quote a contract of one."""
    artist(scene.services, scene.lena, "Other")
    ferry = artist(scene.services, scene.lena)
    words = (
        f"Distribution agreement {CANARY}: deliver the master to the distributor at least sixty days before release."
    )
    document = put(scene.services, words, title=f"{CANARY} deal", owner=scene.lena, artist_id=ferry)
    request = PlanCreate(template="release_single", goal="", target_date=TARGET)
    asyncio.run(scene.services.plans.create(scene.lena, request))
    scene.server.script(f"Distribution agreement {CANARY}.")
    asyncio.run(scene.services.desk.create(scene.lena, DraftCreate(kind="bio_short", documents=[document])))
    assert scene.kept().count(CANARY) > 2
    scene.services.artists.delete(scene.lena, ferry)
    assert CANARY not in scene.kept()


def test_an_artist_deleted_meanwhile_is_a_sentence(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    artist(scene.services, scene.lena, "Other")
    ferry, search = artist(scene.services, scene.lena), scene.services.search
    scene.contract(artist_id=ferry)
    keep = search.keep

    def late(*values: Any) -> Any:
        scene.services.artists.delete(scene.lena, ferry)
        return keep(*values)

    monkeypatch.setattr(search, "keep", late)
    with pytest.raises(NotFound, match="artist was deleted"):
        asyncio.run(search.search(scene.lena, SearchRequest(query=QUESTION, artist_id=ferry)))
    monkeypatch.undo()
    ferry = artist(scene.services, scene.lena)
    opened = scene.services.chat._open
    talk = scene.services.chat.create(scene.lena).id

    def gone(*values: Any) -> Any:
        scene.services.artists.delete(scene.lena, ferry)
        return opened(*values)

    monkeypatch.setattr(scene.services.chat, "_open", gone)
    [error] = scene.ask(AskRequest(text=QUESTION, conversation=talk, artist_id=ferry), "never", None)
    assert (error.name, error.data["status"]) == ("error", 404)
