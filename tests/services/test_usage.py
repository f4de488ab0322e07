"""What language models took: told or estimated, added up by several at once, limited by the month, kept without the user."""

from __future__ import annotations

import asyncio
import csv
import io
import json
from collections.abc import Iterator
from contextlib import aclosing, closing
from datetime import date, timedelta
from typing import Any
from zipfile import ZipFile

import pytest
from sqlalchemy import delete
from sqlmodel import Session, col, select

from app.db import Database
from app.errors import AppError, Forbidden
from app.llm_client import Call
from app.models import AnswerTime, ModelChoice, Usage, User, now
from app.principal import Principal
from app.services.model_slot import CAP_REACHED
from app.services.models import ModelUpdate
from app.services.services import Services
from app.services.shapes import AskRequest, SearchRequest
from app.services.usage import Grant, as_csv, percentile, record, spent_this_month
from tests.at_once import together
from tests.openai_replies import default_reply
from tests.openai_server import OpenAIServer
from tests.retrievers.library import person, put

MINE = "The Manager takes a commission of seventeen percent of gross income."
ASKED = "What commission does my manager take?"
Both = tuple[Services, OpenAIServer]


@pytest.fixture(autouse=True)
def _a_new_month(services_with_model: Both, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """And patience with intents: one that is late is estimated, as what the server did with it is not known."""
    services, server = services_with_model
    patient = services.settings.llm.model_copy(update={"intent_seconds": 20.0})
    monkeypatch.setattr(services.search, "_settings", services.settings.model_copy(update={"llm": patient}))
    server.script(lambda body: default_reply(body) if not body.get("stream") else "Seventeen percent [P1].")
    for kind in (Usage, AnswerTime, ModelChoice):
        with services.db.session() as session:
            session.execute(delete(kind))
    services.model.refresh()
    yield
    server.script()


@pytest.fixture(scope="module")
def lena(services_with_model: Both) -> Principal:
    services, _ = services_with_model
    asker = person(services)
    put(services, MINE, owner=asker)
    asyncio.run(services.chat.answer(asker, AskRequest(text="Hello")))  # imports for a second
    return asker


def ask(services: Services, asker: Principal, text: str = ASKED) -> str:
    return asyncio.run(services.chat.answer(asker, AskRequest(text=text))).text


def rows(services: Services) -> list[Usage]:
    with services.db.reading() as session:
        return list(session.exec(select(Usage).order_by(col(Usage.id))).all())


def terms(services: Services, **values: Any) -> None:
    """A limit or prices over the model of the settings."""
    admin = person(services, "admin")
    asyncio.run(services.models.change(admin, ModelUpdate.model_validate({"provider": "settings", **values})))


def test_what_the_provider_tells_is_added_up(services_with_model: Both, lena: Principal) -> None:
    services, server = services_with_model
    for _ in range(2):
        assert ask(services, lena) == "Seventeen percent [P1]."
    assert server.chats[-1].body["stream_options"] == {"include_usage": True}
    [row] = rows(services)
    assert (row.day, row.user_id, row.model) == (now().date(), lena.user_id, "test-model")
    # The test server says 1 token read for each call, and as many written as there are words.
    assert (row.tokens_in, row.estimated, row.answers, row.failures) == (4, 0, 2, 0)
    assert row.tokens_out > 6
    asyncio.run(services.search.search(lena, SearchRequest(query=ASKED)))
    [row] = rows(services)
    assert (row.tokens_in, row.answers) == (5, 2), "an intent costs too"


def test_a_server_that_tells_none_is_estimated_and_asked_only_once(services_with_model: Both, lena: Principal) -> None:
    services, server = services_with_model
    server.script("Seventeen percent [P1].", old=True, tells_usage=False)
    assert ask(services, lena) == "Seventeen percent [P1]."
    before = len(server.chats)
    ask(services, lena)
    assert len([one for one in server.chats[before:] if one.body.get("stream")]) == 1
    model = services.model.get()
    assert model is not None
    model._tells_usage = True
    [row] = rows(services)
    assert row.answers == 2
    assert 400 < row.estimated < 2000, "two prompts of some hundred tokens, by the tokenizer"
    assert row.estimated < row.tokens_in + row.tokens_out, "intents are whole replies, with the tokens told"


def test_a_stopped_answer_counts_what_came(services_with_model: Both, lena: Principal) -> None:
    services, server = services_with_model
    server.script(
        lambda body: default_reply(body) if not body.get("stream") else "one two three " * 50, token_seconds=0.01
    )

    async def stop_early() -> None:
        async with aclosing(services.chat.ask(lena, AskRequest(text=ASKED))) as events:
            async for event in events:
                if event.name == "token":
                    return

    asyncio.run(stop_early())
    [row] = rows(services)
    assert row.answers == 1
    assert 200 < row.estimated < 1000


def test_a_failure_is_counted_and_costs_nothing(services_with_model: Both, lena: Principal) -> None:
    services, server = services_with_model
    server.script(status=400, times=99)
    assert "did not answer" in ask(services, lena)
    [row] = rows(services)
    assert (row.tokens_in, row.tokens_out, row.answers, row.failures) == (0, 0, 0, 1)
    server.script(lambda body: default_reply(body) if not body.get("stream") else "")
    assert "empty answer" in ask(services, lena)
    [row] = rows(services)
    assert (row.answers, row.failures) == (0, 2)


def test_a_month_that_is_used_up_leaves_it_to_the_sources(services_with_model: Both, lena: Principal) -> None:
    services, server = services_with_model
    terms(services, monthly_cap=6)
    assert ask(services, lena) == "Seventeen percent [P1]."
    asked = len(server.chats)
    text = ask(services, lena)
    assert text.startswith(f"{CAP_REACHED} These are the sources' own words.")
    assert "[P1]" in text
    assert ask(services, lena, "Write me a bio") == f"Writing and feedback need a language model. {CAP_REACHED}"
    asyncio.run(services.search.search(lena, SearchRequest(query=ASKED)))
    assert len(server.chats) == asked, "the model is asked nothing any more"
    with services.db.session() as session:  # another process spent the rest, in another month
        for row in session.exec(select(Usage)).all():
            row.day = row.day.replace(day=1) - timedelta(days=1)
            session.add(row)
    services.model.refresh()
    assert ask(services, lena) == "Seventeen percent [P1]."


def test_a_limit_in_money(services_with_model: Both, lena: Principal) -> None:
    services, _ = services_with_model
    terms(services, monthly_cap=0.001, cap_unit="money", price_in=1000, price_out=0, currency="EUR")
    ask(services, lena)
    assert rows(services)[0].cost_millionths == 2000
    assert ask(services, lena).startswith(CAP_REACHED)
    report = services.usage.report(person(services, "admin"))
    assert (report.total.cost, report.currency) == (0.002, "EUR")


def test_a_limit_is_seen_by_other_processes(services_with_model: Both, lena: Principal) -> None:
    services, _ = services_with_model
    terms(services, monthly_cap=1000)
    with closing(Database(services.settings.database_url)) as other, other.session() as session:
        record(session, None, Grant(name=lambda: "m", answers=[Call(told=(900, 100))]))
    assert services.model.grant_now().model is not None
    services.model._looked -= 3
    assert services.model.grant_now().why == CAP_REACHED


def test_those_who_add_at_once_lose_nothing(services_with_model: Both, lena: Principal) -> None:
    services, _ = services_with_model

    def add(_: int) -> None:
        for _ in range(5):
            with services.db.session() as session:
                record(session, lena.user_id, Grant(name=lambda: "m", answers=[Call(told=(3, 4))]))

    together(add, 4)
    [row] = rows(services)
    assert (row.tokens_in, row.tokens_out, row.answers) == (60, 80, 20)
    with services.db.reading() as session:
        assert sum(one.count for one in session.exec(select(AnswerTime)).all()) == 20
        assert spent_this_month(session).tokens == 140


def test_a_deleted_account_leaves_the_sum_and_no_name(services_with_model: Both) -> None:
    services, _ = services_with_model
    gone = person(services)
    for _ in range(2):
        with services.db.session() as session:
            record(session, gone.user_id, Grant(name=lambda: "m", answers=[Call(told=(3, 4))]))
    with services.accounts.export(gone) as file, ZipFile(file) as archive:
        [taken] = json.loads(archive.read("usage.json"))
    assert (taken["model"], taken["tokens_in"], taken["answers"]) == ("m", 6, 2)
    services.accounts.delete(gone)
    with services.db.session() as session:
        assert session.get(User, gone.user_id) is None
        record(session, None, Grant(name=lambda: "m", answers=[Call(told=(3, 4))]))
        assert spent_this_month(session).tokens == 21
    assert {row.user_id for row in rows(services)} == {None}


def _day(session: Session, day: date, model: str, user_id: str | None, *milliseconds: int) -> None:
    session.add(Usage(day=day, model=model, user_id=user_id, tokens_in=10, tokens_out=1, answers=len(milliseconds)))
    for one in milliseconds:
        session.add(AnswerTime(day=day, model=model, milliseconds=one, count=1))


def test_the_report_is_by_day_and_model(services_with_model: Both, lena: Principal) -> None:
    services, _ = services_with_model
    admin, first = person(services, "admin"), date(2026, 3, 1)
    with services.db.session() as session:
        _day(session, first, "a", lena.user_id, 100, 200, 900)
        session.add(Usage(day=first, model="a", user_id=admin.user_id, tokens_in=5))
        _day(session, first, "=b", None)
        _day(session, first + timedelta(days=30), "a", lena.user_id, 400)
        _day(session, first + timedelta(days=31), "a", lena.user_id)
    report = services.usage.report(admin, first, date(2026, 3, 31))
    told = [(row.day.day, row.model, row.tokens_in, row.users, row.p50_ms, row.p95_ms) for row in report.rows]
    assert told == [(1, "=b", 10, 0, None, None), (1, "a", 15, 2, 200, 900), (31, "a", 10, 1, 400, 400)]
    assert (report.total.tokens_in, report.total.answers, report.total.users, report.total.cost) == (35, 4, 2, None)
    lines = list(csv.reader(io.StringIO(as_csv(report), newline="")))
    assert lines[0][:3] == ["day", "model", "tokens_in"]
    assert lines[1][:3] == ["2026-03-01", "'=b", "10"], "no cell is a formula"
    with pytest.raises(Forbidden):
        services.usage.report(lena)
    for period in ((date(2026, 3, 2), first), (date(2024, 1, 1), first)):
        with pytest.raises(AppError, match="at most 366 days"):
            services.usage.report(admin, *period)


def test_percentiles_of_a_histogram() -> None:
    assert percentile({}, 0.5) is None
    assert percentile({100: 50, 200: 45, 900: 5}, 0.5) == 100
    assert percentile({100: 50, 200: 45, 900: 5}, 0.95) == 200
    assert percentile({100: 50, 200: 44, 900: 6}, 0.95) == 900


def test_what_was_undone_with_its_transaction_is_counted_when_it_is_done_again(services_with_model: Both) -> None:
    db = services_with_model[0].db
    told: list[int] = []
    grant = Grant(name=lambda: "undone", answers=[Call(told=(5, 6))], spent=lambda tokens, _cost: told.append(tokens))
    with db.session() as session:
        record(session, None, grant)
        session.rollback()
    for _ in range(2):  # the second time there is nothing left to count
        with db.session() as session:
            spent = record(session, None, grant)
        grant.settle(spent)
    with db.reading() as session:
        rows = session.exec(select(Usage).where(Usage.model == "undone")).all()
    assert [(row.tokens_in, row.tokens_out) for row in rows] == [(5, 6)]
    assert told == [11]
