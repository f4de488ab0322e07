from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.indexes.engine import Query
from app.models import Intent
from app.principal import Principal, system
from tests.retrievers.library import artist, chunk_ids, person, put
from tests.retrievers.world import (
    MINE,
    MODELS,
    OTHER,
    QUESTION,
    World,
    documents,
    outcomes,
)


def test_equal_texts_are_merged_only_within_kb_and_artist(world: World) -> None:
    services, lena = world.library.services, person(world.library.services)
    kite = artist(services, lena, "Paper Kite")
    text = "The notice period of the Sandpiper licence is ninety days."
    one, two = put(services, text, owner=lena), put(services, text, owner=lena)
    near = put(services, text.replace("ninety", "thirty"), owner=lena)
    theirs = put(services, text, owner=lena, artist_id=kite)
    shared = put(services, text)
    retrieval = world.search(lena, question="What is the notice period of the Sandpiper licence?", top_k=20)
    found = documents(retrieval)
    assert len(found & {one, two}) == 1
    assert found >= {near, theirs, shared}
    [merged] = {one, two} - found
    assert outcomes(retrieval)[chunk_ids(services, merged)[0]] == "same_text"


@pytest.fixture(scope="module")
def crowded(world: World) -> Iterator[Principal]:
    """Someone with eight papers on a subject of which the industry has eight pages."""
    services, mara = world.library.services, person(world.library.services)
    for number in range(8):
        put(services, f"Clause {number}: the Gannet festival pays its fee in part {number}.", owner=mara)
    pages = [put(services, f"Rule {number}: the Gannet festival pays fees in part {number}.") for number in range(8)]
    yield mara
    for page in pages:
        services.documents.delete(system("test"), page)
    services.ingestion.run_all()


@pytest.mark.parametrize(("intent", "personal"), [("personal", 6), ("hybrid", 4), ("global", 0)])
def test_the_intent_sets_how_many_places_each_kb_gets(
    world: World, crowded: Principal, intent: Intent, personal: int
) -> None:
    retrieval = world.search(crowded, intent, "When does the Gannet festival pay?", top_k=8)
    assert len(retrieval.of("personal")) == personal
    assert len(retrieval.of("global")) == 8 - personal
    scores = [passage.fused.score for passage in retrieval.passages]
    assert scores == sorted(scores, reverse=True)
    counted = list(outcomes(retrieval).values())
    assert counted.count("prompt") == 8
    assert "cut" in counted or intent == "global"


def test_a_small_personal_kb_is_not_crowded_out(world: World, crowded: Principal) -> None:
    """With two candidates of each index, those of the kb whose scores are lower still come to the choice."""
    alone = put(world.library.services, "Mara once played a festival.", owner=(mara := person(world.library.services)))
    searcher = world.library.searcher(candidates=2)
    retrieval = world.search(mara, question="When does the Gannet festival pay?", searcher=searcher, top_k=2)
    assert alone in documents(retrieval)


def test_the_floor_leaves_nothing_where_nothing_is_near(world: World) -> None:
    question = "How do I prune an apple tree in winter?"
    retrieval = world.search(world.lena, question=question, floor=True)
    assert retrieval.passages == []
    assert set(outcomes(retrieval).values()) <= {"below_floor", "same_text", "dropped"}
    assert "below_floor" in outcomes(retrieval).values()
    assert world.search(world.lena, question=question, floor=False).passages, "plain search shows it all the same"
    assert documents(world.search(world.lena, floor=True)) >= {world.contract, world.industry}


def test_the_floor_judges_each_kb_by_its_best_passage(world: World) -> None:
    services, mara = world.library.services, person(world.library.services)
    far = put(services, OTHER, owner=mara)
    assert documents(world.search(mara, floor=False)) >= {far, world.industry}
    with_margin = world.library.searcher(floor_margin=2.0)
    found = documents(world.search(mara, floor=True, searcher=with_margin))
    assert world.industry in found
    assert far not in found, "the industry's good passage does not lift it"
    near = put(services, MINE, owner=mara)
    assert documents(world.search(mara, floor=True, searcher=with_margin)) >= {far, near}
    assert far not in documents(world.search(mara, floor=True))


def test_words_that_no_document_holds_find_by_meaning(world: World) -> None:
    """BM25 then has no hit at all."""
    retrieval = world.search(world.lena, question="Wieviel verdient mein Betreuer?")
    assert retrieval.passages
    assert all("bm25" not in passage.fused.ranks for passage in retrieval.passages)


def test_what_one_model_missed_gets_its_similarity_too(world: World) -> None:
    """With calibrated scores every model of its kb scores a candidate; its ranks stay those of the searches."""
    retrieval = world.search(world.lena, question=OTHER, searcher=world.library.searcher(candidates=1))
    rows = [row for row in retrieval.trace.candidates if len(row["ranks"]) < len(MODELS)]
    assert rows
    assert all(set(row["similarities"]) >= {"minilm", "remote"} for row in rows)


def test_ranks_alone_ask_no_second_time(world: World, searches: list[tuple[str, Query]]) -> None:
    retrieval = world.search(world.lena, searcher=world.library.searcher(fusion="rrf"))
    assert retrieval.trace.fusion == "rrf"
    assert len(searches) == 2 * len(MODELS)
    assert documents(retrieval) >= {world.contract, world.industry}


def test_a_question_is_embedded_once_per_model(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    for model in world.library.services.indexes.models:

        def spy(texts: Any, embed: Any = model._embed_questions, name: str = model.name) -> Any:
            asked.append(name)
            return embed(texts)

        monkeypatch.setattr(model, "_embed_questions", spy)
    question = world.library.fresh(QUESTION)
    world.search(world.lena, question=question)
    assert sorted(asked) == sorted(MODELS)
    world.search(world.omar, question=question)
    assert len(asked) == len(MODELS), "and kept"


def test_chosen_neighbours_are_joined_for_a_prompt_alone(world: World) -> None:
    services, mara = world.library.services, person(world.library.services)
    lines = [
        f"Article {n}: the Petrel festival pays part {n} of its fee in month {n} of the season." for n in range(40)
    ]
    text = "\n".join(lines)
    put(services, text, title="Petrel deal", owner=mara)
    question = "When does the Petrel festival pay its fee?"
    apart = world.search(mara, "personal", question, top_k=8)
    together = world.search(mara, "personal", question, top_k=8, join=True)
    assert len(apart.of("personal")) > len(together.of("personal")) == 1
    [one] = together.of("personal")
    assert one.chunk.text == text[one.chunk.start : one.chunk.end]
    assert {chunk.id for chunk in one.chunks} == {passage.chunk.id for passage in apart.of("personal")}
    assert list(outcomes(together).values()) == list(outcomes(apart).values()), "the trace tells of chunks"


def test_the_trace_tells_each_rank_on_the_way(world: World) -> None:
    retrieval = world.search(world.lena, top_k=20)
    assert retrieval.trace.second_pass == "linear"
    rows = retrieval.trace.candidates
    assert [row["fused"] for row in rows] == list(range(1, len(rows) + 1))
    places = {row["chunk_id"]: row["reranked"] for row in rows}
    assert [places[passage.chunk.id] for passage in retrieval.passages] == sorted(
        place for place in places.values() if place is not None
    )[: len(retrieval.passages)]
    assert all(0 <= row["relevance"] <= 1 for row in rows if row["reranked"])
