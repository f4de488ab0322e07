"""F4: an embedding provider that answers wrongly. No wrong vector is stored, and nothing is stored or paid for twice."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from app.models import READY, STORED
from tests.indexes.test_knowledge import BM25, REMOTE, open_parts
from tests.services.test_ingestion import LONG, Bench, Clock, clock, quick_reading

__all__ = ["clock", "quick_reading"]

SIZE = 1536
Spoil = Callable[[int, list[list[float]]], list[list[float]] | int]


class Provider(ThreadingHTTPServer):
    """POST /v1/embeddings. `spoil(request number, vectors)` gives what is answered instead, or a status."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.spoil: Spoil = lambda _, vectors: vectors
        self.answered: list[str] = []
        self.requests = 0


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_POST(self) -> None:
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        self.server.requests += 1
        vectors = [[math.sin(1 + place * len(text)) for place in range(SIZE)] for text in texts]
        told = self.server.spoil(self.server.requests, vectors)
        if isinstance(told, int):
            self._send(told, {"error": {"message": "slow down", "type": "rate_limit", "code": "rate_limit"}})
            return
        self.server.answered += texts
        data = [{"object": "embedding", "index": place, "embedding": vector} for place, vector in enumerate(told)]
        self._send(
            200, {"object": "list", "data": data, "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}}
        )

    def _send(self, status: int, body: dict[str, Any]) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def provider() -> Iterator[Provider]:
    with Provider() as made:
        thread = threading.Thread(target=made.serve_forever)
        thread.start()
        yield made
        made.shutdown()
        thread.join(10)


@pytest.fixture
def bench(tmp_path: Path, clock: Clock, provider: Provider, quick_reading: None) -> Iterator[Bench]:
    address = f"http://127.0.0.1:{provider.server_address[1]}/v1"
    parts = open_parts(tmp_path / "data", BM25, REMOTE | {"base_url": address, "api_key": "sk-test"})
    parts.go_live()
    made = Bench(parts, clock)
    yield made
    made.parts.close()


def assert_whole_and_each_once(bench: Bench, document_id: str, provider: Provider) -> None:
    bench.assert_whole(document_id)
    assert len(provider.answered) == len(set(provider.answered)), "no passage is embedded twice"


@pytest.mark.parametrize(
    "spoiled",
    [
        lambda vectors: [*vectors[:-1], [*vectors[-1][:-1], math.nan]],
        lambda vectors: vectors[:-1],
    ],
    ids=["nan", "short"],
)
def test_a_bad_batch_midway_is_noticed_and_the_rest_is_kept(
    bench: Bench, provider: Provider, spoiled: Callable[[list[list[float]]], list[list[float]]]
) -> None:
    document_id = bench.upload(LONG)
    provider.spoil = lambda number, vectors: spoiled(vectors) if number == 3 else vectors
    assert bench.ingestion.run_once()
    row = bench.row(document_id)
    assert row.status == STORED
    assert row.reason is not None
    stored = bench.points(document_id)["remote"]
    assert len(stored) == 8, "two good batches of four, and nothing of the third"
    before = len(provider.answered)
    bench.clock.forward(60)
    bench.work()
    bench.assert_whole(document_id)
    assert len(provider.answered) - before == row.chunks - 8, "what was stored is not paid for again"


def test_too_many_requests_midway(bench: Bench, provider: Provider) -> None:
    document_id = bench.upload(LONG)
    provider.spoil = lambda number, vectors: 429 if number in (2, 3, 4) else vectors
    assert bench.ingestion.run_once()
    assert bench.row(document_id).status == STORED
    bench.clock.forward(60)
    bench.work()
    assert_whole_and_each_once(bench, document_id, provider)


def test_a_wrong_dimension_takes_the_model_out_and_the_document_goes_on(bench: Bench, provider: Provider) -> None:
    document_id = bench.upload(LONG)
    provider.spoil = lambda number, vectors: [vector[:-1] for vector in vectors] if number >= 2 else vectors
    bench.work()
    assert bench.row(document_id).status == READY
    assert bench.parts.indexes.missing("personal") == ["remote"]
    assert len(bench.points(document_id)["remote"]) == 4
    provider.spoil = lambda _, vectors: vectors
    provider.answered.clear()
    while bench.ingestion.back_fill():
        pass
    assert bench.parts.indexes.missing("personal") == []
    assert_whole_and_each_once(bench, document_id, provider)
    assert len(provider.answered) == bench.row(document_id).chunks - 4
