from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.retrievers import VectorIndexRetriever
from llama_index.core.schema import NodeRelationship, NodeWithScore, RelatedNodeInfo, TextNode
from llama_index.core.vector_stores.types import VectorStoreQuery

from app.errors import Unauthorized
from app.indexes.edge_engine import EdgeEngine
from app.indexes.embeddings import EmbeddingModel, open_models
from app.indexes.engine import Engine, Point
from app.indexes.knowledge import KnowledgeIndex
from app.indexes.store import KnowledgeStore
from app.models import KB, IndexGeneration
from app.principal import TenantFilter, local_operator, system
from tests.conftest import settings_in

TEXTS = {
    "term": "The term of this agreement is three years.",
    "commission": "The manager receives a commission of twenty percent.",
    "tour": "The tour starts in Bristol and ends in Lisbon.",
    "duo": "The duo shares the royalties of the album equally.",
}
QUESTION = "What commission does the manager receive?"

Both = dict[str, EmbeddingModel]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Both]:
    opened = open_models(settings_in(tmp_path_factory.mktemp("data"), models_dir))
    yield {model.name: model for model in opened.models}
    opened.close()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    made = EdgeEngine(tmp_path / "vectors")
    yield made
    made.close()


def identity(user: str, name: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{user} {name}"))


def store_of(engine: Engine, model: EmbeddingModel, kb: KB = "personal") -> KnowledgeStore:
    collection = f"{kb}_{model.name}"
    engine.create(collection, model.dimension, tenant=kb == "personal").result()
    return KnowledgeStore(engine, model, kb, collection)


def write(
    store: KnowledgeStore, model: EmbeddingModel, user: str, texts: dict[str, str] = TEXTS, artist: str = ""
) -> None:
    vectors = model.embed_passages(list(texts.values()))
    names = zip(texts, vectors, strict=True)
    store.upsert([Point(identity(user, name), vector, f"{user}-{name}", user, artist) for name, vector in names])


@pytest.fixture(params=["minilm", "bm25"])
def model(request: pytest.FixtureRequest, models: Both) -> EmbeddingModel:
    return models[request.param]


@pytest.fixture
def store(engine: Engine, model: EmbeddingModel) -> KnowledgeStore:
    """Anna's and Ben's same four passages in the personal kb."""
    made = store_of(engine, model)
    write(made, model, "anna")
    write(made, model, "ben")
    return made


def tenant(user: str = "anna", artist: str | None = None, documents: Sequence[str] | None = None) -> TenantFilter:
    chosen = tuple(documents) if documents is not None else None
    return TenantFilter.for_principal(local_operator(user), artist_id=artist, document_ids=chosen)


# Nobody searches the personal kb without saying who they are


def test_a_personal_search_without_a_tenant_raises(store: KnowledgeStore, model: EmbeddingModel) -> None:
    vector = model.embed_question(QUESTION).result()
    nobody: Any = SimpleNamespace(user_id="", artist_id=None, document_ids=None)
    for one in (None, nobody):
        with pytest.raises(Unauthorized, match="signed-in user only"):
            store.search(vector, 5, one)
        with pytest.raises(Unauthorized):
            store.query(VectorStoreQuery(query_str=QUESTION, similarity_top_k=5), tenant=one)
        with pytest.raises(Unauthorized):
            asyncio.run(store.aquery(VectorStoreQuery(query_str=QUESTION, similarity_top_k=5), tenant=one))
    with pytest.raises(Unauthorized):
        index_of(store, model).as_retriever().retrieve(QUESTION)
    with pytest.raises(Unauthorized):
        asyncio.run(index_of(store, model).as_retriever().aretrieve(QUESTION))


def test_no_tenant_filter_is_made_for_nobody_or_the_system() -> None:
    for principal in (None, system("seed")):
        with pytest.raises(Unauthorized):
            TenantFilter.for_principal(principal)
    with pytest.raises(Unauthorized):
        local_operator("")


# Through LlamaIndex


def index_of(store: KnowledgeStore, model: EmbeddingModel) -> VectorStoreIndex:
    row = IndexGeneration(
        kb=store.kb, model=model.name, generation=1, collection=store.collection, dimension=0, fingerprint=""
    )
    return KnowledgeIndex("personal", model, row, store).index


def ids(nodes: Sequence[NodeWithScore]) -> list[str]:
    return [node.node_id for node in nodes]


def test_a_llamaindex_retriever_finds_ones_own_passages_in_both_colours(
    store: KnowledgeStore, model: EmbeddingModel
) -> None:
    for user in ("anna", "ben"):
        retriever = index_of(store, model).as_retriever(
            similarity_top_k=4, vector_store_kwargs={"tenant": tenant(user)}
        )
        found = retriever.retrieve(QUESTION)
        assert ids(found)[0] == identity(user, "commission")
        assert set(ids(found)) <= {identity(user, name) for name in TEXTS}
        scores = [node.score or 0.0 for node in found]
        assert scores == sorted(scores, reverse=True)
        assert ids(asyncio.run(retriever.aretrieve(QUESTION))) == ids(found)


def test_ids_asked_for_limit_a_retriever(store: KnowledgeStore, model: EmbeddingModel) -> None:
    chosen = [identity("anna", "tour"), identity("anna", "term"), identity("ben", "commission")]
    retriever = VectorIndexRetriever(
        index_of(store, model), similarity_top_k=4, node_ids=chosen, vector_store_kwargs={"tenant": tenant()}
    )
    assert set(ids(retriever.retrieve("the term of the tour"))) == set(chosen[:2])


def test_llamaindex_inserts_and_deletes_nodes(engine: Engine, models: Both) -> None:
    store = store_of(engine, models["minilm"])
    index = index_of(store, models["minilm"])
    for name, text in TEXTS.items():
        metadata = {"document_id": f"anna-{name}", "user_id": "anna"}
        node = TextNode(id_=identity("anna", name), text=text, metadata=metadata)
        node.excluded_embed_metadata_keys = list(metadata)
        node.relationships[NodeRelationship.SOURCE] = RelatedNodeInfo(node_id=f"anna-{name}")
        index.insert_nodes([node])
    retriever = index.as_retriever(similarity_top_k=1, vector_store_kwargs={"tenant": tenant()})
    assert ids(retriever.retrieve(QUESTION)) == [identity("anna", "commission")]
    index.delete_ref_doc("anna-commission")
    assert store.count() == 3
    assert ids(retriever.retrieve(QUESTION)) != [identity("anna", "commission")]


def test_a_sparse_store_ignores_an_embedding_of_another_model(engine: Engine, models: Both) -> None:
    store = store_of(engine, models["bm25"])
    write(store, models["bm25"], "anna")
    assert not store.is_embedding_query
    query = VectorStoreQuery(query_embedding=[1.0] * 384, query_str=QUESTION, similarity_top_k=1)
    assert store.query(query, tenant=tenant()).ids == [identity("anna", "commission")]
    stock = VectorStoreIndex.from_vector_store(store, embed_model=MockEmbedding(3))
    retriever = stock.as_retriever(similarity_top_k=1, vector_store_kwargs={"tenant": tenant()})
    assert ids(retriever.retrieve(QUESTION)) == [identity("anna", "commission")]


# Scopes


def search(
    store: KnowledgeStore, model: EmbeddingModel, who: TenantFilter | None, question: str = QUESTION, **limits: Any
) -> set[str]:
    return {one for one, _ in store.search(model.embed_question(question).result(), 20, who, **limits).result()}


def test_artist_documents_and_single_passages_limit_a_search(store: KnowledgeStore, model: EmbeddingModel) -> None:
    write(store, model, "anna", {"duo": TEXTS["duo"]}, artist="duo")
    write(store, model, "anna", {"solo": "The manager and the solo artist receive the commission."}, artist="solo")
    everything = "term commission manager tour duo royalties agreement"
    mine = {identity("anna", name) for name in (*TEXTS, "solo")}
    assert search(store, model, tenant(), everything) == mine
    assert search(store, model, tenant(artist="duo"), everything) == mine - {identity("anna", "solo")}
    assert search(store, model, tenant(artist="solo"), everything) == mine - {identity("anna", "duo")}
    some = tenant(documents=["anna-term", "anna-tour", "ben-term"])
    assert search(store, model, some, everything) == {identity("anna", "term"), identity("anna", "tour")}
    assert search(store, model, tenant(documents=[]), everything) == set()
    among = [identity("anna", "duo"), identity("ben", "duo")]
    assert search(store, model, tenant(), everything, among=among) == {identity("anna", "duo")}


def test_the_global_kb_needs_no_tenant_and_is_limited_by_documents(engine: Engine, model: EmbeddingModel) -> None:
    store = store_of(engine, model, "global")
    vectors = model.embed_passages(list(TEXTS.values()))
    store.upsert([Point(identity("", name), vector, name) for name, vector in zip(TEXTS, vectors, strict=True)])
    everything = "term commission manager tour duo royalties agreement"
    assert search(store, model, None, everything) == {identity("", name) for name in TEXTS}
    assert search(store, model, tenant(), everything) == {identity("", name) for name in TEXTS}
    limited = search(store, model, None, everything, documents=["tour", "term"])
    assert limited == {identity("", "tour"), identity("", "term")}
    assert search(store, model, None, everything, documents=[]) == set()


def test_other_users_words_do_not_change_ones_own_scores(engine: Engine, models: Both) -> None:
    model = models["bm25"]
    store = store_of(engine, model)
    write(store, model, "anna")
    vector = model.embed_question("commission of the tour").result()
    for who in (tenant(), tenant(artist="duo"), tenant(documents=["anna-tour", "anna-commission"])):
        before = dict(store.search(vector, 10, who).result())
        write(store, model, "ben", {f"page {number}": "commission commission" for number in range(50)})
        assert dict(store.search(vector, 10, who).result()) == pytest.approx(before, abs=1e-6)
        store.delete_points([identity("ben", f"page {number}") for number in range(50)])
    scores = store.search(vector, 10, tenant(documents=["anna-tour"])).result()
    whole = dict(store.search(vector, 10, tenant()).result())
    assert scores[0][1] == pytest.approx(whole[identity("anna", "tour")], abs=1e-6), (
        "counted over all of Anna's, not the chosen"
    )


# Writing


def test_every_personal_point_has_an_owner_and_no_global_one(engine: Engine, models: Both) -> None:
    model = models["bm25"]
    [vector] = model.embed_passages(["tour"])
    personal, shared = store_of(engine, model), store_of(engine, model, "global")
    owned, unowned = Point(identity("", "1"), vector, "doc", "anna"), Point(identity("", "2"), vector, "doc")
    for store, good, bad in ((personal, owned, unowned), (shared, unowned, owned)):
        with pytest.raises(ValueError, match="user_id"):
            store.upsert([good, bad])
        assert store.count() == 0, "nothing of it was written"
        assert store.upsert([good]) == [good.id]


def test_counting_listing_and_deleting_by_document(store: KnowledgeStore) -> None:
    assert (store.count(), store.count("anna-term"), store.count("unknown")) == (8, 1, 0)
    assert store.ids("anna-term") == {identity("anna", "term")}
    store.delete("anna-term")
    assert (store.count(), store.ids("anna-term")) == (7, set())
    store.delete_points([])  # nothing, not everything
    assert store.count() == 7
    store.delete_points([identity("ben", "term")])
    assert store.count("ben-term") == 0
