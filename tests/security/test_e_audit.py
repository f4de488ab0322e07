"""E6: every read and every refusal has its row, also while the table is locked for a while; and without a row no data."""

from __future__ import annotations

import asyncio
import io
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import col, func, select

from app.errors import NotFound
from app.models import AuditEvent
from app.principal import Principal
from app.services.services import Services
from app.services.shapes import AskRequest, SearchRequest
from tests.api.conftest import make_app, serve
from tests.ui.support import new_user

TEXT = b"The term of the agreement is eight years."
LOCK_SECONDS = 2.0


@pytest.fixture(scope="module")
def world(services: Services) -> tuple[Services, Principal, Principal, str]:
    """Alice with a document, Bob without."""
    alice, bob = new_user(services), new_user(services)
    received = services.documents.receive(alice, kb="personal", filename="deal.txt", source=io.BytesIO(TEXT))
    services.ingestion.run_all()
    return services, alice, bob, received.id


def file_of(services: Services) -> Path:
    name = services.db.engine.url.database
    assert name is not None
    return Path(name)


def counted(services: Services, **columns: str) -> int:
    query = select(func.count()).select_from(AuditEvent)
    for name, value in columns.items():
        query = query.where(col(getattr(AuditEvent, name)) == value)
    with services.db.reading() as session:
        return session.exec(query).one()


@contextmanager
def locked(services: Services, seconds: float, *, after: float = 0.0) -> Iterator[threading.Event]:
    """Another process's transaction holds the database for writing; the event is set once it does."""
    holding = threading.Event()

    def hold() -> None:
        time.sleep(after)
        with closing(sqlite3.connect(file_of(services), isolation_level=None, timeout=20)) as other:
            other.execute("BEGIN IMMEDIATE")
            holding.set()
            time.sleep(seconds)
            other.execute("ROLLBACK")

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        yield holding
    finally:
        thread.join()


def test_e6_a_thousand_reads_and_refusals_have_a_thousand_rows(
    world: tuple[Services, Principal, Principal, str],
) -> None:
    services, alice, bob, document = world

    def read() -> str:
        path, _ = services.documents.file(alice, document)
        assert path.read_bytes() == TEXT
        return "granted"

    def search() -> str:
        request = SearchRequest(query="What is the term of the agreement?", intent="personal")
        assert asyncio.run(services.search.search(alice, request)).hits
        return "granted"

    def refused(ask: Callable[[], Any]) -> Callable[[], str]:
        def asking() -> str:
            with pytest.raises(NotFound):
                ask()
            return "refused"

        return asking

    denials = [
        refused(lambda: services.documents.file(bob, document)),
        refused(lambda: services.documents.get(bob, document)),
        refused(lambda: services.documents.get(bob, "no-such-document")),
        refused(lambda: services.chat.conversation(bob, "1234567")),
    ]
    work = [read] * 460 + [search] * 40 + denials * 125
    before = {outcome: counted(services, outcome=outcome) for outcome in ("granted", "refused")}
    with locked(services, LOCK_SECONDS, after=0.5) as holding, ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda act: act(), [work[number * 7 % len(work)] for number in range(1000)]))
        assert holding.is_set()
    assert (outcomes.count("granted"), outcomes.count("refused")) == (500, 500)
    for outcome in before:
        assert counted(services, outcome=outcome) - before[outcome] == 500


@contextmanager
def no_audit(services: Services) -> Iterator[None]:
    """The table takes no row."""
    with closing(sqlite3.connect(file_of(services), isolation_level=None, timeout=20)) as other:
        other.execute("CREATE TRIGGER closed BEFORE INSERT ON audit_events BEGIN SELECT RAISE(ABORT, 'closed'); END")
        try:
            yield
        finally:
            other.execute("DROP TRIGGER closed")


def test_e6_without_its_row_no_part_gives_data(world: tuple[Services, Principal, Principal, str]) -> None:
    services, alice, _, document = world
    request = SearchRequest(query="What is the term of the agreement?")
    reads: list[Callable[[], Any]] = [
        lambda: services.documents.file(alice, document),
        lambda: asyncio.run(services.search.search(alice, request)),
        lambda: services.accounts.export(alice),
        lambda: services.documents.delete(alice, document),
        lambda: services.documents.update(alice, document, title="Other"),
    ]
    with no_audit(services):
        for act in reads:
            with pytest.raises(SQLAlchemyError):
                act()
        events = asyncio.run(told(services, alice))
    assert [name for name, _ in events] == ["error"]
    assert "eight years" not in str(events)
    assert services.documents.get(alice, document).title == "deal", "nothing was changed either"


async def told(services: Services, who: Principal) -> list[tuple[str, Any]]:
    asked = AskRequest(text="What is the term of my agreement?")
    return [(event.name, event.data) async for event in services.chat.ask(who, asked)]


@pytest.fixture(scope="module")
def door(world: tuple[Services, Principal, Principal, str]) -> Iterator[tuple[httpx.Client, str]]:
    services = world[0]
    app = asyncio.run(make_app(services.settings, services))
    with serve(app) as url, httpx.Client(base_url=url, trust_env=False, timeout=30) as client:
        account = {"email": "dana.of.e6@example.com", "password": "three chords and the truth"}
        client.headers["Authorization"] = (
            f"Bearer {client.post('/api/auth/register', json=account).json()['access_token']}"
        )
        document = client.post("/api/documents", files={"file": ("deal.txt", TEXT)}).json()["id"]
        deadline = time.monotonic() + 60
        while client.get(f"/api/documents/{document}").json()["status"] != "ready":
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield client, document


def asked_of(door: tuple[httpx.Client, str]) -> list[httpx.Response]:
    client, document = door
    return [
        client.get(f"/api/documents/{document}/file"),
        client.get("/api/account/export"),
        client.post("/api/messages", json={"text": "What is the term of my agreement?"}),
        client.post("/api/search", json={"query": "What is the term of the agreement?"}),
        client.get("/api/documents/no-such-document"),
    ]


def test_e6_and_the_doors_say_one_sentence(world: tuple[Services, Principal, Principal, str], door: Any) -> None:
    with no_audit(world[0]):
        answers = asked_of(door)
    for answer in answers:
        assert answer.status_code in (500, 503), answer.text
        assert set(answer.json()) == {"error", "detail", "request_id"}
        assert "eight years" not in answer.text
        assert "closed" not in answer.json()["detail"]
    assert [answer.status_code for answer in asked_of(door)] == [200, 200, 200, 200, 404], "and afterwards all is well"


@pytest.mark.slow
def test_e6_a_table_locked_for_long_is_told_with_a_time_to_wait(
    world: tuple[Services, Principal, Principal, str], door: Any
) -> None:
    client, document = door
    with locked(world[0], 14.0) as holding:  # 5 s for a turn among this process's writers, 5 s for SQLite's lock
        assert holding.wait(10)
        answer = client.get(f"/api/documents/{document}/file")
    assert (answer.status_code, answer.json()["error"]) == (503, "unavailable")
    assert answer.headers["retry-after"] == "2"
    assert b"eight years" not in answer.content
