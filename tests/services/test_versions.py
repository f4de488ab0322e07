"""New versions of documents, cancelling and trying again, over real ingestion."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlmodel import select

from app.errors import AppError, Conflict, NotFound, UnsupportedFile
from app.indexes.engine import Scope
from app.indexes.knowledge import KnowledgeIndexes
from app.indexes.sandbox import read_in_child
from app.models import BUILDING, FAILED, LIVE, READY, STORED, Artist, Revision
from app.principal import local_operator
from app.services import ingestion as ingestion_module
from app.services import progress as progress_module
from app.services.jobs import LOOK_SECONDS
from app.services.shapes import DocumentPublic
from tests.indexes.test_knowledge import BM25, REMOTE, open_parts
from tests.openai_server import OpenAIServer
from tests.services.test_ingestion import LONG, Bench, Clock, Crash, Tripwire, clock, interrupt, quick_reading

__all__ = ["clock", "quick_reading"]

NEW = LONG.replace("commission of 3 percent", "commission of 33 percent")


@pytest.fixture
def bench(tmp_path: Path, clock: Clock, openai_server: OpenAIServer, quick_reading: None) -> Iterator[Bench]:
    """Words and a dense model, both live."""
    parts = open_parts(tmp_path / "data", BM25, REMOTE, server=openai_server)
    parts.go_live()
    made = Bench(parts, clock)
    yield made
    made.parts.close()


def replace(bench: Bench, document_id: str, text: str | bytes = NEW, filename: str = "deal.txt") -> DocumentPublic:
    source = io.BytesIO(text if isinstance(text, bytes) else text.encode())
    return bench.documents.replace(bench.anna, document_id, filename=filename, source=source)


def ready(bench: Bench, text: str = LONG) -> str:
    document_id = bench.documents.receive(
        bench.anna, kb="personal", filename="deal.txt", source=io.BytesIO(text.encode())
    ).id
    bench.work()
    return document_id


def answers(bench: Bench, document_id: str) -> set[str]:
    """The texts that pass the check of a search, each in every live index."""
    row = bench.row(document_id)
    current = [one for one in bench.chunks(document_id) if row.status == READY and one.version == row.version]
    for index in bench.parts.indexes.live("personal"):
        assert {one.id for one in current} <= index.store.ids(document_id)
    return {one.text for one in current}


def files(bench: Bench) -> list[str]:
    return sorted(path.name for path in (bench.parts.settings.data.dir / "uploads").iterdir())


def test_a_new_version_takes_the_place_of_the_old_in_one_step(bench: Bench) -> None:
    document_id = ready(bench)
    old = answers(bench, document_id)
    told = replace(bench, document_id, filename="deal final.txt")
    assert (told.id, told.status, told.answers, told.filename) == (document_id, STORED, True, "deal final.txt")
    assert bench.documents.file(bench.anna, document_id)[1] == "deal.txt", "the file of what answers"
    seen: list[set[str]] = []
    with pytest.MonkeyPatch.context() as patch:
        interrupt(bench, patch, lambda: seen.append(answers(bench, document_id)))
        bench.work()
    assert seen == [old], "while the new one is written"
    new = answers(bench, document_id)
    assert new != old
    assert any("33 percent" in text for text in new)
    bench_row = bench.public(document_id)
    assert (bench_row.status, bench_row.filename, bench_row.version) == (READY, "deal final.txt", 2)
    path, name = bench.documents.file(bench.anna, document_id)
    assert (path.read_text(), name) == (NEW, "deal final.txt")
    assert files(bench) == [path.name], "the old file is gone"
    assert {chunk.version for chunk in bench.chunks(document_id)} == {2}
    for points in bench.points(document_id).values():
        assert points == {chunk.id for chunk in bench.chunks(document_id)}


def test_what_did_not_change_is_not_embedded_again(bench: Bench, openai_server: OpenAIServer) -> None:
    document_id = ready(bench)
    before = {one.text: one.id for one in bench.chunks(document_id)}
    openai_server.requests.clear()
    replace(bench, document_id)
    bench.work()
    sent = [text for request in openai_server.requests for text in request.body["input"]]
    changed = {one.text for one in bench.chunks(document_id)} - set(before)
    assert 0 < len(sent) == len(changed) < len(before)
    index = bench.parts.index("personal", "remote")
    same = [one for one in bench.chunks(document_id) if one.text in before]
    engine, name = bench.parts.engine, index.store.collection
    copied = engine.vectors(name, [one.id for one in same]).result()
    fresh = index.model.embed_passages([p.embedded for p in bench.ingestion.passages(bench.row(document_id), same)])
    for chunk, vector in zip(same, fresh, strict=True):
        assert copied[chunk.id] == pytest.approx(vector, abs=1e-5)


def test_a_crash_at_any_instruction_of_a_replacement_leaves_the_old_or_the_new(bench: Bench) -> None:
    old, new = f"{LONG} old", f"{NEW} new"
    for at in range(1, 200):
        document_id = ready(bench, f"{old} {at}")
        before = answers(bench, document_id)
        replace(bench, document_id, f"{new} {at}")
        with pytest.MonkeyPatch.context() as patch:
            Tripwire(bench, patch, at)
            try:
                bench.work()
                crashed = False
            except Crash:
                crashed = True
        now = answers(bench, document_id)
        assert now == before or (now and not now & before - {t for t in now if "new" not in t})
        assert now, "it answers at every instant"
        bench.clock.forward(301)
        bench.ingestion = bench.another()
        bench.work()
        after = answers(bench, document_id)
        assert bench.row(document_id).version == 2
        assert after != before
        if not crashed:
            break
        bench.documents.delete(bench.anna, document_id)
        bench.work()
    else:
        raise AssertionError("no end")
    assert at > 15


def test_a_new_version_that_cannot_be_read_leaves_the_old_and_can_be_tried_again_or_dropped(bench: Bench) -> None:
    document_id = ready(bench)
    old = answers(bench, document_id)
    replace(bench, document_id, b" \n ")
    bench.work()
    told = bench.public(document_id)
    assert (told.status, told.answers) == (FAILED, True)
    assert told.reason is not None
    assert told.reason.endswith("Until then the version before goes on answering.")
    assert answers(bench, document_id) == old
    assert len(files(bench)) == 2
    assert bench.documents.retry(bench.anna, document_id).status == STORED
    bench.work()
    assert bench.public(document_id).status == FAILED
    kept = bench.documents.cancel(bench.anna, document_id)
    assert (kept.status, kept.reason, kept.filename) == (READY, None, "deal.txt")
    assert files(bench) == [document_id]
    assert answers(bench, document_id) == old


def test_the_newest_of_several_new_versions_wins_whoever_is_at_work(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id = ready(bench)
    replace(bench, document_id, "A version nobody will see, of one sentence.")
    interrupt(bench, monkeypatch, lambda: replace(bench, document_id))
    bench.work()
    assert any("33 percent" in text for text in answers(bench, document_id))
    assert len(files(bench)) == 1
    for points in bench.points(document_id).values():
        assert points == {chunk.id for chunk in bench.chunks(document_id)}


def test_replacing_one_that_failed_takes_its_place(bench: Bench) -> None:
    document_id = bench.upload(b" ", "deal.txt")
    bench.work()
    assert replace(bench, document_id).status == STORED
    bench.work()
    assert (bench.row(document_id).status, len(files(bench))) == (READY, 1)
    assert answers(bench, document_id)


def test_the_same_bytes_again_change_nothing_and_those_of_another_document_are_refused(bench: Bench) -> None:
    document_id, other = ready(bench), ready(bench, "Another deal, on the tour bus.")
    assert replace(bench, document_id, LONG).status == READY
    replace(bench, document_id, NEW)
    assert replace(bench, document_id, LONG).status == READY, "back to what it was"
    with bench.parts.db.reading() as session:
        assert session.exec(select(Revision)).all() == []
    with pytest.raises(Conflict, match="You have this file already, as 'deal'"):
        replace(bench, document_id, "Another deal, on the tour bus.")
    assert files(bench) == sorted([document_id, other])
    assert not bench.ingestion.run_once()


def test_bytes_that_a_document_is_about_to_lose_are_uploaded_as_another(bench: Bench) -> None:
    document_id = ready(bench)
    replace(bench, document_id)

    def upload(text: str) -> str:
        source = io.BytesIO(text.encode())
        return bench.documents.receive(bench.anna, kb="personal", filename="deal.txt", source=source).id

    assert upload(NEW) == document_id, "it will have them"
    other = upload(LONG)
    assert other != document_id
    bench.work()
    assert (bench.row(document_id).status, bench.row(other).status) == (READY, READY)
    assert answers(bench, document_id) != answers(bench, other)


def test_what_is_refused_leaves_no_file(bench: Bench) -> None:
    document_id = ready(bench)
    stranger = local_operator("somebody-else")
    with pytest.raises(NotFound):
        bench.documents.replace(stranger, document_id, filename="x.txt", source=io.BytesIO(b"theirs"))
    with pytest.raises(UnsupportedFile):
        replace(bench, document_id, filename="x.mp3")
    with pytest.raises(AppError):
        replace(bench, document_id, b"")
    assert files(bench) == [document_id]


def test_deleting_takes_both_versions_along(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    document_id = ready(bench)
    replace(bench, document_id)
    interrupt(bench, monkeypatch, lambda: bench.documents.delete(bench.anna, document_id))
    bench.work()
    bench.assert_gone(document_id)
    assert files(bench) == []


def test_moving_it_to_another_artist_meanwhile_ends_with_the_new_version_of_the_new_artist(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    with bench.parts.db.session() as session:
        artist = Artist(user_id=bench.anna.user_id, name="Duo")
        session.add(artist)
    document_id = ready(bench)
    replace(bench, document_id)

    def move() -> None:
        bench.documents.update(bench.anna, document_id, artist_id=artist.id)
        with bench.parts.db.reading() as session:
            assert session.get_one(Revision, document_id).version > bench.row(document_id).version > 2

    interrupt(bench, monkeypatch, move)
    bench.work()
    assert bench.row(document_id).artist_id == artist.id
    assert any("33 percent" in text for text in answers(bench, document_id))
    for index in bench.parts.indexes.live("personal"):
        moved = Scope(bench.anna.user_id, (artist.id,), (document_id,))
        assert bench.parts.engine.count(index.store.collection, moved).result() == index.store.count(document_id)


# Cancelling


def test_cancelling_while_it_is_embedded_stops_it_and_leaves_the_file_alone(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id = bench.upload(LONG)
    batches = 0
    model = bench.parts.index("personal", "remote").model
    embed = model._embed_passages

    def slow(texts: Any) -> Any:
        nonlocal batches
        batches += 1
        if batches == 1:
            told = bench.documents.cancel(bench.anna, document_id)
            assert (told.status, told.reason) == (FAILED, "Cancelled; press retry to have it read after all.")
            time.sleep(LOOK_SECONDS * 2)
        return embed(texts)

    monkeypatch.setattr(model, "_embed_passages", slow)
    bench.work()
    assert batches == 1, "not one batch more"
    row = bench.row(document_id)
    assert (row.status, row.lease_until) == (FAILED, None)
    assert bench.chunks(document_id) == []
    assert not any(bench.points(document_id).values())
    assert files(bench) == [document_id]
    bench.documents.retry(bench.anna, document_id)
    bench.work()
    bench_row = bench.public(document_id)
    assert (bench_row.status, bench_row.reason) == (READY, None)


def test_cancelling_while_it_is_read_ends_the_reader(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingestion_module, "read_in_child", read_in_child)
    monkeypatch.setattr("app.indexes.sandbox.sys.executable", _sleeper(bench.parts.settings.data.dir.parent))
    document_id = bench.upload(LONG)
    work = threading.Thread(target=bench.work)
    started = time.monotonic()
    work.start()
    while bench.row(document_id).status != "parsing":
        time.sleep(0.02)
    bench.documents.cancel(bench.anna, document_id)
    work.join(20)
    assert not work.is_alive()
    assert time.monotonic() - started < 20, "the reader would have slept for a minute"
    assert bench.row(document_id).status == FAILED
    assert list((bench.parts.settings.data.dir / "tmp").glob("read-*")) == []


def _sleeper(folder: Path) -> str:
    script = folder / "sleeper"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o700)
    return str(script)


def test_cancelling_what_waits_and_what_does_not(bench: Bench) -> None:
    document_id = bench.upload(LONG)
    bench.documents.cancel(bench.anna, document_id)
    assert not bench.ingestion.run_once()
    with pytest.raises(Conflict, match="Only a document that is being read can be cancelled"):
        bench.documents.cancel(bench.anna, document_id)
    with pytest.raises(NotFound):
        bench.documents.cancel(local_operator("somebody-else"), document_id)


# Progress


def test_progress_tells_pages_chunks_of_each_model_and_the_time_left(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id, seen = bench.upload(LONG), list[dict[str, Any]]()
    ahead = iter(range(0, 100_000, 2))
    clock = SimpleNamespace(monotonic=lambda: time.monotonic() + next(ahead), perf_counter=time.perf_counter)
    monkeypatch.setattr(ingestion_module, "time", clock)
    monkeypatch.setattr(progress_module, "time", clock)
    move = bench.ingestion.jobs.move

    def note(*args: Any, **values: Any) -> None:
        move(*args, **values)
        if values.get("detail"):
            seen.append(bench.public(document_id).detail or {})

    monkeypatch.setattr(bench.ingestion.jobs, "move", note)
    bench.work()
    chunks = bench.row(document_id).chunks
    told = [one for one in seen if one["models"]]
    assert told[0] == {
        "pages": 1,
        "chunks": chunks,
        "pages_read": 1,
        "models": {"bm25": [0, chunks], "remote": [0, chunks]},
        "seconds_left": None,
    }
    assert told[-1]["models"] == {"bm25": [chunks, chunks], "remote": [chunks, chunks]}
    assert told[-1]["seconds_left"] == 0
    assert all(one["seconds_left"] > 0 for one in told[1:-1])
    assert bench.public(document_id).detail is None


# Indexes that come up meanwhile


def test_a_document_that_becomes_ready_while_another_process_brings_an_index_up_is_in_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = bench.parts
    other = KnowledgeIndexes(parts.db, parts.engine, parts.models, parts.settings.vectors)
    other.open("1")

    def up() -> None:
        other.rebuild("bm25")
        for index in other.building():
            other.go_live(index)  # it is filled: nothing is ready

    interrupt(bench, monkeypatch, up)
    document_id = bench.upload(LONG)
    assert bench.ingestion.run_once()
    bench.assert_whole(document_id)
    states = {(row[1], row[2]): row[3] for row in parts.rows() if row[0] == "personal"}
    assert states["bm25", 2] == LIVE
    assert BUILDING not in states.values()
    for index in other.live("personal"):
        assert index.store.ids(document_id) == {chunk.id for chunk in bench.chunks(document_id)}
