"""qdrant-edge in this process: one folder per collection, one thread for every call, one process per data folder."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import qdrant_edge as edge
from filelock import FileLock, Timeout

from app.errors import Unavailable
from app.indexes.embeddings import Sparse, Vector
from app.indexes.engine import DENSE, EVERYTHING, PAYLOAD_KEYS, SPARSE, Engine, Entries, Point, Query, Ranking, Scope

SCROLL_POINTS = 1000


class FolderHeld(Unavailable):
    """Another process holds the vectors of this data folder."""

    code = "data_folder_in_use"


class EdgeEngine(Engine):
    """Collections under `folder`. Raises `FolderHeld` when another process has them open."""

    alone = True

    def __init__(self, folder: Path) -> None:
        super().__init__(ThreadPoolExecutor(1, thread_name_prefix="qdrant-edge"))
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder = folder
        self._held = FileLock(folder / ".lock", thread_local=False)  # `_close` releases it on the executor's thread
        try:
            self._held.acquire(timeout=0)
        except Timeout:
            self._executor.shutdown()
            raise FolderHeld(
                f"The data folder {folder.parent} is in use by another AI Manager; ask there (browser or REST), or stop it first."
            ) from None
        self._shards: dict[str, edge.EdgeShard] = {}

    def _shard(self, collection: str) -> edge.EdgeShard:
        if collection not in self._shards:
            self._shards[collection] = edge.EdgeShard.load(str(self._folder / collection))
        return self._shards[collection]

    def _create(self, collection: str, dimension: int, tenant: bool) -> None:
        path = self._folder / collection
        if (path / "edge_config.json").exists():
            return
        # Made beside its place and moved there whole: a crash half-way leaves no collection that cannot be opened.
        draft = self._folder / f".{collection}.part"
        shutil.rmtree(draft, ignore_errors=True)
        shutil.rmtree(path, ignore_errors=True)
        draft.mkdir()
        shard = edge.EdgeShard.create(str(draft), _config(dimension))
        for key in PAYLOAD_KEYS:
            index = edge.KeywordIndexParams(is_tenant=tenant and key == "user_id")
            shard.update(edge.UpdateOperation.create_field_index(key, index))
        shard.flush()
        shard.close()
        os.replace(draft, path)

    def _drop(self, collection: str) -> None:
        if shard := self._shards.pop(collection, None):
            shard.close()
        shutil.rmtree(self._folder / collection, ignore_errors=True)

    def _collections(self) -> list[str]:
        return sorted(path.name for path in self._folder.iterdir() if path.is_dir() and not path.name.startswith("."))

    def _upsert(self, collection: str, points: Sequence[Point]) -> None:
        rows = [edge.Point(point.id, {_slot(point.vector): _native(point.vector)}, point.payload) for point in points]
        self._shard(collection).update(edge.UpdateOperation.upsert_points(rows))

    def _delete(self, collection: str, scope: Scope) -> None:
        condition = _filter(scope)
        assert condition is not None
        self._shard(collection).update(edge.UpdateOperation.delete_points_by_filter(condition))

    def _search(self, collection: str, query: Query) -> Ranking:
        slot = _slot(query.vector)
        idf = edge.IdfParams(corpus=_filter(query.corpus)) if slot == SPARSE else None
        found = self._shard(collection).query(
            edge.QueryRequest(
                limit=query.limit,
                query=edge.Query.Nearest(_native(query.vector), slot),
                filter=_filter(query.scope),
                params=edge.SearchParams(exact=True, idf=idf) if idf else edge.SearchParams(exact=True),
            )
        )
        return [(str(point.id), point.score) for point in found]

    def _count(self, collection: str, scope: Scope) -> int:
        return int(self._shard(collection).count(edge.CountRequest(exact=True, filter=_filter(scope))))

    def _ids(self, collection: str, scope: Scope) -> list[str]:
        ids: list[str] = []
        offset: Any = None
        while True:
            request = edge.ScrollRequest(offset=offset, limit=SCROLL_POINTS, filter=_filter(scope), with_payload=False)
            page, offset = self._shard(collection).scroll(request)
            ids += [str(record.id) for record in page]
            if offset is None:
                return ids

    def _entries(self, collection: str, after: str | None, limit: int) -> Entries:
        request = edge.ScrollRequest(offset=after, limit=limit, with_payload=True)
        page, offset = self._shard(collection).scroll(request)
        found = [(str(record.id), str((record.payload or {}).get("document_id", ""))) for record in page]
        return found, None if offset is None else str(offset)

    def _vectors(self, collection: str, ids: Sequence[str]) -> dict[str, Vector]:
        records = self._shard(collection).retrieve(list(ids), with_payload=False, with_vector=True)
        return {str(record.id): _dense(record.vector) for record in records}

    def _ping(self) -> None:
        if not self._folder.is_dir():
            raise Unavailable("The folder of the vectors is gone; restore data/vectors or run 'ai-manager reindex'.")

    def _close(self) -> None:
        for shard in self._shards.values():
            shard.flush()
            shard.close()
        self._shards.clear()
        with contextlib.suppress(OSError):
            self._held.release()


def _config(dimension: int) -> edge.EdgeConfig:
    """Exact search; see design 5 on optimize(). A collection has one segment, so a pool of threads for each only gives
    every call threads to wake: without, a search takes a quarter less processor time, and 4 collections 30 threads less.
    """
    shared: dict[str, Any] = {"optimizers": edge.EdgeOptimizersConfig(indexing_threshold=0), "max_search_threads": 1}
    if dimension == 0:
        sparse = {SPARSE: edge.EdgeSparseVectorParams(modifier=edge.Modifier.Idf)}
        return edge.EdgeConfig(vectors={}, sparse_vectors=sparse, **shared)
    dense = {DENSE: edge.EdgeVectorParams(size=dimension, distance=edge.Distance.Cosine)}
    return edge.EdgeConfig(vectors=dense, **shared)


def _dense(vectors: Any) -> Vector:
    return np.asarray(vectors[DENSE], dtype=np.float32)


def _slot(vector: object) -> str:
    return SPARSE if isinstance(vector, Sparse) else DENSE


def _native(vector: Any) -> Any:
    if isinstance(vector, Sparse):
        return edge.SparseVector(indices=vector.indices, values=vector.values)
    return vector.tolist()


def _filter(scope: Scope) -> edge.Filter | None:
    if scope == EVERYTHING:
        return None
    must: list[Any] = []
    if scope.user_id is not None:
        must.append(edge.FieldCondition("user_id", match=edge.MatchValue(scope.user_id)))
    if scope.artist_ids is not None:
        must.append(edge.FieldCondition("artist_id", match=edge.MatchAny(list(scope.artist_ids))))
    if scope.document_ids is not None:
        must.append(edge.FieldCondition("document_id", match=edge.MatchAny(list(scope.document_ids))))
    if scope.point_ids is not None:
        must.append(edge.HasIdCondition(set(scope.point_ids)))
    return edge.Filter(must=must)
