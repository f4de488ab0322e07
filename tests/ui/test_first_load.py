"""What the first visit costs a phone's connection: as the browser counts it, compressed, and nothing from elsewhere."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from app.ui.shared import PAGES
from tests.ui.axe import settle
from tests.ui.chromium import PHONE, Visitor
from tests.ui.conftest import Visit

MOST_BYTES = 700_000  # issue 6
AGAIN_BYTES = 100_000  # the page itself and what its events tell
LONGEST_SCRIPT = 1_000
LONGEST_SECONDS = 20


def counted(person: Visitor, go: Callable[[], Any]) -> tuple[int, list[str]]:
    """Bytes that came over the wire while `go` ran and the page settled, and the files that were not asked of the server."""
    wire = person.page.context.new_cdp_session(person.page)
    wire.send("Network.enable")
    came, urls, kept = [0], {}, []
    under_way: set[str] = set()
    wire.on("Network.requestWillBeSent", lambda told: urls.update({told["requestId"]: told["request"]["url"]}))
    wire.on("Network.requestWillBeSent", lambda told: under_way.add(told["requestId"]))
    for ended in ("Network.loadingFinished", "Network.loadingFailed"):
        wire.on(ended, lambda told: under_way.discard(told["requestId"]))
    wire.on("Network.requestServedFromCache", lambda told: kept.append(urls.get(told["requestId"], "")))
    wire.on(
        "Network.responseReceived",
        lambda told: kept.append(told["response"]["url"]) if told["response"].get("fromDiskCache") else None,
    )
    wire.on("Network.loadingFinished", lambda told: came.append(int(told["encodedDataLength"])))
    go()
    expect(person.page.locator("#header")).to_be_visible(timeout=30_000)
    settle(person.page)
    deadline = time.monotonic() + LONGEST_SECONDS
    while under_way and time.monotonic() < deadline:  # a plot's scripts are asked for when its figures have come
        settle(person.page)
    wire.detach()
    return sum(came), kept


@pytest.mark.parametrize("path", [page.path for page in PAGES], ids=[page.name for page in PAGES])
def test_the_first_load_is_light_and_the_second_is_kept(visitor: Visit, path: str) -> None:
    person = visitor(PHONE, role="admin")
    first, _ = counted(person, lambda: person.open(path))
    again, kept = counted(person, person.page.reload)
    assert 100_000 < first < MOST_BYTES
    assert again < AGAIN_BYTES
    assert sum(url.endswith(".js") for url in kept) > 10


def test_scripts_and_pages_come_compressed(visitor: Visit) -> None:
    person = visitor(PHONE)
    answers = {}
    person.page.on("response", lambda answer: answers.update({answer.url: answer}))
    expect(person.open().locator("#header")).to_be_visible(timeout=30_000)
    settle(person.page)
    kinds = ("javascript", "css", "text/html")
    large = [
        answer for answer in answers.values()
        if any(kind in answer.headers.get("content-type", "") for kind in kinds) and len(answer.body()) > LONGEST_SCRIPT
    ]  # fmt: skip
    assert len(large) > 20
    assert {answer.headers.get("content-encoding") for answer in large} == {"br"}
