"""A chat model's connections, of which every event loop has its own: opened when first used, closed with the loop or on demand."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from app.llm_client import Lane


class Lanes:
    def __init__(self, open_lane: Callable[[], Lane]) -> None:
        self._open = open_lane
        self._lanes: dict[asyncio.AbstractEventLoop | None, Lane] = {}
        self._retired = False
        self._closing: set[asyncio.Task[None]] = set()  # a loop holds its tasks loosely

    def here(self) -> Lane:
        """The running loop's lane, or the one for synchronous use where no loop runs."""
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            loop = None
        if loop not in self._lanes:
            for ended in [key for key in list(self._lanes) if key is not None and key.is_closed()]:
                self._lanes.pop(ended, None)
            self._lanes[loop] = self._open()
        return self._lanes[loop]

    @asynccontextmanager
    async def in_use(self) -> AsyncIterator[Lane]:
        """This loop's lane for one call; the last call of a retired model closes it."""
        lane = await self.ready()
        lane.users += 1
        try:
            yield lane
        finally:
            lane.users -= 1
            await self._close_if_idle()

    async def aclose(self) -> None:
        """Closes this event loop's connections; a later call opens new ones."""
        lane = self._lanes.pop(asyncio.get_running_loop(), None)
        if lane:
            await lane.wire.aclose()
            await lane.client.close()
            await lane.keeper.aclose()

    def retire(self) -> None:
        """Close the connections as soon as no call uses them. From any thread."""
        self._retired = True
        for loop in [loop for loop in list(self._lanes) if loop is not None]:
            with suppress(RuntimeError):  # the loop ended meanwhile, and closed them itself
                loop.call_soon_threadsafe(self._start_closing)

    def _start_closing(self) -> None:
        task = asyncio.get_running_loop().create_task(self._close_if_idle())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close_if_idle(self) -> None:
        lane = self._lanes.get(asyncio.get_running_loop())
        if self._retired and lane is not None and not lane.users:
            await self.aclose()

    async def ready(self) -> Lane:
        """This loop's lane, the import done in a thread, so that the loop goes on, and closed when the loop ends."""
        if asyncio.get_running_loop() not in self._lanes:
            await asyncio.to_thread(importlib.import_module, "llama_index.llms.openai_like")
        lane = self.here()
        if not lane.kept:
            lane.kept = True
            await anext(lane.keeper)
        return lane
