"""B8: nobody's canary reaches anybody else, whatever is asked at whichever door: in hits, prompts, answers, citations,
traces or logs."""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import pytest
from loguru import logger
from sqlmodel import select

from app import log
from app.config import LogSettings
from app.indexes.engine import EVERYTHING, Scope
from app.indexes.store import KnowledgeStore
from app.models import AuditEvent, Chunk, Conversation, Document, Intent, Message, Trace
from app.notebook import Manager
from app.retrievers import knowledge
from app.services import chat, withdrawal
from app.services.services import Services
from app.services.shapes import SearchRequest
from tests.api.conftest import Api
from tests.retrievers.library import put
from tests.security.canaries import INDUSTRY, SEAL, Tenant, Witness, chatty, encoded, living, question
from tests.security.served import served
from tests.security.unchecked import unchecked

Door = Callable[[Tenant, str, Random], str]
THREADS = 6
INTENTS: tuple[Intent, ...] = ("personal", "hybrid", "global")


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Api]:
    """Served with its logs at DEBUG, those of the libraries too."""
    folder = tmp_path_factory.mktemp("canary")
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    quotas = {"concurrent_answers": 50}  # one user asks at several doors at once here
    with served(folder, models_dir, quotas=quotas) as running:
        log.configure(LogSettings(level="DEBUG"), folder, terminal=False)
        root.setLevel(logging.DEBUG)
        running.llm.script(reply=chatty)
        put(running.services, INDUSTRY, title="Managers")
        yield running
    logger.remove()
    logger.configure(patcher=lambda _: None)
    logger.add(sys.stderr)
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level


def doors(api: Api) -> dict[str, tuple[int, Door]]:
    """Door -> its share of the questions, and how to ask there: all that the asker is told comes back."""
    manager, services = Manager(api.services), api.services

    def search(asker: Tenant, text: str, random: Random) -> str:
        answer = asker.rest.post(
            "/api/search", json={"query": text, "top_k": 50, "intent": random.choice([*INTENTS, None])}
        )
        assert answer.status_code == 200, answer.text
        return answer.text

    def message(asker: Tenant, text: str, random: Random) -> str:
        answer = asker.rest.post("/api/messages", json={"text": text, "stream": random.random() < 0.5})
        assert answer.status_code == 200, answer.text
        return answer.text

    def follow_up(asker: Tenant, text: str, _: Random) -> str:
        conversations = asker.rest.get("/api/conversations", params={"limit": 1}).json()["items"]
        wanted = {"conversation": conversations[0]["id"]} if conversations else {}
        answer = asker.rest.post("/api/messages", json={"text": text, **wanted}).json()
        trace = asker.rest.get(f"/api/messages/{answer['id']}/trace")
        listed = asker.rest.get(f"/api/conversations/{answer['conversation']}/messages")
        assert (trace.status_code, listed.status_code) == (200, 200)
        return str(answer) + trace.text + listed.text

    def chat(asker: Tenant, text: str, _: Random) -> str:
        return asker.tab.ask(text)

    def retriever(asker: Tenant, text: str, random: Random) -> str:
        made = manager.retriever(asker.email, intent=random.choice(INTENTS), top_k=50)
        return str([(node.text, node.node.metadata) for node in made.retrieve(text)])

    def engine(asker: Tenant, text: str, _: Random) -> str:
        response = manager.query_engine(asker.email).query(text)
        return str(response) + str(response.source_nodes)

    def service(asker: Tenant, text: str, random: Random) -> str:
        request = SearchRequest(query=text, top_k=50, intent=random.choice(INTENTS))
        return asyncio.run(services.search.search(asker.principal, request)).model_dump_json()

    return {
        "search": (26, search), "message": (12, message), "follow-up": (8, follow_up), "gradio": (12, chat),
        "retriever": (28, retriever), "query engine": (4, engine), "search service": (10, service),
    }  # fmt: skip


def ask_everywhere(api: Api, tenants: list[Tenant], count: int, seed: int = 8) -> Witness:
    """`count` questions of random users at random doors, several at a time."""
    made, witness = doors(api), Witness()
    names, shares = list(made), [share for share, _ in made.values()]

    def ask(number: int) -> None:
        random = Random(seed * 1_000_003 + number)
        asker = witness.askers[number]
        if number < len(names):  # every door once with a question that finds the asker's own
            door, text = names[number], f"What does my agreement {asker.handle} say? (q{number:05d})"
        else:
            door, text = random.choices(names, shares)[0], question(random, number, asker, tenants)
        witness.see(door, asker, made[door][1](asker, text, random))

    witness.askers.update((number, Random(seed + number).choice(tenants)) for number in range(count))
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(ask, range(count)))
    return witness


def see_tables(services: Services, tenants: list[Tenant], witness: Witness) -> None:
    """What was kept of it all: traces, audit rows and messages, each of one user, name and hold that user's own alone.
    No trace counts a passage that only the second check in SQL held back."""
    seals = {tenant.principal.user_id: tenant.seal for tenant in tenants}
    with services.db.reading() as session:
        owners = dict(session.exec(select(Document.id, Document.user_id)).all())
        chunks = {chunk: owners[document] for chunk, document in session.exec(select(Chunk.id, Chunk.document_id))}
        for trace in session.exec(select(Trace)):
            ids = {row["chunk_id"] for row in [*trace.body["candidates"], *trace.body["prompt"]]}
            assert {chunks[chunk] for chunk in ids} <= {trace.user_id, None}
            assert trace.body["dropped"] == 0
        for row in session.exec(select(AuditEvent)):
            assert {owners[read["document_id"]] for read in row.reads} <= {row.user_id, None}
            assert {chunks[chunk] for read in row.reads for chunk in read["chunk_ids"]} <= {row.user_id, None}
        query = select(Message, Conversation.user_id).join(Conversation)
        for message, user_id in session.exec(query):
            kept = f"{message.text} {message.citations}"
            assert {owners[cited["document_id"]] for cited in message.citations} <= {user_id, None}
            witness.leaks += [f"message: {seal}" for seal in set(SEAL.findall(kept)) - {seals.get(user_id)}]


def logs_of(api: Api) -> bytes:
    return b"".join(file.read_bytes() for file in (api.services.settings.data.dir / "logs").iterdir())


def check(api: Api, tenants: list[Tenant], count: int) -> None:
    first = len(api.llm.requests)
    witness = ask_everywhere(api, tenants, count)
    shown = witness.see_prompts(request.body for request in api.llm.requests[first:])
    see_tables(api.services, tenants, witness)
    assert witness.leaks == []
    assert sum(witness.asked.values()) == count
    assert all(witness.own[door] > 0 for door in doors(api)), f"a door that finds nothing proves nothing: {witness.own}"
    assert shown > 0
    logs = logs_of(api)
    assert b'"DEBUG"' in logs
    words = [word for tenant in tenants for word in (tenant.seal, tenant.handle, tenant.email)]
    assert [word for word in words if any(one in logs for one in encoded(word))] == []


@pytest.fixture(scope="module")
def few(api: Api) -> Iterator[list[Tenant]]:
    with living(api, range(6)) as tenants:
        yield tenants


def test_nobody_meets_anothers_canary(api: Api, few: list[Tenant]) -> None:
    check(api, few, 120)


@pytest.mark.slow
def test_fifty_users_and_five_thousand_questions(api: Api, few: list[Tenant]) -> None:
    with living(api, range(6, 50)) as more:
        check(api, few + more, 5000)


def _unfiltered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the tenant out of every search of the vectors."""
    monkeypatch.setattr(KnowledgeStore, "_scopes", lambda *_: (Scope(), EVERYTHING))


def test_without_the_filter_the_second_check_holds_and_counts(
    api: Api, few: list[Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    _unfiltered(monkeypatch)
    asker, victim = few[:2]
    retriever = Manager(api.services).retriever(asker.email, top_k=50)
    found = retriever.search(f"What does the agreement with the reference {victim.handle} say?")
    assert victim.seal not in str([passage.chunk.text for passage in found.passages])
    assert found.trace.dropped > 0
    assert b"passages dropped by the SQL check" in logs_of(api)


def test_without_both_defences_every_door_leaks_and_is_caught(
    api: Api, few: list[Tenant], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The test of the tests: what they look for is what comes out when nothing holds it back, nor keeps it from being saved."""
    _unfiltered(monkeypatch)

    monkeypatch.setattr(knowledge, "check", unchecked)
    for module in (withdrawal, chat):
        monkeypatch.setattr(module, "gone_of", lambda *_: set())
    made, witness, (asker, victim) = doors(api), Witness(), few[:2]
    witness.askers[99_999] = asker
    first = len(api.llm.requests)
    for door, (_, ask) in made.items():
        witness.see(door, asker, ask(asker, f"What does my agreement {victim.handle} say? (q99999)", Random(1)))
    witness.see_prompts(request.body for request in api.llm.requests[first:])
    assert {leak.partition(":")[0] for leak in witness.leaks} == {*made, "prompt"}
