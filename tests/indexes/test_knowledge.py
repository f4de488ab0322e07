from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from llama_index.core import VectorStoreIndex
from sqlmodel import select

from app.config import Settings
from app.db import Database
from app.errors import ConfigError
from app.indexes.edge_engine import EdgeEngine
from app.indexes.embeddings import OpenedModels, open_models
from app.indexes.engine import Engine
from app.indexes.knowledge import KnowledgeIndex, KnowledgeIndexes
from app.models import BUILDING, KB, LIVE, RETIRED, IndexGeneration, Stamp
from app.principal import TenantFilter, local_operator
from tests.conftest import settings_in
from tests.openai_server import OpenAIServer

BM25 = {"name": "bm25", "provider": "bm25", "model": "english", "enabled": True}
REMOTE = {"name": "remote", "provider": "openai", "model": "text-embedding-3-small", "enabled": True, "batch_size": 4}
# The remote model's row as it is while it cannot work: here, for want of weights.
ABSENT = {"name": "remote", "provider": "onnx", "model": "nobody/nothing", "enabled": "auto"}


@dataclass
class Parts:
    """What stands below a service: database, engine, models, indexes."""

    settings: Settings
    db: Database
    engine: Engine
    models: OpenedModels
    indexes: KnowledgeIndexes

    def index(self, kb: KB, model: str) -> KnowledgeIndex:
        return next(index for index in self.indexes.writable(kb) if index.model.name == model)

    def go_live(self) -> None:
        for index in self.indexes.building():
            self.indexes.go_live(index)

    def rows(self) -> list[tuple[str, str, int, str]]:
        """(kb, model, generation, state) of every pointer."""
        with self.db.reading() as session:
            rows = session.exec(select(IndexGeneration)).all()
        return sorted((row.kb, row.model, row.generation, row.state) for row in rows)

    def close(self) -> None:
        self.models.close()
        self.engine.close()
        self.db.close()


def open_parts(
    folder: Path, *rows: dict[str, Any], server: OpenAIServer | None = None, chunker: str = "1", **overrides: Any
) -> Parts:
    """Real parts over `folder`, which may have been opened and closed before."""
    llm = {
        "provider": "none",
        "api_key": "sk-test",
        "base_url": server.base_url if server else None,
        "timeout_seconds": 5,
    }
    settings = settings_in(folder, embeddings=list(rows), llm=llm, **overrides)
    folder.mkdir(exist_ok=True)
    db = Database(settings.database_url)
    db.migrate()
    engine = EdgeEngine(folder / "vectors")
    models = open_models(settings)
    parts = Parts(settings, db, engine, models, KnowledgeIndexes(db, engine, models, settings.vectors))
    try:
        parts.indexes.open(chunker)
    except BaseException:
        parts.close()
        raise
    return parts


Opening = Callable[..., Parts]


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Opening]:
    """Opens parts over one folder, closing the ones before."""
    current: list[Parts] = []

    def make(*rows: dict[str, Any], **options: Any) -> Parts:
        while current:
            current.pop().close()
        current.append(open_parts(tmp_path / "data", *rows, **options))
        return current[-1]

    yield make
    for parts in current:
        parts.close()


# Generations


def test_every_enabled_model_gets_an_index_of_each_kb(opening: Opening, openai_server: OpenAIServer) -> None:
    parts = opening(BM25, REMOTE, server=openai_server, vectors={"prefix": "demo"})
    assert parts.engine.collections().result() == [
        "demo_global_bm25_1",
        "demo_global_remote_1",
        "demo_personal_bm25_1",
        "demo_personal_remote_1",
    ]
    assert {row[3] for row in parts.rows()} == {BUILDING}
    assert len(parts.indexes.building()) == 4
    assert parts.indexes.live("personal") == []
    assert parts.indexes.missing("personal") == ["bm25", "remote"]
    parts.go_live()
    assert [index.model.name for index in parts.indexes.live("global")] == ["bm25", "remote"]
    assert (parts.indexes.missing("personal"), parts.indexes.building()) == ([], [])
    assert (
        parts.index("global", "remote").generation.dimension,
        parts.index("global", "bm25").generation.dimension,
    ) == (
        1536,
        0,
    )


def test_opening_again_changes_nothing(opening: Opening) -> None:
    parts = opening(BM25)
    parts.go_live()
    before, collections = parts.rows(), parts.engine.collections().result()
    parts = opening(BM25)
    assert parts.rows() == before == [("global", "bm25", 1, LIVE), ("personal", "bm25", 1, LIVE)]
    assert parts.engine.collections().result() == collections
    assert len(parts.indexes.live("personal")) == 1


def new_generation(parts: Parts, kb: KB = "personal", model: str = "bm25") -> KnowledgeIndex:
    """As `reindex` would leave it: a building one beside the live one."""
    row = parts.index(kb, model).generation
    number = row.generation + 1
    with parts.db.session() as session:
        session.add(
            IndexGeneration(
                kb=kb, model=model, generation=number, collection=f"aim_{kb}_{model}_{number}",
                dimension=row.dimension, fingerprint=row.fingerprint,
            )
        )  # fmt: skip
    parts.indexes.refresh()
    return next(index for index in parts.indexes.building() if index.kb == kb)


def test_going_live_retires_the_one_before_and_drops_its_vectors(opening: Opening) -> None:
    parts = opening(BM25)
    parts.go_live()
    old, new = parts.index("personal", "bm25"), new_generation(parts)
    assert [index.generation.generation for index in parts.indexes.writable("personal")] == [1, 2], "both are written"
    assert parts.indexes.live("personal") == [old]
    parts.indexes.go_live(new)
    assert [index.generation.generation for index in parts.indexes.live("personal")] == [2]
    parts.indexes.drop_retired()
    assert old.store.collection in parts.engine.collections().result(), "searches under way end well"
    parts.indexes.drop_retired()
    assert old.store.collection not in parts.engine.collections().result()
    assert new.store.collection in parts.engine.collections().result()
    assert parts.rows() == [
        ("global", "bm25", 1, LIVE),
        ("personal", "bm25", 1, RETIRED),
        ("personal", "bm25", 2, LIVE),
    ]


def test_a_collection_whose_dropping_was_cut_short_is_dropped_next_time(opening: Opening) -> None:
    parts = opening(BM25)
    parts.go_live()
    new = new_generation(parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts.engine, "_drop", lambda _: None)
        parts.indexes.go_live(new)
        parts.indexes.drop_retired(at_once=True)
    assert "aim_personal_bm25_1" in parts.engine.collections().result()
    assert "aim_personal_bm25_1" not in opening(BM25).engine.collections().result()


def test_a_suspended_index_leaves_the_searches_and_comes_back(opening: Opening) -> None:
    parts = opening(BM25)
    parts.go_live()
    index = parts.index("personal", "bm25")
    parts.indexes.suspend(index)
    assert parts.indexes.live("personal") == []
    assert parts.indexes.missing("personal") == ["bm25"]
    assert parts.indexes.missing("global") == []
    assert parts.indexes.building() == parts.indexes.writable("personal")
    parts.go_live()
    assert [one.store.collection for one in parts.indexes.live("personal")] == [index.store.collection]


def test_refresh_sees_pointers_that_another_process_moved(opening: Opening) -> None:
    parts = opening(BM25)
    parts.go_live()
    other = KnowledgeIndexes(parts.db, parts.engine, parts.models, parts.settings.vectors)
    other.open("1")
    kept = parts.index("global", "bm25")
    new_generation(Parts(parts.settings, parts.db, parts.engine, parts.models, other))
    other.go_live(other.building()[0])
    assert [index.generation.generation for index in parts.indexes.live("personal")] == [1], "not looked yet"
    parts.indexes.refresh()
    assert [index.generation.generation for index in parts.indexes.live("personal")] == [2]
    assert parts.index("global", "bm25") is kept, "what did not change keeps its LlamaIndex index"
    other.suspend(other.live("global")[0])
    parts.indexes.refresh()
    assert parts.indexes.live("global") == []


# What no longer fits


def change(parts: Parts, **values: Any) -> None:
    with parts.db.session() as session:
        for row in session.exec(select(IndexGeneration)).all():
            for name, value in values.items():
                setattr(row, name, value)


def test_live_vectors_of_another_version_of_a_model_stop_the_start(opening: Opening) -> None:
    parts = opening(BM25)
    parts.go_live()
    change(parts, fingerprint="older")
    with pytest.raises(ConfigError) as caught:
        opening(BM25)
    assert caught.value.sentence == (
        "The vectors of the embedding model 'bm25' were made by another version of it; run 'ai-manager reindex --model bm25'."
    )


def test_an_unfinished_index_of_another_version_is_begun_anew_and_goes_when_that_is_done(opening: Opening) -> None:
    change(opening(BM25), fingerprint="older")
    parts = opening(BM25)
    assert [index.generation.generation for index in parts.indexes.building()] == [2, 2]
    parts.go_live()
    parts.indexes.drop_retired(at_once=True)
    assert [row[2:] for row in parts.rows()] == [(1, RETIRED), (2, LIVE)] * 2
    assert parts.engine.collections().result() == ["aim_global_bm25_2", "aim_personal_bm25_2"]


def test_chunks_cut_by_other_rules_stop_the_start(opening: Opening) -> None:
    parts = opening(BM25, chunker="1-224")
    with parts.db.reading() as session:
        assert session.get_one(Stamp, "chunker").value == "1-224"
    with pytest.raises(ConfigError) as caught:
        opening(BM25, chunker="1-300")
    assert caught.value.sentence == (
        "The chunks were cut by other rules than these settings'; run 'ai-manager reindex --rechunk'."
    )
    opening(BM25, chunker="1-224")


# Models come and go


def test_a_model_that_is_switched_off_takes_its_collections_along(
    opening: Opening, openai_server: OpenAIServer
) -> None:
    opening(BM25, REMOTE, server=openai_server).go_live()
    parts = opening(BM25, REMOTE | {"enabled": False}, server=openai_server)
    assert parts.engine.collections().result() == ["aim_global_bm25_1", "aim_personal_bm25_1"]
    parts = opening(BM25, REMOTE, server=openai_server)
    assert {(row[1:]) for row in parts.rows() if row[1] == "remote"} == {
        ("remote", 1, RETIRED),
        ("remote", 2, BUILDING),
    }


def test_an_index_whose_model_could_not_work_is_completed_before_it_answers_again(
    opening: Opening, openai_server: OpenAIServer
) -> None:
    opening(BM25, REMOTE, server=openai_server).go_live()
    parts = opening(BM25, ABSENT)
    assert parts.indexes.missing("personal") == [], "it is not asked for"
    assert parts.indexes.asleep("personal") == ["aim_personal_remote_1"]
    assert [index.model.name for index in parts.indexes.live("personal")] == ["bm25"]
    parts = opening(BM25, REMOTE, server=openai_server)
    assert parts.indexes.asleep("personal") == []
    assert parts.indexes.missing("personal") == ["remote"], "documents may have come meanwhile"
    assert [(index.kb, index.model.name) for index in parts.indexes.building()] == [
        ("personal", "remote"),
        ("global", "remote"),
    ]


def test_a_model_that_cannot_be_opened_is_missing(opening: Opening) -> None:
    unknown = REMOTE | {"model": "unknown", "base_url": "http://127.0.0.1:9/v1"}
    parts = opening(BM25, unknown)
    parts.go_live()
    assert list(parts.indexes.broken) == ["remote"]
    assert parts.indexes.missing("personal") == parts.indexes.missing("global") == ["remote"]


def test_two_starts_at_once_make_each_pointer_once(opening: Opening) -> None:
    parts = opening(BM25)
    with parts.db.session() as session:
        for row in session.exec(select(IndexGeneration)).all():
            session.delete(row)
        session.delete(session.get_one(Stamp, "chunker"))
    several = [KnowledgeIndexes(parts.db, parts.engine, parts.models, parts.settings.vectors) for _ in range(4)]
    threads = [threading.Thread(target=indexes.open, args=("1",)) for indexes in several]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(parts.rows()) == 2
    assert all(len(indexes.building()) == 2 for indexes in several)


def test_a_start_that_lost_a_race_for_its_rows_looks_again(opening: Opening) -> None:
    """PostgreSQL lets two processes read before either writes; the second then breaks a unique key."""
    parts = opening(BM25)
    late = KnowledgeIndexes(parts.db, parts.engine, parts.models, parts.settings.vectors)
    change(parts, state=RETIRED)
    original = late._reconcile

    def beaten(chunker: str) -> None:
        late._reconcile = original  # type: ignore[method-assign]
        parts.indexes.open(chunker)  # the other process commits first
        with parts.db.session() as session:
            session.add(
                IndexGeneration(kb="personal", model="bm25", generation=1, collection="x", dimension=0, fingerprint="")
            )

    late._reconcile = beaten  # type: ignore[method-assign]
    late.open("1")
    assert len(late.building()) == 2
    assert [row[2] for row in parts.rows()] == [1, 2, 1, 2], "those the other one made"


# As LlamaIndex sees it


def test_each_index_is_a_llamaindex_index_that_asks_its_own_model(
    opening: Opening, openai_server: OpenAIServer
) -> None:
    from app.indexes.engine import Point

    parts = opening(BM25, REMOTE, server=openai_server)
    parts.go_live()
    texts = {"tour": "the tour starts in May", "fee": "the fee is paid at once"}
    vector_store_kwargs = {"tenant": TenantFilter.for_principal(local_operator("anna"))}
    for index in parts.indexes.live("personal"):
        vectors = index.model.embed_passages(list(texts.values()))
        ids = [str(uuid.uuid5(uuid.NAMESPACE_DNS, name)) for name in texts]
        index.store.upsert([Point(one, vector, "doc", "anna") for one, vector in zip(ids, vectors, strict=True)])
        assert isinstance(index.index, VectorStoreIndex)
        assert index.index is index.index
        retriever = index.index.as_retriever(similarity_top_k=1, vector_store_kwargs=vector_store_kwargs)
        assert [node.node_id for node in retriever.retrieve("when does the tour start")] == [ids[0]]
        assert [node.node_id for node in asyncio.run(retriever.aretrieve("what is the fee"))] == [ids[1]]
    asked = [request.body["input"] for request in openai_server.requests]
    assert [one for one in asked if len(one) == 1] == [["when does the tour start"], ["what is the fee"]]


def test_waiting_for_an_embedding_does_not_stop_the_event_loop(opening: Opening, openai_server: OpenAIServer) -> None:
    parts = opening(REMOTE, server=openai_server)
    release = threading.Event()
    model = parts.models.models[0]
    embed = model._embed_questions

    def slow(texts: Any) -> Any:
        assert release.wait(10)
        return embed(texts)

    model._embed_questions = slow  # type: ignore[method-assign]
    embedding = parts.index("personal", "remote").index._embed_model

    async def question() -> int:
        asking = asyncio.create_task(embedding.aget_query_embedding("tour"))
        await asyncio.sleep(0.05)  # with a blocked loop nobody would release it
        release.set()
        return len(await asking)

    assert asyncio.run(question()) == 1536
