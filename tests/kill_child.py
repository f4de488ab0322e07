"""The process that the crash test kills: the real services and worker, a seeded list of operations, and a reader beside.

It writes a line to its diary before and after each operation; a line that is there survives the kill.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlmodel import col, select

from app.config import Settings
from app.indexes.knowledge import begin_generations
from app.main import build_services
from app.models import READY, Chunk, Document
from app.principal import local_operator
from app.services.services import Services
from app.worker import Worker
from tests.conftest import settings_in

SMALL = 20  # chunks: both versions of a document then fit into one search
LEASE_SECONDS = 2.0


@dataclass(frozen=True)
class Round:
    """`place` and `count`: the named place and the how-manieth coming by it that ends the process; none: the parent kills."""

    folder: Path
    diary: Path
    files: tuple[Path, ...]
    user_id: str
    server: str
    seed: int
    place: str | None
    count: int
    operations: int


def settings_of(folder: Path, server: str) -> Settings:
    """Exact words, and a dense model that answers at once: a server of the test's own."""
    rows: list[dict[str, Any]] = [
        {"name": "bm25", "provider": "bm25", "model": "english", "enabled": True},
        {"name": "remote", "provider": "openai", "model": "text-embedding-3-small", "enabled": True, "batch_size": 4,
         "base_url": server, "api_key": "sk-test"},
    ]  # fmt: skip
    return settings_in(
        folder, embeddings=rows, llm={"provider": "none"}, log={"level": "ERROR"},
        ingestion={"lease_seconds": LEASE_SECONDS, "poll_seconds": 0.05},
    )  # fmt: skip


def main(plan: Round) -> None:
    sys.stderr = open(os.devnull, "w")  # noqa: SIM115  (until the kill)
    line = _diary(plan.diary)
    services = build_services(settings_of(plan.folder, plan.server), seed=False, at=_killer(plan.place, plan.count))
    worker = Worker(services)
    worker.start()
    line({"started": time.time()})
    threading.Thread(target=_read, args=(services, plan, line), daemon=True).start()
    _work(services, plan, line)
    deadline = time.monotonic() + 15
    while (services.ingestion.waiting() or services.indexes.building()) and time.monotonic() < deadline:
        time.sleep(0.05)
    line({"done": time.time()})
    os.kill(os.getpid(), signal.SIGKILL)


def _killer(place: str | None, count: int) -> Callable[[str], None]:
    left = count

    def at(name: str) -> None:
        nonlocal left
        if name == place:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return at


def _diary(path: Path) -> Callable[[dict[str, Any]], None]:
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    return lambda entry: (os.write(handle, (json.dumps(entry) + "\n").encode()), None)[1]


def _work(services: Services, plan: Round, line: Callable[[dict[str, Any]], None]) -> None:
    rng = random.Random(plan.seed)
    who = local_operator(plan.user_id)
    kinds = ["ingest", "replace", "delete", "reindex"]
    rng.shuffle(kinds)
    for number in range(plan.operations):
        kind = kinds[number % len(kinds)]
        path = rng.choice(plan.files)
        mine = [one for one in services.documents.list(who, limit=200).items if one.kb == "personal"]
        chosen = rng.choice(mine).id if mine else None
        if kind in ("replace", "delete") and (chosen is None or (kind == "delete" and len(mine) < 4)):
            kind = "ingest"
        entry = {"kind": kind, "id": chosen if kind != "ingest" else None, "file": str(path)}
        line({"begin": entry})
        try:
            told = _do(services, who, kind, chosen, path)
        except Exception as error:  # a refusal, such as the same bytes twice: nothing was acknowledged
            line({"refused": entry, "why": f"{type(error).__name__}: {error}"})
            continue
        line({"ack": entry | {"id": told or entry["id"]}})
        time.sleep(rng.random() * 0.4)


def _do(services: Services, who: Any, kind: str, chosen: str | None, path: Path) -> str | None:
    if kind == "reindex":
        with services.db.session() as session:
            begin_generations(session, services.settings.vectors.prefix)
        return None
    if kind == "delete":
        services.documents.delete(who, chosen or "")
        return None
    with path.open("rb") as source:
        if kind == "replace":
            return services.documents.replace(who, chosen or "", filename=path.name, source=source).id
        return services.documents.receive(who, kb="personal", filename=path.name, source=source).id


def _read(services: Services, plan: Round, line: Callable[[dict[str, Any]], None]) -> None:
    """All the while: what a search gives of a document is one version of it, whole."""
    rng = random.Random(plan.seed)
    while True:
        try:
            if (wrong := look(services, plan.user_id, rng)) is not None:
                line({"wrong": wrong})
        except Exception as error:
            line({"wrong": f"{type(error).__name__}: {error}"})
        time.sleep(0.02)


def look(services: Services, user_id: str, rng: random.Random) -> str | None:
    """Search one ready document for everything it holds; a sentence where that is neither nothing nor one whole version."""
    who = local_operator(user_id)
    with services.db.reading() as session:
        query = select(Document).where(col(Document.user_id) == user_id, col(Document.status) == READY)
        ready = [row for row in session.exec(query).all() if row.chunks <= SMALL]
        if not ready:
            return None
        document = rng.choice(ready)
        before = _texts(services, document.id)
    try:
        scope = services.search.scope(who, [document.id], None)
    except Exception:
        return None
    retrieval = services.search.retriever(scope, "personal", top_k=50, floor=False, join=False).search("the")
    passages = retrieval.passages
    if retrieval.trace.missing:  # a model was too slow for this machine, which the trace tells: no claim to be whole
        return None
    found = {passage.chunk.version: set[str]() for passage in passages}
    for passage in passages:
        found[passage.chunk.version].add(passage.chunk.text)
    if len(found) > 1:
        return f"versions {sorted(found)} at once"
    known = _texts(services, document.id)
    for version, texts in found.items():
        whole = known.get(version) or before.get(version)
        if whole is not None and len(whole) <= SMALL and texts != whole:
            return f"{len(texts)} of {len(whole)} passages of version {version}"
    if not found and document.version in known and _still(services, document):
        return f"nothing of version {document.version}"
    return None


def _still(services: Services, document: Document) -> bool:
    """Whether it was ready in this version all the while."""
    with services.db.reading() as session:
        row = session.get(Document, document.id)
        return row is not None and (row.status, row.version) == (READY, document.version)


def _texts(services: Services, document_id: str) -> dict[int, set[str]]:
    with services.db.reading() as session:
        chunks = session.exec(select(Chunk).where(Chunk.document_id == document_id)).all()
    found: dict[int, set[str]] = {}
    for chunk in chunks:
        found.setdefault(chunk.version, set()).add(chunk.text)
    return found
