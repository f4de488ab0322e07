"""Events become a few updates a second; closing the page's generator closes the answer, in the task that ran it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

import pytest

from app.errors import Unavailable
from app.services.shapes import Event
from app.ui import streaming
from app.ui.streaming import paced, progress


def token(text: str) -> Event:
    return Event(name="token", data={"text": text})


class Answer:
    """A source of events that notes in which task it ran and was closed."""

    def __init__(self, tokens: int, pause: float = 0.0, error: Exception | None = None) -> None:
        self.tokens, self.pause, self.error = tokens, pause, error
        self.ran_in: Any = None
        self.closed_in: Any = None

    async def events(self) -> AsyncGenerator[Event, None]:
        self.ran_in = asyncio.current_task()
        try:
            for number in range(self.tokens):
                await asyncio.sleep(self.pause)
                yield token(f"{number} ")
            if self.error is not None:
                raise self.error
        finally:
            self.closed_in = asyncio.current_task()


def test_nothing_is_lost_and_updates_are_few() -> None:
    async def run() -> tuple[list[str], float]:
        start = asyncio.get_running_loop().time()
        texts = [seen.text async for seen in progress(Answer(60, pause=0.01).events())]
        return texts, asyncio.get_running_loop().time() - start

    texts, seconds = asyncio.run(run())
    assert texts[-1] == "".join(f"{number} " for number in range(60))
    assert len(texts) <= seconds / streaming.UPDATE_SECONDS + 2


def test_a_pause_of_the_model_holds_back_nothing_that_came() -> None:
    async def run() -> str:
        answer = Answer(3, pause=0.0)

        async def stalling() -> AsyncGenerator[Event, None]:
            async for event in answer.events():
                yield event
            await asyncio.sleep(3600)

        seen = ""
        async with aclosing(paced(stalling(), 0.01)) as batches:
            while seen.count(" ") < 3:
                seen += "".join(event.data["text"] for event in await asyncio.wait_for(anext(batches), 2))
        return seen

    assert asyncio.run(run()) == "0 1 2 "


@pytest.mark.parametrize("how", ["closed elsewhere", "cancelled"])
def test_leaving_closes_the_answer_in_its_own_task(how: str) -> None:
    answer = Answer(10_000, pause=0.001)

    async def run() -> None:
        stream = progress(answer.events())
        await anext(stream)
        if how == "cancelled":
            task = asyncio.ensure_future(anext(stream))
            await asyncio.sleep(0.01)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        else:
            await asyncio.create_task(stream.aclose())

    asyncio.run(run())
    assert answer.closed_in is not None
    assert answer.closed_in is answer.ran_in


def test_what_the_answer_raises_arrives_after_what_came() -> None:
    seen = []

    async def run() -> None:
        async for step in progress(Answer(2, error=Unavailable("It is down.")).events()):
            seen.append(step.text)

    with pytest.raises(Unavailable):
        asyncio.run(run())
    assert seen[-1] == "0 1 "


def test_progress_says_what_is_done_and_which_labels_are_known() -> None:
    async def events() -> AsyncGenerator[Event, None]:
        yield Event(name="intent", data={"direct": False, "kbs": ["personal", "global"]})
        yield Event(name="sources", data={"citations": [{"label": "P1"}], "trace_id": "t"})
        yield token("It is England [P1]")
        yield Event(name="done", data={})

    async def run() -> streaming.Progress:
        return [step async for step in progress(events())][-1]

    seen = asyncio.run(run())
    assert seen.doing == "Found 1 passage. Writing the answer …"
    assert 'class="cite"' in seen.rows()[0]["content"]


def test_a_busy_process_updates_less_often() -> None:
    async def batches() -> int:
        async def work() -> None:
            while True:
                time.sleep(0.03)  # the loop is held up, as by many others
                await asyncio.sleep(0)

        task = asyncio.create_task(work())
        began = asyncio.get_running_loop().time()
        count = 0
        async with aclosing(paced(Answer(10_000, pause=0.001).events(), 0.02)) as found:
            async for _ in found:
                count += 1
                if asyncio.get_running_loop().time() - began > 0.6:
                    break
        task.cancel()
        return count

    assert asyncio.run(batches()) < 5  # 6 and more where the pauses stay as they are
