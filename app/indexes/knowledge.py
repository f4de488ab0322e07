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
from sqlalchemy.exc import IntegrityError
from sqlmodel import col, select

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
                        session.add(self._row(kb, model, 1 + max((row.generation for row in mine), default=0)))
            for row in rows:
                # Documents are added while a model is switched off: its index is completed before it answers again.
                if row.state == LIVE and row.model not in {model.name for model in self.models}:
                    row.state = BUILDING
                    session.add(row)

    def go_live(self, index: KnowledgeIndex) -> None:
        """Point searches at `index` and retire its predecessors, in one transaction; then drop their collections."""
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
        self.drop_retired()

    def suspend(self, index: KnowledgeIndex) -> None:
        """Take an incomplete index out of searches until it is back-filled."""
        with self._db.session() as session:
            row = session.get_one(IndexGeneration, index.generation.id)
            row.state = BUILDING
            session.add(row)
        logger.bind(kb=index.kb, model=index.model.name).warning("index generation suspended")
        self.refresh()

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
            present = set(self.engine.collections().result()) if asleep else set()
            self._asleep = tuple(one for one in asleep if one[1] in present)

    def drop_retired(self) -> None:
        """Remove the collections of retired generations; their rows stay as a history of generation numbers."""
        with self._db.reading() as session:
            rows = session.exec(select(IndexGeneration).where(IndexGeneration.state == RETIRED)).all()
        present = set(self.engine.collections().result())
        for row in rows:
            if row.collection in present:
                self.engine.drop(row.collection).result()

    def _row(self, kb: KB, model: EmbeddingModel, generation: int) -> IndexGeneration:
        return IndexGeneration(
            kb=kb,
            model=model.name,
            generation=generation,
            collection=f"{self._prefix}_{kb}_{model.name}_{generation}",
            dimension=model.dimension,
            fingerprint=model.fingerprint,
        )
