"""Connections that stay open: the heartbeat and the event stream of a Gradio tab, so many per user, none without a sign-in.

Gradio never closes a heartbeat by itself: without a bound one user could hold every socket of this process.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable

from app.auth.paths import Binding
from app.errors import TooMany
from app.principal import Principal
from app.services.watch import SessionWatch

LASTING: frozenset[Binding] = frozenset({"heartbeat", "data"})
RETRY_SECONDS = 30  # a closed tab is noticed within a heartbeat of 15 s (Gradio 6.31)


class Connections:
    def __init__(self, most: int, watch: SessionWatch) -> None:
        self._most, self._watch = most, watch
        self._open: Counter[str] = Counter()

    async def hold(self, principal: Principal, serve: Callable[[], Awaitable[None]]) -> None:
        """Run `serve` as one of the user's open connections, until it ends or their sign-in does.

        Raises `TooMany` for one more than they may have, `Unauthorized` within seconds after the sign-in ended.
        """
        user_id = principal.user_id
        if self._open[user_id] >= self._most:
            raise TooMany("Too many pages are open for this account; close some tabs.", retry_after=RETRY_SECONDS)
        self._open[user_id] += 1
        try:
            with self._watch.watching(principal) as watched:
                await watched.unless_ended(serve)
        finally:
            self._open[user_id] -= 1
            if self._open[user_id] <= 0:
                del self._open[user_id]
