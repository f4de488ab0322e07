from __future__ import annotations

import io
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import Session, col, select

from app.errors import NotFound, Unavailable
from app.indexes.chunking import Chunker
from app.indexes.model_files import tokenizer_file
from app.indexes.readers import read_pages
from app.models import BUILDING, DELETING, FAILED, LIVE, READY, STORED, Chunk, Document, User, new_id, now
from app.principal import Principal, local_operator
from app.services import ingestion as ingestion_module
from app.services import jobs as jobs_module
from app.services import removal as removal_module
from app.services import turns as turns_module
from app.services.audit import AuditLog
from app.services.back_fill import FILL_AGAIN_SECONDS
from app.services.cutting import chunk_id
from app.services.documents import DocumentService
from app.services.ingestion import Ingestion
from app.services.jobs import Job
from app.services.shapes import DocumentPublic
from tests.indexes.test_knowledge import ABSENT, BM25, REMOTE, Parts, open_parts
from tests.openai_server import OpenAIServer

LONG = "\n\n".join(f"{number}. The manager receives a commission of {number} percent. " * 12 for number in range(12))


class Clock:
    """The time of the ingestion: real, and moved on by tests."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return now() + self.ahead

    def forward(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)


@dataclass
class Bench:
    """Documents and their ingestion over one data folder."""

    parts: Parts
    clock: Clock
    anna: Principal = field(init=False)

    def __post_init__(self) -> None:
        folder, settings = self.parts.settings.data.dir, self.parts.settings.ingestion
        self.documents = DocumentService(self.parts.db, AuditLog(b"k" * 32), settings, folder)
        self.chunker = Chunker(self.parts.settings.chunking, tokenizer_file())
        self.ingestion = self.another()
        with self.parts.db.session() as session:
            user = session.exec(select(User)).first() or User(email="anna@example.com", password_hash="-")
            session.add(user)
        self.anna = local_operator(user.id)

    def another(self) -> Ingestion:
        """As a second process, or the same one started again, would have."""
        parts = self.parts
        return Ingestion(parts.db, parts.indexes, self.chunker, parts.settings.ingestion, parts.settings.data.dir)

    def upload(self, text: str | bytes = "", filename: str = "deal.txt") -> str:
        data = text if isinstance(text, bytes) else f"{text or 'The term is three years.'} {new_id()}".encode()
        received = self.documents.receive(self.anna, kb="personal", filename=filename, source=io.BytesIO(data))
        return received.id

    def row(self, document_id: str) -> Document:
        with self.parts.db.reading() as session:
            return session.get_one(Document, document_id)

    def public(self, document_id: str) -> DocumentPublic:
        return self.documents.get(self.anna, document_id)

    def change(self, document_id: str, **values: Any) -> None:
        with self.parts.db.session() as session:
            row = session.get_one(Document, document_id)
            for name, value in values.items():
                setattr(row, name, value)

    def chunks(self, document_id: str) -> list[Chunk]:
        with self.parts.db.reading() as session:
            query = select(Chunk).where(Chunk.document_id == document_id).order_by(col(Chunk.number))
            return list(session.exec(query).all())

    def points(self, document_id: str) -> dict[str, set[str]]:
        """Per model, the points of the document."""
        return {one.model.name: one.store.ids(document_id) for one in self.parts.indexes.writable("personal")}

    def assert_whole(self, document_id: str) -> None:
        """Ready, with every chunk in SQL and in every live index, and nothing else."""
        row, chunks = self.row(document_id), self.chunks(document_id)
        assert (row.status, row.progress, row.reason, row.attempts, row.lease_until) == (READY, 1.0, None, 0, None)
        assert row.chunks == len(chunks) > 0
        assert {chunk.id for chunk in chunks} == {chunk_id(row, number) for number in range(len(chunks))}
        for index in self.parts.indexes.live("personal"):
            assert index.store.ids(document_id) == {chunk.id for chunk in chunks}, index.model.name

    def assert_gone(self, document_id: str) -> None:
        """No row, no chunk, no point, no file."""
        with self.parts.db.reading() as session:
            assert session.get(Document, document_id) is None
        assert self.chunks(document_id) == []
        assert not any(self.points(document_id).values())
        assert not (self.parts.settings.data.dir / "uploads" / document_id).exists()

    def assert_hidden_or_whole(self, document_id: str) -> None:
        with self.parts.db.reading() as session:
            row = session.get(Document, document_id)
        if row is not None and row.status == READY:
            self.assert_whole(document_id)

    def reopen(self, *rows: dict[str, Any], server: OpenAIServer | None = None) -> None:
        """Stop, and start again with other models."""
        self.parts.close()
        self.parts = open_parts(self.parts.settings.data.dir, *rows, server=server)
        self.__post_init__()

    def work(self) -> None:
        while self.ingestion.run_once():
            pass


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock()
    for module in (ingestion_module, jobs_module, removal_module, turns_module):
        monkeypatch.setattr(module, "now", made)
    return made


@pytest.fixture
def bench(tmp_path: Path, clock: Clock) -> Iterator[Bench]:
    """BM25 alone, live: real and quick."""
    parts = open_parts(tmp_path / "data", BM25)
    parts.go_live()
    made = Bench(parts, clock)
    yield made
    made.parts.close()


@pytest.fixture
def remote(tmp_path: Path, clock: Clock, openai_server: OpenAIServer) -> Iterator[Bench]:
    """BM25 and a remote model, both live."""
    parts = open_parts(tmp_path / "data", BM25, REMOTE, server=openai_server)
    parts.go_live()
    made = Bench(parts, clock)
    yield made
    made.parts.close()


@pytest.fixture
def quick_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads in this process, for tests that ingest dozens of times and are not about reading."""
    monkeypatch.setattr(ingestion_module, "read_in_child", lambda path, suffix, *_: read_pages(path, suffix))


# From a file to passages


def test_a_document_goes_through_its_states_to_ready(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    document_id, states = bench.upload(LONG), list[str]()
    move = bench.ingestion.jobs.move

    def note(job: Job, status: str, **values: Any) -> None:
        move(job, status, **values)
        states.append(bench.row(document_id).status)

    monkeypatch.setattr(bench.ingestion.jobs, "move", note)
    assert bench.row(document_id).status == STORED
    assert bench.ingestion.run_once()
    assert states == ["parsing", "embedding", "indexing"]
    bench.assert_whole(document_id)
    assert bench.public(document_id).pages == 1
    assert bench.public(document_id).chunks > 5
    assert not bench.ingestion.run_once(), "nothing waits"


def test_chunks_are_passages_of_the_pages_with_their_places(bench: Bench) -> None:
    text = f"# Fees\n\n{LONG}\n\n# Term\n\n{LONG}"
    document_id = bench.upload(text, "deal.md")
    bench.work()
    [page] = read_pages(bench.documents.file(bench.anna, document_id)[0], ".md")
    chunks = bench.chunks(document_id)
    assert all(chunk.text == page.text[chunk.start : chunk.end] for chunk in chunks)
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    assert {chunk.heading for chunk in chunks} == {"Fees", "Term"}


def test_the_same_text_is_cut_into_the_same_ids_again_and_again(bench: Bench) -> None:
    document_id = bench.upload(LONG)
    bench.work()
    before = bench.chunks(document_id)
    bench.change(document_id, status=STORED)
    bench.work()
    assert [(one.id, one.text) for one in bench.chunks(document_id)] == [(one.id, one.text) for one in before]
    bench.assert_whole(document_id)


def test_the_oldest_waiting_document_is_taken_first(bench: Bench, quick_reading: None) -> None:
    first, second = bench.upload(), bench.upload()
    bench.ingestion.run_once()
    assert (bench.row(first).status, bench.row(second).status) == (READY, STORED)


def test_a_chunks_id_depends_on_everything_that_makes_it_another() -> None:
    def identity(number: int = 0, **values: Any) -> str:
        given: dict[str, Any] = {
            "id": "d",
            "kb": "personal",
            "user_id": "u",
            "version": 1,
            "title": "",
            "filename": "",
            "suffix": "",
        }
        return chunk_id(Document(**(given | values)), number)

    others = [
        identity(1),
        identity(id="e"),
        identity(kb="global", user_id=None),
        identity(user_id="v"),
        identity(version=2),
    ]
    assert len({identity(), *others}) == 6
    assert identity(title="renamed", standing="signed", artist_id="a") == identity()
    assert identity() == "62cc048d-069c-56d2-b74e-39a6a04445d5", (
        "ids are stored in vectors: the formula must not change"
    )


@pytest.mark.parametrize(
    ("data", "filename", "sentence"),
    [
        (b"%PDF-1.7 and then nothing", "deal.pdf", "damaged"),
        (b"\x89PNG....", "deal.txt", "not a text file"),
        (b" \n \n", "deal.txt", "holds no text|is empty|No text"),
        (b"PK\x03\x04 broken", "deal.docx", "damaged"),
    ],
)
def test_what_cannot_be_read_fails_with_its_reason_and_keeps_its_file(
    bench: Bench, data: bytes, filename: str, sentence: str
) -> None:
    document_id = bench.upload(data, filename)
    bench.work()
    document = bench.public(document_id)
    assert (document.status, document.chunks, document.progress < 1) == (FAILED, 0, True)
    assert re.search(sentence, document.reason or "")
    assert bench.documents.file(bench.anna, document_id)[0].read_bytes() == data
    assert not any(bench.points(document_id).values())
    assert not bench.ingestion.waiting()
    assert bench.row(document_id).lease_until is None


def test_a_file_that_is_not_there_any_more_fails_at_once_with_the_mend(bench: Bench) -> None:
    document_id = bench.upload()
    bench.documents.file(bench.anna, document_id)[0].unlink()
    bench.work()
    row = bench.row(document_id)
    assert (row.status, row.reason) == (FAILED, "The file of this document is not here any more; upload it again.")


def test_a_failed_document_may_be_tried_again(bench: Bench) -> None:
    document_id = bench.upload(b" \n ", "deal.txt")
    bench.work()
    assert bench.row(document_id).status == FAILED
    bench.documents.file(bench.anna, document_id)[0].write_bytes(b"The term is three years.")  # as if mended
    bench.documents.retry(bench.anna, document_id)
    bench.work()
    bench.assert_whole(document_id)


# Attempts


def failing(bench: Bench, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr(bench.parts.engine, "_upsert", fail)


def test_attempts_wait_longer_each_time_and_end_with_the_reason(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    document_id = bench.upload()
    failing(bench, monkeypatch, Unavailable("The vector database does not answer."))
    pauses = []
    for attempt in range(1, 5):
        before = bench.clock()
        assert bench.ingestion.run_once()
        row = bench.row(document_id)
        assert (row.status, row.attempts, row.lease_until) == (STORED, attempt, None)
        assert row.reason == "The vector database does not answer."
        assert row.next_attempt is not None
        pauses.append(round((row.next_attempt - before).total_seconds(), -1 if attempt > 2 else 0))
        assert not bench.ingestion.run_once(), "not before its time"
        assert bench.ingestion.waiting() == 1
        bench.clock.forward(pauses[-1] + 5)
    assert pauses == [pytest.approx(2, abs=2), pytest.approx(10, abs=3), 60, 300]
    assert bench.ingestion.run_once()
    row = bench.row(document_id)
    assert (row.status, row.reason, row.chunks) == (FAILED, "The vector database does not answer.", 0)
    assert bench.chunks(document_id) == []
    monkeypatch.undo()


def test_an_attempt_that_succeeds_forgets_the_failures(bench: Bench) -> None:
    document_id = bench.upload()
    with pytest.MonkeyPatch.context() as patch:
        failing(bench, patch, Unavailable("down"))
        bench.ingestion.run_once()
    bench.clock.forward(60)
    bench.work()
    bench.assert_whole(document_id)


def test_an_unforeseen_error_gets_a_reason_without_its_words(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    document_id = bench.upload()
    failing(bench, monkeypatch, RuntimeError("the artist's secret clause"))
    bench.ingestion.run_once()
    reason = bench.row(document_id).reason
    assert reason == "Something went wrong while this document was read; press retry, or upload it again."


def test_a_waiting_document_does_not_hold_up_the_others(bench: Bench, quick_reading: None) -> None:
    first, second = bench.upload(), bench.upload()
    with pytest.MonkeyPatch.context() as patch:
        failing(bench, patch, Unavailable("down"))
        bench.ingestion.run_once()
    bench.ingestion.run_once()
    assert (bench.row(first).status, bench.row(second).status) == (STORED, READY)


def test_a_document_at_another_process_does_not_hold_up_the_others(bench: Bench, quick_reading: None) -> None:
    first, second = bench.upload(), bench.upload()
    bench.change(first, lease_until=bench.clock() + timedelta(seconds=100))
    assert bench.ingestion.run_once()
    assert (bench.row(first).status, bench.row(second).status) == (STORED, READY)


# Crashes


class Crash(BaseException):
    """The process ends here: nothing catches it."""


class Tripwire:
    """Counts the instructions that change something outside, and crashes at the `at`-th."""

    def __init__(self, bench: Bench, patch: pytest.MonkeyPatch, at: int) -> None:
        self.left = at
        engine, session = bench.parts.engine, bench.parts.db.session
        for name in ("_upsert", "_delete"):
            patch.setattr(engine, name, self.around(getattr(engine, name)))

        @contextmanager
        def guarded() -> Iterator[Session]:
            self.step()
            with session() as opened:
                yield opened
                self.step()  # before the commit
            self.step()

        patch.setattr(bench.parts.db, "session", guarded)
        patch.setattr(Path, "unlink", self.around(Path.unlink))

    def step(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Crash

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **options: Any) -> Any:
            self.step()
            result = call(*arguments, **options)
            self.step()
            return result

        return guarded


def crash_everywhere(bench: Bench, prepare: Callable[[], str], after: Callable[[str], None]) -> int:
    """Crash at the first, second, ... instruction of the work; after each, check and let another process finish."""
    for at in range(1, 200):
        document_id = prepare()
        with pytest.MonkeyPatch.context() as patch:
            Tripwire(bench, patch, at)
            try:
                bench.work()
                crashed = False
            except Crash:
                crashed = True
        bench.assert_hidden_or_whole(document_id)
        bench.clock.forward(301)  # the lease of the process that ended
        bench.ingestion = bench.another()
        bench.work()
        after(document_id)
        if not crashed:
            return at
    raise AssertionError("no end")


def test_a_crash_at_any_instruction_leaves_a_document_whole_or_hidden_and_is_resumed(
    bench: Bench, quick_reading: None
) -> None:
    assert crash_everywhere(bench, lambda: bench.upload(LONG), bench.assert_whole) > 15


def test_a_crash_at_any_instruction_of_a_failure_still_ends_in_failed(bench: Bench, quick_reading: None) -> None:
    def failed(document_id: str) -> None:
        assert bench.row(document_id).status == FAILED
        assert bench.chunks(document_id) == []
        assert not any(bench.points(document_id).values())

    count = 0

    def prepare() -> str:
        nonlocal count
        count += 1
        return bench.upload(b" " * count, "deal.txt")

    assert crash_everywhere(bench, prepare, failed) > 5


def test_a_crash_at_any_instruction_of_a_deletion_still_leaves_nothing(bench: Bench, quick_reading: None) -> None:
    def deleted() -> str:
        document_id = bench.upload(LONG)
        bench.work()
        bench.documents.delete(bench.anna, document_id)
        return document_id

    assert crash_everywhere(bench, deleted, bench.assert_gone) > 5


def test_a_document_is_left_to_whoever_leased_it_until_the_lease_ends(bench: Bench, quick_reading: None) -> None:
    document_id = bench.upload(LONG)
    with pytest.MonkeyPatch.context() as patch:
        Tripwire(bench, patch, 12)
        with pytest.raises(Crash):
            bench.work()
    other = bench.another()
    assert not other.run_once()
    assert other.waiting() == 1
    bench.clock.forward(bench.parts.settings.ingestion.lease_seconds + 1)
    assert other.run_once()
    bench.assert_whole(document_id)


def test_the_only_process_of_a_folder_need_not_wait_for_leases_at_its_start(bench: Bench, quick_reading: None) -> None:
    document_id = bench.upload(LONG)
    with pytest.MonkeyPatch.context() as patch:
        Tripwire(bench, patch, 12)
        with pytest.raises(Crash):
            bench.work()
    other = bench.another()
    other.resume()
    assert other.run_once()
    bench.assert_whole(document_id)


def test_waiting_for_a_lease_does_not_spin(bench: Bench) -> None:
    document_id = bench.upload()
    bench.change(document_id, lease_until=bench.clock() + timedelta(seconds=100))
    looks, end = 0, time.monotonic() + 0.7

    def wait() -> bool:
        nonlocal looks
        looks += 1
        return time.monotonic() < end

    bench.ingestion.run_all(wait)
    assert 3 <= looks <= 6


def test_run_all_ends_when_nothing_waits_any_more(bench: Bench, quick_reading: None) -> None:
    ids = [bench.upload() for _ in range(3)]
    bench.ingestion.run_all()
    for document_id in ids:
        bench.assert_whole(document_id)


# Several processes


def test_two_processes_share_the_work_and_take_each_document_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids, taken = [bench.upload() for _ in range(10)], list[str]()

    def read(path: Path, suffix: str, *_: object) -> Any:
        taken.append(path.name)
        time.sleep(0.02)
        return read_pages(path, suffix)

    monkeypatch.setattr(ingestion_module, "read_in_child", read)
    threads = [threading.Thread(target=bench.another().run_all) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(taken) == sorted(ids)
    for document_id in ids:
        bench.assert_whole(document_id)


def interrupt(bench: Bench, patch: pytest.MonkeyPatch, between: Callable[[], object]) -> None:
    """Let something happen while the passages of a document are embedded, once."""
    model = bench.parts.models.models[0]
    embed, pending = model._embed_passages, [between]

    def interrupted(texts: Any) -> Any:
        vectors = embed(texts)
        if pending:
            pending.pop()()
        return vectors

    patch.setattr(model, "_embed_passages", interrupted)


def test_a_process_that_was_too_slow_does_not_spoil_what_another_finished(
    bench: Bench, quick_reading: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id = bench.upload(LONG)

    def overtaken() -> None:
        bench.clock.forward(301)
        assert bench.another().run_once()
        bench.assert_whole(document_id)

    interrupt(bench, monkeypatch, overtaken)
    bench.ingestion.run_once()
    bench.assert_whole(document_id)


def test_a_process_that_fails_too_late_does_not_spoil_it_either(
    bench: Bench, quick_reading: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id = bench.upload(LONG)
    bench.change(document_id, attempts=4)

    def overtaken() -> None:
        bench.clock.forward(301)
        assert bench.another().run_once()
        raise Unavailable("down")

    interrupt(bench, monkeypatch, overtaken)
    bench.ingestion.run_once()
    bench.assert_whole(document_id)


def test_a_document_that_is_cut_anew_meanwhile_is_left_to_its_new_version(
    bench: Bench, quick_reading: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id = bench.upload(LONG)
    interrupt(bench, monkeypatch, lambda: bench.change(document_id, version=2, status=STORED, lease_until=None))
    bench.ingestion.run_once()
    assert bench.row(document_id).status == STORED, "as `reindex --rechunk` left it"
    bench.work()
    bench.assert_whole(document_id)
    assert {chunk.version for chunk in bench.chunks(document_id)} == {2}


# Deleting


def test_deleting_leaves_nothing(bench: Bench) -> None:
    gone, kept = bench.upload(LONG), bench.upload(LONG)
    bench.work()
    bench.documents.delete(bench.anna, gone)
    with pytest.raises(NotFound):
        bench.public(gone)
    bench.work()
    bench.assert_gone(gone)
    bench.assert_whole(kept)


def test_deleting_a_document_that_waits_or_failed_leaves_nothing(bench: Bench) -> None:
    waiting, failed = bench.upload(), bench.upload(b" ")
    bench.ingestion.run_once()
    bench.ingestion.run_once()
    for document_id in (waiting, failed):
        bench.documents.delete(bench.anna, document_id)
    bench.work()
    bench.assert_gone(waiting)
    bench.assert_gone(failed)


@pytest.mark.parametrize("when", ["reading", "embedding"])
def test_deleting_while_it_is_ingested_leaves_nothing_at_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    document_id = bench.upload(LONG)
    delete = bench.documents.delete

    def read(path: Path, suffix: str, *_: object) -> Any:
        if when == "reading":
            delete(bench.anna, document_id)
        return read_pages(path, suffix)

    monkeypatch.setattr(ingestion_module, "read_in_child", read)
    if when == "embedding":
        interrupt(bench, monkeypatch, lambda: delete(bench.anna, document_id))
    assert bench.ingestion.run_once()
    assert bench.row(document_id).status == DELETING
    assert when == "embedding" or bench.chunks(document_id) == [], "its text is not written after the deletion"
    assert not any(bench.points(document_id).values())
    assert bench.ingestion.run_once(), "without waiting for a lease"
    bench.assert_gone(document_id)


def test_a_deletion_that_fails_is_tried_again_and_stays_hidden(bench: Bench) -> None:
    document_id = bench.upload(LONG)
    bench.work()
    bench.documents.delete(bench.anna, document_id)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bench.parts.engine, "_delete", lambda *_: None)
        assert bench.ingestion.run_once()
    row = bench.row(document_id)
    assert (row.status, row.attempts, row.lease_until) == (DELETING, 1, None)
    assert (bench.parts.settings.data.dir / "uploads" / document_id).exists(), "the file goes after the points"
    assert not bench.ingestion.run_once()
    with pytest.raises(NotFound):
        bench.public(document_id)
    bench.clock.forward(3)
    bench.work()
    bench.assert_gone(document_id)


# Models come and go


def test_a_model_enabled_later_is_filled_from_sql_and_goes_live(
    bench: Bench, quick_reading: None, openai_server: OpenAIServer
) -> None:
    ids = [bench.upload(LONG), bench.upload()]
    bench.work()
    bench.reopen(BM25, REMOTE, server=openai_server)
    assert bench.parts.indexes.missing("personal") == ["remote"]
    unread = bench.upload()  # not ready: not filled, but ingested afterwards
    while bench.ingestion.back_fill():
        pass
    assert (bench.parts.indexes.missing("personal"), bench.parts.indexes.building()) == ([], [])
    for document_id in ids:
        bench.assert_whole(document_id)
    assert bench.points(unread) == {"bm25": set(), "remote": set()}
    bench.work()
    bench.assert_whole(unread)
    texts = [text for request in openai_server.requests for text in request.body["input"]]
    assert len(texts) == len(set(texts)) == sum(bench.row(one).chunks for one in (*ids, unread)), "each passage once"


def test_a_document_added_while_a_model_was_off_is_filled_when_it_is_on_again(
    remote: Bench, quick_reading: None, openai_server: OpenAIServer
) -> None:
    before, deleted = remote.upload(), remote.upload()
    remote.work()
    remote.reopen(BM25, ABSENT)
    meanwhile = remote.upload()
    remote.documents.delete(remote.anna, deleted)
    remote.work()
    remote.reopen(BM25, REMOTE, server=openai_server)
    openai_server.requests.clear()
    while remote.ingestion.back_fill():
        pass
    remote.assert_whole(before)
    remote.assert_whole(meanwhile)
    assert remote.points(deleted) == {"bm25": set(), "remote": set()}
    assert len(openai_server.requests) == 1, "what was complete is not embedded again"


def test_a_remote_model_that_is_down_costs_a_document_its_attempts_and_then_only_itself(
    remote: Bench, quick_reading: None, openai_server: OpenAIServer
) -> None:
    whole = remote.upload()
    remote.work()
    openai_server.script(status=500, times=10_000)
    document_id = remote.upload(LONG)
    for _ in range(4):
        assert remote.ingestion.run_once()
        assert remote.row(document_id).status == STORED
        remote.assert_hidden_or_whole(document_id)
        assert [one.model.name for one in remote.parts.indexes.live("personal")] == ["bm25", "remote"]
        remote.clock.forward(400)
    assert remote.ingestion.run_once()
    assert [one.model.name for one in remote.parts.indexes.live("personal")] == ["bm25"]
    assert remote.parts.indexes.missing("personal") == ["remote"]
    remote.assert_whole(document_id)
    remote.assert_whole(whole)
    later = remote.upload()
    for _ in range(5):
        assert remote.ingestion.run_once()
        remote.clock.forward(400)
    remote.assert_whole(later)
    assert {row[1:] for row in remote.parts.rows() if row[0] == "personal"} == {
        ("bm25", 1, LIVE),
        ("remote", 1, BUILDING),
    }


def test_a_back_fill_that_fails_holds_up_nothing_and_is_tried_again(
    remote: Bench, quick_reading: None, openai_server: OpenAIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    document_id = remote.upload()
    remote.work()
    remote.parts.indexes.suspend(remote.parts.index("personal", "remote"))
    remote.parts.indexes.suspend(remote.parts.index("global", "bm25"))
    remote.parts.index("personal", "remote").store.delete(document_id)
    openai_server.script(status=500, times=10_000)
    assert remote.ingestion.back_fill(), "the other index is filled"
    assert remote.parts.indexes.missing("global") == []
    assert not remote.ingestion.back_fill(), "there is none to go on with now"
    assert remote.parts.indexes.missing("personal") == ["remote"]
    asked = len(openai_server.requests)
    assert not remote.ingestion.back_fill()
    assert len(openai_server.requests) == asked, "it is left alone for a while"
    openai_server.script()
    ahead = time.monotonic() + FILL_AGAIN_SECONDS + 1
    monkeypatch.setattr(time, "monotonic", lambda: ahead)
    assert remote.ingestion.back_fill()
    assert remote.parts.indexes.missing("personal") == []
    remote.assert_whole(document_id)


def test_a_crash_while_an_index_is_filled_is_resumed(
    bench: Bench, quick_reading: None, openai_server: OpenAIServer
) -> None:
    ids = [bench.upload(LONG), bench.upload(LONG)]
    bench.work()
    bench.reopen(BM25, REMOTE, server=openai_server)
    with pytest.MonkeyPatch.context() as patch:
        Tripwire(bench, patch, 9)
        with pytest.raises(Crash):
            bench.ingestion.back_fill()
    assert bench.parts.indexes.missing("personal") == ["remote"]
    again = bench.another()
    bench.clock.forward(61)  # the turn of the one that ended
    while again.back_fill():
        pass
    assert bench.parts.indexes.missing("personal") == []
    for document_id in ids:
        bench.assert_whole(document_id)
