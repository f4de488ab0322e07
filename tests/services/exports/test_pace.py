"""Openings of share links are paced by network, in windows of a minute."""

from __future__ import annotations

import pytest

from app.errors import TooMany
from app.services.exports.pace import MISSED, OPENED, WINDOW_SECONDS, Pace


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_a_network_that_tries_out_secrets_waits() -> None:
    clock = Clock()
    pace = Pace(clock)
    for _ in range(MISSED):
        pace.admit("203.0.113.7")
        pace.missed("203.0.113.7")
    clock.now += 20
    with pytest.raises(TooMany) as refused:
        pace.admit("203.0.113.7")
    assert refused.value.retry_after == WINDOW_SECONDS - 20
    pace.admit("203.0.113.8")
    clock.now += WINDOW_SECONDS - 20
    pace.admit("203.0.113.7")


def test_a_link_that_is_opened_over_and_over_waits() -> None:
    pace = Pace(Clock())
    for _ in range(OPENED):
        pace.admit("2001:db8::1")
    with pytest.raises(TooMany):
        pace.admit("2001:db8::2")  # the same /64
    pace.admit("2001:db8:0:1::1")


def test_this_machine_is_not_shut_out_by_slips() -> None:
    pace = Pace(Clock())
    for address in ("127.0.0.1", "::1"):
        for _ in range(MISSED + 1):
            pace.admit(address)
            pace.missed(address)


def test_networks_are_forgotten_oldest_first() -> None:
    pace = Pace(Clock(), capacity=2)
    for _ in range(OPENED):
        pace.admit("203.0.113.1")
    pace.admit("203.0.113.2")
    pace.admit("203.0.113.3")
    pace.admit("203.0.113.1")
