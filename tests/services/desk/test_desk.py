"""The writing desk over real services: what it reads, what it writes with a model and without one, whose drafts are whose."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from sqlmodel import col, select

from app.errors import AppError, NotFound, TooMany
from app.models import AuditEvent, DocumentInsight, Draft, ProfileNote, Usage
from app.principal import Principal
from app.services.desk.check import MARK
from app.services.desk.shapes import DraftCreate, DraftPublic, DraftUpdate
from app.services.desk.writing import NO_MODEL, OPINION
from app.services.profiles import ProfileShape
from app.services.services import Services
from tests.openai_server import OpenAIServer
from tests.retrievers.library import artist, person, put

BIO = "Night Ferry have played 61 concerts, among them a night at Paradiso in Amsterdam. The first EP came out in May 2024."
CONTRACT = "The Label pays Night Ferry an advance of 7,777 euros. The biography of the artist may be used by the Label."


@dataclass
class Scene:
    services: Services
    server: OpenAIServer | None
    lena: Principal

    def write(self, kind: str = "bio_short", who: Principal | None = None, **values: Any) -> DraftPublic:
        request = DraftCreate(kind=kind, **values)
        return asyncio.run(self.services.desk.create(who or self.lena, request))

    def says(self, reply: str) -> None:
        assert self.server is not None
        self.server.script(reply)

    def prompt(self) -> str:
        """The last one that the language model was sent."""
        assert self.server is not None
        return json.dumps(self.server.chats[-1].body["messages"], ensure_ascii=False)

    def audit(self, action: str, who: Principal | None = None) -> list[AuditEvent]:
        user_id = (who or self.lena).user_id
        with self.services.db.reading() as session:
            query = select(AuditEvent).where(AuditEvent.user_id == user_id, AuditEvent.action == action)
            return list(session.exec(query.order_by(col(AuditEvent.id))).all())


@pytest.fixture(scope="module")
def world(services_with_model: tuple[Services, OpenAIServer]) -> Scene:
    services, server = services_with_model
    lena = person(services)
    services.profiles.put(lena, ProfileShape(artist_name="Night Ferry", genres="indie folk"))
    put(services, BIO, title="Who we are", owner=lena)
    put(services, CONTRACT, title="Label deal", owner=lena, standing="signed")
    put(services, "A bio for a festival has 300 words, says Glastonbury.", title="Press kits")
    return Scene(services, server, lena)


@pytest.fixture
def scene(world: Scene) -> Iterator[Scene]:
    assert world.server is not None
    world.server.script("Night Ferry make indie folk.")
    yield world
    world.server.script()


@pytest.fixture(scope="module")
def plain(services: Services) -> Scene:
    """Without a language model."""
    lena = person(services)
    services.profiles.put(lena, ProfileShape(artist_name="Night Ferry", genres="indie folk"))
    put(services, BIO, title="Who we are", owner=lena)
    return Scene(services, None, lena)


# With a model


def test_what_nothing_bears_out_is_taken_out_and_what_does_is_cited(scene: Scene) -> None:
    scene.says("Night Ferry played 61 concerts [P1], one at Paradiso in Berlin [P9]. They sold 2,000 records.")
    draft = scene.write(inputs={"place": "Leeds"})
    assert draft.text == f"Night Ferry played 61 concerts, one at Paradiso in {MARK}. They sold {MARK} records."
    assert [mark.was for mark in draft.marks] == ["Berlin", "2,000"]
    assert (draft.state, draft.open, draft.notice, draft.edited) == ("written", 2, None, False)
    assert [(one.label, one.title, one.kb) for one in draft.sources] == [("P1", "Who we are", "personal")]
    assert draft.title == "Short bio: Night Ferry"


def test_a_source_that_the_model_did_not_name_is_named_by_the_check(scene: Scene) -> None:
    scene.says("Night Ferry played Paradiso in Amsterdam.")
    assert [one.title for one in scene.write().sources] == ["Who we are"]
    scene.says("Night Ferry make indie folk in Leeds.")
    assert scene.write(inputs={"place": "Leeds"}).sources == []


def test_the_prompt_holds_the_facts_and_the_rules(scene: Scene) -> None:
    scene.write(inputs={"place": "Leeds", "focus": "The new single"})
    prompt = scene.prompt()
    for words in ("Leeds", "The new single", "indie folk", "61 concerts", MARK, "Never round", "50 to 90 words"):
        assert words in prompt, words
    assert "Glastonbury" not in prompt, "the industry's text is nobody's fact"


def test_contracts_stay_out_of_texts_for_strangers_unless_they_are_chosen(scene: Scene) -> None:
    deal = next(one.id for one in scene.services.documents.list(scene.lena).items if one.title == "Label deal")
    for kind, inputs in (("bio_short", {}), ("press_release", {"what": "A deal"}), ("pitch_press", {"what": "A deal"})):
        scene.write(kind, inputs=inputs)
        assert "7,777" not in scene.prompt(), kind
    scene.write(
        "partner_email", inputs={"recipient": "the label", "purpose": "ask about the advance of the label deal"}
    )
    assert "7,777" in scene.prompt()
    scene.write(documents=[deal])
    assert "7,777" in scene.prompt()
    assert "61 concerts" not in scene.prompt()


def test_a_paper_that_was_read_as_a_contract_stays_out_as_well(scene: Scene) -> None:
    who = person(scene.services)
    paper = put(scene.services, "Night Ferry biography. The fee is 8,888 euros.", title="Paper", owner=who)
    scene.write(who=who)
    assert "8,888" in scene.prompt()
    with scene.services.db.session() as session:
        session.add(DocumentInsight(document_id=paper, version=1, stamp="test", kind="publishing"))
    scene.write(who=who)
    assert "8,888" not in scene.prompt()


def test_what_is_read_is_audited_and_what_the_model_takes_is_counted(scene: Scene) -> None:
    who = person(scene.services)
    document = put(scene.services, BIO, title="Mine", owner=who)
    draft = scene.write(who=who)
    [read] = scene.audit("desk.read", who)
    assert [one["document_id"] for one in read.reads] == [document]
    assert [row.object_id for row in scene.audit("draft.create", who)] == [draft.id]
    with scene.services.db.reading() as session:
        [usage] = session.exec(select(Usage).where(Usage.user_id == who.user_id)).all()
    assert (usage.answers, usage.failures) == (1, 0)
    assert usage.tokens_out > 0


def test_confirmed_notes_are_known_and_proposed_ones_are_not(scene: Scene) -> None:
    who = person(scene.services)
    other = artist(scene.services, who, "Salt")
    rows = (
        ("We recorded at Rockfield.", "accepted", None),
        ("We live in Hull.", "proposed", None),
        ("Salt won a Brit.", "accepted", other),
    )
    with scene.services.db.session() as session:
        for text, status, artist_id in rows:
            session.add(ProfileNote(user_id=who.user_id, text=text, status=status, artist_id=artist_id))
    scene.says("We recorded at Rockfield, live in Hull and won a Brit.")
    assert scene.write(who=who).text == f"We recorded at Rockfield, live in {MARK} and won a {MARK}."
    assert "won a Brit" in scene.write(who=who, artist_id=other).text


def test_prices_come_from_the_user_and_sums_from_the_program(scene: Scene) -> None:
    scene.says("# Quote\n\nMixing 3 x 250 EUR\nTotal: 750 EUR\nDeposit: 375 EUR\nRush fee: €100")
    draft = scene.write("quote", inputs={"client": "Rough Trade", "items": "Mixing, 3 x 250 EUR"})
    assert draft.text == f"# Quote\n\nMixing 3 x 250 EUR\nTotal: 750 EUR\nDeposit: {MARK}\nRush fee: {MARK}"
    assert "750 EUR" in scene.prompt()
    assert "never suggest a price" in scene.prompt()


def test_feedback_is_opinion_and_says_so(scene: Scene) -> None:
    scene.says("I hear a strong line 2. Try 90 BPM. It reminds me of Melkweg.")
    draft = scene.write("lyric_feedback", inputs={"lyrics": "one line\nand another"})
    assert draft.text == f"{OPINION}\n\nI hear a strong line 2. Try 90 BPM. It reminds me of {MARK}."
    assert draft.opinion
    assert "2: and another" in scene.prompt(), "lines are numbered by the program"
    assert "61 concerts" not in scene.prompt(), "a lyric is looked at without one's papers"


def test_a_model_that_fails_leaves_the_template_and_its_reason(scene: Scene) -> None:
    assert scene.server is not None
    scene.server.script(status=500, times=9)
    draft = scene.write()
    assert draft.state == "template"
    assert draft.notice is not None
    assert "did not write it" in draft.notice
    scene.server.script("Night Ferry are half", die_after=2)
    assert scene.write().state == "template"


def test_fences_and_labels_are_not_part_of_a_text(scene: Scene) -> None:
    scene.says("```markdown\nNight Ferry [P1][P2] make indie folk [P1, G4].\n```")
    assert scene.write().text == "Night Ferry make indie folk."


def test_at_most_so_many_are_written_at_once(scene: Scene) -> None:
    assert scene.server is not None
    scene.server.script("Slow.", first_token_seconds=1.0)

    async def many() -> list[BaseException | DraftPublic]:
        asked = (scene.services.desk.create(scene.lena, DraftCreate(kind="bio_short")) for _ in range(4))
        return list(await asyncio.gather(*asked, return_exceptions=True))

    assert [type(one) for one in asyncio.run(many()) if isinstance(one, BaseException)] == [TooMany]


# Without one


def test_without_a_model_there_is_the_template_and_it_says_so(plain: Scene) -> None:
    kinds = plain.services.desk.kinds(plain.lena)
    assert (kinds.model, kinds.notice, len(kinds.items)) == (False, NO_MODEL, 10)
    draft = plain.write(inputs={"place": "Leeds"})
    assert draft.text.startswith("Night Ferry makes indie folk in Leeds.")
    assert (draft.state, draft.notice) == ("template", NO_MODEL)
    assert [mark.label for mark in draft.marks] == ["its title", "its date", "who plays"]
    assert [one.title for one in draft.sources] == ["Who we are"], "to be taken from by hand"


def test_a_deleted_document_takes_its_drafts_with_it_and_leaves_templates_without_its_words(
    plain: Scene, scene: Scene
) -> None:
    for here, state in ((plain, "template"), (scene, "withdrawn")):
        who = person(here.services)
        here.services.profiles.put(who, ProfileShape(artist_name="Night Ferry"))
        document = put(here.services, BIO, title="Mine", owner=who)
        if here.server is not None:
            here.says("Night Ferry played Paradiso.")
        draft = here.write(who=who)
        assert draft.sources
        here.services.documents.delete(who, document)
        left = here.services.desk.get(who, draft.id)
        assert (left.state, left.inputs) == (state, {})
        assert "Paradiso" not in left.model_dump_json()
        assert ("Night Ferry" in left.text) == (state == "template")
    with pytest.raises(AppError) as refused:
        asyncio.run(scene.services.desk.again(who, draft.id))
    assert refused.value.status == 409


# Keeping them


def test_what_is_typed_by_hand_stays_and_other_marks_keep_what_they_stood_for(scene: Scene) -> None:
    scene.says("Night Ferry played Melkweg, then Rotown, then Tivoli.")
    draft = scene.write()
    assert [mark.was for mark in draft.marks] == ["Melkweg", "Rotown", "Tivoli"]
    text = draft.text.replace(MARK, "Anywhere At All", 1)
    edited = scene.services.desk.update(scene.lena, draft.id, DraftUpdate(text=text))
    assert (edited.text, edited.edited, edited.open) == (text, True, 2)
    assert [mark.was for mark in edited.marks] == ["Rotown", "Tivoli"]
    again = asyncio.run(scene.services.desk.again(scene.lena, draft.id))
    assert again.id != draft.id
    assert scene.services.desk.get(scene.lena, draft.id).text == text
    renamed = scene.services.desk.update(scene.lena, draft.id, DraftUpdate(title=" Ours "))
    assert (renamed.title, renamed.text) == ("Ours", text)


def test_the_list_has_pages_and_may_be_of_one_artist(scene: Scene) -> None:
    who = person(scene.services)
    theirs = artist(scene.services, who, "Salt")
    made = [scene.write(who=who, artist_id=one).id for one in (None, theirs, None)]
    first = scene.services.desk.list(who, limit=2)
    rest = scene.services.desk.list(who, limit=2, after=first.next)
    assert [one.id for one in (*first.items, *rest.items)] == made[::-1]
    assert [one.id for one in scene.services.desk.list(who, artist_id=theirs).items] == [made[1]]
    scene.services.desk.delete(who, made[0])
    with pytest.raises(NotFound):
        scene.services.desk.get(who, made[0])


def test_nobody_reaches_what_is_anothers(scene: Scene) -> None:
    stranger, draft = person(scene.services), scene.write()
    theirs = artist(scene.services, scene.lena, "Hers")
    document = scene.services.documents.list(scene.lena, kb="personal").items[0].id
    assert scene.server is not None
    asked, desk = len(scene.server.requests), scene.services.desk
    for act in (
        lambda: desk.get(stranger, draft.id),
        lambda: desk.update(stranger, draft.id, DraftUpdate(text="mine")),
        lambda: desk.delete(stranger, draft.id),
        lambda: asyncio.run(desk.again(stranger, draft.id)),
        lambda: desk.list(stranger, artist_id=theirs),
        lambda: desk.list(stranger, after=draft.id),
        lambda: scene.write(who=stranger, artist_id=theirs),
        lambda: scene.write(who=stranger, documents=[document]),
    ):
        with pytest.raises(NotFound):
            act()
    assert len(scene.server.requests) == asked, "the language model was told nothing"
    with scene.services.db.reading() as session:
        assert session.exec(select(Draft).where(Draft.user_id == stranger.user_id)).all() == []
        refused = select(AuditEvent).where(AuditEvent.user_id == stranger.user_id, AuditEvent.outcome == "refused")
        assert len(session.exec(refused).all()) >= 8


@pytest.mark.parametrize(
    ("kind", "inputs", "words"),
    [
        ("novel", {}, "no such kind"), ("quote", {"client": "A"}, "“Items with your prices” is missing"),
        ("bio_short", {"price": "9"}, "no field of that name"), ("bio_short", {"place": "x" * 301}, "up to 300 characters"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_is_said_in_a_sentence(
    scene: Scene, kind: str, inputs: dict[str, str], words: str
) -> None:
    with pytest.raises(AppError, match=words) as refused:
        scene.write(kind, inputs=inputs)
    assert refused.value.status == 422
    assert refused.value.sentence.endswith(".")
