"""A server of its own over a data folder to which bad things happen, and a client of it (threats group F)."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from app.config import ROOT, child_environment

PASSWORD = "three chords and the truth"
PROGRAM = """
import sys, uvicorn
from app.config import quiet_libraries
from app.main import build_services, create_app
from tests.security.faulty import settings_for
from pathlib import Path
settings = settings_for(Path(sys.argv[1]))
quiet_libraries(settings.data.dir)
services = build_services(settings, seed=False)
uvicorn.run(create_app(settings, services), host="127.0.0.1", port=int(sys.argv[2]), log_level="critical")
"""


def settings_for(folder: Path) -> Any:
    from tests.conftest import settings_in

    rows = [{"name": "bm25", "provider": "bm25", "model": "english", "enabled": True}]
    return settings_in(
        folder, embeddings=rows, llm={"provider": "none"}, log={"level": "ERROR", "rotation": "1 MB"},
        ingestion={"poll_seconds": 0.1, "lease_seconds": 5.0},
    )  # fmt: skip


@dataclass
class Faulty:
    """`client` is signed in."""

    folder: Path
    client: httpx.Client
    process: subprocess.Popen[bytes]

    def upload(self, text: str, name: str = "deal.txt") -> httpx.Response:
        return self.client.post("/api/documents", files={"file": (f"{uuid.uuid4().hex[:6]} {name}", text.encode())})

    def status(self, document_id: str) -> str:
        return str(self.client.get(f"/api/documents/{document_id}").json()["status"])

    def ready(self, document_id: str, seconds: float = 60) -> bool:
        return soon(lambda: self.status(document_id) == "ready", seconds)

    def integrity(self) -> str:
        database = sqlite3.connect(self.folder / "ai_manager.db", timeout=10)
        try:
            return str(database.execute("PRAGMA integrity_check").fetchone()[0])
        finally:
            database.close()


@contextmanager
def served(folder: Path) -> Iterator[Faulty]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(folder), str(port)], cwd=ROOT,
        env=child_environment() | {"PYTHONPATH": str(ROOT)}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60)
    try:
        assert soon(lambda: _answers(client), 120), "the server does not start"
        pair = client.post(
            "/api/auth/register", json={"email": f"{uuid.uuid4().hex}@example.com", "password": PASSWORD}
        )
        assert pair.status_code == 201, pair.text
        client.headers["Authorization"] = f"Bearer {pair.json()['access_token']}"
        yield Faulty(folder, client, process)
    finally:
        client.close()
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def soon(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.1)
    return met


def _answers(client: httpx.Client) -> bool:
    try:
        return client.get("/api/health").status_code in (200, 503)
    except httpx.HTTPError:
        return False


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A file system of its own; needs root or sudo, which CI has."""
    folder.mkdir()
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    owner = f"size={megabytes}m,uid={os.getuid()},mode=0700"
    subprocess.run([*sudo, "mount", "-t", "tmpfs", "-o", owner, "tmpfs", str(folder)], check=True)
    try:
        yield folder
    finally:
        subprocess.run([*sudo, "umount", "-l", str(folder)], check=True)
