from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.errors import Unavailable
from app.indexes.engine import Point
from app.models import FAILED, Chunk
from app.services import reconciler as module
from app.services.ingestion import Ingestion
from app.services.reconciler import FINDINGS, Reconciler
from tests.indexes.test_knowledge import BM25, REMOTE, open_parts
from tests.openai_server import OpenAIServer
from tests.services.test_ingestion import LONG, Bench, Clock, clock, quick_reading

__all__ = ["clock", "quick_reading"]

NOTHING = dict.fromkeys(FINDINGS, 0)


@pytest.fixture
def bench(tmp_path: Path, clock: Clock, openai_server: OpenAIServer, quick_reading: None) -> Iterator[Bench]:
    parts = open_parts(tmp_path / "data", BM25, REMOTE, server=openai_server)
    parts.go_live()
    made = Bench(parts, clock)
    yield made
    made.parts.close()


@pytest.fixture
def two(bench: Bench) -> list[str]:
    """Two ready documents."""
    ids = [bench.upload(LONG), bench.upload(LONG)]
    bench.work()
    return ids


def reconciler(bench: Bench, ingestion: Ingestion | None = None) -> Reconciler:
    parts, ingestion = bench.parts, ingestion or bench.ingestion
    settings = parts.settings
    return Reconciler(
        parts.db, parts.indexes, ingestion.turns, ingestion.passages, settings.ingestion, settings.data.dir
    )


def stray(bench: Bench, document_id: str, model: str = "bm25") -> str:
    index = bench.parts.index("personal", model)
    [vector] = index.model.embed_passages(["stray"])
    point_id = str(uuid.uuid4())
    index.store.upsert([Point(point_id, vector, document_id, bench.anna.user_id)])
    return point_id


def test_where_all_is_well_it_finds_nothing_and_says_when(bench: Bench, two: list[str]) -> None:
    one = reconciler(bench)
    assert one.report() == {"finished": None, **NOTHING}
    assert one.run() == NOTHING
    report = one.report()
    assert str(report.pop("finished")).startswith("20")
    assert report == NOTHING
    for document_id in two:
        bench.assert_whole(document_id)


def test_points_that_sql_does_not_know_go(bench: Bench, two: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PAGE_POINTS", 5)
    gone = [stray(bench, str(uuid.uuid4())), stray(bench, two[0]), stray(bench, two[1], "remote")]
    known = bench.chunks(two[0])[0].id
    index = bench.parts.index("personal", "bm25")
    [vector] = index.model.embed_passages(["another document's id"])
    index.store.upsert([Point(known, vector, str(uuid.uuid4()), "mallory")])  # a point is known with its document alone
    found = reconciler(bench).run()
    assert found == NOTHING | {"orphan_points": 4, "missing_points": 1}
    for document_id in two:
        bench.assert_whole(document_id)
        assert not {*gone} & set().union(*bench.points(document_id).values())


def test_points_that_are_missing_are_written_again_and_no_others(
    bench: Bench, two: list[str], openai_server: OpenAIServer
) -> None:
    lost = [chunk.id for chunk in bench.chunks(two[0])[:3]]
    bench.parts.index("personal", "remote").store.delete_points(lost)
    bench.parts.index("personal", "bm25").store.delete(two[1])
    openai_server.requests.clear()
    found = reconciler(bench).run()
    assert found == NOTHING | {"missing_points": 3 + bench.row(two[1]).chunks}
    for document_id in two:
        bench.assert_whole(document_id)
    assert sum(len(request.body["input"]) for request in openai_server.requests) == 3


def test_chunks_of_versions_that_nobody_wants_go_with_their_points(bench: Bench, two: list[str]) -> None:
    document_id = two[0]
    old = Chunk(id=str(uuid.uuid4()), document_id=document_id, version=7, number=0, page=1, start=0, end=1, text="old")
    with bench.parts.db.session() as session:
        session.add(old)
    bench.change(two[1], status=FAILED)
    chunks = bench.row(two[1]).chunks
    found = reconciler(bench).run()
    assert found == NOTHING | {"stale_chunks": 1 + chunks, "orphan_points": 2 * chunks}
    bench.assert_whole(document_id)
    assert bench.chunks(two[1]) == []


def test_work_under_way_is_left_alone(bench: Bench, two: list[str]) -> None:
    """A new version of which half is written, and a file whose row is not there yet."""
    bench.change(two[0], lease_until=bench.clock())
    young = bench.parts.settings.data.dir / "uploads" / "young"
    young.write_bytes(b"an upload on its way")
    fresh = Chunk(id=str(uuid.uuid4()), document_id=two[0], version=2, number=0, page=1, start=0, end=1, text="new")
    with bench.parts.db.session() as session:
        session.add(fresh)
    index = bench.parts.index("personal", "bm25")
    [vector] = index.model.embed_passages(["new"])
    index.store.upsert([Point(fresh.id, vector, two[0], bench.anna.user_id)])
    bench.change(two[0], lease_until=bench.clock().replace(year=2100))
    assert reconciler(bench).run() == NOTHING
    assert young.exists()
    assert fresh.id in index.store.ids(two[0])


def test_files_that_no_row_speaks_of_go_and_missing_ones_are_told(bench: Bench, two: list[str]) -> None:
    data = bench.parts.settings.data.dir
    old = time.time() - bench.parts.settings.ingestion.lease_seconds - 1
    (data / "tmp" / "read-x").mkdir(parents=True)
    (data / "tmp" / "read-x" / "pages.json").write_text("left by a crash")
    for name in ("left", "left.part"):
        (data / "uploads" / name).write_bytes(b"left by a crash")
        os.utime(data / "uploads" / name, (old, old))
    (data / "uploads" / two[0]).unlink()
    found = reconciler(bench).run()
    assert found == NOTHING | {"stray_files": 3, "missing_files": 1}
    assert [path.name for path in (data / "uploads").iterdir()] == [two[1]]
    assert list((data / "tmp").iterdir()) == []
    bench.assert_whole(two[0])


def test_one_process_at_a_time_and_after_an_hour_again(
    bench: Bench, two: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, theirs = reconciler(bench), reconciler(bench, bench.another())
    assert mine.step()
    assert not theirs.step(), "it is somebody's turn"
    assert mine.run() == NOTHING
    assert not mine.step(), "not before the hour"
    assert theirs.run() == NOTHING
    ahead = time.monotonic() + module.ROUND_SECONDS + 1
    monkeypatch.setattr(module, "time", type("Clock", (), {"monotonic": lambda: ahead, "time": time.time}))
    assert mine.step()


def test_a_part_that_is_down_ends_the_round_and_it_is_tried_again(
    bench: Bench, two: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = reconciler(bench)

    def down(*_: object) -> None:
        raise Unavailable("The vector database does not answer.")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.parts.engine, "_entries", down)
        with pytest.raises(Unavailable):
            one.run()
    assert one.report()["finished"] is None
    assert not one.step(), "not at once"
    assert one.run() == NOTHING
