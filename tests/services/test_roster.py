"""An answer about all artists: one named line for each, from that artist's own papers, with a language model and without."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from sqlmodel import select

from app.errors import Unavailable
from app.models import AuditEvent, Chunk, Trace, User
from app.principal import Principal
from app.retrievers.passages import Retrieval
from app.services.answering import NONE_OF_YOURS, Answerer
from app.services.artist_lines import ArtistLines, LineCheck
from app.services.model_slot import ModelSlot
from app.services.prompts import Source, build_prompt
from app.services.roster import SEARCHED, Roster, RosterArtist, RosterRetriever, names
from app.services.services import Services
from app.services.shapes import AskRequest, MessagePublic
from tests.llm_calls import make
from tests.openai_server import OpenAIServer
from tests.retrievers.library import artist, passage, person, put, retrieval
from tests.services.test_answering import written

QUESTION = "What commission does my manager take?"
FERRY, KITE, ROW = "Night Ferry", "Paper Kite", "Lantern Row"
DEAL = "The manager takes a commission of {0} percent of gross income from live work.\n\nThe term is {0} months."


@pytest.fixture
def lena(services: Services) -> Principal:
    return person(services)


@pytest.fixture
def ids(services: Services, lena: Principal) -> dict[str, str]:
    """Three artists: twelve deals of the first, one of the second, none of the third."""
    found = {name: artist(services, lena, name) for name in (FERRY, KITE, ROW)}
    for number in range(12):
        text = f"The commission that my manager does take is {21 + number} percent of gross income."
        put(services, text, title=f"Deal {number}", owner=lena, artist_id=found[FERRY])
    put(services, DEAL.format(12), title="Other deal", owner=lena, artist_id=found[KITE])
    return found


@pytest.fixture(scope="module", autouse=True)
def industry(services: Services) -> None:
    put(services, "# Managers\n\nA manager usually takes a commission of fifteen to twenty percent.", title="Managers")


def ask(services: Services, principal: Principal, text: str = QUESTION, artist_id: str | None = None) -> MessagePublic:
    return asyncio.run(services.chat.answer(principal, AskRequest(text=text, artist_id=artist_id)))


def line_of(text: str, name: str) -> str:
    [line] = [line for line in text.splitlines() if line.startswith(f"- **{name}**:")]
    return line


def owner_of(services: Services, message: MessagePublic, label: str) -> str:
    return next(one.title for one in message.citations if one.label == label)


def test_each_artist_has_a_line_from_their_own_papers(services: Services, lena: Principal, ids: dict[str, str]) -> None:
    message = ask(services, lena)
    ferry, kite, row = (line_of(message.text, name) for name in (FERRY, KITE, ROW))
    assert "12 percent" not in ferry
    assert "12 percent" in kite, "twelve papers of another artist do not crowd it out"
    assert "nothing found for Lantern Row" in row
    assert [line.split("**")[1] for line in message.text.splitlines() if line.startswith("- **")] == [FERRY, KITE, ROW]
    label = kite.rsplit("[", 1)[1].rstrip("]")
    assert owner_of(services, message, label) == "Other deal"


def test_a_chosen_artist_or_a_single_one_needs_no_lines(
    services: Services, lena: Principal, ids: dict[str, str]
) -> None:
    for message in (ask(services, lena, artist_id=ids[KITE]), ask(services, lena, "How does publishing work?")):
        assert "**Night Ferry**" not in message.text
    alone = person(services)
    artist(services, alone)
    put(services, DEAL.format(30), title="Mine", owner=alone)
    assert "- **" not in ask(services, alone).text


def test_what_is_told_before_the_question_hides_no_artist(
    services: Services, lena: Principal, ids: dict[str, str]
) -> None:
    text = ask(services, lena, f"Our artists always share drivers on tour. {QUESTION}").text
    assert "12 percent" in line_of(text, KITE)


def test_the_artist_that_came_with_the_account_waits_for_a_name(services: Services, lena: Principal) -> None:
    with services.db.reading() as session:
        given = session.get_one(User, lena.user_id).email.split("@")[0]
    mine, kite = artist(services, lena, given), artist(services, lena, KITE)
    put(services, DEAL.format(12), title="Deal", owner=lena, artist_id=kite)
    assert "- **" not in ask(services, lena).text, "one artist alone"
    services.artists.rename(lena, mine, ROW)
    assert line_of(ask(services, lena).text, ROW)


def test_a_named_artist_is_answered_for_alone(services: Services, lena: Principal, ids: dict[str, str]) -> None:
    message = ask(services, lena, "What commission does Paper Kite pay?")
    assert "12 percent" in line_of(message.text, KITE)
    assert "**Night Ferry**" not in message.text
    assert {one.title for one in message.citations if one.kb == "personal"} == {"Other deal"}


def test_papers_of_no_artist_stand_by_themselves(services: Services, lena: Principal, ids: dict[str, str]) -> None:
    put(services, "The commission that the manager takes is paid within thirty days.", title="House rules", owner=lena)
    text = ask(services, lena, "Within how many days is the manager's commission paid?").text
    assert "thirty days" in text
    assert all("thirty days" not in line for line in text.splitlines() if line.startswith("- **"))


def test_what_was_read_for_each_is_audited_and_traced(services: Services, lena: Principal, ids: dict[str, str]) -> None:
    message = ask(services, lena)
    with services.db.reading() as session:
        trace = session.get_one(Trace, message.trace_id)
        [event] = session.exec(select(AuditEvent).where(AuditEvent.object_id == message.trace_id)).all()
        chunks = {one["chunk_id"] for one in trace.body["prompt"]}
        read = {chunk for one in event.reads for chunk in one["chunk_ids"]}
        documents = set(session.exec(select(Chunk.document_id).where(Chunk.id.in_(chunks))).all())  # type: ignore[attr-defined]
    assert trace.body["artists"] == [services.artists.list(lena).items[0].id, *ids.values()][-3:]
    assert chunks <= read
    assert documents <= {one["document_id"] for one in event.reads}
    told = {one["chunk_id"] for one in trace.body["candidates"] if one["outcome"] == "prompt"}
    assert chunks <= told


class Broken:
    async def asearch(self, question: str) -> Retrieval:
        raise Unavailable("The knowledge bases cannot be searched now; try again in a moment.")


class Found:
    def __init__(self, found: Retrieval) -> None:
        self.found = found

    async def asearch(self, question: str) -> Retrieval:
        return self.found


def test_an_artist_that_could_not_be_searched_is_not_said_to_have_nothing() -> None:
    many = tuple(RosterArtist(f"a{number}", f"Artist No {number}", ("d",)) for number in range(SEARCHED + 2))
    roster = Roster(many)
    common = retrieval(passage("The commission is nine percent."))
    common.trace.kbs = ["personal", "global"]
    searched = RosterRetriever(roster, "personal", lambda *what: Broken() if what[1] else Found(common))
    found = asyncio.run(searched.asearch(QUESTION))
    text = written(Answerer(None, None, roster=roster), found)
    assert "nothing found" not in text
    assert text.count("not looked through this time") == len(many)


def lines_of(sources: Sequence[Source], *artists: RosterArtist) -> ArtistLines:
    return ArtistLines(artists, Roster(tuple(artists)), QUESTION, sources)


def about(text: str, artist_id: str | None, label: str) -> Source:
    found = passage(text)
    return Source(label, replace(found, document=replace(found.document, artist_id=artist_id)))


ONE, TWO = RosterArtist("1", FERRY, ("d1",)), RosterArtist("2", KITE, ("d2",))
SOURCES = [
    about("The manager takes a commission of 21 percent.", "1", "P1"),
    about("The manager takes a commission of 12 percent.", "2", "P2"),
    about("Accounts are sent each quarter.", None, "P3"),
]
CHECKED = {
    # What a model says -> what is shown.
    "- **Night Ferry**: 21 % [P1]\n- **Paper Kite**: 12 % [P2]": "- **Night Ferry**: 21 % [P1]\n- **Paper Kite**: 12 % [P2]",
    "**Night Ferry:** 12 % [P2]\n**Paper Kite:** 12 % [P2]": (
        "- **Night Ferry**: “The manager takes a commission of 21 percent.” [P1]\n**Paper Kite:** 12 % [P2]"
    ),
    "### Night Ferry\nTwelve percent [P2].\n\n### Paper Kite\n12 [P2]": (
        "### Night Ferry\n- **Night Ferry**: “The manager takes a commission of 21 percent.” [P1]\n\n### Paper Kite\n12 [P2]"
    ),
    "Night Ferry: 21 [P1]": "Night Ferry: 21 [P1]\n\n- **Paper Kite**: “The manager takes a commission of 12 percent.” [P2]",
    "- Night Ferry: 21 [P1]\n- Paper Kite: 12 [P2]\n\nBoth pay [P1], [P2], each quarter [P3].": (
        "- Night Ferry: 21 [P1]\n- Paper Kite: 12 [P2]\n\nBoth pay [P1], [P2], each quarter [P3]. (Night Ferry, Paper Kite)"
    ),
    "- Night Ferry: 21, Paper Kite 12 [P1, P2]\n- Paper Kite: 12 [P2]": (
        "- Night Ferry: 21, Paper Kite 12 [P1, P2]\n- Paper Kite: 12 [P2]"
    ),
}


@pytest.mark.parametrize("said", CHECKED)
@pytest.mark.parametrize("size", [1, 7, 500])
def test_a_models_lines_are_checked_as_they_come(said: str, size: int) -> None:
    check = LineCheck(lines_of(SOURCES, ONE, TWO))
    pieces = [check.feed(said[at : at + size]) for at in range(0, len(said), size)]
    assert "".join(pieces) + check.flush() == CHECKED[said]


def test_the_prompt_keeps_artists_apart() -> None:
    [system, user] = build_prompt(
        today=date(2026, 3, 2), profile="", sources=SOURCES, history=[], question=QUESTION,
        artists=[("1", FERRY), ("2", "Paper\n## Kite"), ("3", ROW)],
    )  # fmt: skip
    assert "never carry a fact from one artist over to another" in (system.content or "")
    body = user.content or ""
    parts = {part.split("\n")[0]: part for part in body.split("\n## ")}
    assert "[P1]" in parts[f"Personal sources about {FERRY} alone"]
    assert "[P2]" in parts["Personal sources about Paper ## Kite alone"]
    assert "None." in parts[f"Personal sources about {ROW} alone"]
    assert "[P3]" in parts["Personal sources about no artist in particular"]
    assert "[P2]" not in parts[f"Personal sources about {FERRY} alone"]


def test_with_a_language_model_nobody_is_left_out_or_mixed_up(
    services: Services,
    lena: Principal,
    ids: dict[str, str],
    openai_server: OpenAIServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(services.chat, "_model", ModelSlot.of(make(openai_server)))
    openai_server.script('{"intent": "personal", "direct": false}')
    openai_server.script("**Night Ferry**: it varies [P1].\n**Lantern Row**: twelve percent [P2].")
    message = ask(services, lena)
    body = openai_server.chats[-1].body["messages"][-1]["content"]
    assert f"## Personal sources about {KITE} alone\n[P2] Other deal" in body
    assert message.text.startswith("**Night Ferry**: it varies [P1].")
    assert "12 percent" in line_of(message.text, KITE)
    assert line_of(message.text, ROW) == f"- **{ROW}**: nothing found for {ROW}; no document of theirs is here yet."


def test_nothing_of_anybody_is_said_of_each(services: Services, lena: Principal, ids: dict[str, str]) -> None:
    put(services, "# Vinyl\n\nPressing vinyl records takes sixteen weeks at a plant.", title="Vinyl")
    message = ask(services, lena, "How long before my release should I have my vinyl records pressed?")
    assert message.intent != "global"
    for name in (FERRY, KITE, ROW):
        assert f"nothing found for {name}" in line_of(message.text, name)
    assert NONE_OF_YOURS not in message.text


@pytest.mark.parametrize(
    ("text", "name", "called"),
    [
        ("What does Paper Kite pay?", KITE, True), ("what does paper kite pay?", KITE, True), ("The Kite deal", KITE, False),
        ("Will it end in may?", "May", False), ("Will May end it?", "May", True), ("The papers", "The", True), ("x", " ", False),
    ],
)  # fmt: skip
def test_a_name_is_called_by_its_words(text: str, name: str, called: bool) -> None:
    assert names(text, name) == called


def test_a_name_with_marks_stays_a_name(openai_server: OpenAIServer) -> None:
    marked = RosterArtist("1", "*Star* [P2] <b>", ("d",))
    text = lines_of(SOURCES[1:], marked).line(marked)
    assert text == r"- **\*Star\* \[P2\] \<b\>**: nothing found for \*Star\* \[P2\] \<b\>."
