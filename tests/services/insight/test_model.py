"""What the language model adds: only what stands on a page in the same words, and never in anybody's way."""

from __future__ import annotations

import io
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import select

from app.main import build_services
from app.models import DocumentInsight, Usage
from app.principal import Principal, local_operator
from app.services.insight.dates import Dated
from app.services.insight.facts import Fact
from app.services.insight.model import PART_CHARS, parts, pointed_to
from app.services.insight.reading import STAMP
from app.services.insight.second_reading import SecondReading
from app.services.services import Services
from tests.conftest import settings_in
from tests.openai_server import OpenAIServer
from tests.services.insight.texts import MANAGEMENT, pages

TEXT = MANAGEMENT + "\nThe bookkeeping is done by Tidewater Accounts. The kick-off meeting is on 9 April 2090."
BOOKS = {"kind": "party", "name": "Bookkeeping", "value": "Tidewater Accounts", "page": 1,
         "quote": "The bookkeeping is done by  Tidewater\nAccounts."}  # fmt: skip
MEETING = {"kind": "date", "name": "Kick-off meeting", "value": "9 April 2090", "page": 7,
           "quote": "The kick-off meeting is on 9 April 2090."}  # fmt: skip


def answer(*items: Any) -> str:
    return f"Here you are: {json.dumps({'items': items})}"


def found(*items: Any) -> list[Fact | Dated]:
    return list(pointed_to(answer(*items), pages(TEXT)))


def test_what_stands_on_a_page_is_kept_with_the_pages_own_words() -> None:
    party, meeting = found(BOOKS, MEETING)
    assert isinstance(party, Fact)
    assert (party.name, party.value, party.by) == ("Bookkeeping", "Tidewater Accounts", "model")
    assert (
        TEXT[party.place.start : party.place.end]
        == party.place.quote
        == "The bookkeeping is done by Tidewater Accounts."
    )
    assert isinstance(meeting, Dated)
    assert (meeting.label, meeting.day, meeting.place.page) == ("Kick-off meeting", date(2090, 4, 9), 1)


@pytest.mark.parametrize(
    "item",
    [
        BOOKS | {"quote": "The bookkeeping is done by Tideway Accounts."},  # a letter of its own
        BOOKS | {"value": "Ferryman Accounts"},  # not in its quote
        MEETING | {"value": "10 April 2090"},
        MEETING | {"value": "kick-off meeting"},  # no day
        {"kind": "money", "name": "Fee", "value": "bookkeeping", "quote": "The bookkeeping is done by Tidewater Accounts."},
        BOOKS | {"kind": "secret"},
        BOOKS | {"quote": "Tide"},
        "nonsense", None, [BOOKS],
    ],
)  # fmt: skip
def test_what_does_not_stand_there_is_dropped(item: Any) -> None:
    assert found(item) == []


@pytest.mark.parametrize("text", ["", "no json", "{", '{"items": 3}', '{"items": {"kind": "party"}}', '{"other": []}'])
def test_an_answer_that_is_nonsense_adds_nothing(text: str) -> None:
    assert list(pointed_to(text, pages(TEXT))) == []


def test_a_name_that_the_document_does_not_use_is_left_out() -> None:
    [party] = found(BOOKS | {"name": "Swindler"})
    assert isinstance(party, Fact)
    assert party.name == "Party"


def test_long_documents_are_sent_in_parts_up_to_the_limit() -> None:
    cut = parts(pages("a" * 30_000, "b" * 30_000), 40_000)
    assert all(len(part) <= PART_CHARS + 40 for part in cut)
    assert sum(part.count("a") for part in cut) in range(30_000, 30_000 + 100)
    assert 9_000 < sum(part.count("b") for part in cut) <= 10_000


# In the background, over real services


Scene = tuple[Services, OpenAIServer, Callable[[], str], Principal]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[tuple[Services, OpenAIServer]]:
    with OpenAIServer() as server:
        llm = {"provider": "openai_like", "base_url": server.base_url, "model": "test-model", "retries": 0}
        settings = settings_in(tmp_path_factory.mktemp("model"), models_dir, llm=llm, insight={"model": True})
        services = build_services(settings, seed=False)
        yield services, server
        services.close()


@pytest.fixture
def scene(running: tuple[Services, OpenAIServer], monkeypatch: pytest.MonkeyPatch) -> Scene:
    """With a second reading of its own, which has read all that is there."""
    services, server = running
    server.script()
    server.requests.clear()
    fresh = SecondReading(services.db, services.model, services.settings.insight, services.chat.writing)
    monkeypatch.setitem(services.__dict__, "second_reading", fresh)
    with services.db.session() as session:
        session.execute(update(DocumentInsight).values(stamp=f"{STAMP}.model"))
    me = local_operator(services.users.add(f"{uuid.uuid4().hex}@example.com", "three chords and the truth").id)

    def add() -> str:
        source = io.BytesIO(f"{TEXT}\n{uuid.uuid4()}".encode())
        kept = services.documents.receive(me, kb="personal", filename="Deal.txt", source=source)
        services.ingestion.run_all()
        while services.reader.step():
            pass
        return str(kept.id)

    return services, server, add, me


def test_the_models_items_join_the_rules_and_what_it_took_is_counted(scene: Scene) -> None:
    services, server, add, me = scene
    document_id = add()
    server.script(reply=answer(BOOKS, MEETING, BOOKS | {"value": "20 %", "kind": "rate"}))
    assert services.second_reading.step()
    told = services.insight.get(me, document_id)
    assert told.by_model
    assert {(one.name, one.value) for one in told.facts if one.by == "model"} == {
        ("Bookkeeping", "Tidewater Accounts"), ("Kick-off meeting", "9 April 2090")
    }  # fmt: skip
    assert any(one.name == "Manager" and one.by == "rules" for one in told.facts)
    assert ("Kick-off meeting", date(2090, 4, 9)) in {(one.label, one.day) for one in told.dates}
    with services.db.reading() as session:
        [usage] = session.exec(select(Usage).where(Usage.user_id == me.user_id)).all()
    assert usage.tokens_in > 0
    assert not services.second_reading.step()  # once


def test_a_model_that_fails_leaves_what_the_rules_found_and_is_left_alone(scene: Scene) -> None:
    services, server, add, me = scene
    document_id = add()
    server.script(status=500, times=100)
    assert services.second_reading.step()
    assert not services.second_reading.step()
    told = services.insight.get(me, document_id)
    assert told.facts
    assert not told.by_model


def test_people_who_wait_for_answers_come_first(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    services, server, add, _ = scene
    add()
    monkeypatch.setattr(services.second_reading, "_busy", lambda: 1)
    assert not services.second_reading.step()
    assert not server.requests


def test_it_can_be_switched_off(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    services, server, add, _ = scene
    add()
    off = services.settings.insight.model_copy(update={"model": False})
    monkeypatch.setattr(services.second_reading, "_settings", off)
    assert not services.second_reading.step()
    assert not server.requests


def test_what_it_reads_is_broken_off_at_the_end_and_read_at_the_next_start(scene: Scene) -> None:
    services, server, add, _ = scene
    document_id = add()
    server.script(hang=True)
    thread = threading.Thread(target=services.second_reading.step)
    thread.start()
    deadline = time.monotonic() + 10
    while not server.requests and time.monotonic() < deadline:
        time.sleep(0.05)
    services.second_reading.stop()
    thread.join(timeout=5)
    assert not thread.is_alive()
    with services.db.reading() as session:
        assert session.get_one(DocumentInsight, document_id).stamp.endswith(".rules")
