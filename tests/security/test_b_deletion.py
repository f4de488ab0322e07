"""B16: what was deleted is found by nobody at once, and within seconds stands in no byte of the data folder."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.api.conftest import wait_ready
from tests.security.town import Person, Town
from tests.services.test_accounts import bytes_with

QUESTION = "What commission does my manager receive?"
SECONDS = 30.0  # longest wait for the bytes to go; a quiet machine needs one or two


def contract(word: str) -> str:
    return (
        f"The manager receives seventeen percent commission, says {word}. The term of the {word} deal is three years. "
        * 4
    )


def settle(town: Town, what: str, word: str) -> tuple[Person, str]:
    """A person, and the address to delete; `word` stands in what goes with it and nowhere else."""
    person = town.person()
    artist = person.post("/artists", json={"name": f"{word} ferry" if what in ("artist", "account") else "Ferry"})["id"]
    if what == "conversation":
        talk = person.post("/conversations", json={"title": f"About {word}"})["id"]
        person.post("/messages", json={"text": f"What does {word} pay?", "conversation": talk})
        return person, f"/api/conversations/{talk}"
    document = person.upload(contract(word), name=word, artist_id=artist)
    assert wait_ready(person.client, document)["status"] == "ready"
    person.ids["document"] = document
    person.ids["elsewhere"] = person.post("/messages", json={"text": QUESTION})["conversation"]
    if what == "document":
        return person, f"/api/documents/{document}"
    talk = person.post("/conversations", json={"title": f"About {word}", "artist_id": artist})["id"]
    person.post("/messages", json={"text": f"What does {word} pay?", "conversation": talk, "artist_id": artist})
    return person, f"/api/artists/{artist}" if what == "artist" else "/api/account?confirm=true"


@pytest.mark.parametrize("what", ["document", "artist", "conversation", "account"])
def test_what_is_deleted_is_gone(town: Town, what: str, record_property: Callable[[str, object], None]) -> None:
    word = f"canary{uuid.uuid4().hex[:12]}"
    person, address = settle(town, what, word)
    assert bytes_with(town.folder, word)
    prompts = len(town.api.llm.requests)
    with closing(person.client) as client:
        start = time.monotonic()
        assert client.delete(address).status_code == 204
        answered = time.monotonic() - start
        if what != "account":
            _finds_nothing(town, person, word, prompts)
            assert client.get(address).status_code in (404, 405)
        took, left = time.monotonic() - start, bytes_with(town.folder, word)
        while left and took < SECONDS:
            time.sleep(0.2)
            took, left = time.monotonic() - start, bytes_with(town.folder, word)
    record_property(what, f"answered after {answered:.2f} s, gone after {took:.1f} s")
    assert left == {}
    assert what == "account" or answered < 3, "the request does not wait for the sweep"


def _finds_nothing(town: Town, person: Person, word: str, prompts: int) -> None:
    hits = person.post("/search", json={"query": "commission of the manager, term of the deal", "top_k": 50})["hits"]
    assert word not in json.dumps(hits)
    if talk := person.ids.get("elsewhere"):
        again = person.post("/messages", json={"text": QUESTION, "conversation": talk})
        assert word not in json.dumps(again)
        assert word not in json.dumps(person.client.get(f"/api/conversations/{talk}/messages").json())
        sent = json.dumps([request.body for request in town.api.llm.requests[prompts:]])
        assert "commission" in sent
        assert word not in sent, "neither as a source nor as an earlier answer"
    assert word not in json.dumps(person.client.get("/api/documents").json())
