"""`kill -9` at random instants and at named places of ingest, replace, delete and reindex, over real files (threats F1, F2).

Each round a process of the real services and worker does seeded operations and is killed; then the folder is opened
again, finishes, and everything that was acknowledged is checked.
"""

from __future__ import annotations

import csv
import hashlib
import json
import multiprocessing
import random
import signal
import sqlite3
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import select

from app.main import build_services
from app.models import FAILED, KBS, READY, Chunk, Document, Revision, User
from app.services.services import Services
from tests.conftest import SHARED
from tests.documents import make_docx, make_pdf
from tests.kill_child import LEASE_SECONDS, Round, look, main, settings_of
from tests.openai_server import OpenAIServer

SEED = 20261122
PLACES = (
    "file stored", "row stored", "parsing", "chunks stored", "batch written", "points written", "ready",
    "old chunks removed", "points removed", "file removed", "rows removed", "index filled", "before live", "live",
)  # fmt: skip


def real_files(folder: Path) -> tuple[Path, ...]:
    """Documents of a few pages from the shared material, PDF, DOCX and text; where that is not, our own."""
    found: list[Path] = []
    if (SHARED / "index_dev.csv").is_file():
        with (SHARED / "index_dev.csv").open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                path = SHARED / row["file"]
                wanted = row["expected"] == "ingest" and 400 <= int(row["text_chars"] or 0) <= 9000
                if wanted and path.suffix in (".pdf", ".docx", ".txt", ".md") and path.is_file():
                    found.append(path)
    if not found:
        text = "\n\n".join(f"Clause {number}. The manager accounts every quarter." for number in range(40))
        found = [make_pdf(folder / f"{name}.pdf", [f"{name}\n{text}"]) for name in ("one", "two", "three")]
        found += [make_docx(folder / f"{name}.docx", [name, text]) for name in ("four", "five")]
    return tuple(found[:24])


@dataclass
class World:
    """The data folder through all rounds, and what was promised to its user."""

    folder: Path
    files: tuple[Path, ...]
    server: OpenAIServer
    user_id: str = ""
    promised: dict[str, set[str]] = field(default_factory=dict)  # document id -> digests, one of which it must have
    gone: set[str] = field(default_factory=set)
    perhaps_gone: set[str] = field(default_factory=set)
    figures: Counter[str] = field(default_factory=Counter)

    def open(self) -> Services:
        return build_services(settings_of(self.folder, self.server.base_url), seed=False)

    def heed(self, diary: Path) -> None:
        """Take over what a round acknowledged, and what it was at when it ended."""
        self.perhaps_gone.clear()
        under_way: dict[str, Any] | None = None
        for entry in map(json.loads, diary.read_text().splitlines()):
            if "wrong" in entry:
                raise AssertionError(f"a search saw {entry['wrong']}")
            if "begin" in entry:
                under_way = entry["begin"]
            if "ack" in entry or "refused" in entry:
                under_way = None
            if "ack" in entry:
                self._acknowledged(entry["ack"])
                self.figures[f"acknowledged {entry['ack']['kind']}"] += 1
        if under_way is not None and under_way["kind"] == "delete":
            self.perhaps_gone.add(under_way["id"])
        if under_way is not None and under_way["kind"] == "replace" and under_way["id"] in self.promised:
            self.promised[under_way["id"]].add(_digest(under_way["file"]))

    def _acknowledged(self, done: dict[str, Any]) -> None:
        if done["kind"] in ("ingest", "replace"):
            self.promised[done["id"]] = {_digest(done["file"])}
        elif done["kind"] == "delete":
            self.promised.pop(done["id"], None)
            self.gone.add(done["id"])


@pytest.fixture
def world(tmp_path: Path, openai_server: OpenAIServer) -> World:
    made = World(tmp_path / "data", real_files(tmp_path), openai_server)
    services = made.open()
    with services.db.session() as session:
        user = User(email="anna@example.com", password_hash="-")
        session.add(user)
    made.user_id = user.id
    while services.ingestion.back_fill():
        pass
    services.close()
    return made


def play(world: World, number: int, context: Any) -> None:
    rng = random.Random(SEED + number)
    place = PLACES[number // 2 % len(PLACES)] if number % 2 == 0 else None
    diary = world.folder.parent / f"diary-{number}"
    plan = Round(
        world.folder, diary, world.files, world.user_id, world.server.base_url, SEED + number, place,
        rng.randint(1, 3), 8,
    )  # fmt: skip
    child = context.Process(target=main, args=(plan,))
    child.start()
    try:
        if place is None:
            _wait_for(lambda: diary.exists() and b"started" in diary.read_bytes(), 60, child)
            time.sleep(rng.random() * 3)
            child.kill()
        child.join(90)
        assert child.exitcode == -signal.SIGKILL, f"round {number}: {child.exitcode}"
    finally:
        child.kill()
        child.join()
    ended = time.time()
    text = diary.read_text() if diary.exists() else ""
    world.figures["rounds"] += 1
    world.figures["killed at a place" if place else "killed at a random instant"] += '"done"' not in text
    if text:
        world.heed(diary)
    settle(world, number, ended)


def settle(world: World, number: int, ended: float) -> None:
    """Open the folder again; before, while and after it finishes, what answers is whole; at the end all promises hold."""
    services = world.open()
    rng = random.Random(number)
    try:
        assert_nothing_half(services, f"round {number}, at the start")
        deadline = time.monotonic() + 60
        while services.ingestion.waiting() or services.indexes.building():
            if not (services.ingestion.run_once() or services.ingestion.back_fill()):
                time.sleep(0.05)
            assert (wrong := look(services, world.user_id, rng)) is None, f"round {number}: {wrong}"
            assert time.monotonic() < deadline, f"round {number} does not come to an end"
        time.sleep(max(0.0, ended + LEASE_SECONDS + 0.1 - time.time()))
        found = services.reconciler.run()
        for name in ("orphan_points", "stray_files", "stale_chunks"):
            world.figures[f"mended {name}"] += found[name]
        assert found["missing_points"] == found["missing_files"] == 0, f"round {number}: {found}"
        assert_promises(world, services, f"round {number}")
        assert_clean(world, services, f"round {number}")
        for _ in range(5):
            assert (wrong := look(services, world.user_id, rng)) is None, f"round {number}: {wrong}"
    finally:
        services.close()
    database = sqlite3.connect(world.folder / "ai_manager.db")
    assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    database.close()


def assert_nothing_half(services: Services, when: str) -> None:
    """Whatever passes the check of a search is there as a whole: every chunk in SQL and in every live index."""
    with services.db.reading() as session:
        documents = session.exec(select(Document).where(Document.status == READY)).all()
        for document in documents:
            chunks = session.exec(select(Chunk).where(Chunk.document_id == document.id)).all()
            current = {chunk.id for chunk in chunks if chunk.version == document.version}
            assert len(current) == document.chunks > 0, f"{when}: chunks of {document.id}"
            for index in services.indexes.live("personal"):
                assert current <= index.store.ids(document.id), f"{when}: points of {document.id}"


def assert_promises(world: World, services: Services, when: str) -> None:
    with services.db.reading() as session:
        rows = {row.id: row for row in session.exec(select(Document)).all()}
        assert session.exec(select(Revision)).all() == [], when
    assert not world.gone & set(rows), f"{when}: deleted documents came back"
    for document_id, digests in list(world.promised.items()):
        if document_id in world.perhaps_gone and document_id not in rows:
            world.promised.pop(document_id)
            world.gone.add(document_id)
            continue
        assert document_id in rows, f"{when}: an acknowledged document is lost"
        row = rows[document_id]
        assert row.status == READY, f"{when}: {row.status}, {row.reason}"
        assert row.sha256 in digests, f"{when}: not the acknowledged version"
        path = services.settings.data.dir / "uploads" / (row.file or row.id)
        assert _digest(path) == row.sha256, f"{when}: the file on disk"
        world.promised[document_id] = {row.sha256}
    for document_id in set(rows) - set(world.promised):  # the one that was under way
        assert rows[document_id].status in (READY, FAILED)
        world.promised[document_id] = {rows[document_id].sha256}


def assert_clean(world: World, services: Services, when: str) -> None:
    """Zero orphan points, stale chunks, temporary files and collections."""
    assert_nothing_half(services, when)
    with services.db.reading() as session:
        documents = session.exec(select(Document)).all()
        chunks = set(session.exec(select(Chunk.id)).all())
        versions = {row.id: row.version for row in documents}
        assert all(chunk.version == versions[chunk.document_id] for chunk in session.exec(select(Chunk)).all()), when
    names = [name for kb in KBS for name in services.indexes.collections(kb)]
    for name in names:
        points = set(services.indexes.engine.ids(name).result())
        assert points <= chunks, f"{when}: {len(points - chunks)} orphan points in {name}"
    services.indexes.drop_retired(at_once=True)
    assert sorted(services.indexes.engine.collections().result()) == sorted(names), when
    data = services.settings.data.dir
    files = sorted(path.name for path in (data / "uploads").iterdir())
    assert files == sorted(row.file or row.id for row in documents), f"{when}: files"
    assert list((data / "tmp").glob("read-*")) == [], when


def run(world: World, rounds: int) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.kill_child"])
    start = time.monotonic()
    for number in range(rounds):
        play(world, number, context)
    world.figures["seconds"] = round(time.monotonic() - start)
    world.figures["documents"] = len(world.promised)
    print(json.dumps({"kill_loop": dict(world.figures)}))  # noqa: T201
    assert world.figures["killed at a place"] + world.figures["killed at a random instant"] > rounds // 2


def test_kill_9_five_rounds(world: World) -> None:
    run(world, 5)


@pytest.mark.slow
def test_kill_9_a_hundred_rounds(world: World) -> None:
    run(world, 100)


def _wait_for(condition: Any, seconds: float, child: Any) -> None:
    deadline = time.monotonic() + seconds
    while not condition() and child.is_alive():
        assert time.monotonic() < deadline, "the child does not start"
        time.sleep(0.01)


def _digest(path: str | Path) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()
