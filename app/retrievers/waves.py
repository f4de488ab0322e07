"""One implementation, both colours: a retrieval is a generator of waves of futures, driven by a thread or by an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

R = TypeVar("R")
Wave = Sequence["Future[Any]"]
Steps = Generator[Wave, list[Any], R]


def drive(steps: Steps[R], seconds: float) -> R:
    """Run `steps` on this thread. Each future's result, or the exception it raised, is sent back in its place;
    one that takes longer than `seconds` counts as a `TimeoutError`.
    """
    try:
        wave = next(steps)
        while True:
            wave = steps.send([_outcome(future, seconds) for future in wave])
    except StopIteration as stop:
        result: R = stop.value
        return result


async def adrive(steps: Steps[R], seconds: float) -> R:
    """Like `drive`, without blocking the event loop. Cancelling does not cancel the futures: others may share them."""
    try:
        wave = next(steps)
        while True:
            waiting = [asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), seconds) for future in wave]
            wave = steps.send(await asyncio.gather(*waiting, return_exceptions=True))
    except StopIteration as stop:
        result: R = stop.value
        return result


def _outcome(future: Future[Any], seconds: float) -> Any:
    try:
        return future.result(seconds)
    except Exception as error:  # handed to the steps, which decide what a failure means
        return error
