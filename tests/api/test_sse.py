"""The event stream alone: what it closes, what it tells, and what it never waits for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
from loguru import logger

from app.api import sse
from app.api.sse import EventStream
from app.errors import NotFound
from app.services.shapes import Event

SECRET = "the words of a user"


class Source:
    """A generator of events that notes how it ended."""

    def __init__(self, *steps: str | Exception | float, at_end: Exception | None = None) -> None:
        self.steps, self.at_end, self.ended, self.taken = steps, at_end, "", 0

    async def events(self) -> AsyncGenerator[Event, None]:
        try:
            for step in self.steps:
                if isinstance(step, Exception):
                    raise step
                if isinstance(step, float):
                    await asyncio.sleep(step)
                    continue
                self.taken += 1
                yield Event(name="token", data={"text": step})
            self.ended = "finished"
        except BaseException as end:
            await asyncio.sleep(0.05)  # closing a provider's stream takes a moment, and must be let finish
            self.ended = type(end).__name__
            if self.at_end is not None:
                raise self.at_end from None
            raise


async def run(stream: EventStream, receive: Callable[[], Awaitable[Any]] | None = None) -> str:
    """Everything the stream sends to a reader who leaves when `receive` says so."""
    sent: list[bytes] = []

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    async def never() -> Any:
        await asyncio.Event().wait()

    await stream({"type": "http", "asgi": {"spec_version": "2.3"}}, receive or never, send)
    return b"".join(sent).decode()


def test_events_are_written_in_their_order() -> None:
    source = Source("one", "line\nbreak \u2028 \ud83d")
    text = asyncio.run(_whole(source))
    first, second = text.strip().split("\n\n")
    assert first == 'event: token\ndata: {"text": "one"}'
    assert second.split("data: ")[1] == '{"text": "line\\nbreak \\u2028 \\ud83d"}'
    assert source.ended == "finished"


def test_a_failure_before_the_first_event_is_raised() -> None:
    with pytest.raises(NotFound):
        asyncio.run(_whole(Source(NotFound("There is no such thing."))))


def test_a_failure_after_it_is_an_event_without_its_text() -> None:
    text = asyncio.run(_whole(Source("one", RuntimeError(SECRET))))
    assert "event: error" in text
    assert SECRET not in text


def test_a_timeout_of_the_source_itself_is_a_failure_and_no_ping() -> None:
    text = asyncio.run(_whole(Source("one", TimeoutError())))
    assert "event: error" in text


def test_a_reader_who_leaves_closes_the_source_wherever_it_stands() -> None:
    async def leave(source: Source) -> None:
        stream = await EventStream.open(source.events())

        async def left() -> dict[str, str]:
            await asyncio.sleep(0.05)
            return {"type": "http.disconnect"}

        await run(stream, left)
        assert source.ended in ("CancelledError", "GeneratorExit")  # closed by now, not at some garbage collection

    for source in (Source("one", 60.0), Source(*["many"] * 1_000_000)):
        asyncio.run(leave(source))


def test_a_source_that_fails_while_it_is_closed_holds_nobody_up() -> None:
    """What came could not be saved; the log is told, and the task ends although nobody reads its queue."""

    async def leave(source: Source) -> None:
        stream = await EventStream.open(source.events())
        await asyncio.sleep(0.05)  # the queue is full now

        async def left() -> dict[str, str]:
            return {"type": "http.disconnect"}

        async with asyncio.timeout(sse.CLOSE_SECONDS / 2):
            await run(stream, left)

    lines: list[str] = []
    sink = logger.add(lambda message: lines.append(message.record["extra"].get("error", "")), level="ERROR")
    try:
        asyncio.run(leave(Source("one", "two", "three", "four", at_end=RuntimeError(SECRET))))
    finally:
        logger.remove(sink)
    assert lines == ["RuntimeError"]


def test_a_slow_reader_holds_the_source_back() -> None:
    source = Source(*["many"] * 1000)

    async def dawdle() -> None:
        stream = await EventStream.open(source.events())
        await asyncio.sleep(0.05)
        assert source.taken <= 3
        await run(stream)

    asyncio.run(dawdle())
    assert source.taken == 1000


def test_a_silent_source_is_pinged_also_before_its_first_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "PING_SECONDS", 0.05)
    text = asyncio.run(_whole(Source(0.12, "late", 0.12, "later")))
    assert text.startswith(": ping\n\n")
    assert text.count(": ping") >= 3
    assert text.count("event: token") == 2


async def _whole(source: Source) -> str:
    return await run(await EventStream.open(source.events()))
