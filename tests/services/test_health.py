from __future__ import annotations

import asyncio
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from app.db import Database
from app.llms import ChatModel
from app.models import READY, STORED, Document, now
from app.services import health as module
from app.services.health import REMEMBER_SECONDS, STALE_SECONDS, HealthService
from app.services.model_slot import ModelSlot
from app.services.services import Services
from tests.llm_calls import make
from tests.openai_server import OpenAIServer

PARTS = {"database", "vectors", "embedding:minilm", "embedding:bm25", "language_model", "worker", "reconciler"}

QUIET = ("language_model", "worker", "reconciler")  # off where nobody runs them


@pytest.fixture(autouse=True)
def _patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a busy machine a part may take longer than a check may; the test of what hangs sets its own limit."""
    monkeypatch.setattr(module, "CHECK_SECONDS", 30.0)


def health(services: Services, model: ChatModel | None = None, db: Database | None = None) -> HealthService:
    return HealthService(db or services.db, services.indexes, ModelSlot.of(model))


def report(service: HealthService) -> tuple[str, dict[str, dict[str, Any]]]:
    found = asyncio.run(service.report())
    assert set(found) == {"status", "components"}
    for part in found["components"].values():
        assert part["status"] in ("ok", "off", "down", "building")
        assert part["milliseconds"] >= 0
    return found["status"], found["components"]


def test_all_is_well_without_a_language_model(services: Services) -> None:
    status, parts = report(services.health)
    assert status == "ok"
    assert set(parts) == PARTS
    assert parts["language_model"]["status"] == "off"
    assert parts["worker"]["status"] == "off", "none runs in this process"
    assert {part["status"] for name, part in parts.items() if name not in QUIET} == {"ok"}


def test_a_language_model_that_answers_is_ok(services: Services, openai_server: OpenAIServer) -> None:
    status, parts = report(health(services, make(openai_server)))
    assert (status, parts["language_model"]["status"]) == ("ok", "ok")


def test_a_language_model_that_fails_only_degrades_and_says_why(
    services: Services, openai_server: OpenAIServer
) -> None:
    openai_server.script(status=401, times=9)
    status, parts = report(health(services, make(openai_server)))
    assert (status, parts["language_model"]["status"]) == ("degraded", "down")
    assert "refused the key" in parts["language_model"]["detail"]


def test_a_language_model_that_hangs_is_not_waited_for(
    services: Services, openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CHECK_SECONDS", 0.2)
    model = make(openai_server)

    async def forever() -> float:
        await asyncio.sleep(60)
        return 0.0

    monkeypatch.setattr(model, "check", forever)
    status, parts = report(health(services, model))
    assert (status, parts["language_model"]["status"]) == ("degraded", "down")
    assert "No answer within" in parts["language_model"]["detail"]
    assert parts["language_model"]["milliseconds"] < 2000


def test_the_first_calls_import_is_not_laid_to_the_provider(
    services: Services, openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = make(openai_server)

    async def check() -> float:
        assert asyncio.get_running_loop() in model._lanes._lanes, "imported and opened before the time limit began"
        return 1.0

    monkeypatch.setattr(model, "check", check)
    assert report(health(services, model))[1]["language_model"]["status"] == "ok"


def test_the_provider_is_asked_once_a_minute(
    services: Services, openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = health(services, make(openai_server))
    for _ in range(3):
        assert report(service)[1]["language_model"]["status"] == "ok"
    assert len(openai_server.requests) == 1
    at, known = service._remembered["language_model"]
    service._remembered["language_model"] = (at - REMEMBER_SECONDS - 1, known)
    openai_server.script(status=401, times=9)
    assert report(service)[1]["language_model"]["status"] == "down"
    assert len(openai_server.requests) == 2


def test_vectors_that_are_gone_are_down(services: Services, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(services.indexes.engine, "_folder", tmp_path / "gone")
    status, parts = report(health(services))
    assert (status, parts["vectors"]["status"]) == ("down", "down")
    assert "ai-manager reindex" in parts["vectors"]["detail"]


def test_a_database_that_is_gone_is_down_and_the_rest_is_told(services: Services, tmp_path: Path) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    database = Database(f"sqlite:///{folder / 'app.db'}")
    shutil.rmtree(folder)
    status, parts = report(health(services, db=database))
    database.close()
    assert (status, parts["database"]["status"], parts["vectors"]["status"]) == ("down", "down", "ok")
    assert parts["database"]["detail"].endswith(".")
    assert set(parts) == PARTS


def test_an_embedding_model_that_breaks_degrades(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    from app.indexes.embeddings import EmbeddingFailed

    [model] = [one for one in services.indexes.models if one.name == "bm25"]

    def broken(*_: Any) -> Any:
        raise EmbeddingFailed("bm25", "The embedding model 'bm25' is broken.")

    monkeypatch.setattr(model, "_embed_questions", broken)
    monkeypatch.setattr(model._cache, "_entries", type(model._cache._entries)())
    status, parts = report(health(services))
    assert (status, parts["embedding:bm25"]["status"]) == ("degraded", "down")
    assert parts["embedding:bm25"]["detail"] == "The embedding model 'bm25' is broken."
    assert parts["embedding:minilm"]["status"] == "ok"


def test_a_model_that_could_not_be_opened_is_named(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(services.indexes.broken, "bge", "Its weights are not on this machine.")
    status, parts = report(health(services))
    assert (status, parts["embedding:bge"]) == (
        "degraded",
        {"status": "down", "milliseconds": 0.0, "detail": "Its weights are not on this machine."},
    )


def test_an_index_being_filled_is_said_so(services: Services) -> None:
    [index] = [one for one in services.indexes.live("personal") if one.model.name == "bm25"]
    services.indexes.suspend(index)
    try:
        status, parts = report(health(services))
    finally:
        while services.ingestion.back_fill():
            pass
    assert status == "degraded"
    assert parts["embedding:bm25"]["status"] == "building"
    assert parts["embedding:bm25"]["detail"] == "being filled for: personal (0 of 0 documents)"
    assert report(health(services))[0] == "ok"


def test_a_worker_that_is_silent_is_down_unless_it_holds_a_document(services: Services) -> None:
    service = health(services)
    service.worker_seen = time.monotonic() - STALE_SECONDS - 1
    status, parts = report(service)
    assert (status, parts["worker"]["status"]) == ("degraded", "down")
    assert (parts["worker"]["queued"], parts["worker"]["working"]) == (0, 0)
    rows = [
        Document(kb="global", title="t", filename="t", suffix=".txt", status=STORED),
        Document(
            kb="global", title="t", filename="t", suffix=".txt", status=STORED, lease_until=now().replace(year=2999)
        ),
        Document(kb="global", title="t", filename="t", suffix=".txt", status=READY),
    ]
    with services.db.session() as session:
        session.add_all(rows)
    status, parts = report(service)
    assert (status, parts["worker"]["status"]) == ("ok", "ok")
    assert (parts["worker"]["queued"], parts["worker"]["working"]) == (2, 1)
    with services.db.session() as session:
        for row in rows:
            session.delete(row)
