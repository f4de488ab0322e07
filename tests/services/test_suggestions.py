"""What to ask next: from documents that are here, and each question finds something."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from app.principal import Principal
from app.services.profiles import ProfileShape
from app.services.services import Services
from app.services.shapes import AskRequest, MessagePublic
from app.services.suggestions import MOST, OPENING, STARTERS, _topic
from tests.documents import make_contract_pdf
from tests.retrievers.library import artist, person, put

DEAL = (
    "1. Commission. The manager takes a commission of seventeen percent of gross income.\n\n"
    "2. Term. The term of this agreement is three years from signature.\n\n"
    "3. Governing Law. This agreement is governed by the laws of England and Wales.\n"
)


@pytest.fixture
def lena(services: Services) -> Principal:
    return person(services)


@pytest.fixture(scope="module", autouse=True)
def industry(services: Services) -> None:
    text = (
        "# Splits\n\n## Splitting master income\n\nMaster income is split by a written agreement between the artists.\n"
    )
    put(services, text, title="Splits")


def ask(services: Services, principal: Principal, text: str) -> MessagePublic:
    return asyncio.run(services.chat.answer(principal, AskRequest(text=text)))


def test_every_suggestion_finds_something(services: Services, lena: Principal, tmp_path: Path) -> None:
    put(services, DEAL, title="Management deal", owner=lena)
    with make_contract_pdf(tmp_path / "recording.pdf").open("rb") as source:
        services.documents.receive(lena, kb="personal", filename="recording.pdf", source=source)
    services.ingestion.run_all()
    opening = services.chat.suggestions(lena)
    assert opening[:STARTERS] == [*services.roles.of(lena).starters[:STARTERS]]
    assert len(opening) == OPENING
    tried = opening[STARTERS:]
    for question in [*tried]:
        answer = ask(services, lena, question)
        assert answer.citations, question
        tried += services.chat.suggestions(lena, answer, asked=[question])
    assert len(set(tried)) > MOST
    for question in set(tried):
        assert ask(services, lena, question).state != "nothing_found", question


def test_the_roles_own_questions_lead_and_are_not_offered_twice(services: Services, lena: Principal) -> None:
    services.profiles.put(lena, ProfileShape(role="producer"))
    mine = services.roles.named("producer").starters
    assert services.chat.suggestions(lena) == [*mine[: STARTERS + 1]], "without a paper they stand alone"
    answer = ask(services, lena, mine[0])
    assert services.chat.suggestions(lena)[0] == mine[1]
    assert not {*mine} & {*services.chat.suggestions(lena, answer, asked=[mine[0]])}, "only to begin with"
    assert services.chat.suggestions(person(services))[0] == services.roles.named("").starters[0]


def test_what_was_cited_comes_first_and_what_was_asked_not_again(services: Services, lena: Principal) -> None:
    put(services, "1. Fee. The fee is nine hundred in cash.\n2. Sound Check. It is at four.", title="Gig", owner=lena)
    put(services, DEAL, title="Management deal", owner=lena)
    question = "What commission does my manager take?"
    answer = ask(services, lena, question)
    found = services.chat.suggestions(lena, answer, asked=[question])
    assert found[0] == "What does “Management deal” say about term?"
    assert not any("commission" in one for one in found)
    assert found[0] not in services.chat.suggestions(lena, answer, asked=[found[0], question])


def test_nobody_is_asked_about_what_they_cannot_see(services: Services, lena: Principal) -> None:
    one, other = artist(services, lena), artist(services, lena)
    put(services, DEAL, title="Theirs", owner=person(services))
    put(services, DEAL, title="Kite deal", owner=lena, artist_id=one)
    assert any("Kite deal" in question for question in services.chat.suggestions(lena, artist_id=one))
    assert not any("deal" in question for question in services.chat.suggestions(lena, artist_id=other))
    assert not any("Theirs" in question for question in services.chat.suggestions(lena))


@pytest.mark.parametrize(
    ("heading", "topic"),
    [
        ("13. GENERAL TERM", "general term"), ("H. Term and Termination.", "term and termination"),
        ("SEC Reporting", "SEC reporting"), ("How to Get Paid", "how to get paid"), ("Miscellaneous", ""), ("Page 3 of 9", ""),
        ("E-mail lists as the base of a fanbase", "E-mail lists as the base of a fanbase"), ("<b>x</b>", ""), ("", ""),
    ],
)  # fmt: skip
def test_headings_become_topics(heading: str, topic: str) -> None:
    assert _topic(heading).lower() == topic.lower()
