from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlmodel import col, select

from app import main
from app.config import Settings
from app.db import Database
from app.errors import ConfigError, Conflict, NotFound
from app.main import build_services
from app.models import BUILDING, FAILED, KBS, LIVE, READY, RETIRED, Chunk, Document, IndexGeneration
from app.principal import system
from app.reindex import reindex
from app.services.services import Services
from tests.conftest import settings_in

TEXT = "\n\n".join(
    f"Clause {number}. The Gannet festival pays its fee for concert number {number} on the day of the concert itself, "
    "in the currency of the country where it takes place, and never later than midnight."
    for number in range(12)
)


@dataclass
class Place:
    """A data folder with a ready document, and the settings that fit it now; a test that changes them says so here."""

    folder: Path
    other: str = "german"
    body_tokens: int = 224
    document: str = ""

    @property
    def settings(self) -> Settings:
        """Two models that open at once: BM25 twice, the second in another language."""
        rows = [
            {"name": name, "provider": "bm25", "model": language, "enabled": True}
            for name, language in (("bm25", "english"), ("other", self.other))
        ]
        chunking = {"body_tokens": self.body_tokens, "overlap_tokens": 8}
        return settings_in(self.folder, embeddings=rows, chunking=chunking, ingestion={"attempts": 1})


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("reindex")
    (folder / "seed").mkdir()
    made = Place(folder / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(main, "SEED_DIR", folder / "seed")
        with opened(made.settings) as services:
            source = io.BytesIO(TEXT.encode())
            row = services.documents.receive(system("test"), kb="global", filename="fees.txt", source=source)
            services.ingestion.run_all()
            assert services.documents.get(system("test"), row.id).status == READY
        made.document = row.id
        yield made


@contextmanager
def opened(settings: Settings) -> Iterator[Services]:
    services = build_services(settings)
    try:
        while services.ingestion.back_fill():
            pass
        yield services
    finally:
        services.close()


def generations(settings: Settings, model: str, kb: str = "global") -> list[tuple[int, str]]:
    database = Database(settings.database_url)
    with database.reading() as session:
        query = select(IndexGeneration).where(IndexGeneration.model == model, IndexGeneration.kb == kb)
        found = [(row.generation, row.state) for row in session.exec(query.order_by(col(IndexGeneration.generation)))]
    database.close()
    return found


def finds(services: Services, document: str) -> set[str]:
    """The models that find the document, each with all its chunks in the index."""
    with services.db.reading() as session:
        wanted = set(session.exec(select(Chunk.id).where(Chunk.document_id == document)).all())
    return {
        index.model.name for index in services.indexes.live("global") if index.store.ids(document) == wanted and wanted
    }


def test_one_model_is_embedded_anew_and_the_others_are_left(place: Place) -> None:
    before, others = generations(place.settings, "other"), generations(place.settings, "bm25")
    place.other = "english"
    with pytest.raises(ConfigError, match="ai-manager reindex --model other"):
        build_services(place.settings)
    assert list(reindex(place.settings, model="other", rechunk=False))[-1] == "Done."
    assert generations(place.settings, "other") == [*retired(before), (len(before) + 1, LIVE)]
    assert generations(place.settings, "bm25") == others
    with opened(place.settings) as services:
        assert finds(services, place.document) == {"bm25", "other"}
        live = [index.store.collection for kb in KBS for index in services.indexes.live(kb)]
        assert sorted(live) == services.indexes.engine.collections().result(), "what was retired is dropped"
        scope = services.search.scope(None, None, None)
        passages = services.search.retriever(scope, "global", floor=False).search("festival fee").passages
        assert {passage.document.id for passage in passages} == {place.document}


def test_chunks_are_cut_anew_from_the_files(place: Place) -> None:
    before = chunks(place)
    failed = Document(kb="global", title="t", filename="t", suffix=".txt", status=FAILED)
    with opened(place.settings) as services, services.db.session() as session:
        session.add(failed)
    place.body_tokens = 64
    with pytest.raises(ConfigError, match="ai-manager reindex --rechunk"):
        build_services(place.settings)
    assert "Reading 1 documents." in list(reindex(place.settings, model=None, rechunk=True))
    after = chunks(place)
    assert len(after) > len(before)
    assert {chunk.version for chunk in after} == {before[0].version + 1}
    with opened(place.settings) as services:
        assert services.documents.get(system("test"), place.document).status == READY
        assert services.documents.get(system("test"), failed.id).status == FAILED
        assert finds(services, place.document) == {"bm25", "other"}


def test_what_is_cut_short_goes_on_at_the_next_start(place: Place) -> None:
    before = {model: generations(place.settings, model) for model in ("bm25", "other")}
    work = reindex(place.settings, model=None, rechunk=False)
    assert next(work) == "An index is complete."
    work.close()  # type: ignore[attr-defined]
    with opened(place.settings) as services:
        assert finds(services, place.document) == {"bm25", "other"}
    for model, old in before.items():
        assert generations(place.settings, model) == [*retired(old), (len(old) + 1, LIVE)]


def test_an_unknown_model_is_an_error_that_names_the_rows(place: Place) -> None:
    before = generations(place.settings, "bm25")
    with pytest.raises(NotFound, match="its rows are bm25, other"):
        list(reindex(place.settings, model="minilm", rechunk=False))
    assert generations(place.settings, "bm25") == before


def test_a_running_server_makes_the_index_anew_and_answers_meanwhile(place: Place) -> None:
    before = generations(place.settings, "bm25")
    with opened(place.settings) as services:
        with pytest.raises(Conflict, match="stop it to have the documents cut anew"):
            list(reindex(place.settings, model=None, rechunk=True))
        [told] = list(reindex(place.settings, model="bm25", rechunk=False))
        assert "Handed to the running server" in told
        assert generations(place.settings, "bm25") == [*before, (len(before) + 1, BUILDING)]
        list(reindex(place.settings, model="bm25", rechunk=False))
        assert len(generations(place.settings, "bm25")) == len(before) + 1, "one is under way"
        services.indexes.refresh()
        assert finds(services, place.document) == {"bm25", "other"}
        while services.ingestion.back_fill():
            assert finds(services, place.document) == {"bm25", "other"}
        assert services.indexes.building() == []
        assert finds(services, place.document) == {"bm25", "other"}
    assert generations(place.settings, "bm25") == [*retired(before), (len(before) + 1, LIVE)]


def test_documents_answer_while_they_are_cut_anew(place: Place) -> None:
    place.body_tokens = 224
    work = reindex(place.settings, model=None, rechunk=True)
    assert next(work) == "Reading 1 documents."
    work.close()  # type: ignore[attr-defined]
    before = chunks(place)
    with opened(place.settings) as services:
        assert services.documents.get(system("test"), place.document).answers
        scope = services.search.scope(None, None, None)
        found = services.search.retriever(scope, "global", floor=False).search("festival fee").passages
        assert {passage.chunk.id for passage in found} <= {chunk.id for chunk in before}
        assert found
        services.ingestion.run_all()
        assert finds(services, place.document) == {"bm25", "other"}
    after = chunks(place)
    assert {chunk.version for chunk in after} == {before[0].version + 1}
    assert len(after) < len(before)


def retired(generations: list[tuple[int, str]]) -> list[tuple[int, str]]:
    return [(number, RETIRED) for number, _ in generations]


def chunks(place: Place) -> list[Chunk]:
    database = Database(place.settings.database_url)
    with database.reading() as session:
        found = list(session.exec(select(Chunk).where(Chunk.document_id == place.document)).all())
    database.close()
    return found
