"""One running application with people in it: Alice, who owns one of everything; Bob, who reaches for it; an admin; Ex, whose
account was shut while a token of theirs lives; and Carol, who offers Alice an artist."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import Table
from sqlmodel import Session, SQLModel, select

from app.main import build_services, create_app
from app.models import FAILED, Chunk, Conversation, Document
from app.services.plans.changes import Change
from app.services.plans.proposals import keep_proposals
from app.services.services import Services
from tests.api.conftest import MAX_BYTES, Api, serve, wait_ready
from tests.conftest import settings_in
from tests.openai_server import OpenAIServer
from tests.security.served import deletions_done

CANARY = "quokkaberry"  # in every word that is Alice's: content, titles, names, questions
# Refusals and sign-ins leave rows in the first two, and should; the third counts everybody's answers and names nobody.
UNWATCHED = {"audit_events", "login_sessions", "answer_times"}

Ids = dict[str, str]  # kind (document, artist, ...) -> an id


@dataclass
class Person:
    client: httpx.Client
    id: str
    email: str
    ids: Ids = field(default_factory=dict)

    def post(self, path: str, status: int = 0, **options: Any) -> Any:
        answer = self.client.post(f"/api{path}", **options)
        assert answer.is_success, answer.text
        assert status in (0, answer.status_code)
        return answer.json()

    def upload(self, text: str, **form: str) -> str:
        files = {"file": (f"{form.pop('name', 'deal')}.txt", io.BytesIO(text.encode()))}
        document: str = self.post("/documents", 202, files=files, data=form)["id"]
        return document

    def ready(self, text: str, **form: str) -> str:
        document = wait_ready(self.client, self.upload(text, **form))
        assert document["status"] == "ready", document
        return str(document["id"])


@dataclass
class Town:
    app: FastAPI
    api: Api
    alice: Person
    bob: Person
    carol: Person
    admin: Person
    ex: Person
    anon: httpx.Client
    industry: str  # the id of a document of the industry knowledge base

    @property
    def url(self) -> str:
        return self.api.url

    @property
    def services(self) -> Services:
        return self.api.services

    @property
    def folder(self) -> Path:
        return self.services.settings.data.dir

    def prompts(self) -> str:
        """All that the language model was ever sent."""
        return json.dumps([request.body for request in self.api.llm.requests])

    def person(self) -> Person:
        return _register(self.api)


def _register(api: Api) -> Person:
    client, pair = api.register()
    return Person(client, api.services.users.by_email(pair["email"]).id, pair["email"])


def random_id(kind: str) -> str:
    """An id that nobody has, of the kind's shape."""
    return str(900_000_000 + uuid.uuid4().int % 1000) if kind in ("conversation", "message") else str(uuid.uuid4())


def digest(services: Services, but_of: str = "") -> dict[str, str]:
    """SHA-256 of every table's rows, and of the names of the uploads; what belongs to the user `but_of` is left out."""
    deletions_done(services)
    tables: list[Table] = SQLModel.metadata.sorted_tables
    found: dict[str, str] = {}
    with services.db.reading() as session:
        others, talks = _owned(session, but_of)
        for table in tables:
            if table.name not in UNWATCHED:
                rows = [row for row in session.execute(table.select()) if not others & set(map(str, row))]
                if table.name == "messages":
                    rows = [row for row in rows if row.conversation_id not in talks]
                found[table.name] = hashlib.sha256(repr(sorted(map(repr, rows))).encode()).hexdigest()
    uploads = services.settings.data.dir / "uploads"
    found["uploads"] = repr(sorted(path.name for path in uploads.iterdir() if path.name not in others))
    return found


def _owned(session: Session, user_id: str) -> tuple[set[str], set[int | None]]:
    """The id of the user and those of their documents; the numbers of their conversations."""
    if not user_id:
        return set(), set()
    documents = session.exec(select(Document.id).where(Document.user_id == user_id)).all()
    return {user_id, *documents}, set(
        session.exec(select(Conversation.id).where(Conversation.user_id == user_id)).all()
    )


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Town]:
    with ExitStack() as opened:
        llm = opened.enter_context(OpenAIServer())
        settings = settings_in(
            tmp_path_factory.mktemp("town"),
            models_dir,
            llm={
                "provider": "openai_like", "base_url": llm.base_url, "model": "tiny-chat", "retries": 0,
                "breaker_failures": 100, "intent_seconds": 5.0,
            },
            ingestion={"max_bytes": MAX_BYTES, "poll_seconds": 0.2},
        )  # fmt: skip
        services = build_services(settings, seed=False)
        opened.callback(services.close)

        async def make() -> FastAPI:  # in a running loop: without one Gradio opens some of its own
            return create_app(settings, services)

        app = asyncio.run(make())
        api = Api(opened.enter_context(serve(app)), services, llm)
        anon = opened.enter_context(api.client())
        made = _settle(app, api, anon)
        for person in (made.alice, made.bob, made.carol, made.admin, made.ex):
            opened.callback(person.client.close)
        yield made


def _settle(app: FastAPI, api: Api, anon: httpx.Client) -> Town:
    alice, bob, carol, admin, ex = (_register(api) for _ in range(5))
    made = Town(app, api, alice, bob, carol, admin, ex, anon, "")
    api.services.users.promote(admin.email)
    made.industry = made.admin.ready(
        "A manager usually takes fifteen to twenty percent of gross income. " * 3, kb="global"
    )
    _own_everything(made.bob, "pelican", api.services)
    _own_everything(made.alice, CANARY, api.services)
    made.carol.ids["artist"] = made.carol.post("/artists", json={"name": "Paper Kite"})["id"]
    made.carol.client.post(f"/api/artists/{made.carol.ids['artist']}/handover", json={"email": made.alice.email})
    made.alice.ids["offer"] = made.alice.client.get("/api/artists/offers").json()["items"][0]["id"]
    made.alice.client.post(f"/api/artists/{made.alice.ids['artist']}/handover", json={"email": made.carol.email})
    api.services.users.disable(made.ex.email)
    return made


def _own_everything(person: Person, word: str, services: Services) -> None:
    person.client.put("/api/profile", json={"artist_name": f"The {word}s"})
    person.ids["artist"] = person.post("/artists", json={"name": f"{word} ferry"})["id"]
    person.ids["note"] = person.post("/profile/notes", json={"text": f"I play the {word} every day."})["id"]
    text = f"The manager of {word} receives seventeen percent commission. The term of {word} is three years. "
    figure = {
        "day": "2026-01-05",
        "metric": "listeners",
        "value": 12,
        "platform": word,
        "artist_id": person.ids["artist"],
    }
    person.ids["figure"] = person.post("/growth", json=figure)["id"]
    person.ids["document"] = person.ready(text * 3, name=word, artist_id=person.ids["artist"])
    person.ids["failed"] = person.ready(f"A second text of {word}.")
    with services.db.session() as session:
        session.get_one(Document, person.ids["failed"]).status = FAILED
        person.ids["chunk"] = (
            session.exec(select(Chunk.id).where(Chunk.document_id == person.ids["document"])).first() or ""
        )
    question = f"What commission does my manager of {word} receive under my contract?"
    first = person.post("/messages", json={"text": question})
    message = person.post("/messages", json={"text": question, "replaces": first["id"]})
    assert message["citations"], message
    person.ids["share"] = person.post("/shares", 201, json={"kind": "answer", "id": message["id"]})["id"]
    person.ids |= {"message": message["id"], "conversation": message["conversation"], "user": person.id}
    person.ids["trace"] = message["trace_id"]
    _plan(person, word, services)
    person.ids["date"] = person.post("/dates", json={"label": f"{word} day", "day": "2027-05-01"})["id"]
    draft = {"kind": "bio_long", "artist_id": person.ids["artist"], "inputs": {"focus": f"The {word} record"}}
    person.ids["draft"] = person.post("/drafts", 201, json=draft)["id"]
    person.ids["session"] = person.client.get("/api/account/sessions").json()["items"][0]["id"]


def _plan(person: Person, word: str, services: Services) -> None:
    made = {"template": "release_single", "goal": f"Release {word}", "target_date": "2027-06-04"}
    plan = person.post("/plans", 201, json={**made, "artist_id": person.ids["artist"]})["id"]
    steps = person.post(f"/plans/{plan}/steps", 201, json={"title": f"Rehearse {word}"})["steps"]
    step = next(one for one in steps if one["by"] == "hand")
    with services.db.session() as session:
        keep_proposals(session, person.id, int(person.ids["message"]), [Change(plan, "done", step["key"])])
    proposal = person.client.get(f"/api/plans/{plan}/proposals").json()["items"][0]["id"]
    person.ids |= {"plan": plan, "step": step["id"], "proposal": proposal}


__all__ = ["CANARY", "Person", "Town", "digest", "random_id", "town"]
