from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from sqlalchemy import update
from sqlmodel import col

from app.indexes.engine import Query
from app.models import KB, Chunk, Intent
from app.principal import TenantFilter
from app.retrievers.knowledge import KnowledgeFusionRetriever, Retrieval
from tests.retrievers.library import artist, change, chunk_ids, put
from tests.retrievers.world import (
    INDUSTRY,
    MINE,
    MODELS,
    QUESTION,
    THEIRS,
    World,
    collections,
    documents,
    outcomes,
)


@pytest.mark.parametrize(
    ("intent", "signed_in", "kbs"),
    [
        ("personal", True, ["personal", "global"]),
        ("global", True, ["global"]),
        ("hybrid", True, ["personal", "global"]),
        ("personal", False, ["global"]),
        ("global", False, ["global"]),
        ("hybrid", False, ["global"]),
    ],
)
def test_retrieve_context(
    world: World, searches: list[tuple[str, Query]], intent: Intent, signed_in: bool, kbs: list[KB]
) -> None:
    """The table of design 2: which kbs are searched, with every model, and where the user filter stands."""
    asker = world.lena if signed_in else None
    retrieval = world.search(asker, intent)
    assert retrieval.trace.kbs == kbs
    assert retrieval.trace.intent == intent
    assert set(retrieval.trace.models) == set(MODELS)
    assert {collection for collection, _ in searches} == collections(world.library, kbs)
    personal = collections(world.library, ["personal"])
    for collection, query in searches:
        owner = world.lena.user_id if collection in personal else None
        assert query.scope.user_id == owner
        assert query.corpus.user_id == owner, "document frequencies are counted within the tenant"
    assert world.industry in documents(retrieval)
    assert (world.contract in documents(retrieval)) is ("personal" in kbs)
    assert world.his_contract not in documents(retrieval)
    assert {passage.kb for passage in retrieval.passages} == set(kbs)
    assert documents(retrieval) == {one.document.id for kb in kbs for one in retrieval.of(kb)}


def test_two_users_never_meet(world: World) -> None:
    """Not in the passages, and not among the candidates either."""
    for asker, own, other in (
        (world.lena, world.contract, world.his_contract),
        (world.omar, world.his_contract, world.contract),
    ):
        for question in (QUESTION, MINE, THEIRS):
            retrieval = world.search(asker, question=question)
            assert documents(retrieval) >= {own, world.industry}
            seen = set(outcomes(retrieval))
            assert seen.isdisjoint(chunk_ids(world.library.services, other))


def test_the_global_kb_is_the_same_for_everybody(world: World) -> None:
    found = [
        [one.chunk.id for one in world.search(asker, "global").passages] for asker in (world.lena, world.omar, None)
    ]
    assert found[0] == found[1] == found[2]


def test_an_empty_principal_is_no_tenant(world: World) -> None:
    with pytest.raises(TypeError):
        TenantFilter(world.lena.user_id)


def test_an_artists_scope_holds_theirs_and_what_is_for_all(world: World) -> None:
    services, lena = world.library.services, world.lena
    ferry, kite = artist(services, lena, "Night Ferry"), artist(services, lena, "Paper Kite")
    hers = put(services, "Night Ferry owes the manager a commission of nine percent.", owner=lena, artist_id=ferry)
    other = put(services, "Paper Kite owes the manager a commission of eight percent.", owner=lena, artist_id=kite)
    found = world.search(lena, artist_id=ferry)
    assert documents(found) >= {hers, world.contract, world.industry}
    assert other not in documents(found)
    assert documents(world.search(lena)) >= {hers, other, world.contract}
    # The payload of the points still says Night Ferry: SQL decides.
    change(services, hers, artist_id=kite)
    moved = world.search(lena, artist_id=ferry)
    assert hers not in documents(moved)
    assert [outcomes(moved)[one] for one in chunk_ids(services, hers)] == ["dropped"]
    assert moved.trace.dropped >= 1


def test_chosen_documents_limit_both_kbs(world: World) -> None:
    second = put(world.library.services, "The commission rises to nineteen percent.", owner=world.lena)
    assert documents(world.search(world.lena)) >= {second, world.contract, world.industry}
    assert documents(world.search(world.lena, documents=[second])) == {second}
    assert documents(world.search(world.lena, documents=[second, world.industry])) == {second, world.industry}
    assert documents(world.search(world.lena, documents=[world.his_contract])) == set()
    assert world.search(world.lena, documents=[]).trace.candidates == []
    assert documents(world.search(None, documents=[world.industry])) == {world.industry}


@pytest.mark.parametrize("way", ["deleting", "failed", "stored", "indexing", "version", "owner", "kb"])
def test_what_sql_does_not_allow_is_dropped(world: World, way: str) -> None:
    """Points may outlive what SQL says of their document: a crash, a deletion under way, another process."""
    services = world.library.services
    document = put(services, "The Manager takes a commission of eleven percent.", owner=world.lena)
    assert document in documents(world.search(world.lena))
    values: dict[str, Any] = {"status": way}
    if way == "version":
        values = {"version": 2}
    if way == "owner":
        values = {"user_id": world.omar.user_id}
    if way == "kb":
        values = {"kb": "global", "user_id": None}
    change(services, document, **values)
    retrieval = world.search(world.lena)
    assert document not in documents(retrieval)
    assert [outcomes(retrieval)[one] for one in chunk_ids(services, document)] == ["dropped"]
    assert retrieval.trace.dropped >= 1
    assert world.contract in documents(retrieval), "the others stay"
    change(services, document, status="deleting", kb="personal", user_id=world.lena.user_id)


def test_sync_and_async_find_the_same(world: World) -> None:
    retriever = world.library.retriever(world.lena)
    one, two = retriever.search(QUESTION), asyncio.run(retriever.asearch(QUESTION))
    assert [passage.fused for passage in one.passages] == [passage.fused for passage in two.passages]
    assert one.trace.candidates == two.trace.candidates
    assert one.trace.id != two.trace.id


def test_many_at_once_each_get_their_own(world: World) -> None:
    async def scene() -> list[Retrieval]:
        askers = [world.lena, world.omar] * 10
        return await asyncio.gather(*(world.library.retriever(asker).asearch(QUESTION) for asker in askers))

    for number, retrieval in enumerate(asyncio.run(scene())):
        own, other = (world.contract, world.his_contract)[:: -1 if number % 2 else 1]
        assert own in documents(retrieval)
        assert other not in documents(retrieval)


def test_sql_decides_to_which_document_a_passage_belongs(world: World) -> None:
    services = world.library.services
    named, other = (put(services, f"The commission of deal {n} is nine percent.", owner=world.lena) for n in (1, 2))
    [moved] = chunk_ids(services, named)
    with services.db.session() as session:
        session.execute(update(Chunk).where(col(Chunk.id) == moved).values(document_id=other, number=7))
    retrieval = world.search(world.lena, documents=[named])
    assert retrieval.passages == []
    assert outcomes(retrieval) == {moved: "dropped"}


def test_it_is_a_llama_index_retriever(world: World) -> None:
    retriever: KnowledgeFusionRetriever = world.library.retriever(world.lena, "personal")
    passages = retriever.search(QUESTION).passages
    for nodes in (retriever.retrieve(QUESTION), asyncio.run(retriever.aretrieve(QUESTION))):
        assert [node.node.node_id for node in nodes] == [passage.chunk.id for passage in passages]
        [mine] = [node for node in nodes if node.node.metadata["document_id"] == world.contract]
        assert mine.text == MINE
        assert mine.node.metadata["title"] == "Harbour Lane agreement"
        assert (mine.node.metadata["kb"], mine.node.metadata["page"], mine.node.metadata["start"]) == ("personal", 1, 0)
        assert mine.score


def test_the_trace_tells_what_was_done_and_holds_no_text(world: World) -> None:
    trace = world.search(world.lena, top_k=1).trace
    assert set(trace.milliseconds) == {"embed", "search", "fuse", "check", "rerank", "choose"}
    assert all(value >= 0 for value in trace.milliseconds.values())
    assert [row["outcome"] for row in trace.candidates].count("prompt") == 1
    assert all(row["ranks"].keys() <= set(MODELS) for row in trace.candidates)
    body = json.dumps(trace.body())
    assert MINE not in body
    assert INDUSTRY not in body
