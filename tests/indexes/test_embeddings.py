from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.config import EmbeddingRow, Settings
from app.errors import ConfigError, Unavailable
from app.indexes.embeddings import (
    EmbeddingFailed,
    EmbeddingModel,
    OpenedModels,
    QueryCache,
    Sparse,
    Vector,
    open_models,
)
from tests.conftest import settings_in
from tests.openai_replies import embed
from tests.openai_server import OpenAIServer
from tests.tiny_bert import MINILM_TEXTS, PREFIX, TEXTS, TorchMade, cosines, minilm_row, torch_made

__all__ = ["torch_made"]

Open = Callable[..., list[EmbeddingModel]]


@pytest.fixture
def opened() -> Iterator[Open]:
    """Opens models and closes them afterwards."""
    done: list[OpenedModels] = []

    def make(settings: Settings) -> list[EmbeddingModel]:
        done.append(open_models(settings))
        return done[-1].models

    yield make
    for one in done:
        one.close()


def question(model: EmbeddingModel, text: str) -> Any:
    return model.embed_question(text).result(30)


# MiniLM


def test_without_keys_minilm_and_bm25_are_open(tmp_path: Path, models_dir: Path, opened: Open) -> None:
    minilm, bm25 = opened(settings_in(tmp_path / "data", models_dir))
    assert (minilm.name, minilm.dimension, minilm.sparse, minilm.required) == ("minilm", 384, False, True)
    assert (bm25.name, bm25.dimension, bm25.sparse, bm25.required) == ("bm25", 0, True, True)
    assert minilm.fingerprint.startswith("onnx-")


def test_minilm_gives_sentence_transformers_vectors_to_questions_and_passages(
    tmp_path: Path, models_dir: Path, torch_made: TorchMade, opened: Open
) -> None:
    expected = torch_made.vectors["minilm"]
    model = opened(settings_in(tmp_path / "data", models_dir))[0]
    passages: list[Any] = model.embed_passages(MINILM_TEXTS)
    assert cosines(passages, expected).min() > 0.97
    questions = [question(model, text) for text in MINILM_TEXTS]
    assert cosines(questions, expected).min() > 0.97
    [exact] = opened(torch_made.settings(minilm_row(precision="fp32")))
    vectors: list[Any] = exact.embed_passages(MINILM_TEXTS)
    assert cosines(vectors, expected).min() > 0.9999
    assert exact.fingerprint != model.fingerprint
    assert all(vector.dtype == np.float32 and abs(np.linalg.norm(vector) - 1) < 1e-5 for vector in passages + questions)


def test_a_passage_of_two_hundred_tokens_is_read_to_its_end(tmp_path: Path, models_dir: Path, opened: Open) -> None:
    model = opened(settings_in(tmp_path / "data", models_dir))[0]
    start = "clause " * 150
    left, right = model.embed_passages([start + "royalties " * 40, start + "passport " * 40])
    assert cosines([left], [right])[0] < 0.99


# A model with CLS pooling and a question prefix, as bge is


def test_prefix_and_pooling_of_the_row_reach_the_vectors(torch_made: TorchMade, opened: Open) -> None:
    [model] = opened(torch_made.settings(torch_made.row(pooling="cls", query_prefix=PREFIX)))
    questions = [question(model, text) for text in TEXTS]
    assert cosines(questions, torch_made.vectors["prefixed_cls"]).min() > 0.9999
    passages: list[Any] = model.embed_passages(TEXTS)
    assert cosines(passages, torch_made.vectors["cls"]).min() > 0.9999
    [other] = opened(torch_made.settings(torch_made.row(pooling="cls", passage_prefix=PREFIX)))
    prefixed: list[Any] = other.embed_passages(TEXTS)
    assert cosines(prefixed, torch_made.vectors["prefixed_cls"]).min() > 0.9999
    assert other.fingerprint != model.fingerprint


def test_the_huggingface_provider_agrees_with_torch(torch_made: TorchMade) -> None:
    """It ran in the process that may import torch."""
    vectors = torch_made.vectors
    assert cosines(vectors["huggingface"], vectors["mean"]).min() > 0.9999
    assert cosines(vectors["huggingface_question"], vectors["prefixed_mean"]).min() > 0.9999


def test_short_texts_for_someone_who_waits_take_the_query_lane(torch_made: TorchMade, opened: Open) -> None:
    [model] = opened(torch_made.settings(torch_made.row(pooling="cls")))
    vectors: list[Any] = model.embed_briefly(TEXTS).result(30)
    assert cosines(vectors, torch_made.vectors["cls"]).min() > 0.9999


# BM25


def test_bm25_stems_drops_stop_words_and_weighs_repetition(tmp_path: Path, opened: Open) -> None:
    row = EmbeddingRow(name="bm25", provider="bm25", model="english", enabled=True)
    [model] = opened(settings_in(tmp_path, embeddings=[row.model_dump()]))
    asked = question(model, "the royalties of a tour")
    passage, other, words = model.embed_passages(["Royalty and touring. Touring!", "passport", "the and of"])
    assert isinstance(asked, Sparse)
    assert isinstance(passage, Sparse)
    assert isinstance(other, Sparse)
    assert isinstance(words, Sparse)
    assert set(asked.indices) == set(passage.indices)
    assert len(asked.indices) == len(asked.values) == 2
    assert max(passage.values) > min(passage.values)
    assert not set(other.indices) & set(asked.indices)
    assert words.indices == []


def test_a_language_bm25_does_not_know_is_a_configuration_error(tmp_path: Path) -> None:
    row = EmbeddingRow(name="bm25", provider="bm25", model="klingon", enabled=True)
    with pytest.raises(
        ConfigError, match="The embedding model 'bm25' cannot be loaded .*; check its row in config.yaml."
    ):
        open_models(settings_in(tmp_path, embeddings=[row.model_dump()]))


# Which rows open


def test_a_local_model_asked_for_by_name_must_open_and_another_is_reported(
    tmp_path: Path, models_dir: Path, opened: Open
) -> None:
    minilm = minilm_row().model_dump()
    bge = minilm_row(name="bge", model="BAAI/bge-base-en-v1.5").model_dump()
    settings = settings_in(tmp_path / "data", models_dir, embeddings=[minilm, bge])
    with pytest.raises(ConfigError, match="weights of the embedding model 'bge' are not on this machine"):
        open_models(settings)
    automatic = settings_in(tmp_path / "auto", models_dir, embeddings=[minilm, bge | {"enabled": "auto"}])
    assert [model.name for model in opened(automatic)] == ["minilm"]


def test_an_automatic_model_that_fails_is_named_with_its_reason(tmp_path: Path, models_dir: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "config.json").write_text("{}")
    bad = minilm_row(name="bad", model=str(source), enabled="auto").model_dump()
    settings = settings_in(tmp_path / "data", models_dir, embeddings=[minilm_row().model_dump(), bad])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.indexes.model_files._export", _refuse)
        opened = open_models(settings)
    assert [model.name for model in opened.models] == ["minilm"]
    assert opened.broken == {"bad": "could not be prepared"}
    opened.close()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.indexes.model_files._export", _refuse)
        with pytest.raises(Unavailable, match="^could not be prepared$"):
            open_models(settings_in(tmp_path / "alone", embeddings=[bad]))


def _refuse(*_: object) -> None:
    raise Unavailable("could not be prepared")


# OpenAI and its like


def openai_settings(folder: Path, server: OpenAIServer, **values: Any) -> Settings:
    row = {"name": "openai", "provider": "openai", "model": "text-embedding-3-small", "batch_size": 3, **values}
    llm = {"provider": "none", "api_key": "sk-right", "base_url": server.base_url, "timeout_seconds": 5}
    return settings_in(folder, embeddings=[row], llm=llm)


def test_openai_vectors_come_in_order_over_several_requests(
    tmp_path: Path, openai_server: OpenAIServer, opened: Open
) -> None:
    openai_server.script(key="sk-right")
    [model] = opened(openai_settings(tmp_path, openai_server, query_prefix="q: ", passage_prefix="p: "))
    assert (model.dimension, model.required, openai_server.requests) == (1536, False, [])
    vectors: list[Any] = model.embed_passages(TEXTS)
    assert cosines(vectors, [embed("p: " + text, 1536) for text in TEXTS]).min() > 0.9999
    assert [len(request.body["input"]) for request in openai_server.requests] == [3, 3]
    assert {request.body["model"] for request in openai_server.requests} == {"text-embedding-3-small"}
    assert cosines([question(model, TEXTS[0])], [embed("q: " + TEXTS[0], 1536)])[0] > 0.9999


def test_a_compatible_server_may_offer_any_model(tmp_path: Path, openai_server: OpenAIServer, opened: Open) -> None:
    [model] = opened(openai_settings(tmp_path, openai_server, model="nomic-embed", enabled=True))
    assert model.dimension == 1536, "asked once"
    assert cosines([question(model, "tour")], [embed("tour", 1536)])[0] > 0.9999
    assert openai_server.requests[-1].body["model"] == "nomic-embed"


def test_openai_opens_with_a_key_only(tmp_path: Path, openai_server: OpenAIServer) -> None:
    from app.indexes.model_files import is_enabled

    with_key = openai_settings(tmp_path, openai_server)
    assert is_enabled(with_key.embeddings[0], with_key)
    without = with_key.model_copy(update={"llm": with_key.llm.model_copy(update={"api_key": None})})
    assert not is_enabled(without.embeddings[0], without)
    own_key = without.embeddings[0].model_validate(without.embeddings[0].model_dump() | {"api_key": "sk-own"})
    assert is_enabled(own_key, without)


@pytest.mark.parametrize(
    ("status", "permanent"),
    [(401, True), (403, True), (404, True), (400, True), (500, False), (503, False), (429, False)],
)
def test_a_refusal_is_permanent_and_a_failure_passes(
    tmp_path: Path, openai_server: OpenAIServer, opened: Open, status: int, permanent: bool
) -> None:
    [model] = opened(openai_settings(tmp_path, openai_server))
    openai_server.script(status=status, times=10)
    start = time.monotonic()
    with pytest.raises(EmbeddingFailed) as caught:
        model.embed_passages(["secret words"])
    assert time.monotonic() - start < 5
    assert (caught.value.permanent, caught.value.retry_after) == (permanent, None if permanent else 30)
    assert "'openai'" in caught.value.sentence
    assert ("check its key" in caught.value.sentence) is permanent
    assert "secret words" not in str(caught.value)
    with pytest.raises(EmbeddingFailed):
        question(model, "secret words")
    openai_server.script()
    assert len(model.embed_passages(["again"])) == 1


def test_a_dead_provider_is_a_failure_that_passes(tmp_path: Path, opened: Open) -> None:
    with OpenAIServer() as server:
        [model] = opened(openai_settings(tmp_path, server))
    with pytest.raises(EmbeddingFailed, match="does not answer; it is tried again by itself") as caught:
        model.embed_passages(["x"])
    assert not caught.value.permanent


# What every model is held to


class Scripted(EmbeddingModel):
    """Answers what it is told to; counts the questions it computes."""

    def __init__(self, answer: Callable[[Sequence[str]], list[Vector]], cache: int = 8) -> None:
        row = EmbeddingRow(name="scripted", provider="onnx", model="none")
        super().__init__(row, dimension=2, fingerprint="1", workers=2, cache=QueryCache(cache))
        self.answer, self.asked = answer, list[str]()

    def _embed_questions(self, texts: Sequence[str]) -> list[Vector]:
        self.asked += texts
        return self.answer(texts)

    def _embed_passages(self, texts: Sequence[str]) -> list[Vector]:
        return self.answer(texts)


def unit(*numbers: float) -> Vector:
    return np.array(numbers, dtype=np.float32)


@pytest.mark.parametrize(
    ("vectors", "sentence", "permanent"),
    [
        ([unit(1, 0)], "answered for 1 of 2 texts", False),
        ([unit(1, 0)] * 3, "answered for 3 of 2 texts", False),
        ([unit(1, 0), unit(1, 0, 0)], "gave 3 dimensions where 2 were expected", True),
        ([unit(1, 0), unit(float("nan"), 0)], "no number", False),
        ([unit(float("inf"), 0), unit(1, 0)], "no number", False),
    ],
)
def test_a_wrong_answer_is_never_stored(vectors: list[Vector], sentence: str, permanent: bool) -> None:
    model = Scripted(lambda _: vectors)
    calls: tuple[Callable[[], object], ...] = (
        lambda: model.embed_passages(["a", "b"]),
        lambda: model.embed_briefly(["a", "b"]).result(),
    )
    for call in calls:
        with pytest.raises(EmbeddingFailed, match=sentence) as caught:
            call()
        assert caught.value.permanent is permanent
        assert "'scripted'" in caught.value.sentence
    model.close()


def test_nothing_is_asked_for_no_texts() -> None:
    model = Scripted(lambda _: pytest.fail("asked"))
    assert model.embed_passages([]) == []
    model.close()


def test_equal_questions_at_once_are_computed_once() -> None:
    go = threading.Event()

    def answer(texts: Sequence[str]) -> list[Vector]:
        assert go.wait(10)
        return [unit(1, 0)]

    model = Scripted(answer)
    futures = [model.embed_question("same") for _ in range(20)] + [model.embed_question("other")]

    async def from_the_loop() -> list[Vector]:
        shared = [asyncio.wrap_future(model.embed_question("same")) for _ in range(5)]
        go.set()
        return await asyncio.gather(*shared)

    assert len(asyncio.run(from_the_loop())) == 5
    assert all(future.result(10) is futures[0].result(10) for future in futures[:20])
    assert sorted(model.asked) == ["other", "same"]
    assert model.embed_question("same").result(10) is futures[0].result(10)
    assert len(model.asked) == 2, "kept"
    model.close()


def test_a_failure_is_not_kept() -> None:
    answers: list[list[Vector]] = [[], [unit(1, 0)]]
    model = Scripted(lambda _: answers.pop(0))
    with pytest.raises(EmbeddingFailed):
        question(model, "same")
    assert question(model, "same") == pytest.approx([1, 0])
    model.close()


@pytest.mark.parametrize("size", [0, 2])
def test_the_cache_keeps_the_questions_used_last(size: int) -> None:
    model = Scripted(lambda _: [unit(1, 0)], cache=size)
    for text in ("a", "b", "a", "c", "a", "b"):
        question(model, text)
    assert model.asked == (["a", "b", "c", "b"] if size else ["a", "b", "a", "c", "a", "b"])
    assert len(model._cache._entries) == size
    model.close()


def test_models_do_not_share_vectors_through_the_cache() -> None:
    cache = QueryCache(8)
    one, two = Scripted(lambda _: [unit(1, 0)]), Scripted(lambda _: [unit(0, 1)])
    one._cache = two._cache = cache
    two.name = "another"
    assert question(one, "same") == pytest.approx([1, 0])
    assert question(two, "same") == pytest.approx([0, 1])
    one.close()
    two.close()
