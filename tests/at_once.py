"""Calls that start at one moment, for what only one of many may do."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

AT_ONCE = 20
Got = TypeVar("Got")


def together(act: Callable[[int], Got], times: int = AT_ONCE) -> list[Got]:
    """What they give back; each call is told its number, from 0 on."""
    start = threading.Barrier(times)

    def wait(number: int) -> Got:
        start.wait(20)
        return act(number)

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(wait, range(times)))
