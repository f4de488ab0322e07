"""Services with three models (MiniLM, BM25, one behind HTTP) for all tests of this folder: opening takes seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.indexes.engine import Query
from app.main import build_services
from app.models import KB
from tests.conftest import settings_in
from tests.openai_server import OpenAIServer
from tests.retrievers.library import person, put
from tests.retrievers.world import INDUSTRY, MINE, THEIRS, Library, World

ROWS = (
    {"name": "minilm", "provider": "onnx", "model": "sentence-transformers/all-MiniLM-L6-v2", "weight": 0.6},
    {"name": "bm25", "provider": "bm25", "model": "english", "enabled": True, "batch_size": 256, "weight": 0.4},
    {"name": "remote", "provider": "openai", "model": "text-embedding-3-small", "enabled": True, "weight": 0.4},
)


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory, models_dir: Path) -> Iterator[Library]:
    with OpenAIServer() as server:
        rows = [
            row | ({"base_url": server.base_url, "api_key": "k"} if row["name"] == "remote" else {}) for row in ROWS
        ]
        settings = settings_in(
            tmp_path_factory.mktemp("library"), models_dir, llm={"provider": "none"}, embeddings=rows
        )
        made = build_services(settings, seed=False)
        while made.ingestion.back_fill():
            pass
        yield Library(made, server)
        made.close()


@pytest.fixture(scope="session")
def world(library: Library) -> World:
    services = library.services
    lena, omar = person(services), person(services)
    return World(
        library, lena, omar,
        contract=put(services, MINE, title="Harbour Lane agreement", owner=lena),
        his_contract=put(services, THEIRS, title="Quay Street agreement", owner=omar),
        industry=put(services, INDUSTRY, title="Managers"),
    )  # fmt: skip


@pytest.fixture
def searches(library: Library, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Query]]:
    """Every search the engine is asked for while a test runs: the collection and the query."""
    asked: list[tuple[str, Query]] = []
    engine = library.services.indexes.engine
    search = engine.search

    def spy(collection: str, query: Query) -> Any:
        asked.append((collection, query))
        return search(collection, query)

    monkeypatch.setattr(engine, "search", spy)
    return asked


@pytest.fixture
def fail(library: Library, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`fail(model)` breaks a model's questions; `fail(model, kb)` breaks the search of one index instead."""
    indexes = library.services.indexes

    def broken(*_: Any) -> Any:
        raise RuntimeError("broken by the test")

    def install(name: str, kb: KB | None = None) -> None:
        if kb is None:
            monkeypatch.setattr(
                next(model for model in indexes.models if model.name == name), "_embed_questions", broken
            )
            return
        [index] = [one for one in indexes.live(kb) if one.model.name == name]
        search, collection = indexes.engine._search, index.store.collection
        monkeypatch.setattr(
            indexes.engine, "_search", lambda asked, query: broken() if asked == collection else search(asked, query)
        )

    return install
