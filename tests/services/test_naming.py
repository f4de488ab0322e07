"""A document named in the question is what of the user's own is searched; the industry stays beside it."""

from __future__ import annotations

import asyncio

import pytest

from app.models import Trace
from app.principal import Principal
from app.services.services import Services
from app.services.shapes import AskRequest, SearchAnswer, SearchRequest
from tests.retrievers.library import artist, person, put


def search(services: Services, asker: Principal, query: str, **values: str) -> SearchAnswer:
    request = SearchRequest.model_validate({"query": query, "top_k": 50, **values})
    return asyncio.run(services.search.search(asker, request))


def mine(answer: SearchAnswer) -> set[str]:
    return {hit.document_id for hit in answer.hits if hit.kb == "personal"}


@pytest.fixture(scope="module")
def lena(services: Services) -> Principal:
    put(services, "A manager usually takes a commission of fifteen to twenty percent.", title="Managers")
    return person(services)


@pytest.fixture(scope="module")
def shelf(services: Services, lena: Principal) -> tuple[str, str]:
    return (
        put(services, "The Manager takes a commission of 15 percent.", title="Tideline Management Agreement", owner=lena),
        put(services, "The Manager takes a commission of 20 percent.", title="Northlight Management Agreement", owner=lena),
    )  # fmt: skip


def test_the_named_document_alone_is_searched(services: Services, lena: Principal, shelf: tuple[str, str]) -> None:
    tideline, northlight = shelf
    question = "What commission does the {} agreement give the manager?"
    assert mine(search(services, lena, question.format("Tideline"))) == {tideline}
    assert mine(search(services, lena, question.format("Northlight"))) == {northlight}
    assert mine(search(services, lena, "What commission does the manager get?")) == {tideline, northlight}


def test_the_industry_is_searched_beside_it(services: Services, lena: Principal, shelf: tuple[str, str]) -> None:
    answer = search(services, lena, "Is the commission in the Tideline agreement fair?", intent="global")
    assert answer.kbs == ["personal", "global"]
    assert {hit.kb for hit in answer.hits} == {"personal", "global"}
    with services.db.reading() as session:
        assert session.get_one(Trace, answer.trace_id).body["documents"] == [shelf[0]]


def test_nobody_names_anothers_document(services: Services, shelf: tuple[str, str]) -> None:
    ben = person(services)
    own = put(services, "The Manager takes a commission of 30 percent.", title="My deal", owner=ben)
    assert mine(search(services, ben, "What commission does the Tideline agreement give the manager?")) == {own}


def test_an_artists_question_names_no_other_artists_document(services: Services, lena: Principal) -> None:
    one, other = artist(services, lena), artist(services, lena)
    put(services, "The Singer gets 40 percent.", title="Seagrass Record Agreement", owner=lena, artist_id=one)
    theirs = put(services, "The Drummer gets 10 percent.", title="Shore Record Agreement", owner=lena, artist_id=other)
    found = mine(search(services, lena, "What does the Seagrass agreement give?", artist_id=other))
    assert theirs in found
    assert mine(search(services, lena, "What does the Shore agreement give?", artist_id=other)) == {theirs}


def test_a_follow_up_stays_with_the_document(services: Services, lena: Principal, shelf: tuple[str, str]) -> None:
    async def ask(text: str, conversation: str | None = None) -> tuple[str, set[str]]:
        message = await services.chat.answer(lena, AskRequest(text=text, conversation=conversation))
        return message.conversation, {one.document_id for one in message.citations if one.kb == "personal"}

    async def scene() -> set[str]:
        conversation, first = await ask("What commission does the Tideline agreement give the manager?")
        assert first == {shelf[0]}
        return (await ask("And what percentage is that?", conversation))[1]

    assert asyncio.run(scene()) <= {shelf[0]}
