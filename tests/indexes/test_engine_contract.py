"""One suite for every engine: embedded, qdrant-client in memory, and a real server when QDRANT_URL names one."""

from __future__ import annotations

import asyncio
import http.server
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from qdrant_client import QdrantClient

from app.config import ROOT, VectorSettings
from app.errors import ConfigError, Unavailable
from app.indexes.edge_engine import EdgeEngine, FolderHeld
from app.indexes.embeddings import Sparse
from app.indexes.engine import EVERYTHING, UPSERT_POINTS, Engine, Point, Query, Scope
from app.indexes.server_engine import ServerEngine

pytestmark = pytest.mark.filterwarnings("ignore:Payload indexes have no effect in the local Qdrant:UserWarning")

Name = Callable[[str], str]


@pytest.fixture(params=["edge", "memory", "server"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    made: Engine
    if request.param == "edge":
        made = EdgeEngine(tmp_path / "vectors")
    elif request.param == "memory":
        made = ServerEngine(QdrantClient(":memory:"), threads=1)
    elif url := os.environ.get("QDRANT_URL"):
        made = ServerEngine.connect(
            VectorSettings.model_validate({"url": url, "api_key": os.environ.get("QDRANT_API_KEY")})
        )
    else:
        pytest.skip("QDRANT_URL names no Qdrant server")
    yield made
    made.close()


@pytest.fixture
def name(engine: Engine) -> Iterator[Name]:
    """Names of collections nobody else uses, gone afterwards."""
    stem = f"contract_{uuid.uuid4().hex[:8]}"
    yield lambda suffix: f"{stem}_{suffix}"
    for collection in engine.collections().result():
        if collection.startswith(stem):
            engine.drop(collection).result()


@pytest.fixture
def dense(engine: Engine, name: Name) -> str:
    engine.create(name("dense"), 4, tenant=True).result()
    return name("dense")


@pytest.fixture
def sparse(engine: Engine, name: Name) -> str:
    engine.create(name("sparse"), 0, tenant=True).result()
    return name("sparse")


def identity(number: int) -> str:
    return str(uuid.UUID(int=number + 1))


def at(*numbers: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array(numbers, dtype=np.float32)


def point(
    number: int,
    vector: Sequence[float] | Sparse = (1, 0, 0, 0),
    document: str = "doc",
    user: str = "",
    artist: str = "",
) -> Point:
    return Point(identity(number), vector if isinstance(vector, Sparse) else at(*vector), document, user, artist)


def found(engine: Engine, collection: str, scope: Scope = EVERYTHING, limit: int = 50) -> list[str]:
    return [one for one, _ in engine.search(collection, Query(at(1, 0, 0, 0), limit, scope, EVERYTHING)).result()]


# Collections


@pytest.mark.parametrize("dimension", [4, 0])
def test_create_leaves_an_existing_collection_as_it_is(engine: Engine, name: Name, dimension: int) -> None:
    collection = name("twice")
    vector = Sparse([3], [1.0]) if dimension == 0 else [1.0, 0.0, 0.0, 0.0]
    engine.create(collection, dimension, tenant=True).result()
    engine.upsert(collection, [point(1, vector)])
    engine.create(collection, dimension, tenant=True).result()
    assert engine.count(collection).result() == 1
    engine.upsert(collection, [point(2, vector)])
    assert engine.count(collection).result() == 2


def test_collections_are_listed_until_they_are_dropped(engine: Engine, name: Name) -> None:
    engine.create(name("one"), 4, tenant=False).result()
    engine.create(name("two"), 0, tenant=True).result()
    assert {name("one"), name("two")} <= set(engine.collections().result())
    engine.upsert(name("one"), [point(1)])
    engine.drop(name("one")).result()
    assert name("one") not in engine.collections().result()
    engine.drop(name("one")).result()  # again: nothing to do
    engine.create(name("one"), 4, tenant=False).result()
    assert engine.count(name("one")).result() == 0


# Writing


def test_upsert_replaces_vector_and_payload_of_a_known_point(engine: Engine, dense: str) -> None:
    engine.upsert(dense, [point(1, [0, 1, 0, 0], "old", "anna"), point(2, [0, 1, 0, 0], "other", "anna")])
    engine.upsert(dense, [point(1, [1, 0, 0, 0], "new", "anna")])
    assert engine.count(dense).result() == 2
    assert found(engine, dense, limit=1) == [identity(1)]
    assert engine.ids(dense, Scope(document_ids=("old",))).result() == []
    assert engine.ids(dense, Scope(document_ids=("new",))).result() == [identity(1)]


def test_points_are_searchable_when_upsert_returns_however_many_there_are(engine: Engine, dense: str) -> None:
    number = 2 * UPSERT_POINTS + 7
    engine.upsert(dense, [point(i, [1, i / number, 0, 0]) for i in range(number)])
    assert engine.count(dense).result() == number
    assert len(found(engine, dense, limit=number)) == number


def test_a_vector_of_another_size_is_refused(engine: Engine, dense: str) -> None:
    with pytest.raises(Exception, match="dim"):
        engine.upsert(dense, [point(1, [1, 0, 0, 0, 0])])
    assert engine.count(dense).result() == 0


# Searching


def test_search_ranks_by_cosine_best_first_and_stops_at_the_limit(engine: Engine, dense: str) -> None:
    engine.upsert(dense, [point(1, [0, 1, 0, 0]), point(2, [2, 0, 0, 0]), point(3, [1, 1, 0, 0])])
    ranking = engine.search(dense, Query(at(1, 0, 0, 0), 2, EVERYTHING, EVERYTHING)).result()
    assert [one for one, _ in ranking] == [identity(2), identity(3)]
    assert [score for _, score in ranking] == pytest.approx([1.0, 0.5**0.5], abs=1e-3)


SCOPES: list[tuple[Scope, set[int]]] = [
    (EVERYTHING, {1, 2, 3, 4, 5}),
    (Scope(user_id="anna"), {1, 2, 3}),
    (Scope(user_id="ben"), {4}),
    (Scope(user_id="nobody"), set()),
    (Scope(user_id=""), {5}),
    (Scope(user_id="anna", artist_ids=("", "duo")), {1, 2}),
    (Scope(user_id="anna", artist_ids=("solo",)), {3}),
    (Scope(user_id="anna", artist_ids=()), set()),
    (Scope(document_ids=("a", "c")), {1, 2, 4}),
    (Scope(user_id="anna", document_ids=("a", "c")), {1, 2}),
    (Scope(user_id="ben", document_ids=("a",)), set()),
    (Scope(document_ids=()), set()),
    (Scope(point_ids=(identity(1), identity(4), identity(99))), {1, 4}),
    (Scope(user_id="anna", point_ids=(identity(1), identity(4))), {1}),
    (Scope(point_ids=()), set()),
    (Scope("anna", ("", "duo"), ("a",), (identity(2), identity(3), identity(4))), {2}),
]


@pytest.fixture
def scoped(engine: Engine, dense: str) -> str:
    engine.upsert(
        dense,
        [
            point(1, document="a", user="anna"),
            point(2, document="a", user="anna", artist="duo"),
            point(3, document="b", user="anna", artist="solo"),
            point(4, document="c", user="ben", artist="duo"),
            point(5, document="guide"),
        ],
    )
    return dense


def test_search_count_and_ids_see_exactly_their_scope(engine: Engine, scoped: str) -> None:
    for scope, numbers in SCOPES:
        expected = {identity(number) for number in numbers}
        assert set(found(engine, scoped, scope)) == expected, scope
        assert engine.count(scoped, scope).result() == len(expected), scope
        assert set(engine.ids(scoped, scope).result()) == expected, scope


def test_sparse_search_obeys_its_scope_too(engine: Engine, sparse: str) -> None:
    engine.upsert(sparse, [point(1, Sparse([7], [1.0]), user="anna"), point(2, Sparse([7], [1.0]), user="ben")])
    query = Query(Sparse([7], [1.0]), 10, Scope(user_id="ben"), Scope(user_id="ben"))
    assert [one for one, _ in engine.search(sparse, query).result()] == [identity(2)]


RARE, COMMON = 11, 22


def annas_scores(engine: Engine, collection: str, corpus: Scope) -> dict[str, float]:
    """What a question with a rare and a common word of Anna's gives each of her points."""
    query = Query(Sparse([RARE, COMMON], [1.0, 1.0]), 10, Scope(user_id="anna"), corpus)
    return dict(engine.search(collection, query).result())


def test_document_frequencies_are_counted_in_the_corpus_alone(engine: Engine, sparse: str) -> None:
    mine = [point(1, Sparse([RARE], [1.0]), user="anna")]
    mine += [point(number, Sparse([COMMON], [1.0]), user="anna") for number in range(2, 6)]
    engine.upsert(sparse, mine)
    before = annas_scores(engine, sparse, Scope(user_id="anna"))
    assert before[identity(1)] > 2 * before[identity(2)], "the rare word weighs more"
    # Ben writes Anna's rare word a hundred times.
    engine.upsert(sparse, [point(number, Sparse([RARE], [1.0]), user="ben") for number in range(100, 200)])
    assert annas_scores(engine, sparse, Scope(user_id="anna")) == pytest.approx(before, abs=1e-6)
    counted_over_all = annas_scores(engine, sparse, EVERYTHING)
    assert counted_over_all[identity(1)] < counted_over_all[identity(2)], "without a corpus his words would count"


def test_a_question_of_stop_words_finds_nothing_and_a_passage_of_them_is_kept(engine: Engine, sparse: str) -> None:
    engine.upsert(sparse, [point(1, Sparse([], []), user="anna"), point(2, Sparse([7], [1.0]), user="anna")])
    assert engine.count(sparse).result() == 2
    scope = Scope(user_id="anna")
    assert engine.search(sparse, Query(Sparse([], []), 5, scope, scope)).result() == []


# Deleting and listing


def test_delete_takes_its_scope_and_nothing_else(engine: Engine, scoped: str) -> None:
    engine.delete(scoped, Scope(user_id="ben", document_ids=("a",))).result()  # not his
    assert engine.count(scoped).result() == 5
    engine.delete(scoped, Scope(document_ids=("a",))).result()
    assert set(engine.ids(scoped).result()) == {identity(3), identity(4), identity(5)}
    engine.delete(scoped, Scope(point_ids=(identity(5),))).result()
    engine.delete(scoped, Scope(user_id="anna")).result()
    assert engine.ids(scoped).result() == [identity(4)]
    assert found(engine, scoped) == [identity(4)]


def test_delete_without_a_scope_is_refused(engine: Engine, scoped: str) -> None:
    with pytest.raises(ValueError, match="scope"):
        engine.delete(scoped, EVERYTHING)
    assert engine.count(scoped).result() == 5


def test_ids_and_count_go_on_beyond_a_page_of_a_thousand(engine: Engine, dense: str) -> None:
    points = [point(i, [1, i / 2300, 0, 0], user="anna" if i < 1500 else "ben") for i in range(2300)]
    engine.upsert(dense, points)
    assert sorted(engine.ids(dense).result()) == sorted(one.id for one in points)
    assert sorted(engine.ids(dense, Scope(user_id="anna")).result()) == sorted(one.id for one in points[:1500])
    assert engine.count(dense).result() == 2300
    assert engine.count(dense, Scope(user_id="anna")).result() == 1500


# Threads and event loops


def test_searches_during_writes_all_succeed(engine: Engine, dense: str) -> None:
    engine.upsert(dense, [point(i, [1, i, 0, 0]) for i in range(50)])
    failures: list[BaseException] = []
    written = threading.Event()

    def search() -> None:
        try:
            while not written.is_set():
                assert len(found(engine, dense, limit=10)) == 10
        except BaseException as error:  # reported by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=search) for _ in range(4)]
    for thread in threads:
        thread.start()
    for start in range(50, 450, 100):
        engine.upsert(dense, [point(i, [1, i, 0, 0]) for i in range(start, start + 100)])
    written.set()
    for thread in threads:
        thread.join(10)
    assert failures == []
    assert engine.count(dense).result() == 450


def test_an_event_loop_waits_for_many_searches_at_once(engine: Engine, scoped: str) -> None:
    async def search() -> list[int]:
        query = Query(at(1, 0, 0, 0), 50, Scope(user_id="anna"), EVERYTHING)
        futures = [asyncio.wrap_future(engine.search(scoped, query)) for _ in range(20)]
        return [len(ranking) for ranking in await asyncio.gather(*futures)]

    assert asyncio.run(search()) == [3] * 20


def test_ping_answers(engine: Engine) -> None:
    engine.ping().result()


# The embedded engine alone


def test_points_outlive_closing_and_the_folder_may_be_opened_again_at_once(tmp_path: Path) -> None:
    for opened in range(3):
        engine = EdgeEngine(tmp_path)
        engine.create("kept", 4, tenant=True).result()
        engine.upsert("kept", [point(opened)])
        assert engine.count("kept").result() == opened + 1
        engine.close()


def in_another_process(code: str, folder: Path) -> subprocess.Popen[str]:
    imports = "import sys, time; from tests.indexes.test_engine_contract import *; from pathlib import Path\n"
    return subprocess.Popen(
        [sys.executable, "-c", f"{imports}engine = EdgeEngine(Path(sys.argv[1]))\n{code}", str(folder)],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def test_one_process_holds_the_folder_and_a_killed_one_loses_no_acknowledged_point(tmp_path: Path) -> None:
    folder = tmp_path / "vectors"
    code = (
        "engine.create('kept', 4, tenant=True).result()\n"
        "for start in range(0, 100000, 20):\n"
        "    engine.upsert('kept', [point(i) for i in range(start, start + 20)]); print(start + 20, flush=True)"
    )
    with in_another_process(code, folder) as holder:
        assert holder.stdout is not None
        acknowledged = int(holder.stdout.readline())
        with pytest.raises(FolderHeld) as caught:
            EdgeEngine(folder)
        assert caught.value.sentence == (
            f"The data folder {tmp_path} is in use by another AI Manager; ask there (browser or REST), or stop it first."
        )
        assert (caught.value.status, caught.value.code) == (503, "data_folder_in_use")
        while acknowledged < 200:
            acknowledged = int(holder.stdout.readline())
        holder.kill()
        acknowledged = max([acknowledged, *map(int, holder.stdout.read().split("\n")[:-1])])
    engine = EdgeEngine(folder)
    present = set(engine.ids("kept").result())
    assert {identity(number) for number in range(acknowledged)} <= present
    assert len(present) % 20 == 0, "no half batch"
    engine.close()


def test_a_collection_whose_making_was_cut_short_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / ".kept.part" / "segments").mkdir(parents=True)
    (tmp_path / "kept").mkdir()  # without edge_config.json
    engine = EdgeEngine(tmp_path)
    engine.create("kept", 4, tenant=True).result()
    engine.upsert("kept", [point(1)])
    assert engine.collections().result() == ["kept"]
    assert engine.count("kept").result() == 1
    engine.close()


def test_ping_tells_that_the_folder_is_gone(tmp_path: Path) -> None:
    engine = EdgeEngine(tmp_path / "vectors")
    shutil.rmtree(tmp_path / "vectors")
    with pytest.raises(Unavailable, match="reindex"):
        engine.ping().result()
    engine.close()


# A server alone


def connect(port: int) -> ServerEngine:
    return ServerEngine.connect(VectorSettings(url=f"http://127.0.0.1:{port}", timeout_seconds=3))


def refusal(engine: ServerEngine) -> tuple[Unavailable, float]:
    """What the first call raises, and after how many seconds."""
    start = time.monotonic()
    with pytest.raises(Unavailable) as caught:
        engine.count("any").result()
    seconds = time.monotonic() - start
    engine.close()
    return caught.value, seconds


def test_no_server_is_told_at_once_and_a_silent_one_within_the_timeout() -> None:
    sentence = "The vector database does not answer; check QDRANT_URL and that Qdrant runs."
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        error, seconds = refusal(connect(port))  # bound, not listening: refused
        assert (error.sentence, error.code) == (sentence, "vectors_unreachable")
        assert seconds < 1
        listener.listen()  # accepts, and never answers
        error, seconds = refusal(connect(port))
        assert (error.sentence, error.code) == (sentence, "vectors_unreachable")
        assert seconds < 3.5


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "http://[bad"])
def test_an_address_that_is_none_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigError, match=r"'vectors.url' \(QDRANT_URL\)"):
        ServerEngine.connect(VectorSettings(url=url))


class Stub:
    """A server that answers each path of Qdrant's REST interface with a fixed status and result."""

    def __init__(self, answers: dict[tuple[str, str], tuple[int, object]], default: tuple[int, object]) -> None:
        self.seen: list[tuple[str, str]] = []
        stub = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("content-length") or 0))
                path = self.path.split("?")[0]
                stub.seen.append((self.command, path))
                status, result = answers.get((self.command, path), default)
                body = json.dumps({"result": result, "status": "ok", "time": 0.0}).encode()
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_PUT = do_POST = answer

            def log_message(self, *_: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> ServerEngine:
        self._thread.start()
        return connect(self._server.server_port)

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.mark.parametrize(
    ("status", "code", "word"), [(401, "vectors_refused", "QDRANT_API_KEY"), (500, "vectors_error", "500")]
)
def test_a_server_that_refuses_or_fails_is_told_in_one_sentence(status: int, code: str, word: str) -> None:
    with Stub({}, (status, None)) as engine:
        error, _ = refusal(engine)
    assert error.code == code
    assert word in error.sentence


def test_nothing_is_sent_before_the_first_call() -> None:
    stub = Stub({}, (200, True))
    with stub as engine:
        engine.close()
    assert stub.seen == []


def test_a_collection_that_another_process_makes_at_the_same_moment_is_no_error() -> None:
    exists, making = ("GET", "/collections/aim/exists"), ("PUT", "/collections/aim")
    stub = Stub(
        {exists: (200, {"exists": False}), making: (409, None)}, (200, {"operation_id": 1, "status": "completed"})
    )
    with stub as engine:
        engine.create("aim", 4, tenant=True).result()
        engine.close()
    assert stub.seen == [exists, making, *[("PUT", "/collections/aim/index")] * 3], "its payload indexes are made again"


# For the reconciler and new versions


def test_entries_are_every_point_with_its_document_a_page_at_a_time(engine: Engine, dense: str) -> None:
    points = [Point(identity(number), at(1, number, 0, 0), f"doc{number % 3}", "anna") for number in range(25)]
    engine.upsert(dense, points)
    seen: list[tuple[str, str]] = []
    after: str | None = None
    pages = 0
    while True:
        page, after = engine.entries(dense, after, 10).result()
        seen += page
        pages += 1
        if after is None:
            break
    assert pages == 3
    assert sorted(seen) == sorted((point.id, point.document_id) for point in points)


def test_vectors_are_those_that_were_written_and_unknown_points_are_left_out(engine: Engine, dense: str) -> None:
    engine.upsert(dense, [Point(identity(number), at(1, number, 0, 0), "doc", "anna") for number in range(3)])
    found = engine.vectors(dense, [identity(2), identity(0), identity(9)]).result()
    assert set(found) == {identity(0), identity(2)}
    assert found[identity(2)] == pytest.approx(at(1, 2, 0, 0) / np.sqrt(5), abs=1e-6)
    assert getattr(found[identity(0)], "dtype", None) == np.float32
    assert engine.vectors(dense, []).result() == {}
