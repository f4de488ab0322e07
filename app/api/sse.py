"""Server-sent events: an answer on its way, one event at a time, stopped when its reader goes away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from enum import Enum
from typing import Self

from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from starlette.types import Receive, Scope, Send

from app.api.errors import unexpected
from app.errors import AppError
from app.log import request_id
from app.services.shapes import Event

PING_SECONDS = 15.0  # the HTML standard's own advice, for proxies that drop silent connections
CLOSE_SECONDS = 5.0  # for the provider's stream to close after its reader went away
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the second: nginx, do not collect


class _Mark(Enum):
    PING = "nothing came for a while"
    END = "nothing more comes"


_Item = Event | Exception | _Mark


class EventStream(StreamingResponse):
    """Sends what a task of its own takes from the generator, at most one event ahead of the reader.

    The task keeps the generator away from the response's cancellation: Starlette cancels over and over until its scope
    ends and never closes a generator, while this one must save what came and close the provider's stream.
    """

    media_type = "text/event-stream"

    def __init__(
        self, task: asyncio.Task[None], queue: asyncio.Queue[_Item], first: _Item, headers: Mapping[str, str]
    ) -> None:
        super().__init__(_lines(queue, first), headers={**HEADERS, **headers})
        self._task, self._queue = task, queue

    @classmethod
    async def open(cls, events: AsyncGenerator[Event, None], headers: Mapping[str, str] | None = None) -> Self:
        """Wait for the first event, at most `PING_SECONDS`: what fails before it raises, and so has its own status."""
        queue: asyncio.Queue[_Item] = asyncio.Queue(1)
        task = asyncio.create_task(_pump(events, queue))
        try:
            first = await _next(queue)
        except BaseException:  # the server shuts down
            task.cancel()
            raise
        if isinstance(first, Exception):
            raise first
        return cls(task, queue, first, headers or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._unread()  # makes room, so that the task need not wait for a reader who is gone
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CLOSE_SECONDS)
            if isinstance(failure := self._unread(), Exception):
                unexpected(failure)

    def _unread(self) -> _Item | None:
        return None if self._queue.empty() else self._queue.get_nowait()


async def _pump(events: AsyncGenerator[Event, None], queue: asyncio.Queue[_Item]) -> None:
    try:
        async with aclosing(events):
            async for event in events:
                await queue.put(event)
    except Exception as error:  # told to the reader, who waits on the other side of the queue
        await queue.put(error)
    else:
        await queue.put(_Mark.END)


async def _next(queue: asyncio.Queue[_Item]) -> _Item:
    try:
        async with asyncio.timeout(PING_SECONDS):
            return await queue.get()
    except TimeoutError:
        return _Mark.PING


async def _lines(queue: asyncio.Queue[_Item], item: _Item) -> AsyncGenerator[bytes, None]:
    while item is not _Mark.END:
        if isinstance(item, Exception):
            yield _encode(_failure(item))
            return
        yield _encode(item) if isinstance(item, Event) else KEEPALIVE_COMMENT
        item = await _next(queue)


def _failure(error: Exception) -> Event:
    told = error if isinstance(error, AppError) else unexpected(error)
    data = {"error": told.code, "detail": told.sentence, "request_id": request_id.get(), "message": None}
    return Event(name="error", data=data)


def _encode(event: Event) -> bytes:
    return format_sse_event(event=event.name, data_str=json.dumps(event.data))
