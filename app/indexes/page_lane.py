"""Pages that are drawn: how many at once, and the newest ones kept for a while."""

from __future__ import annotations

import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from threading import BoundedSemaphore, Lock

from app.errors import TooMany, Unavailable
from app.indexes.page_pictures import Picture

AT_ONCE = 2  # pages drawn at the same time: each takes a core for up to `page_seconds`
WAITING = 12  # of all users together, the drawn ones included; each holds a thread of the server
EACH = 4  # of them by one user
CACHE_BYTES = 48_000_000  # some 200 pages of text
CACHE_SECONDS = 600.0

BUSY = "Many pages are being drawn at this moment; try again in a few seconds."


class Places:
    """How many pages are drawn at once, and how many wait for it."""

    def __init__(self) -> None:
        self._lock, self._running = Lock(), BoundedSemaphore(AT_ONCE)
        self._asked: Counter[str] = Counter()

    @contextmanager
    def one(self, user_id: str) -> Iterator[None]:
        """A place among the pages being drawn, waited for. Raises `TooMany` or `Unavailable` where too many wait."""
        with self._lock:
            if self._asked[user_id] >= EACH:
                raise TooMany("Several pages are being drawn for you already; wait for one of them.", retry_after=2)
            if self._asked.total() >= WAITING:
                raise Unavailable(BUSY, code="busy", retry_after=2)
            self._asked[user_id] += 1
        try:
            with self._running:
                yield
        finally:
            with self._lock:
                self._asked[user_id] -= 1
                self._asked += Counter()  # without those at zero


class Kept:
    """Pictures in memory alone: the newest ones, for a while. The first part of a key is the document's id."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._pictures: OrderedDict[tuple[object, ...], tuple[float, Picture]] = OrderedDict()

    def get(self, key: tuple[object, ...]) -> Picture | None:
        with self._lock:
            self._age()
            if key not in self._pictures:
                return None
            self._pictures.move_to_end(key)
            return self._pictures[key][1]

    def put(self, key: tuple[object, ...], picture: Picture) -> None:
        with self._lock:
            self._pictures[key] = (time.monotonic(), picture)
            while sum(len(one.data) for _, one in self._pictures.values()) > CACHE_BYTES:
                self._pictures.popitem(last=False)

    def documents(self) -> set[str]:
        with self._lock:
            return {str(key[0]) for key in self._pictures}

    def drop(self, documents: set[str]) -> None:
        with self._lock:
            for key in [key for key in self._pictures if key[0] in documents]:
                del self._pictures[key]

    def _age(self) -> None:
        old = time.monotonic() - CACHE_SECONDS
        for key in [key for key, (made, _) in self._pictures.items() if made < old]:
            del self._pictures[key]
