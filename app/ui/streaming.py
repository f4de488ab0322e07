"""An answer's events as updates of a page: gathered, so that a page is told a few times a second and not per token."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

from app.services.shapes import Event
from app.ui.format import KB_WORDS, Row, count, progress_rows

UPDATE_SECONDS = 0.18  # 5-6 updates a second: one costs 0.6-1 ms of the processor (gradio.md 4.4)
LONGEST_PAUSE = 2.0  # seconds between two updates where everything is late
LATE_TIMES = 3  # so many times what the last pause overslept is added to the next one
READING = "Reading your question …"


@dataclass(slots=True)
class Progress:
    """What is known of an answer on its way."""

    text: str = ""
    doing: str = READING
    labels: list[str] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Add one event. `done` and `error` change nothing: the stored message is shown then."""
        if event.name == "intent":
            self.doing = _searching(event.data)
        elif event.name == "sources":
            self.labels = [citation["label"] for citation in event.data["citations"]]
            if self.labels:
                self.doing = f"Found {count(len(self.labels), 'passage')}. Writing the answer …"
        elif event.name == "token":
            self.text += event.data["text"]

    def rows(self) -> list[Row]:
        return progress_rows(self.text, self.labels, self.doing)


async def progress(events: AsyncGenerator[Event, None]) -> AsyncGenerator[Progress, None]:
    """The same growing `Progress`, at most every `UPDATE_SECONDS`. Closing this closes `events`."""
    seen = Progress()
    async with aclosing(paced(events, UPDATE_SECONDS)) as batches:
        async for batch in batches:
            for event in batch:
                seen.take(event)
            yield seen


async def paced(events: AsyncGenerator[Event, None], seconds: float) -> AsyncGenerator[list[Event], None]:
    """Whatever came: the first words at once, then at most every `seconds`. Where the process is too busy to wake up in time
    the pauses grow, so that a page that waits for its first words is not kept waiting by the next words of all others.

    `events` runs and is closed in one task of its own: Gradio closes a cancelled generator from another task than the
    one that ran it, where a timeout or a connection inside could not be undone.
    """
    waiting: asyncio.Queue[Event | None] = asyncio.Queue()

    async def run() -> None:
        try:
            async with aclosing(events):
                async for event in events:
                    waiting.put_nowait(event)
        finally:
            waiting.put_nowait(None)

    task, pause = asyncio.create_task(run()), seconds
    clock = asyncio.get_running_loop().time
    try:
        while batch := await _gathered(waiting):
            yield batch
            if batch[-1].name != "token":
                continue
            began = clock()
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, seconds + LATE_TIMES * (clock() - began - pause))
        await task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def _gathered(waiting: asyncio.Queue[Event | None]) -> list[Event]:
    """All that waits, at least one; empty at the end."""
    batch = [await waiting.get()]
    while not waiting.empty():
        batch.append(waiting.get_nowait())
    if batch[-1] is None:
        waiting.put_nowait(None)  # found again once what came before it was shown
    return [event for event in batch if event is not None]


def _searching(intent: dict[str, Any]) -> str:
    if intent["direct"]:
        return "Writing …"
    return f"Searched {' and '.join(KB_WORDS[kb] for kb in intent['kbs'] if kb in KB_WORDS)}. Writing the answer …"
