"""How often share links are opened from one network: whoever tries out secrets, or opens one over and over, waits."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from app.errors import TooMany
from app.services.throttle import network_of

WINDOW_SECONDS = 60.0
OPENED, MISSED = 120, 20  # in a window; a team behind one address opens a link a few dozen times
CAPACITY = 20_000  # networks remembered
# A proxy that is not declared would be everybody: their slips are not counted together. The secrets are long enough.
HERE = {"127.0.0.1", "::/64", "local socket"}


class Pace:
    """Counts in memory, in windows that begin with a network's first opening."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, capacity: int = CAPACITY) -> None:
        self._clock, self._capacity, self._lock = clock, capacity, Lock()
        self._seen: OrderedDict[str, tuple[float, int, int]] = OrderedDict()  # network -> begin, opened, missed

    def admit(self, address: str) -> None:
        """Raises `TooMany` where this network has opened too much, or too much that was not there."""
        network, moment = network_of(address), self._clock()
        with self._lock:
            begun, opened, missed = self._window(network, moment)
            if opened >= OPENED or missed >= MISSED:
                wait = max(1, math.ceil(begun + WINDOW_SECONDS - moment))
                raise TooMany(f"Too many links were opened from here; wait {wait} s and try again.", retry_after=wait)
            self._keep(network, (begun, opened + 1, missed))

    def missed(self, address: str) -> None:
        """What was opened was not there."""
        network, moment = network_of(address), self._clock()
        if network in HERE:
            return
        with self._lock:
            begun, opened, missed = self._window(network, moment)
            self._keep(network, (begun, opened, missed + 1))

    def _window(self, network: str, moment: float) -> tuple[float, int, int]:
        found = self._seen.get(network)
        return found if found is not None and moment - found[0] < WINDOW_SECONDS else (moment, 0, 0)

    def _keep(self, network: str, counts: tuple[float, int, int]) -> None:
        self._seen[network] = counts
        self._seen.move_to_end(network)
        while len(self._seen) > self._capacity:
            self._seen.popitem(last=False)
