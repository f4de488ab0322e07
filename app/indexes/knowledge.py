"""One LlamaIndex index per (kb, embedding model), in generations: a pointer row in SQL names the live collection."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from functools import cached_property

from llama_index.core import MockEmbedding, VectorStoreIndex
from llama_index.core.base.embeddings.base import BaseEmbedding
from loguru import logger
from pydantic import PrivateAttr
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from app.config import VectorSettings
from app.db import Database
from app.errors import ConfigError
from app.indexes.embeddings import EmbeddingModel, OpenedModels
from app.indexes.engine import Engine
from app.indexes.store import KnowledgeStore
from app.models import BUILDING, KB, KBS, LIVE, RETIRED, IndexGeneration, Stamp


class _LaneEmbedding(BaseEmbedding):
    """LlamaIndex's view of a dense model; the vectors come from the same lanes and cache as everything else."""

    _model: EmbeddingModel = PrivateAttr()

    def __init__(self, model: EmbeddingModel) -> None:
        super().__init__(model_name=model.name)
        self._model = model

    def _get_query_embedding(self, query: str) -> list[float]:
        return [float(x) for x in self._model.embed_question(query).result()]  # type: ignore[union-attr]

    async def _aget_query_embedding(self, query: str) -> list[float]:
        # Shielded: equal questions share one future, which must not end with whoever asked first.
        vector = await asyncio.shield(asyncio.wrap_future(self._model.embed_question(query)))
        return [float(x) for x in vector]  # type: ignore[union-attr]

    def _get_text_embedding(self, text: str) -> list[float]:
        return self._get_text_embeddings([text])[0]

    def _get_text_embeddings(self, texts: list[str]) -> list[list[float]]:
        return [[float(x) for x in vector] for vector in self._model.embed_passages(texts)]  # type: ignore[union-attr]


@dataclass(frozen=True)
class KnowledgeIndex:
    """One generation of one (kb, model)."""

    kb: KB
    model: EmbeddingModel
    generation: IndexGeneration
    store: KnowledgeStore

    @cached_property
    def index(self) -> VectorStoreIndex:
        """The LlamaIndex index; a sparse store encodes questions itself and needs no embedding model of LlamaIndex."""
        embed_model = MockEmbedding(1) if self.model.sparse else _LaneEmbedding(self.model)
        return VectorStoreIndex.from_vector_store(self.store, embed_model=embed_model)

    @property
    def live(self) -> bool:
        return self.generation.state == LIVE


class KnowledgeIndexes:
    """Every index there is. `live` answers searches; `writable` also counts the generations that are being filled."""

    def __init__(self, db: Database, engine: Engine, opened: OpenedModels, settings: VectorSettings) -> None:
        self._db, self.engine, self._opened, self._prefix = db, engine, opened, settings.prefix
        self._indexes: tuple[KnowledgeIndex, ...] = ()
        self._asleep: tuple[tuple[str, str], ...] = ()
        self._pointers: set[tuple[int | None, str]] = set()
        self._doomed: set[str] = set()
        self._lock = threading.Lock()

    @property
    def models(self) -> list[EmbeddingModel]:
        return self._opened.models

    @property
    def broken(self) -> dict[str, str]:
        return self._opened.broken

    def live(self, kb: KB) -> list[KnowledgeIndex]:
        return [index for index in self._indexes if index.kb == kb and index.live]

    def writable(self, kb: KB) -> list[KnowledgeIndex]:
        return [index for index in self._indexes if index.kb == kb]

    def building(self) -> list[KnowledgeIndex]:
        return [index for index in self._indexes if not index.live]

    def asleep(self, kb: KB) -> list[str]:
        """Collections of models that are switched off; deletions reach them too."""
        return [collection for one, collection in self._asleep if one == kb]

    def collections(self, kb: KB) -> list[str]:
        """Every collection that may hold points of `kb`, of models that are switched off too."""
        return [*(index.store.collection for index in self.writable(kb)), *self.asleep(kb)]

    def missing(self, kb: KB) -> list[str]:
        """Names of enabled models that cannot take part in searches of `kb` now."""
        present = {index.model.name for index in self.live(kb)}
        return [*self.broken, *(model.name for model in self.models if model.name not in present)]

    def open(self, chunker: str) -> None:
        """Read the pointers, check them against the models and the chunker, and make the collections not there yet.

        Raises `ConfigError` with the command that mends it when stored vectors no longer fit.
        """
        try:
            self._reconcile(chunker)
        except IntegrityError:  # another process started at the same moment and wrote the same rows
            self._reconcile(chunker)
        self.refresh()
        if self.engine.alone:
            self.drop_retired(at_once=True)

    def _reconcile(self, chunker: str) -> None:
        with self._db.session() as session:
            stamp = session.get(Stamp, "chunker")
            if stamp is None:
                session.add(Stamp(key="chunker", value=chunker))
            elif stamp.value != chunker:
                raise ConfigError(
                    "The chunks were cut by other rules than these settings'; run 'ai-manager reindex --rechunk'."
                )
            rows = session.exec(select(IndexGeneration)).all()
            for kb in KBS:
                for model in self.models:
                    mine = [row for row in rows if row.kb == kb and row.model == model.name]
                    if any(row.fingerprint != model.fingerprint and row.state == LIVE for row in mine):
                        raise ConfigError(
                            f"The vectors of the embedding model '{model.name}' were made by another version of it; "
                            f"run 'ai-manager reindex --model {model.name}'."
                        )
                    if not any(row.state in (BUILDING, LIVE) and row.fingerprint == model.fingerprint for row in mine):
                        number = 1 + max((row.generation for row in mine), default=0)
                        session.add(_row(self._prefix, kb, model.name, number, model.dimension, model.fingerprint))
            open_names = {model.name for model in self.models}
            for row in rows:
                if row.state == RETIRED or row.model in open_names:
                    continue
                # Switched off: its collections go. Only not to be had now (no key, no weights): documents are added
                # meanwhile, so its index is completed before it answers again.
                row.state = BUILDING if row.model in self._opened.absent else RETIRED
                session.add(row)

    def go_live(self, index: KnowledgeIndex) -> None:
        """Point searches at `index` and retire its predecessors, in one transaction. Their collections are dropped by
        `drop_retired`, when nobody searches them any more.
        """
        with self._db.session() as session:
            query = select(IndexGeneration).where(
                IndexGeneration.kb == index.kb,
                IndexGeneration.model == index.model.name,
                IndexGeneration.state != RETIRED,
                IndexGeneration.id != index.generation.id,
            )
            for row in session.exec(query).all():
                row.state = RETIRED
                session.add(row)
            mine = session.get_one(IndexGeneration, index.generation.id)
            mine.state = LIVE
            session.add(mine)
        logger.bind(kb=index.kb, model=index.model.name, generation=index.generation.generation).info(
            "index generation live"
        )
        self.refresh()

    def suspend(self, index: KnowledgeIndex) -> None:
        """Take an incomplete index out of searches until it is back-filled."""
        with self._db.session() as session:
            row = session.get_one(IndexGeneration, index.generation.id)
            row.state = BUILDING
            session.add(row)
        logger.bind(kb=index.kb, model=index.model.name).warning("index generation suspended")
        self.refresh()

    def changed(self, session: Session) -> bool:
        """Whether another process moved a pointer since the last `refresh`, so that writes of this one may miss an index."""
        rows = session.exec(select(IndexGeneration.id, IndexGeneration.state)).all()
        return {(key, state) for key, state in rows if state != RETIRED} != self._pointers

    def rebuild(self, model: str | None = None) -> int:
        """Begin a new generation of every index, or of one model's, beside the live one, which goes on answering until
        the new one is complete. Returns how many.
        """
        with self._db.session() as session:
            begun = begin_generations(session, self._prefix, model)
        self.refresh()
        return begun

    def note_filled(self, index: KnowledgeIndex, filled: int, documents: int) -> None:
        """Keep how far an index that is being built has come, for whoever asks."""
        with self._db.session() as session:
            session.execute(
                update(IndexGeneration)
                .where(col(IndexGeneration.id) == index.generation.id)
                .values(filled=filled, documents=documents)
            )

    def filled(self) -> dict[tuple[str, str], tuple[int, int]]:
        """For each (kb, model) that is being built: documents done, and of how many."""
        with self._db.reading() as session:
            rows = session.exec(select(IndexGeneration).where(IndexGeneration.state == BUILDING)).all()
        return {(row.kb, row.model): (row.filled, row.documents) for row in rows}

    def refresh(self) -> None:
        """Read the pointers again: another process may have moved them."""
        models = {model.name: model for model in self.models}
        with self._db.reading() as session:
            rows = session.exec(select(IndexGeneration).where(col(IndexGeneration.state) != RETIRED)).all()
        with self._lock:
            known = {index.generation.id: index for index in self._indexes}
            fresh: list[KnowledgeIndex] = []
            asleep: list[tuple[str, str]] = []
            for row in rows:
                model = models.get(row.model)
                if model is None or row.fingerprint != model.fingerprint:
                    asleep.append((row.kb, row.collection))
                    continue
                before = known.get(row.id)
                if before is not None and before.generation.state == row.state:
                    fresh.append(before)
                    continue
                kb: KB = "personal" if row.kb == "personal" else "global"
                self.engine.create(row.collection, row.dimension, tenant=kb == "personal").result()
                fresh.append(KnowledgeIndex(kb, model, row, KnowledgeStore(self.engine, model, kb, row.collection)))
            self._indexes = tuple(fresh)
            self._pointers = {(row.id, row.state) for row in rows}
            present = set(self.engine.collections().result()) if asleep else set()
            self._asleep = tuple(one for one in asleep if one[1] in present)

    def drop_retired(self, *, at_once: bool = False) -> None:
        """Remove the collections of retired generations; their rows stay as a history of generation numbers.

        One goes when it was retired already at the call before, so that searches under way, in any process, end well;
        `at_once` is for whoever knows that there are none.
        """
        with self._db.reading() as session:
            rows = session.exec(select(IndexGeneration).where(IndexGeneration.state == RETIRED)).all()
        present = set(self.engine.collections().result())
        doomed = {row.collection for row in rows} & present
        for collection in doomed if at_once else doomed & self._doomed:
            self.engine.drop(collection).result()
        self._doomed = doomed


def begin_generations(session: Session, prefix: str, model: str | None = None) -> int:
    """Add the pointer of a new generation for each index that has none under way; whoever serves fills it. Returns how many."""
    rows = session.exec(select(IndexGeneration)).all()
    begun = 0
    for live in (row for row in rows if row.state == LIVE and model in (None, row.model)):
        mine = [row for row in rows if (row.kb, row.model) == (live.kb, live.model)]
        if not any(row.state == BUILDING for row in mine):
            number = 1 + max(row.generation for row in mine)
            session.add(_row(prefix, live.kb, live.model, number, live.dimension, live.fingerprint))
            begun += 1
    return begun


def _row(prefix: str, kb: str, model: str, generation: int, dimension: int, fingerprint: str) -> IndexGeneration:
    return IndexGeneration(
        kb=kb,
        model=model,
        generation=generation,
        collection=f"{prefix}_{kb}_{model}_{generation}",
        dimension=dimension,
        fingerprint=fingerprint,
    )
