from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from app.errors import Unavailable
from app.indexes.embeddings import EmbeddingFailed
from app.indexes.engine import EVERYTHING, Point, Query, Scope
from app.indexes.writer import IndexWriter, Passage
from app.models import BUILDING, LIVE, Chunk, Document
from tests.indexes.test_knowledge import ABSENT, BM25, REMOTE, Parts, open_parts
from tests.openai_server import OpenAIServer


@pytest.fixture
def parts(tmp_path: Path, openai_server: OpenAIServer) -> Iterator[Parts]:
    """bm25 and a remote model, both live."""
    made = open_parts(tmp_path / "data", BM25, REMOTE, server=openai_server)
    made.go_live()
    yield made
    made.close()


@pytest.fixture
def writer(parts: Parts) -> IndexWriter:
    return IndexWriter(parts.indexes)


def document(name: str = "contract", user: str | None = "anna", artist: str | None = None) -> Document:
    kb = "personal" if user else "global"
    return Document(id=name, kb=kb, user_id=user, artist_id=artist, title=name, filename="f.txt", suffix=".txt")


def passages(owner: Document, number: int = 3) -> list[Passage]:
    def chunk(count: int) -> Chunk:
        identity = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{owner.id} {count}"))
        return Chunk(id=identity, document_id=owner.id, version=1, number=count, page=1, start=0, end=1, text="x")

    return [Passage(chunk(count), f"clause {count} " + "royalties " * count) for count in range(number)]


def ids(some: Sequence[Passage]) -> set[str]:
    return {passage.chunk.id for passage in some}


def states(parts: Parts) -> dict[tuple[str, str], str]:
    return {(kb, model): state for kb, model, _, state in parts.rows()}


# Writing


def test_a_document_is_in_every_index_of_its_kb_with_its_owner(parts: Parts, writer: IndexWriter) -> None:
    mine, guide = document(artist="duo"), document("guide", user=None)
    writer.write(mine, passages(mine))
    writer.write(guide, passages(guide, 2))
    for index in parts.indexes.live("personal"):
        assert index.store.ids() == ids(passages(mine))
        owned = Scope("anna", ("duo",), ("contract",))
        assert parts.engine.count(index.store.collection, owned).result() == 3
    for index in parts.indexes.live("global"):
        assert index.store.ids() == ids(passages(guide, 2))
        assert parts.engine.count(index.store.collection, Scope(user_id="", artist_ids=("",))).result() == 2


def test_writing_again_replaces_and_takes_away_what_is_no_longer_in_it(parts: Parts, writer: IndexWriter) -> None:
    mine, other = document(), document("other")
    writer.write(mine, passages(mine, 5))
    writer.write(other, passages(other))
    writer.write(mine, passages(mine, 2))
    for index in parts.indexes.live("personal"):
        assert index.store.ids("contract") == ids(passages(mine, 2))
        assert index.store.ids("other") == ids(passages(other))


def test_batches_run_from_long_to_short_and_progress_is_told(
    parts: Parts, writer: IndexWriter, openai_server: OpenAIServer
) -> None:
    mine = document()
    told: list[tuple[str, int, int]] = []
    writer.write(mine, passages(mine, 10), lambda *step: told.append(step))
    assert told == [("bm25", 10, 10), ("remote", 4, 10), ("remote", 8, 10), ("remote", 10, 10)]
    lengths = [len(text) for request in openai_server.requests for text in request.body["input"]]
    assert lengths == sorted(lengths, reverse=True)
    assert [len(request.body["input"]) for request in openai_server.requests] == [4, 4, 2]


def test_each_passage_keeps_its_own_vector_although_batches_are_sorted(parts: Parts, writer: IndexWriter) -> None:
    mine = document()
    some = passages(mine, 6)
    writer.write(mine, some)
    for index in parts.indexes.live("personal"):
        for passage in some:
            [vector] = index.model.embed_passages([passage.embedded])
            only = Scope(point_ids=(passage.chunk.id,))
            [(_, score)] = parts.engine.search(index.store.collection, Query(vector, 1, only, EVERYTHING)).result()
            others = parts.engine.search(index.store.collection, Query(vector, 6, EVERYTHING, EVERYTHING)).result()
            assert score == pytest.approx(max(value for _, value in others), abs=1e-4)


def test_points_that_did_not_arrive_are_noticed(
    parts: Parts, writer: IndexWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    upsert = parts.engine._upsert
    monkeypatch.setattr(parts.engine, "_upsert", lambda collection, points: upsert(collection, points[:-1]))
    mine = document()
    with pytest.raises(
        Unavailable, match="^The passages of this document were not all stored; it is tried again by itself.$"
    ):
        writer.write(mine, passages(mine))
    monkeypatch.undo()
    writer.write(mine, passages(mine))
    assert parts.index("personal", "bm25").store.ids() == ids(passages(mine))


def test_many_small_documents_share_their_batches(
    parts: Parts, writer: IndexWriter, openai_server: OpenAIServer
) -> None:
    many = [document(f"seed{number}", user=None) for number in range(6)]
    writer.write_many([(one, passages(one, 2)) for one in many])
    assert [len(request.body["input"]) for request in openai_server.requests] == [4, 4, 4]
    for index in parts.indexes.live("global"):
        assert index.store.count() == 12
        for one in many:
            assert index.store.ids(one.id) == ids(passages(one, 2))


# A remote model that fails


def test_a_remote_model_that_refuses_for_good_is_suspended_and_the_document_goes_on(
    parts: Parts, writer: IndexWriter, openai_server: OpenAIServer
) -> None:
    openai_server.script(key="another")
    mine = document()
    writer.write(mine, passages(mine))
    assert parts.index("personal", "bm25").store.ids() == ids(passages(mine))
    assert states(parts)["personal", "remote"] == BUILDING
    assert states(parts)["global", "remote"] == LIVE, "nothing is missing there"
    assert parts.indexes.missing("personal") == ["remote"]
    writer.write(mine, passages(mine))  # while it is suspended


def test_a_failure_that_passes_is_raised_for_another_attempt(
    parts: Parts, writer: IndexWriter, openai_server: OpenAIServer
) -> None:
    openai_server.script(status=500, times=99)
    mine = document()
    with pytest.raises(EmbeddingFailed):
        writer.write(mine, passages(mine))
    assert states(parts)["personal", "remote"] == LIVE
    writer.write_without_remote(mine, passages(mine))
    assert states(parts)["personal", "remote"] == BUILDING
    assert parts.index("personal", "bm25").store.ids() == ids(passages(mine))
    assert parts.index("personal", "remote").store.count() == 0


def test_a_required_model_is_never_left_out(parts: Parts, writer: IndexWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: Sequence[str]) -> Any:
        raise EmbeddingFailed("bm25", "broken", permanent=True)

    monkeypatch.setattr(parts.models.models[0], "_embed_passages", fail)
    mine = document()
    for write in (writer.write, writer.write_without_remote):
        with pytest.raises(EmbeddingFailed, match="broken"):
            write(mine, passages(mine))
    assert states(parts)["personal", "bm25"] == LIVE


# Filling


def test_filling_writes_what_is_missing_and_leaves_what_is_complete(
    parts: Parts, writer: IndexWriter, openai_server: OpenAIServer
) -> None:
    index = parts.index("personal", "remote")
    mine = document()
    writer.fill(index, mine, passages(mine))
    writer.fill(index, mine, passages(mine))
    assert len(openai_server.requests) == 1
    assert index.store.ids() == ids(passages(mine))
    index.store.delete_points([passages(mine)[0].chunk.id])
    writer.fill(index, mine, passages(mine))
    assert index.store.ids() == ids(passages(mine))


# Deleting


def test_delete_reaches_every_index_building_ones_and_those_of_models_switched_off(
    tmp_path: Path, openai_server: OpenAIServer
) -> None:
    parts = open_parts(tmp_path / "data", BM25, REMOTE, server=openai_server)
    mine, other = document(), document("other")
    writer = IndexWriter(parts.indexes)
    parts.indexes.go_live(parts.index("personal", "bm25"))  # the remote one is being built still
    for one in (mine, other):
        writer.write(one, passages(one))
    writer.delete("contract")
    assert [index.store.ids() for index in parts.indexes.writable("personal")] == [ids(passages(other))] * 2
    parts.close()
    parts = open_parts(tmp_path / "data", BM25, ABSENT)
    IndexWriter(parts.indexes).delete("other")
    IndexWriter(parts.indexes).delete("unknown")
    assert parts.engine.count("aim_personal_remote_1").result() == 0, "vectors of a deleted text are gone"
    parts.close()


def test_points_left_after_a_delete_are_noticed(
    parts: Parts, writer: IndexWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = document()
    writer.write(mine, passages(mine))
    monkeypatch.setattr(parts.engine, "_delete", lambda *_: None)
    with pytest.raises(Unavailable, match="could not all be removed; it is tried again by itself"):
        writer.delete("contract")
    monkeypatch.undo()
    writer.delete("contract")
    assert parts.index("personal", "bm25").store.count() == 0


def test_strays_of_other_documents_are_not_touched(parts: Parts, writer: IndexWriter) -> None:
    mine = document()
    index = parts.index("personal", "bm25")
    [vector] = index.model.embed_passages(["stray"])
    stray, foreign = (str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in ("stray", "foreign"))
    index.store.upsert([Point(stray, vector, "contract", "anna"), Point(foreign, vector, "elsewhere", "ben")])
    writer.write(mine, passages(mine))
    assert index.store.ids("contract") == ids(passages(mine))
    assert index.store.ids("elsewhere") == {foreign}
