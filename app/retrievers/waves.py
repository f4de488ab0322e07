"""One implementation, both colours: a retrieval is a generator of waves of futures, driven by a thread or by an event loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Future
from contextlib import suppress
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
    one that is not done `seconds` after its wave began, or when the wave's own limit is over, counts as a `TimeoutError`.
    """
    try:
        wave = next(steps)
        while True:
            done = threading.Event()
            if _awaited(wave, done.set):
                done.wait(_limit(wave, seconds))
            wave = steps.send([_outcome(future) for future in wave])
    except StopIteration as stop:
        result: R = stop.value
        return result


async def adrive(steps: Steps[R], seconds: float) -> R:
    """Like `drive`, without blocking the event loop. Cancelling does not cancel the futures: others may share them."""
    try:
        wave = next(steps)
        while True:
            await _settled(wave, _limit(wave, seconds))
            wave = steps.send([_outcome(future) for future in wave])
    except StopIteration as stop:
        result: R = stop.value
        return result


async def _settled(wave: Wave, seconds: float) -> None:
    """Return when all are done or the time is over. The loop is woken once for the whole wave: an asyncio future around
    each, with a limit of its own, costs more than most of these searches.
    """
    loop = asyncio.get_running_loop()
    done = loop.create_future()

    def settle() -> None:
        if not done.done():
            done.set_result(None)

    def wake() -> None:
        with suppress(RuntimeError):  # nobody waits any more, and their loop is closed
            loop.call_soon_threadsafe(settle)

    if _awaited(wave, wake):
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await done


def _awaited(wave: Wave, notify: Callable[[], object]) -> bool:
    """Have `notify` called, on some thread, when the last of the wave is done or cancelled; False when all are already."""
    waiting = [future for future in wave if not future.done()]

    def one_done(_: Future[Any]) -> None:
        waiting.pop()  # whichever: it only counts, and may be called by several threads at once
        if not waiting:
            notify()

    for future in list(waiting):
        future.add_done_callback(one_done)
    return bool(waiting)


def _limit(wave: Wave, seconds: float) -> float:
    return wave.seconds if isinstance(wave, Within) else seconds


def _outcome(future: Future[Any]) -> Any:
    if not future.done():
        return TimeoutError()
    try:
        return future.result()
    except Exception as error:  # handed to the steps, which decide what a failure means
        return error
