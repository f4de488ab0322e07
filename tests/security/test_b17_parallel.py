"""B17: two users, sixteen threads, uploads, questions and deletions at once on embedded vectors: no exception, no cross
read, and at the end vectors, SQL and disk agree."""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx
import pytest
from loguru import logger
from sqlmodel import select

from app.models import READY, Chunk, Document
from app.notebook import Manager
from app.services.services import Services
from tests.api.conftest import Api
from tests.security.served import SHORT, served

THREADS = 16
DRAIN_SECONDS = 300  # minutes of uploads wait on a busy machine
QUESTIONS = (
    "What commission does my manager take?",
    "When does my agreement end?",
    "Which reference has my agreement?",
)


@dataclass
class Owner:
    """A user, the word that stands in each of their documents, and the documents that are there as far as is known."""

    email: str
    token: str
    word: str
    documents: list[str] = field(default_factory=list)


@dataclass
class Mix:
    """What all threads do until the time is over, and what went wrong."""

    api: Api
    owners: list[Owner]
    end: float
    done: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)

    def run(self, number: int) -> None:
        owner, random = self.owners[number % len(self.owners)], Random(number)
        bearer = {"Authorization": f"Bearer {owner.token}"}
        manager = Manager(self.api.services)
        acts = {self.upload: 3, self.search: 6, self.ask: 2, self.delete: 2}
        try:
            with httpx.Client(base_url=self.api.url, headers=bearer, timeout=60, limits=SHORT) as client:
                while time.monotonic() < self.end:
                    act = random.choices(list(acts), list(acts.values()))[0]
                    act(owner, client, random)
                    if random.random() < 0.3:
                        self.retrieve(owner, manager, random)
        except Exception as error:  # whatever it is, it is what this test looks for
            self.wrong.append(f"{type(error).__name__}: {error}")

    def upload(self, owner: Owner, client: httpx.Client, random: Random) -> None:
        clause = f"The manager receives {random.randrange(10**9)} percent. The reference is {owner.word}.\n"
        answer = client.post("/api/documents", files={"file": ("deal.txt", clause.encode() * random.randrange(1, 30))})
        if self.expect("upload", answer, 202):
            owner.documents.append(answer.json()["id"])

    def search(self, owner: Owner, client: httpx.Client, random: Random) -> None:
        answer = client.post("/api/search", json={"query": random.choice(QUESTIONS), "top_k": 50, "intent": "personal"})
        if self.expect("search", answer, 200):
            self.see(owner, [hit["text"] for hit in answer.json()["hits"]])

    def ask(self, owner: Owner, client: httpx.Client, random: Random) -> None:
        answer = client.post("/api/messages", json={"text": random.choice(QUESTIONS)})
        if self.expect("ask", answer, 200):
            self.see(owner, [cited["quote"] for cited in answer.json()["citations"]])

    def delete(self, owner: Owner, client: httpx.Client, random: Random) -> None:
        try:
            document = owner.documents.pop(random.randrange(len(owner.documents)))
        except (IndexError, ValueError):  # another thread was faster, or there is none
            return
        if self.expect("delete", client.delete(f"/api/documents/{document}"), 204):
            self.expect("gone", client.get(f"/api/documents/{document}"), 404)

    def retrieve(self, owner: Owner, manager: Manager, random: Random) -> None:
        nodes = manager.retriever(owner.email, top_k=50).retrieve(random.choice(QUESTIONS))
        self.done["retrieve"] += 1
        self.see(owner, [node.text for node in nodes])

    def expect(self, act: str, answer: httpx.Response, status: int) -> bool:
        self.done[act] += 1
        if answer.status_code != status:
            self.wrong.append(f"{act}: {answer.status_code} {answer.text[:200]}")
        return answer.status_code == status

    def see(self, owner: Owner, texts: list[str]) -> None:
        others = [other.word for other in self.owners if other is not owner]
        self.done["seen"] += len(texts)
        self.wrong += [f"cross read: {text[:80]}" for text in texts if any(word in text for word in others)]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Api]:
    quotas = {"concurrent_answers": THREADS}
    with served(tmp_path_factory.mktemp("mix"), models_dir, quotas=quotas) as running:
        yield running


@pytest.fixture
def complaints() -> Iterator[list[str]]:
    """Every log line from a warning on."""
    heard: list[str] = []
    logger.remove()
    sink = logger.add(heard.append, level="WARNING", format="{level} {message} {extra}", diagnose=False)
    yield heard
    logger.remove(sink)
    logger.add(sys.stderr)


def drained(services: Services) -> bool:
    end = time.monotonic() + DRAIN_SECONDS
    while services.ingestion.waiting() and time.monotonic() < end:
        time.sleep(0.1)
    return not services.ingestion.waiting()


def reconcile(services: Services, owners: list[Owner]) -> int:
    """Points of every collection, chunks, documents and files say the same; returns how many points there are."""
    with services.db.reading() as session:
        documents = session.exec(select(Document)).all()
        chunks: dict[str, set[str]] = {document.id: set() for document in documents}
        for chunk in session.exec(select(Chunk)):
            chunks[chunk.document_id].add(chunk.id)
    assert {document.status for document in documents} == {READY}
    assert {document.id for document in documents} == {one for owner in owners for one in owner.documents}
    assert {document.id: document.chunks for document in documents} == {one: len(ids) for one, ids in chunks.items()}
    expected = set().union(*chunks.values())
    for index in services.indexes.live("personal"):
        assert index.store.ids() == expected, index.model.name
        assert index.store.count() == len(expected)
        for document, ids in chunks.items():
            assert index.store.ids(document) == ids
    data = services.settings.data.dir
    assert {file.name for file in (data / "uploads").iterdir()} == set(chunks)
    assert [file for file in (data / "tmp").iterdir() if file.name.startswith("read-")] == []
    return len(expected)


def mix(api: Api, seconds: float, complaints: list[str]) -> None:
    owners: list[Owner] = []
    for word in ("tangerine", "cobalt"):
        client, account = api.register()
        owners.append(Owner(account["email"], account["access_token"], word))
        with client:
            Mix(api, owners, 0).upload(owners[-1], client, Random(0))
    assert drained(api.services), "each has something to find from the first moment"
    work = Mix(api, owners, time.monotonic() + seconds)
    threads = [threading.Thread(target=work.run, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert work.wrong == []
    assert all(work.done[act] for act in ("upload", "search", "ask", "delete", "retrieve", "seen")), work.done
    assert drained(api.services)
    points = reconcile(api.services, owners)
    assert complaints == []
    sys.stdout.write(f"{dict(work.done)}, {points} points at the end\n")
    for owner in owners:  # leave nothing for the next mix
        with httpx.Client(base_url=api.url, headers={"Authorization": f"Bearer {owner.token}"}, timeout=60) as client:
            assert client.delete("/api/account", params={"confirm": "true"}).status_code == 204
    assert reconcile_empty(api.services)


def reconcile_empty(services: Services) -> bool:
    return all(index.store.count() == 0 for index in services.indexes.live("personal"))


def test_ten_seconds_of_everything_at_once(api: Api, complaints: list[str]) -> None:
    mix(api, 10, complaints)


@pytest.mark.slow
def test_five_minutes_of_everything_at_once(api: Api, complaints: list[str]) -> None:
    mix(api, 300, complaints)
