from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.config import CrossEncoderSettings
from app.indexes.cross_encoder import AbsentCrossEncoder, CrossEncoder, OnnxCrossEncoder, PairScorer
from app.main import build_services
from app.principal import Principal
from app.retrievers.cross import _text, mixed
from app.retrievers.knowledge import KnowledgeFusionRetriever, Retrieval
from app.retrievers.passages import Passage
from app.services.services import Services
from tests.conftest import settings_in
from tests.retrievers.library import passage, person, put
from tests.retrievers.world import QUESTION, World
from tests.tiny_cross import MAX_TOKENS, TinyCross, tiny_cross

__all__ = ["tiny_cross"]

CLAUSES = (
    "The manager takes a commission of seventeen percent of gross income.",
    "The label takes a fee of ten percent of merchandise income.",
    "The commission of the manager on tour income is twenty percent.",
    "Royalties on a record are shared; the manager takes ten percent.",
    "The artist pays the studio; who takes what is shared.",
    "The term is twenty months and the commission does not change.",
)


@pytest.fixture(scope="module")
def asker(world: World) -> Principal:
    """Somebody with a document for each clause, of their own so that no other test meets them."""
    services = world.library.services
    one = person(services)
    for number, clause in enumerate(CLAUSES):
        put(services, clause, title=f"Deal {number}", owner=one)
    return one


@pytest.fixture
def encoder(tiny_cross: TinyCross) -> Iterator[OnnxCrossEncoder]:
    made = tiny_cross.encoder()
    yield made
    made.close()


def retriever(world: World, asker: Principal, encoder: CrossEncoder | None, **row: Any) -> KnowledgeFusionRetriever:
    settings = CrossEncoderSettings.model_validate({"enabled": True, "seconds": 10, **row})
    searcher = replace(world.library.searcher(cross_encoder=settings), cross_encoder=encoder)
    return world.library.retriever(asker, "personal", searcher=searcher, top_k=20)


def order(retrieval: Retrieval) -> list[str]:
    """Chunk ids as the second pass left them."""
    rows = [row for row in retrieval.trace.candidates if row["reranked"]]
    return [row["chunk_id"] for row in sorted(rows, key=lambda row: row["reranked"])]


def test_it_orders_the_first_anew_and_leaves_the_rest_behind(
    world: World, asker: Principal, encoder: OnnxCrossEncoder, tiny_cross: TinyCross
) -> None:
    before = retriever(world, asker, None).search(QUESTION)
    after = retriever(world, asker, encoder, weight=1, candidates=4).search(QUESTION)
    first = [one for place in order(before)[:4] for one in before.passages if one.chunk.id == place]
    texts = [_text(one) for one in first]
    alone = PairScorer(tiny_cross.exported, max_tokens=MAX_TOKENS).score(QUESTION, texts)
    expected = [first[place].chunk.id for place in np.argsort(-alone)]
    assert expected != order(before)[:4], "it disagrees with the second pass, or this test shows nothing"
    assert order(after) == expected + order(before)[4:]
    assert (before.trace.second_pass, after.trace.second_pass) == ("linear", "linear, cross-encoder")
    assert after.trace.missing == before.trace.missing == []
    own = [one for one in after.passages if one.kb == "personal"]
    assert [one.chunk.id for one in own] == [one for one in order(after) if one in {each.chunk.id for each in own}]
    assert {one.chunk.id: one.relevance for one in after.passages} == {
        one.chunk.id: one.relevance for one in before.passages
    }, "the floor is the second pass's alone"


def test_async_gives_the_same(world: World, asker: Principal, encoder: OnnxCrossEncoder) -> None:
    one = retriever(world, asker, encoder)
    assert order(asyncio.run(one.asearch(QUESTION))) == order(one.search(QUESTION))


def failed_open(world: World, asker: Principal, retrieval: Retrieval, why: str) -> None:
    before = retriever(world, asker, None).search(QUESTION)
    assert order(retrieval) == order(before)
    assert [(one.chunk.id, one.fused.score) for one in retrieval.passages] == [
        (one.chunk.id, one.fused.score) for one in before.passages
    ]
    assert retrieval.trace.second_pass == f"linear, cross-encoder failed ({why})"
    assert retrieval.trace.missing == ["cross-encoder"]


def test_where_it_breaks_the_order_before_stands(
    world: World, asker: Principal, encoder: OnnxCrossEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise FloatingPointError

    monkeypatch.setattr(encoder._scorer, "score", broken)
    failed_open(world, asker, retriever(world, asker, encoder).search(QUESTION), "FloatingPointError")


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_where_it_takes_too_long_it_is_not_waited_for(
    world: World, asker: Principal, encoder: OnnxCrossEncoder, colour: str
) -> None:
    released = threading.Event()
    encoder._lane.submit(released.wait, 20)  # its one thread is taken
    late = retriever(world, asker, encoder, seconds=0.05)
    start = time.perf_counter()
    retrieval = late.search(QUESTION) if colour == "sync" else asyncio.run(late.asearch(QUESTION))
    spent = time.perf_counter() - start
    released.set()
    assert spent < 4, "less than any other stage may take"
    failed_open(world, asker, retrieval, "TimeoutError")


def test_without_its_weights_the_order_before_stands(world: World, asker: Principal) -> None:
    absent = AbsentCrossEncoder("Its weights are not on this machine.")
    failed_open(world, asker, retriever(world, asker, absent).search(QUESTION), "Unavailable")


def test_without_the_second_pass_it_is_not_asked(world: World, asker: Principal) -> None:
    searcher = world.library.searcher(second_pass=False)
    searcher = replace(searcher, cross_encoder=AbsentCrossEncoder("never asked"))
    retrieval = world.library.retriever(asker, "personal", searcher=searcher).search(QUESTION)
    assert (retrieval.trace.second_pass, retrieval.trace.missing) == ("off", [])


def parts(services: Services) -> dict[str, Any]:
    components: dict[str, Any] = asyncio.run(services.health.report())["components"]
    return components


def test_services_start_without_its_weights_and_health_says_why(tmp_path: Path, models_dir: Path) -> None:
    row = {"enabled": True, "model": "somebody/absent"}
    settings = settings_in(tmp_path, models_dir, llm={"provider": "none"}, retrieval={"cross_encoder": row})
    made = build_services(settings, seed=False)
    try:
        assert parts(made)["cross_encoder"]["status"] == "down"
        assert "put the folder of somebody/absent at" in parts(made)["cross_encoder"]["detail"]
    finally:
        made.close()


def test_services_open_it_where_it_is_enabled(tmp_path: Path, models_dir: Path, tiny_cross: TinyCross) -> None:
    """The export of the session is put where the services look for it."""
    models = tmp_path / "models"
    models.mkdir()
    for folder in (*models_dir.iterdir(), tiny_cross.exported):
        (models / folder.name).symlink_to(folder)
    row = tiny_cross.row().model_dump()
    settings = settings_in(tmp_path / "data", models, llm={"provider": "none"}, retrieval={"cross_encoder": row})
    made = build_services(settings, seed=False)
    try:
        assert isinstance(made.search._searcher.cross_encoder, OnnxCrossEncoder)
        assert parts(made)["cross_encoder"]["status"] == "ok"
    finally:
        made.close()


def test_services_have_none_by_default(world: World) -> None:
    services = world.library.services
    assert services.search._searcher.cross_encoder is None
    assert "cross_encoder" not in parts(services)


def scored(*scores: float) -> list[Passage]:
    made = [passage(f"text {number}") for number in range(len(scores))]
    return [replace(one, fused=replace(one.fused, score=score)) for one, score in zip(made, scores, strict=True)]


@pytest.mark.parametrize(
    ("weight", "expected"),
    [(1.0, [2, 0, 1]), (0.05, [0, 1, 2]), (0.5, [0, 2, 1])],
)
def test_the_mix_is_convex_over_standardised_scores(weight: float, expected: list[int]) -> None:
    before = scored(1.0, 0.5, 0.25, 0.2, 0.1)
    after = mixed(before, np.array([30.0, -100.0, 60.0]), weight)
    assert [before.index(next(one for one in before if one.chunk is row.chunk)) for row in after] == [*expected, 3, 4]
    scores = [row.fused.score for row in after]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == len(scores), "equal ones would let the quotas change the order"
    assert scores[0] == 1.0
    assert scores[-1] > 0


def test_scores_that_tell_nothing_change_nothing() -> None:
    before = scored(1.0, 0.5, 0.25)
    assert [one.chunk.id for one in mixed(before, np.zeros(3), 0.5)] == [one.chunk.id for one in before]
    assert [one.chunk.id for one in mixed(before, np.zeros(3), 1.0)] == [one.chunk.id for one in before]
