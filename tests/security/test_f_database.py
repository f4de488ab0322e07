"""F7: something else locks the database. F8: the power goes; the stand-in is a copy of every file at one instant."""

from __future__ import annotations

import os
import random
import shutil
import signal
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from app.db import TURN_SECONDS
from app.main import build_services
from app.models import READY, Chunk, Document
from tests.security.faulty import Faulty, served, settings_for, soon


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    with served(tmp_path_factory.mktemp("locked") / "data") as made:
        yield made


def locked(server: Faulty, seconds: float) -> threading.Thread:
    """Hold the whole database in another process's way; returns when it is held."""
    held = threading.Event()

    def hold() -> None:
        connection = sqlite3.connect(server.folder / "ai_manager.db", isolation_level=None, timeout=30)
        connection.execute("BEGIN EXCLUSIVE")
        held.set()
        time.sleep(seconds)
        connection.execute("ROLLBACK")
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(40)
    return thread


def under_lock(server: Faulty, seconds: float) -> tuple[list[str], list[tuple[int, str]]]:
    """Uploads and questions while it is locked: the ids that were acknowledged, and (status, sentence) of refusals."""
    acknowledged: list[str] = []
    refused: list[tuple[int, str]] = []

    def ask(number: int) -> None:
        if number % 2:
            answer = server.upload(f"Clause {number} {uuid.uuid4()}")
        else:
            answer = server.client.post("/api/search", json={"query": "clause"})
        if answer.status_code >= 400:
            refused.append((answer.status_code, answer.json()["detail"]))
        elif number % 2:
            acknowledged.append(answer.json()["id"])

    holder = locked(server, seconds)
    askers = [threading.Thread(target=ask, args=(number,)) for number in range(8)]
    for asker in askers:
        asker.start()
        time.sleep(0.05)
    for asker in askers:
        asker.join(60)
    holder.join(60)
    return acknowledged, refused


def test_a_lock_of_two_seconds_is_waited_for(server: Faulty) -> None:
    acknowledged, refused = under_lock(server, 2)
    assert (len(acknowledged), refused) == (4, [])
    assert all(server.ready(one) for one in acknowledged)
    assert server.integrity() == "ok"


# Of those who wait for a turn one may have it at the very end of that time, and its lock a busy time later: a lock of 8 s
# may well be waited for by all.
@pytest.mark.parametrize("seconds", [TURN_SECONDS + 5, pytest.param(30, marks=pytest.mark.slow)])
def test_a_long_lock_is_a_503_with_a_sentence_and_loses_no_acknowledgement(server: Faulty, seconds: int) -> None:
    waiting = server.upload(f"Received just before. {uuid.uuid4()}").json()["id"]
    acknowledged, refused = under_lock(server, seconds)
    assert refused, "it is longer than the database waits"
    for status, sentence in refused:
        assert (status, sentence) == (503, "The database is busy or does not answer; try again in a few seconds.")
    for one in [waiting, *acknowledged]:
        assert server.ready(one, 90)
    assert server.ready(server.upload(f"Afterwards. {uuid.uuid4()}").json()["id"])
    assert server.integrity() == "ok"
    assert len(list((server.folder / "uploads").iterdir())) == len(_documents(server)), "what was refused left no file"


def _documents(server: Faulty) -> list[str]:
    return [one["id"] for one in server.client.get("/api/documents?limit=200").json()["items"]]


@pytest.mark.parametrize("copies", [4, pytest.param(40, marks=pytest.mark.slow)])
def test_a_copy_of_every_file_at_any_instant_opens_and_becomes_consistent(tmp_path: Path, copies: int) -> None:
    rng = random.Random(20261122)
    with served(tmp_path / "data") as server:
        ended = threading.Event()
        work = threading.Thread(target=_use, args=(server, ended))
        work.start()
        try:
            for number in range(copies):
                time.sleep(rng.random())
                acknowledged = _frozen_copy(server, tmp_path / f"copy{number}")
                _assert_consistent(tmp_path / f"copy{number}", acknowledged)
                shutil.rmtree(tmp_path / f"copy{number}")
        finally:
            ended.set()
            work.join(60)


def _use(server: Faulty, ended: threading.Event) -> None:
    """Upload, replace and delete, one after the other."""
    kept: list[str] = []
    text = "\n\n".join(f"Clause {number}. The manager accounts every quarter. " * 8 for number in range(20))
    while not ended.is_set():
        kept.append(server.upload(f"{text} {uuid.uuid4()}").json()["id"])
        if len(kept) > 2:
            new = {"file": ("new.txt", f"{text} new {uuid.uuid4()}".encode())}
            server.client.put(f"/api/documents/{kept[0]}/file", files=new)
        if len(kept) > 4:
            server.client.delete(f"/api/documents/{kept.pop(1)}")


def _frozen_copy(server: Faulty, target: Path) -> set[str]:
    """All files as they are at one instant, and the documents that were ready just before."""
    items = server.client.get("/api/documents?limit=200").json()["items"]
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        shutil.copytree(server.folder, target, ignore=shutil.ignore_patterns("*.lock", ".lock"))
    finally:
        os.kill(server.process.pid, signal.SIGCONT)
    return {one["id"] for one in items if one["status"] == READY}


def _assert_consistent(copy: Path, ready: set[str]) -> None:
    services = build_services(settings_for(copy), seed=False)
    try:
        assert soon(lambda: not _step(services), 60)
        found = services.reconciler.run()
        assert found["missing_points"] == found["missing_files"] == 0, found
        with services.db.reading() as session:
            documents = {row.id: row for row in session.exec(select(Document)).all()}
            chunks = session.exec(select(Chunk)).all()
        assert all(row.status == READY for row in documents.values())
        known = {chunk.id for chunk in chunks}
        for index in services.indexes.live("personal"):
            assert index.store.ids() == known
        assert len([one for one in ready if one not in documents]) <= 1, "one may have been deleted in between"
    finally:
        services.close()
    database = sqlite3.connect(copy / "ai_manager.db")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def _step(services: object) -> bool:
    from app.services.services import Services

    assert isinstance(services, Services)
    while services.ingestion.back_fill() or services.ingestion.run_once():
        pass
    return services.ingestion.waiting() > 0
