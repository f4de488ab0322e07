"""The seam to Qdrant: one small interface, an embedded engine in this process and a server behind it.

Every call returns a `concurrent.futures.Future`: a sync caller takes `.result()`, an async one wraps it (design rule 2).
Points carry ids only (design rule 5); the point id is the chunk id.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import ParamSpec, TypeVar

from app.indexes.embeddings import Vector

DENSE, SPARSE = "text-dense", "text-sparse"
PAYLOAD_KEYS = ("user_id", "artist_id", "document_id")
UPSERT_POINTS = 100  # the embedded engine holds the interpreter lock for a whole call: 100 points are 1.9 ms

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Scope:
    """Which points an operation is about: every field that is set must match. An empty one means the whole collection."""

    user_id: str | None = None
    artist_ids: tuple[str, ...] | None = None
    document_ids: tuple[str, ...] | None = None
    point_ids: tuple[str, ...] | None = None


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Point:
    """`user_id` and `artist_id` are empty strings where there is none (global documents; all artists)."""

    id: str
    vector: Vector
    document_id: str
    user_id: str = ""
    artist_id: str = ""

    @property
    def payload(self) -> dict[str, str]:
        return {"user_id": self.user_id, "artist_id": self.artist_id, "document_id": self.document_id}


@dataclass(frozen=True, slots=True)
class Query:
    """One search: at most `limit` ids in `scope`, best first. For sparse vectors document frequencies are counted in `corpus`."""

    vector: Vector
    limit: int
    scope: Scope
    corpus: Scope


Ranking = list[tuple[str, float]]
Entries = tuple[list[tuple[str, str]], str | None]


class Engine(ABC):
    """Collections of points. Subclasses implement the underscored calls, which run on `executor`.

    `alone`: no other process can use these collections.
    """

    alone = False

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def create(self, collection: str, dimension: int, *, tenant: bool) -> Future[None]:
        """Make an empty collection (dimension 0: sparse) unless it is there; `tenant`: searched per user."""
        return self._submit(self._create, collection, dimension, tenant)

    def drop(self, collection: str) -> Future[None]:
        return self._submit(self._drop, collection)

    def collections(self) -> Future[list[str]]:
        return self._submit(self._collections)

    def upsert(self, collection: str, points: Sequence[Point]) -> None:
        """Write all points, in slices, and return when they are searchable."""
        for start in range(0, len(points), UPSERT_POINTS):
            self._submit(self._upsert, collection, points[start : start + UPSERT_POINTS]).result()

    def delete(self, collection: str, scope: Scope) -> Future[None]:
        """Remove the points of `scope`; an empty scope raises, `drop` is for that."""
        if scope == EVERYTHING:
            raise ValueError("delete needs a scope")
        return self._submit(self._delete, collection, scope)

    def search(self, collection: str, query: Query) -> Future[Ranking]:
        return self._submit(self._search, collection, query)

    def count(self, collection: str, scope: Scope = EVERYTHING) -> Future[int]:
        return self._submit(self._count, collection, scope)

    def ids(self, collection: str, scope: Scope = EVERYTHING) -> Future[list[str]]:
        """The point ids of `scope`, unordered; for the reconciler."""
        return self._submit(self._ids, collection, scope)

    def entries(self, collection: str, after: str | None, limit: int) -> Future[Entries]:
        """At most `limit` points of the whole collection in the order of their ids, as (point id, document id), and the
        id to go on from, None at the end.
        """
        return self._submit(self._entries, collection, after, limit)

    def vectors(self, collection: str, ids: Sequence[str]) -> Future[dict[str, Vector]]:
        """The dense vectors of these points, by id; points that are not there are left out."""
        return self._submit(self._vectors, collection, ids)

    def ping(self) -> Future[None]:
        """Raise `Unavailable` unless the engine answers."""
        return self._submit(self._ping)

    def close(self) -> None:
        self._submit(self._close).result()
        self._executor.shutdown(wait=True)

    def _submit(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> Future[R]:
        return self._executor.submit(call, *args, **kwargs)

    @abstractmethod
    def _create(self, collection: str, dimension: int, tenant: bool) -> None: ...
    @abstractmethod
    def _drop(self, collection: str) -> None: ...
    @abstractmethod
    def _collections(self) -> list[str]: ...
    @abstractmethod
    def _upsert(self, collection: str, points: Sequence[Point]) -> None: ...
    @abstractmethod
    def _delete(self, collection: str, scope: Scope) -> None: ...
    @abstractmethod
    def _search(self, collection: str, query: Query) -> Ranking: ...
    @abstractmethod
    def _count(self, collection: str, scope: Scope) -> int: ...
    @abstractmethod
    def _ids(self, collection: str, scope: Scope) -> list[str]: ...
    @abstractmethod
    def _entries(self, collection: str, after: str | None, limit: int) -> Entries: ...
    @abstractmethod
    def _vectors(self, collection: str, ids: Sequence[str]) -> dict[str, Vector]: ...
    @abstractmethod
    def _ping(self) -> None: ...
    @abstractmethod
    def _close(self) -> None: ...
