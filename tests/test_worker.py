from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from app import worker as worker_module
from app.errors import Unavailable
from app.main import build_services
from app.models import READY, Document, Profile, User, new_id
from app.principal import Principal, local_operator
from app.services.services import Services
from app.worker import Worker
from tests.conftest import settings_in
from tests.indexes.test_knowledge import BM25, REMOTE
from tests.openai_server import OpenAIServer


@pytest.fixture
def services(tmp_path: Path, openai_server: OpenAIServer) -> Iterator[Services]:
    """With a remote model, and a worker that would look by itself once in a minute only."""
    settings = settings_in(
        tmp_path / "data",
        embeddings=[BM25, REMOTE | {"base_url": openai_server.base_url, "api_key": "sk-test"}],
        ingestion={"poll_seconds": 60},
        llm={"provider": "none"},
    )
    made = build_services(settings, seed=False)
    yield made
    made.close()


@pytest.fixture
def running(services: Services) -> Iterator[Worker]:
    worker = Worker(services)
    worker.start()
    yield worker
    worker.stop()


@pytest.fixture
def anna(services: Services) -> Principal:
    with services.db.session() as session:
        user = User(email="anna@example.com", password_hash="-")
        session.add(user)
    return local_operator(user.id)


def upload(services: Services, who: Principal) -> Callable[[], bool]:
    """Upload something; tells whether it is ready."""
    source = io.BytesIO(f"The term is three years. {new_id()}".encode())
    received = services.documents.receive(who, kb="personal", filename="deal.txt", source=source)
    return lambda: services.documents.get(who, received.id).status == READY


def soon(condition: Callable[[], bool], seconds: float = 20) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return met


def threads() -> int:
    return sum(thread.name == "worker" for thread in threading.enumerate())


def test_an_upload_wakes_the_worker(services: Services, running: Worker, anna: Principal) -> None:
    assert soon(lambda: services.indexes.building() == []), "empty indexes go live at the start"
    for _ in range(2):
        assert soon(upload(services, anna))


def test_what_waited_before_the_start_is_taken_up(services: Services, anna: Principal) -> None:
    ready = upload(services, anna)
    worker = Worker(services)
    worker.start()
    assert soon(ready)
    worker.stop()


def test_it_looks_by_itself_too(services: Services, anna: Principal) -> None:
    settings = services.settings.model_copy(
        update={"ingestion": services.settings.ingestion.model_copy(update={"poll_seconds": 0.05})}
    )
    worker = Worker(replace(services, settings=settings))
    worker.start()
    services.documents.wake = lambda: None  # as when another process queued it
    assert soon(upload(services, anna))
    worker.stop()


def test_stopping_ends_the_thread_and_nothing_is_taken_afterwards(services: Services, anna: Principal) -> None:
    others = threads()  # of applications that other tests started
    worker = Worker(services)
    worker.stop()  # never started
    worker = Worker(services)
    worker.start()
    assert soon(lambda: threads() == others + 1)
    worker.stop()
    worker.stop()
    assert threads() == others
    assert not soon(upload(services, anna), 0.3)


def test_stopping_waits_for_the_present_step(services: Services, running: Worker, anna: Principal) -> None:
    entered, embed = threading.Event(), services.indexes.models[0]._embed_passages

    def slow(texts: Any) -> Any:
        entered.set()
        time.sleep(0.5)
        return embed(texts)

    services.indexes.models[0]._embed_passages = slow  # type: ignore[method-assign]
    ready = upload(services, anna)
    assert entered.wait(20)
    running.stop()
    assert ready()


@pytest.mark.parametrize("error", [Unavailable("down"), RuntimeError("a bug")])
def test_a_step_that_fails_does_not_end_the_worker(
    services: Services, running: Worker, anna: Principal, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    assert soon(lambda: services.indexes.building() == [])
    run, failed = services.ingestion.run_once, threading.Event()

    def once() -> bool:
        if not failed.is_set():
            failed.set()
            raise error
        return run()

    monkeypatch.setattr(type(services.ingestion), "run_once", lambda _: once())
    first = upload(services, anna)
    assert failed.wait(20)
    time.sleep(1.1)
    upload(services, anna)  # wakes it
    assert soon(first)


def test_documents_do_not_wait_for_a_remote_model_that_is_down(
    services: Services, running: Worker, anna: Principal, openai_server: OpenAIServer
) -> None:
    assert soon(upload(services, anna))
    openai_server.script(key="another")
    assert soon(upload(services, anna))
    assert services.indexes.missing("personal") == ["remote"], "suspended; its back-fill fails from now on"
    assert soon(upload(services, anna))
    assert services.indexes.missing("personal") == ["remote"]


def test_health_sees_that_it_lives(services: Services, running: Worker, anna: Principal) -> None:
    services.health.worker_seen = 0.0
    assert soon(upload(services, anna))
    assert time.monotonic() - services.health.worker_seen < 20


def test_it_reconciles_at_the_start(services: Services, running: Worker) -> None:
    assert soon(lambda: services.reconciler.report()["finished"] is not None)


def test_pointers_moved_by_another_process_are_seen_after_a_while(
    services: Services, running: Worker, anna: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert soon(lambda: services.indexes.building() == [])
    refreshed = threading.Event()
    monkeypatch.setattr(type(services.indexes), "refresh", lambda _: refreshed.set())
    assert soon(upload(services, anna))
    assert not refreshed.is_set()
    monkeypatch.setattr(worker_module, "REFRESH_SECONDS", 0.0)
    upload(services, anna)
    assert refreshed.wait(20)


# The sweeper


def left(services: Services) -> int:
    log = services.settings.data.dir / "ai_manager.db-wal"
    return log.stat().st_size if log.exists() else 0


def test_what_was_deleted_leaves_the_files_while_the_worker_is_busy(
    services: Services, running: Worker, anna: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert soon(lambda: services.indexes.building() == [] and left(services) == 0)
    entered, goes_on = threading.Event(), threading.Event()

    def busy() -> bool:
        entered.set()
        return not goes_on.wait(30)

    monkeypatch.setattr(services.ingestion, "run_once", busy)
    services.documents.wake()
    assert entered.wait(20)
    with services.db.session() as session:
        session.add(row := Profile(user_id=anna.user_id, bio="canary " * 500))
    assert left(services) > 0
    with services.db.reading() as reading:
        assert reading.exec(select(Profile)).all()
        with services.db.session() as session:
            session.delete(session.get_one(Profile, row.user_id))
        time.sleep(worker_module.SWEEP_SECONDS + worker_module.SWEEP_TRY_SECONDS + 0.5)
        assert left(services) > 0, "a reader still needs it"
    assert soon(lambda: left(services) == 0, 10), "tried again"
    goes_on.set()


def test_what_a_crash_left_goes_at_the_start(services: Services, anna: Principal) -> None:
    services.db.deleted.clear()  # another process set it
    assert left(services) > 0
    worker = Worker(services)
    worker.start()
    assert soon(lambda: services.indexes.building() == [] and left(services) == 0)
    worker.stop()
    assert not any(thread.name == "sweeper" and thread is worker._sweeper._thread for thread in threading.enumerate())


def test_a_deletion_does_not_wait_behind_uploads(services: Services, anna: Principal) -> None:
    services.ingestion.back_fill()
    first = upload(services, anna)
    upload(services, anna)
    ids = [one.id for one in services.documents.list(anna).items]
    services.documents.delete(anna, ids[0])
    assert services.ingestion.run_once()
    with services.db.reading() as session:
        assert session.get(Document, ids[0]) is None
    assert not first()
