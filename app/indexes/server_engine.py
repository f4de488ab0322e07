"""A Qdrant server or cluster through qdrant-client; the same collections and payloads as the embedded engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

import httpx
import numpy as np
from qdrant_client import QdrantClient, models
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException

from app.config import VectorSettings
from app.errors import ConfigError, Unavailable
from app.indexes.embeddings import Sparse, Vector
from app.indexes.engine import DENSE, EVERYTHING, PAYLOAD_KEYS, SPARSE, Engine, Entries, Point, Query, Ranking, Scope

THREADS = 16
SCROLL_POINTS = 1000
R = TypeVar("R")


class _Exists(Unavailable):
    """HTTP 409: the collection is there already."""


class ServerEngine(Engine):
    """`threads=1` is for qdrant-client's own in-memory implementation, which is not safe for more."""

    def __init__(self, client: QdrantClient, *, threads: int = THREADS) -> None:
        super().__init__(ThreadPoolExecutor(threads, thread_name_prefix="qdrant"))
        self._client = client

    @classmethod
    def connect(cls, settings: VectorSettings) -> ServerEngine:
        """A client for `vectors.url`; nothing is sent before the first call."""
        key = settings.api_key.get_secret_value() if settings.api_key else None
        seconds = max(1, round(settings.timeout_seconds))
        try:
            return cls(QdrantClient(url=settings.url, api_key=key, timeout=seconds, check_compatibility=False))
        except ValueError:  # urllib3's LocationParseError is one
            raise ConfigError(
                "The setting 'vectors.url' (QDRANT_URL) is no address; write it like http://127.0.0.1:6333."
            ) from None

    def _create(self, collection: str, dimension: int, tenant: bool) -> None:
        if not _reach(lambda: self._client.collection_exists(collection)):
            self._create_collection(collection, dimension, tenant)
        for key in PAYLOAD_KEYS:  # also where it exists: whoever made it may have ended before it came to these
            schema = models.KeywordIndexParams(
                type=models.KeywordIndexType.KEYWORD, is_tenant=tenant and key == "user_id"
            )
            _reach(partial(self._client.create_payload_index, collection, key, schema))

    def _create_collection(self, collection: str, dimension: int, tenant: bool) -> None:
        dense = {} if dimension == 0 else {DENSE: models.VectorParams(size=dimension, distance=models.Distance.COSINE)}
        sparse = {SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)} if dimension == 0 else None
        # Per-tenant graphs instead of one over all users, where every search names its user.
        graph = models.HnswConfigDiff(m=0, payload_m=16) if tenant else None
        with suppress(_Exists):  # another process was faster
            _reach(
                lambda: self._client.create_collection(
                    collection, vectors_config=dense, sparse_vectors_config=sparse, hnsw_config=graph
                )
            )

    def _drop(self, collection: str) -> None:
        _reach(lambda: self._client.delete_collection(collection))

    def _collections(self) -> list[str]:
        return sorted(entry.name for entry in _reach(self._client.get_collections).collections)

    def _upsert(self, collection: str, points: Sequence[Point]) -> None:
        rows = [models.PointStruct(id=p.id, vector=_named(p.vector), payload=p.payload) for p in points]
        _reach(lambda: self._client.upsert(collection, rows, wait=True))

    def _delete(self, collection: str, scope: Scope) -> None:
        condition = _filter(scope)
        assert condition is not None
        _reach(lambda: self._client.delete(collection, models.FilterSelector(filter=condition), wait=True))

    def _search(self, collection: str, query: Query) -> Ranking:
        sparse = isinstance(query.vector, Sparse)
        params = None
        if sparse and (corpus := _filter(query.corpus)) is not None:
            params = models.SearchParams(idf=models.IdfCorpusParams(corpus=corpus))
        found = _reach(
            lambda: self._client.query_points(
                collection,
                query=_native(query.vector),
                using=SPARSE if sparse else DENSE,
                limit=query.limit,
                query_filter=_filter(query.scope),
                search_params=params,
                with_payload=False,
            )
        )
        return [(str(point.id), point.score) for point in found.points]

    def _count(self, collection: str, scope: Scope) -> int:
        return _reach(lambda: self._client.count(collection, count_filter=_filter(scope), exact=True)).count

    def _ids(self, collection: str, scope: Scope) -> list[str]:
        ids: list[str] = []
        offset: Any = None
        while True:
            page, offset = self._page(collection, scope, offset)
            ids += [str(record.id) for record in page]
            if offset is None:
                return ids

    def _page(self, collection: str, scope: Scope, offset: Any) -> tuple[list[models.Record], Any]:
        return _reach(
            lambda: self._client.scroll(
                collection, scroll_filter=_filter(scope), limit=SCROLL_POINTS, offset=offset, with_payload=False
            )
        )

    def _entries(self, collection: str, after: str | None, limit: int) -> Entries:
        page, offset = _reach(
            lambda: self._client.scroll(collection, limit=limit, offset=after, with_payload=["document_id"])
        )
        found = [(str(record.id), str((record.payload or {}).get("document_id", ""))) for record in page]
        return found, None if offset is None else str(offset)

    def _vectors(self, collection: str, ids: Sequence[str]) -> dict[str, Vector]:
        records = _reach(lambda: self._client.retrieve(collection, list(ids), with_payload=False, with_vectors=[DENSE]))
        return {str(record.id): _dense(record.vector) for record in records}

    def _ping(self) -> None:
        _reach(self._client.get_collections)

    def _close(self) -> None:
        self._client.close()


def _reach(call: Callable[[], R]) -> R:
    try:
        return call()
    except (ResponseHandlingException, httpx.HTTPError, ConnectionError):
        raise Unavailable(
            "The vector database does not answer; check QDRANT_URL and that Qdrant runs.",
            code="vectors_unreachable",
            retry_after=10,
        ) from None
    except ApiException as error:
        status = getattr(error, "status_code", None)
        if status in (401, 403):
            raise Unavailable(
                "The vector database refuses the key; check QDRANT_API_KEY.", code="vectors_refused"
            ) from None
        kind = _Exists if status == 409 else Unavailable
        raise kind(
            f"The vector database answered with an error ({status}); see its own log.", code="vectors_error"
        ) from None


def _dense(vectors: Any) -> Vector:
    return np.asarray(vectors[DENSE], dtype=np.float32)


def _named(vector: Any) -> dict[str, Any]:
    return {SPARSE if isinstance(vector, Sparse) else DENSE: _native(vector)}


def _native(vector: Any) -> Any:
    if isinstance(vector, Sparse):
        return models.SparseVector(indices=vector.indices, values=vector.values)
    return vector.tolist()


def _filter(scope: Scope) -> models.Filter | None:
    if scope == EVERYTHING:
        return None
    must: list[models.Condition] = []
    if scope.user_id is not None:
        must.append(models.FieldCondition(key="user_id", match=models.MatchValue(value=scope.user_id)))
    if scope.artist_ids is not None:
        must.append(models.FieldCondition(key="artist_id", match=models.MatchAny(any=list(scope.artist_ids))))
    if scope.document_ids is not None:
        must.append(models.FieldCondition(key="document_id", match=models.MatchAny(any=list(scope.document_ids))))
    if scope.point_ids is not None:
        must.append(models.HasIdCondition(has_id=list(scope.point_ids)))
    return models.Filter(must=must)
