from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import pytest
from llama_index.core.base.response.schema import AsyncStreamingResponse, Response
from llama_index.core.query_engine import RouterQueryEngine

from app.models import Intent
from app.principal import Principal
from app.retrievers.intent import IntentSelector
from app.retrievers.knowledge import KnowledgeFusionRetriever, Retrieval
from app.retrievers.router import build_router
from tests.llm_calls import make
from tests.openai_server import OpenAIServer
from tests.retrievers.library import person, put
from tests.retrievers.world import Library

FACT = "What commission does my manager take?"
QUESTIONS: dict[Intent, str] = {
    "personal": FACT,
    "global": "What are mechanical royalties?",
    "hybrid": "Is the commission in my contract fair?",
}


async def echo(question: str, retrieval: Retrieval) -> AsyncGenerator[str, None]:
    yield f"{question} "
    yield f"[{retrieval.trace.intent}]"


class Scene:
    """A router over the real retriever of one user; `made` counts which retrievers it asked for."""

    def __init__(self, library: Library, principal: Principal, selector: IntentSelector | None = None) -> None:
        self.made: list[Intent] = []
        self._library, self._principal = library, principal
        self.router: RouterQueryEngine = build_router(self._retriever, selector or IntentSelector(), echo)

    def _retriever(self, intent: Intent) -> KnowledgeFusionRetriever:
        self.made.append(intent)
        return self._library.retriever(self._principal, intent)


@pytest.fixture(scope="module")
def asker(library: Library) -> Principal:
    principal = person(library.services)
    put(library.services, "The manager takes a commission of twenty percent.", title="Deal", owner=principal)
    put(library.services, "Mechanical royalties are paid for every copy of a song.", title="Royalties")
    return principal


async def read(scene: Scene, question: str) -> tuple[str, AsyncStreamingResponse]:
    response = await scene.router.aquery(question)
    assert isinstance(response, AsyncStreamingResponse)
    return "".join([piece async for piece in response.response_gen]), response


@pytest.mark.parametrize("intent", ["personal", "global", "hybrid"])
def test_every_intent_reaches_its_own_engine(library: Library, asker: Principal, intent: Intent) -> None:
    scene = Scene(library, asker)
    text, response = asyncio.run(read(scene, QUESTIONS[intent]))
    assert scene.made == [intent]
    assert text == f"{QUESTIONS[intent]} [{intent}]"
    retrieval: Retrieval = (response.metadata or {})["retrieval"]
    assert retrieval.trace.reason.startswith("examples: ")
    assert [node.node.node_id for node in response.source_nodes] == [one.chunk.id for one in retrieval.passages]
    assert {one.kb for one in retrieval.passages} == ({"global"} if intent == "global" else {"personal", "global"})


def test_a_direct_message_is_answered_without_retrieval(library: Library, asker: Principal) -> None:
    scene = Scene(library, asker)
    text, response = asyncio.run(read(scene, "Hello, how are you?"))
    assert scene.made == []
    assert response.source_nodes == []
    trace = (response.metadata or {})["retrieval"].trace
    assert (trace.direct, trace.question, trace.kbs, trace.reason) == (
        True,
        "Hello, how are you?",
        [],
        "rules: small talk",
    )
    assert text.startswith("Hello")


def test_the_language_models_choice_decides(library: Library, asker: Principal, openai_server: OpenAIServer) -> None:
    openai_server.script('{"intent": "global", "direct": false}')
    scene = Scene(library, asker, IntentSelector(make(openai_server), 30))
    _, response = asyncio.run(read(scene, FACT))
    assert scene.made == ["global"]
    assert (response.metadata or {})["retrieval"].trace.reason == "model: chosen by the language model"
    assert len(openai_server.chats) == 1


def test_the_answer_is_written_only_when_it_is_read(library: Library, asker: Principal) -> None:
    written: list[str] = []

    async def answer(question: str, _retrieval: Retrieval) -> AsyncGenerator[str, None]:
        written.append(question)
        yield "done"

    router = build_router(lambda intent: library.retriever(asker, intent), IntentSelector(), answer)

    async def scene() -> None:
        response = await router.aquery(FACT)
        assert isinstance(response, AsyncStreamingResponse)
        assert written == []
        assert [piece async for piece in response.response_gen] == ["done"]

    asyncio.run(scene())
    assert written == [FACT]


def test_the_sync_door_gives_the_whole_answer(library: Library, asker: Principal) -> None:
    response = Scene(library, asker).router.query(FACT)
    assert isinstance(response, Response)
    assert str(response) == f"{FACT} [personal]"
    assert response.source_nodes


def test_the_sync_door_works_inside_a_running_loop(library: Library, asker: Principal) -> None:
    """A notebook cell runs in one."""

    async def cell() -> Any:
        return Scene(library, asker).router.query(FACT)

    assert str(asyncio.run(cell())) == f"{FACT} [personal]"


def test_the_sync_door_raises_what_went_wrong(library: Library, asker: Principal) -> None:
    async def broken(_question: str, _retrieval: Retrieval) -> AsyncGenerator[str, None]:
        yield "so far "
        raise KeyError("the provider")

    router = build_router(lambda intent: library.retriever(asker, intent), IntentSelector(), broken)
    with pytest.raises(KeyError):
        router.query(FACT)
