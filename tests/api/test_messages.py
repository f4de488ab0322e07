"""Answers as they come: the events and their order, what breaks on the way, and readers who leave."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.api import sse
from tests.api.conftest import Api, assert_error, upload, wait_ready

QUESTION = "How much commission does my manager take from live performance?"
LONG = " ".join(f"word{number}" for number in range(400)) + " [P1]."


@pytest.fixture
def client(user: httpx.Client, contract: Path) -> httpx.Client:
    """A user with a contract that is ready."""
    assert wait_ready(user, upload(user, contract).json()["id"])["status"] == "ready"
    return user


def events(lines: Iterator[str]) -> Iterator[tuple[str, Any]]:
    """The events of a stream as (name, data); comments come as (":", text)."""
    name = ""
    for line in lines:
        if line.startswith(":"):
            yield ":", line[1:].strip()
        elif line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def stream(client: httpx.Client, text: str = QUESTION) -> list[tuple[str, Any]]:
    with client.stream("POST", "/api/messages", json={"text": text, "stream": True}) as answer:
        assert answer.status_code == 200
        return list(events(answer.iter_lines()))


def until(condition: Callable[[], bool], seconds: float = 10) -> bool:
    deadline = time.monotonic() + seconds
    while not (met := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return met  # asked once a round: asking may change what it asks about


def test_an_answer_comes_as_intent_sources_tokens_done(client: httpx.Client) -> None:
    with client.stream("POST", "/api/messages", json={"text": QUESTION, "stream": True}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-accel-buffering"] == "no"
        came = list(events(answer.iter_lines()))
    names = [name for name, _ in came]
    assert names == ["intent", "sources", *["token"] * (len(names) - 3), "done"]
    assert len(names) > 5

    data = dict(came)
    assert data["intent"]["intent"] == "personal"
    assert data["sources"]["citations"][0]["label"] == "P1"
    assert "".join(one["text"] for name, one in came if name == "token").strip() == data["done"]["text"]
    assert data["done"]["state"] == "answered"
    assert data["done"]["citations"][0]["page"] == 2
    assert data["done"]["conversation"] == data["intent"]["conversation"]
    kept = client.get(f"/api/conversations/{data['intent']['conversation']}/messages").json()["items"]
    assert kept[1] == data["done"]


def test_tokens_arrive_while_the_rest_is_still_being_written(api: Api, client: httpx.Client) -> None:
    api.llm.script(LONG, stall_after=20)  # the end never comes: what is read here was sent before it
    closed = api.llm.closed
    with client.stream("POST", "/api/messages", json={"text": QUESTION, "stream": True}) as answer:
        seen = next(data["text"] for name, data in events(answer.iter_lines()) if name == "token")
    assert seen.startswith("word0")
    assert until(lambda: api.llm.closed > closed)  # or the next test would count it as its own


def test_a_reader_who_leaves_stops_the_model_and_what_came_is_kept(api: Api, client: httpx.Client) -> None:
    api.llm.script(LONG, token_seconds=0.02)
    closed = api.llm.closed
    started = time.monotonic()
    with client.stream("POST", "/api/messages", json={"text": QUESTION, "stream": True}) as answer:
        lines = events(answer.iter_lines())
        conversation = next(data["conversation"] for name, data in lines if name == "intent")
        assert next(name for name, _ in lines if name == "token") == "token"
    assert until(lambda: api.llm.closed == closed + 1, seconds=2), "the provider's stream is still open"
    assert time.monotonic() - started < 8  # the whole answer takes longer

    def kept() -> dict[str, Any]:
        message: dict[str, Any] = client.get(f"/api/conversations/{conversation}/messages").json()["items"][-1]
        return message

    assert until(lambda: kept()["text"].startswith("word0"))
    assert kept()["state"] == "partial"
    assert "word399" not in kept()["text"]


def test_a_model_that_dies_on_the_way_is_an_error_event_with_what_came(api: Api, client: httpx.Client) -> None:
    api.llm.script(LONG, die_after=30)
    name, data = stream(client)[-1]
    assert name == "error"
    assert data["error"]
    assert data["detail"].endswith(".")
    assert len(data["request_id"]) == 32
    assert data["message"]["state"] == "partial"
    assert data["message"]["text"].startswith("word0")


def test_a_whole_answer_that_broke_off_is_partial(api: Api, client: httpx.Client) -> None:
    api.llm.script(LONG, die_after=30)
    message = client.post("/api/messages", json={"text": QUESTION}).json()
    assert message["state"] == "partial"
    assert message["text"].startswith("word0")


def test_a_model_that_never_answers_leaves_the_sources_own_words(api: Api, client: httpx.Client) -> None:
    api.llm.script(status=500, times=100)
    came = stream(client)
    assert came[-1][0] == "done"
    assert came[-1][1]["state"] == "extractive"
    assert came[-1][1]["citations"][0]["page"] == 2


def test_a_silent_stream_is_kept_open_by_comments(
    api: Api, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sse, "PING_SECONDS", 0.2)
    api.llm.script("Here it is [P1].", first_token_seconds=1.2)
    came = stream(client)
    assert (":", "ping") in came
    assert came[-1][0] == "done"


def test_an_answer_to_pasted_text_has_no_sources(client: httpx.Client) -> None:
    came = dict(stream(client, "Hello, how are you?"))
    assert came["intent"]["direct"] is True
    assert came["sources"]["citations"] == []
    assert came["done"]["state"] == "direct"


def test_what_fails_before_the_first_event_has_its_own_status(client: httpx.Client) -> None:
    body = {"text": QUESTION, "stream": True, "documents": ["00000000-0000-0000-0000-000000000000"]}
    answer = client.post("/api/messages", json=body)
    assert assert_error(answer, 404, "not_found") == "There is no such document."
