"""Slowing down password guessing: per account and address, per address, and per account over all addresses."""

from __future__ import annotations

import ipaddress
import math
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock
from typing import NamedTuple

from app.errors import TooMany

FORGET_SECONDS = 900.0
CAPACITY = 20_000  # counters kept; about 4 MB


class Limit(NamedTuple):
    """`free` failures cost nothing; each further one doubles the wait, from 1 second up to `longest` seconds."""

    free: int
    longest: float

    def wait(self, failures: int) -> float:
        return 0.0 if failures < self.free else float(min(2 ** min(failures - self.free, 30), self.longest))


# One device guessing at one account meets minutes; a shared address meets a minute. Guesses at one account from ever
# new addresses meet two seconds only: whoever knows the password must get in while somebody else is guessing.
LIMITS = {"account at address": Limit(5, 300), "address": Limit(20, 60), "account": Limit(20, 2)}
# Registering: failures as with signing in; accounts opened are counted too, for each brings quotas of its own.
NEWCOMER = {"newcomer": Limit(20, 60), "opened": Limit(30, 300)}

Key = tuple[str, ...]


@dataclass
class _Count:
    failures: int = 0
    last: float = 0.0


class Throttle:
    """Counts failed attempts in memory, forgetting them 15 minutes after the last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, capacity: int = CAPACITY) -> None:
        self._clock = clock
        self._capacity = capacity
        self._counts: OrderedDict[Key, _Count] = OrderedDict()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._turns: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lock = Lock()

    def admit(self, account: str, address: str) -> Attempt:
        """Let one attempt through, counted as failed until it reports success; raises `TooMany` when it must wait."""
        network = network_of(address)
        keys: dict[str, Key] = {
            "account at address": ("pair", account, network),
            "address": ("address", network),
            "account": ("account", account),
        }
        with self._lock:
            if (account, network) in self._known:
                del keys["account"]  # a place this account signed in from is not held up by strangers
            moment = self._clock()
            waits = {name: self._remaining(key, LIMITS[name], moment) for name, key in keys.items()}
            if waits.get("account", 0) > 0:
                waits["account"] = self._turn((account, network), moment, waits["account"])
            wait = max(waits.values())
            if wait > 0:
                seconds = math.ceil(wait)
                raise TooMany(f"Too many failed attempts; wait {seconds} s and try again.", retry_after=seconds)
            self._turns.pop((account, network), None)
            for key in keys.values():
                self._charge(key, moment)
        return Attempt(self, tuple(keys.values()), (account, network))

    def admit_newcomer(self, address: str) -> Newcomer:
        """Let one registration through, counted as failed until it reports success; raises `TooMany` when it must wait.

        This machine itself may open as many accounts as it likes: a proxy that is not declared would be everybody.
        """
        network = network_of(address)
        failed, opened = ("newcomer", network), ("opened", network)
        with self._lock:
            moment = self._clock()
            wait = max(self._remaining(key, NEWCOMER[key[0]], moment) for key in (failed, opened))
            if wait > 0:
                seconds = math.ceil(wait)
                raise TooMany(f"Too many registrations from here; wait {seconds} s and try again.", retry_after=seconds)
            self._charge(failed, moment)
            if not _is_loopback(network):
                self._charge(opened, moment)
        return Newcomer(self, failed, opened)

    def _turn(self, place: tuple[str, str], moment: float, wait: float) -> float:
        """How long a network must wait for guesses of others: as long as it was told the first time, however many of them
        come meanwhile. Without a turn of one's own the owner would race with a thousand addresses for the next moment."""
        due = self._turns.get(place)
        if due is None or moment - due > FORGET_SECONDS:
            due = self._turns[place] = moment + wait
            while len(self._turns) > self._capacity:
                self._turns.popitem(last=False)
        return max(0.0, min(wait, due - moment))

    def _remaining(self, key: Key, limit: Limit, moment: float) -> float:
        count = self._counts.get(key)
        if count is None or moment - count.last > FORGET_SECONDS:
            self._counts.pop(key, None)
            return 0.0
        return count.last + limit.wait(count.failures) - moment

    def _charge(self, key: Key, moment: float) -> None:
        count = self._counts.setdefault(key, _Count())
        count.failures, count.last = count.failures + 1, moment
        self._counts.move_to_end(key)
        while len(self._counts) > self._capacity:
            self._counts.popitem(last=False)

    def refund(self, keys: tuple[Key, ...]) -> None:
        with self._lock:
            for key in keys:
                count = self._counts.get(key)
                if count is not None:
                    count.failures -= 1
                    if count.failures <= 0:
                        del self._counts[key]

    def welcome(self, place: tuple[str, str]) -> None:
        """Remember that this account signed in from this network, and forget its slips there."""
        with self._lock:
            self._counts.pop(("pair", *place), None)
            self._known[place] = None
            self._known.move_to_end(place)
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)


class Attempt:
    """One admitted attempt: say `succeed` or `withdraw`, or let it stand as a failure."""

    def __init__(self, throttle: Throttle, keys: tuple[Key, ...], place: tuple[str, str]) -> None:
        self._throttle, self._keys, self._place = throttle, keys, place

    def succeed(self) -> None:
        """Only this attempt is taken back from the address's count: one's own account must buy no guesses."""
        self.withdraw()
        self._throttle.welcome(self._place)

    def withdraw(self) -> None:
        """The attempt was never judged."""
        self._throttle.refund(self._keys)


class Newcomer:
    """One admitted registration: say `succeed` or `withdraw`, or let it stand as a failure."""

    def __init__(self, throttle: Throttle, failed: Key, opened: Key) -> None:
        self._throttle, self._failed, self._opened = throttle, failed, opened

    def succeed(self) -> None:
        self._throttle.refund((self._failed,))

    def withdraw(self) -> None:
        """The attempt was never judged."""
        self._throttle.refund((self._failed, self._opened))


def _is_loopback(network: str) -> bool:
    try:
        return ipaddress.ip_network(network).is_loopback or network == str(ipaddress.ip_network("::/64"))
    except ValueError:
        return False


def network_of(address: str) -> str:
    """IPv4 as it is; IPv6 by its /64, which one subscriber holds whole (CVE-2021-22915 counted single addresses).

    Anything else stands for itself."""
    try:
        parsed = ipaddress.ip_address(address.split("%", 1)[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
