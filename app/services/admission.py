"""How many answers are written at the same time, by one user and by all, in this process."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from app.config import QuotaSettings
from app.errors import TooMany, Unavailable
from app.principal import Principal

RETRY_SECONDS = 5  # about what an answer takes


class Admission:
    def __init__(self, quotas: QuotaSettings) -> None:
        self._each, self._all = quotas.concurrent_answers, quotas.all_answers
        self._running: Counter[str] = Counter()
        self._lock = Lock()

    def running(self) -> int:
        with self._lock:
            return self._running.total()

    @contextmanager
    def place(self, principal: Principal) -> Iterator[None]:
        """A place for one answer, kept while the block runs.

        Raises `TooMany` when the user has too many already, `Unavailable` when everybody together has.
        """
        with self._lock:
            if self._running[principal.user_id] >= self._each:
                raise TooMany(
                    f"{self._each} answers are being written for you already; wait for one of them, or stop it.",
                    code="too_many_answers",
                    retry_after=RETRY_SECONDS,
                )
            if self._running.total() >= self._all:
                raise Unavailable(
                    "Everybody is asking at this moment; try again in a few seconds.",
                    code="busy",
                    retry_after=RETRY_SECONDS,
                )
            self._running[principal.user_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[principal.user_id] -= 1
                if self._running[principal.user_id] <= 0:
                    del self._running[principal.user_id]
