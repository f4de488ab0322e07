"""F6: the disk fills up under a running server."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.security.faulty import Faulty, served, small_disk, soon

DISK_MB = 160
RESERVE_MB = 64  # ingestion.reserve_mb


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    with small_disk(tmp_path_factory.mktemp("disk") / "small", DISK_MB) as disk, served(disk / "data") as made:
        yield made


def fill(server: Faulty, leave_mb: float) -> Path:
    """Leave so much room on the disk."""
    ballast = server.folder.parent / "ballast"
    room = shutil.disk_usage(server.folder).free - int(leave_mb * 1_000_000)
    with ballast.open("ab") as file:
        for _ in range(max(0, room) // 1_000_000):
            file.write(b"x" * 1_000_000)
    if leave_mb == 0:  # to the last byte
        with ballast.open("ab", buffering=0) as file:
            for size in (100_000, 4096, 1):
                try:
                    while True:
                        if file.write(b"x" * size) < size:
                            break
                except OSError:
                    pass
    return ballast


def test_a_nearly_full_disk_refuses_uploads_and_lets_documents_wait(server: Faulty) -> None:
    kept = server.upload("The tour bus is paid by the label.").json()["id"]
    assert server.ready(kept)
    waiting = server.client.post("/api/documents/notes", json={"title": "n", "text": "An option of two albums."})
    assert waiting.status_code == 202
    ballast = fill(server, RESERVE_MB - 5)
    refused = server.upload("One more.")
    assert (refused.status_code, refused.json()["error"]) == (507, "disk_full")
    assert refused.json()["detail"] == "The disk is full or cannot be written; make room and upload again."
    again = server.client.put(f"/api/documents/{kept}/file", files={"file": ("a.txt", b"One more version.")})
    assert again.status_code == 507
    found = server.client.post("/api/search", json={"query": "tour bus", "intent": "personal"})
    assert [hit["document_id"] for hit in found.json()["hits"]] == [kept], "questions are answered"
    assert server.client.delete(f"/api/documents/{kept}").status_code == 204
    assert soon(lambda: not (server.folder / "uploads" / kept).exists(), 30), "deleting goes on: it makes room"
    ballast.unlink()
    assert server.ready(waiting.json()["id"])
    assert server.upload(f"After space {uuid.uuid4()}").status_code == 202
    assert server.integrity() == "ok"


def test_a_full_disk_is_a_sentence_and_nothing_acknowledged_is_lost(server: Faulty) -> None:
    kept = [server.upload(f"Clause {number} of the deal.").json()["id"] for number in range(3)]
    assert all(server.ready(one) for one in kept)
    ballast = fill(server, 0)
    statuses = set()
    for number in range(40):  # audit rows and the write-ahead log need room as well
        answer = server.client.post("/api/search", json={"query": f"clause {number}"})
        statuses.add(answer.status_code)
        refused = server.upload("x" * 50_000)
        assert refused.status_code in (503, 507), refused.text
        assert refused.json()["detail"].endswith(".")
        if answer.status_code != 200:
            assert answer.json()["error"] in ("disk_full", "unavailable"), answer.text
            assert answer.json()["detail"].endswith(".")
    assert statuses <= {200, 503, 507}
    assert server.process.poll() is None, "it lives"
    ballast.unlink()
    assert soon(lambda: server.upload(f"There is room again {uuid.uuid4()}").status_code == 202, 30)
    assert server.integrity() == "ok"
    listed = {one["id"]: one["status"] for one in server.client.get("/api/documents?limit=200").json()["items"]}
    assert [listed[one] for one in kept] == ["ready"] * 3
    assert soon(lambda: {one["status"] for one in server.client.get("/api/documents").json()["items"]} == {"ready"}, 60)
    assert [path.name for path in (server.folder / "uploads").glob("*.part")] == []
