"""Ending what streams when its sign-in ends: one look every two seconds for all answers that are being written."""

from __future__ import annotations

import asyncio
from asyncio import AbstractEventLoop, Task
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from typing import TypeVar

from loguru import logger
from sqlalchemy.exc import SQLAlchemyError

from app.errors import Unauthorized
from app.principal import Principal

LOOK_SECONDS = 2.0  # of the 5 s within which a stream must end (ASVS 5.0, 7.4.1, by way of threats.md A7)
SENTENCE = "This sign-in has ended, and the answer with it; sign in again and ask once more."

Value = TypeVar("Value")


class Watched:
    """One answer under watch. Its writer awaits everything slow through `unless_ended`."""

    def __init__(self, session_id: str | None) -> None:
        self.session_id = session_id
        self._ended = False
        self._waiting: asyncio.Timeout | None = None

    def end(self) -> None:
        self._ended = True
        if self._waiting is not None:
            self._waiting.reschedule(asyncio.get_running_loop().time())

    async def unless_ended(self, slow: Callable[[], Awaitable[Value]]) -> Value:
        """What `slow` brings. Once the sign-in has ended it is cancelled, and `Unauthorized` raised instead.

        The timeout opens and closes within one await, so that the generator around it may be run and closed by
        different tasks.
        """
        ended = Unauthorized(SENTENCE, code="signed_out")
        if self._ended:
            raise ended
        waiting = asyncio.timeout(None)
        try:
            async with waiting:
                self._waiting = waiting
                return await slow()
        except TimeoutError:
            if not waiting.expired():
                raise
            raise ended from None
        finally:
            self._waiting = None


class SessionWatch:
    """`alive` names, of the session ids given, those that are neither ended nor their user disabled."""

    def __init__(self, alive: Callable[[Collection[str]], set[str]], seconds: float = LOOK_SECONDS) -> None:
        self._alive, self._seconds = alive, seconds
        # One per event loop: the server has one, the command line and notebooks make some of their own.
        self._open: dict[AbstractEventLoop, tuple[set[Watched], Task[None]]] = {}

    @contextmanager
    def watching(self, principal: Principal) -> Iterator[Watched]:
        """Watch the principal's sign-in while the block runs. The local operator has none that could end."""
        watched = Watched(principal.session_id)
        if watched.session_id is None:
            yield watched
            return
        loop = asyncio.get_running_loop()
        if loop not in self._open:
            fresh: set[Watched] = set()
            self._open[loop] = fresh, loop.create_task(self._look_until_empty(loop, fresh))
        together, _ = self._open[loop]
        together.add(watched)
        try:
            yield watched
        finally:
            together.discard(watched)

    async def _look_until_empty(self, loop: AbstractEventLoop, together: set[Watched]) -> None:
        try:
            await self._look(together)
        finally:
            del self._open[loop]

    async def _look(self, together: set[Watched]) -> None:
        while True:
            await asyncio.sleep(self._seconds)
            if not together:
                return
            current = [(watched, watched.session_id) for watched in together if watched.session_id is not None]
            try:
                alive = await asyncio.to_thread(self._alive, {session_id for _, session_id in current})
            except SQLAlchemyError:  # nothing is known of anybody; the next look will tell
                logger.warning("sign-ins of open streams not checked")
                continue
            for watched, session_id in current:
                if session_id not in alive:
                    watched.end()
