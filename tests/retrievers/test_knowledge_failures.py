from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from app.db import Database
from app.errors import Unavailable
from app.indexes.engine import Query
from app.models import KB, Intent
from app.principal import Principal
from tests.retrievers.library import person
from tests.retrievers.world import (
    MODELS,
    QUESTION,
    World,
    documents,
    outcomes,
)


def test_a_broken_model_is_named_and_the_others_answer(world: World) -> None:
    """A real refusal over HTTP; the other two models carry the search."""
    world.library.remote.script(status=401, times=99)
    try:
        retrieval = world.search(world.lena, question=world.library.fresh(QUESTION))
    finally:
        world.library.remote.script()
    assert retrieval.trace.missing == ["remote"]
    assert set(retrieval.trace.models) == {"minilm", "bm25"}
    assert documents(retrieval) >= {world.contract, world.industry}
    assert all("remote" not in passage.fused.ranks for passage in retrieval.passages)
    again = world.search(world.lena, question=world.library.fresh(QUESTION))
    assert again.trace.missing == [], "the next question asks it again"


@pytest.mark.parametrize("model", MODELS)
def test_any_one_model_may_be_missing(world: World, fail: Callable[..., None], model: str) -> None:
    fail(model)
    retrieval = world.search(world.lena, question=world.library.fresh(QUESTION))
    assert retrieval.trace.missing == [model]
    assert documents(retrieval) >= {world.contract, world.industry}


def test_an_index_that_cannot_be_searched_is_named(world: World, fail: Callable[..., None]) -> None:
    fail("minilm", "personal")
    retrieval = world.search(world.lena)
    assert retrieval.trace.missing == ["minilm"]
    assert documents(retrieval) >= {world.contract, world.industry}
    assert world.search(world.lena, "global").trace.missing == []


@pytest.mark.parametrize("kb", [None, "personal"])
def test_without_the_model_it_was_measured_on_words_alone_make_the_floor(
    world: World, fail: Callable[..., None], kb: KB | None
) -> None:
    fail("minilm", *([kb] if kb else []))
    asked = world.search(world.lena, question=world.library.fresh(QUESTION), floor=True)
    assert world.contract in documents(asked)
    other = world.search(world.lena, question=world.library.fresh("How do I prune an apple tree?"), floor=True)
    assert not other.of("personal")
    assert "below_floor" in outcomes(other).values()


def test_a_second_pass_that_breaks_leaves_the_fused_order(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise FloatingPointError

    monkeypatch.setattr("app.retrievers.knowledge.judge", broken)
    retrieval = world.search(world.lena, floor=True)
    assert retrieval.trace.second_pass == "failed (FloatingPointError)"
    shown = [row for row in retrieval.trace.candidates if row["outcome"] == "prompt"]
    assert [row["fused"] for row in shown] == sorted(row["fused"] for row in shown)
    assert documents(retrieval) >= {world.contract, world.industry}


@pytest.mark.parametrize("colour", ["sync", "async"])
def test_a_second_pass_that_takes_too_long_is_not_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch, colour: str
) -> None:
    released = threading.Event()
    monkeypatch.setattr("app.retrievers.knowledge.judge", lambda *_: released.wait(20))
    retriever = world.library.retriever(world.lena, searcher=world.library.searcher(second_pass_seconds=0.05))
    start = time.perf_counter()
    retrieval = retriever.search(QUESTION) if colour == "sync" else asyncio.run(retriever.asearch(QUESTION))
    released.set()
    assert time.perf_counter() - start < 4, "less than any other stage may take"
    assert retrieval.trace.second_pass == "failed (TimeoutError)"
    assert world.contract in documents(retrieval)


def test_the_second_pass_can_be_switched_off(world: World) -> None:
    retrieval = world.search(world.lena, searcher=world.library.searcher(second_pass=False))
    assert retrieval.trace.second_pass == "off"
    assert [row["fused"] for row in retrieval.trace.candidates] == list(range(1, len(retrieval.trace.candidates) + 1))
    assert all(passage.relevance is None for passage in retrieval.passages)


def test_without_any_model_there_is_no_answer(world: World, fail: Callable[..., None]) -> None:
    for model in MODELS:
        fail(model)
    question = world.library.fresh(QUESTION)
    askers: list[tuple[Principal | None, Intent]] = [(None, "global"), (world.lena, "hybrid")]
    for asker, intent in askers:
        with pytest.raises(Unavailable) as caught:
            world.search(asker, intent, question)
        assert caught.value.sentence.endswith(".")
        assert caught.value.retry_after


@pytest.mark.parametrize("kb", ["personal", "global"])
def test_a_kb_of_which_nothing_came_is_never_taken_for_empty(world: World, fail: Callable[..., None], kb: KB) -> None:
    """Else an answer would say "none of yours" because a part is down."""
    for model in MODELS:
        fail(model, kb)
    with pytest.raises(Unavailable):
        world.search(world.lena)


def test_an_empty_personal_kb_is_no_failure(world: World) -> None:
    retrieval = world.search(person(world.library.services))
    assert retrieval.of("personal") == []
    assert world.industry in documents(retrieval)
    assert retrieval.trace.missing == []


def test_a_database_that_fails_is_said_so(world: World, tmp_path: Path) -> None:
    empty = Database(f"sqlite:///{tmp_path / 'empty.db'}")  # no tables
    try:
        with pytest.raises(Unavailable, match="database"):
            world.search(world.lena, searcher=world.library.searcher(db=empty))
    finally:
        empty.close()


def test_logs_hold_neither_question_nor_text(world: World, fail: Callable[..., None]) -> None:
    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(f"{message} {message.record['extra']}"), level="DEBUG")
    try:
        fail("bm25")
        fail("minilm", "personal")
        world.search(world.lena, question=world.library.fresh(QUESTION))
    finally:
        logger.remove(sink)
    assert len(lines) >= 2
    assert not any("commission" in line or "seventeen" in line for line in lines)


def test_an_index_being_filled_is_missing_and_not_searched(world: World, searches: list[tuple[str, Query]]) -> None:
    indexes = world.library.services.indexes
    [index] = [one for one in indexes.live("personal") if one.model.name == "remote"]
    indexes.suspend(index)
    try:
        retrieval = world.search(world.lena)
    finally:
        while world.library.services.ingestion.back_fill():
            pass
    assert retrieval.trace.missing == ["remote"]
    assert index.store.collection not in {collection for collection, _ in searches}
    assert world.search(world.lena).trace.missing == []
