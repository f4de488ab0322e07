"""The LlamaIndex vector store of one (kb, model): a thin skin over an `Engine` collection.

The personal store takes a `TenantFilter` and raises without one: an empty principal never means "no filter" (design rule 4).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import numpy as np
from llama_index.core.schema import BaseNode, TextNode
from llama_index.core.vector_stores.types import BasePydanticVectorStore, VectorStoreQuery, VectorStoreQueryResult
from pydantic import PrivateAttr

from app.errors import Unauthorized
from app.indexes.embeddings import EmbeddingModel, Vector
from app.indexes.engine import EVERYTHING, Engine, Point, Query, Ranking, Scope
from app.models import KB
from app.principal import TenantFilter


class KnowledgeStore(BasePydanticVectorStore):
    """Ids in, ids out. Text is filled in later, from SQL, by the fusion retriever; `stores_text` is what LlamaIndex requires."""

    stores_text: bool = True
    is_embedding_query: bool = True

    _engine: Engine = PrivateAttr()
    _model: EmbeddingModel = PrivateAttr()

    kb: str
    collection: str

    def __init__(self, engine: Engine, model: EmbeddingModel, kb: KB, collection: str) -> None:
        super().__init__(kb=kb, collection=collection, is_embedding_query=not model.sparse)  # type: ignore[call-arg]
        self._engine = engine
        self._model = model

    @property
    def client(self) -> Engine:
        return self._engine

    def search(
        self,
        vector: Vector,
        limit: int,
        tenant: TenantFilter | None,
        *,
        documents: Sequence[str] | None = None,
        among: Sequence[str] | None = None,
    ) -> Future[Ranking]:
        """At most `limit` (chunk id, similarity), best first; raises `Unauthorized` for a personal search without a tenant.

        `documents` limits a global search (a personal one is limited by its tenant); `among` scores these chunks alone.
        """
        scope, corpus = self._scopes(tenant, documents)
        if among is not None:
            scope = Scope(scope.user_id, scope.artist_ids, scope.document_ids, tuple(among))
        return self._engine.search(self.collection, Query(vector, limit, scope, corpus))

    def query(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        """LlamaIndex's own door: pass `tenant=TenantFilter` through `vector_store_kwargs`."""
        if query.query_embedding is not None and not self._model.sparse:
            vector: Vector = np.asarray(query.query_embedding, dtype=np.float32)
        else:
            vector = self._model.embed_question(query.query_str or "").result()
        # VectorIndexRetriever passes an empty list for "none given" (skeleton.md); here and nowhere else it means that.
        found = self.search(
            vector,
            query.similarity_top_k,
            kwargs.get("tenant"),
            documents=query.doc_ids or None,
            among=query.node_ids or None,
        ).result()
        return VectorStoreQueryResult(
            nodes=[TextNode(id_=chunk_id, text="") for chunk_id, _ in found],
            ids=[chunk_id for chunk_id, _ in found],
            similarities=[score for _, score in found],
        )

    async def aquery(self, query: VectorStoreQuery, **kwargs: Any) -> VectorStoreQueryResult:
        return await asyncio.to_thread(self.query, query, **kwargs)

    def add(self, nodes: Sequence[BaseNode], **_kwargs: Any) -> list[str]:
        """Nodes with embeddings; metadata holds `document_id`, `user_id` and `artist_id`."""
        points = [
            Point(
                node.node_id,
                np.asarray(node.get_embedding(), dtype=np.float32),
                document_id=node.metadata["document_id"],
                user_id=node.metadata.get("user_id", ""),
                artist_id=node.metadata.get("artist_id", ""),
            )
            for node in nodes
        ]
        return self.upsert(points)

    def upsert(self, points: Sequence[Point]) -> list[str]:
        """Write points of this store's kind; every personal point has an owner, no global one has."""
        if any(bool(point.user_id) != (self.kb == "personal") for point in points):
            raise ValueError("personal points need a user_id, global points must have none")
        self._engine.upsert(self.collection, points)
        return [point.id for point in points]

    def delete(self, ref_doc_id: str, **_kwargs: Any) -> None:
        """Remove every point of a document."""
        self._engine.delete(self.collection, Scope(document_ids=(ref_doc_id,))).result()

    def count(self, document_id: str | None = None) -> int:
        scope = EVERYTHING if document_id is None else Scope(document_ids=(document_id,))
        return self._engine.count(self.collection, scope).result()

    def ids(self, document_id: str | None = None) -> set[str]:
        scope = EVERYTHING if document_id is None else Scope(document_ids=(document_id,))
        return set(self._engine.ids(self.collection, scope).result())

    def delete_points(self, ids: Sequence[str]) -> None:
        if ids:
            self._engine.delete(self.collection, Scope(point_ids=tuple(ids))).result()

    def _scopes(self, tenant: TenantFilter | None, documents: Sequence[str] | None) -> tuple[Scope, Scope]:
        """The scope of a search, and the corpus whose document frequencies count: the tenant's own, or the whole global kb."""
        if self.kb == "global":
            return Scope(document_ids=tuple(documents) if documents is not None else None), EVERYTHING
        if tenant is None or not tenant.user_id:
            raise Unauthorized("The personal knowledge base is searched for a signed-in user only.")
        artists = ("", tenant.artist_id) if tenant.artist_id else None
        return Scope(tenant.user_id, artists, tenant.document_ids), Scope(tenant.user_id)
