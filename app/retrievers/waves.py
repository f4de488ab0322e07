"""One implementation, both colours: a retrieval is a generator of waves of futures, driven by a thread or by an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

R = TypeVar("R")


class Within(list["Future[Any]"]):
    """A wave with a time limit of its own, in seconds."""

    def __init__(self, seconds: float, futures: Sequence[Future[Any]]) -> None:
        super().__init__(futures)
        self.seconds = seconds


Wave = Sequence["Future[Any]"]
Steps = Generator[Wave, list[Any], R]


def drive(steps: Steps[R], seconds: float) -> R:
    """Run `steps` on this thread. Each future's result, or the exception it raised, is sent back in its place;
    one that takes longer than `seconds`, or than its wave allows, counts as a `TimeoutError`.
    """
    try:
        wave = next(steps)
        while True:
            limit = _limit(wave, seconds)
            wave = steps.send([_outcome(future, limit) for future in wave])
    except StopIteration as stop:
        result: R = stop.value
        return result


async def adrive(steps: Steps[R], seconds: float) -> R:
    """Like `drive`, without blocking the event loop. Cancelling does not cancel the futures: others may share them."""
    try:
        wave = next(steps)
        while True:
            limit = _limit(wave, seconds)
            waiting = [asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), limit) for future in wave]
            wave = steps.send(await asyncio.gather(*waiting, return_exceptions=True))
    except StopIteration as stop:
        result: R = stop.value
        return result


def _limit(wave: Wave, seconds: float) -> float:
    return wave.seconds if isinstance(wave, Within) else seconds


def _outcome(future: Future[Any], seconds: float) -> Any:
    try:
        return future.result(seconds)
    except Exception as error:  # handed to the steps, which decide what a failure means
        return error
