"""Session hashes and event ids stay with the user who used them first (threats.md, B4, B5, B7)."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response

from app.auth.bindings import KEEP_SECONDS, KEYS_PER_USER, Bindings
from app.auth.guard import Guard
from app.config import ServerSettings
from tests.auth.support import Accounts, ask

JOIN, DATA, CANCEL = "/app/gradio_api/queue/join", "/app/gradio_api/queue/data", "/app/gradio_api/cancel"
HEARTBEAT = "/app/gradio_api/heartbeat/"


class Tabs:
    """The guard, an inner application that answers like Gradio, and two signed-in users."""

    def __init__(self, accounts: Accounts) -> None:
        self.heard: list[Any] = []
        inner = FastAPI()

        @inner.post(JOIN)
        async def join(request: Request) -> Response:
            self.heard.append(await request.json())
            if self.heard[-1].get("fn_index") == 99:
                return JSONResponse({"detail": "no such function"}, status_code=500)
            return JSONResponse({"event_id": f"e{len(self.heard)}"})

        @inner.get(DATA)
        async def data(request: Request) -> dict[str, str]:
            return {"query": request.url.query}

        @inner.post(CANCEL)
        async def cancel(request: Request) -> Any:
            return await request.json()

        @inner.get(HEARTBEAT + "{name}")
        async def heartbeat(name: str) -> str:
            return name

        self.guard = Guard(inner, accounts.authenticator, ServerSettings())
        self.alice = accounts.bearer(accounts.user("alice"))
        self.bob = accounts.bearer(accounts.user("bob"))

    def join(self, who: dict[str, str], session_hash: Any = "tab1", **body: Any) -> httpx.Response:
        return ask(self.guard, "POST", JOIN, headers=who, json={"session_hash": session_hash, "data": [], **body})

    def data(self, who: dict[str, str], query: str = "session_hash=tab1") -> httpx.Response:
        return ask(self.guard, "GET", f"{DATA}?{query}", headers=who)

    def heartbeat(self, who: dict[str, str], session_hash: str = "tab1") -> httpx.Response:
        return ask(self.guard, "GET", HEARTBEAT + session_hash, headers=who)

    def cancel(self, who: dict[str, str], event_id: Any, session_hash: str = "tab1") -> httpx.Response:
        body = {"session_hash": session_hash, "fn_index": 0, "event_id": event_id}
        return ask(self.guard, "POST", CANCEL, headers=who, json=body)


@pytest.fixture
def tabs(accounts: Accounts) -> Tabs:
    return Tabs(accounts)


@pytest.mark.parametrize("first", ["join", "data", "heartbeat"])
def test_a_hash_belongs_to_whoever_used_it_first(tabs: Tabs, first: str) -> None:
    assert getattr(tabs, first)(tabs.alice).status_code == 200
    for way in ("join", "data", "heartbeat"):
        refusal = getattr(tabs, way)(tabs.bob)
        assert (refusal.status_code, refusal.json()["error"]) == (403, "foreign_tab")
        assert getattr(tabs, way)(tabs.alice).status_code == 200
    assert tabs.join(tabs.bob, "tab2").status_code == 200


def test_only_the_one_who_started_an_event_cancels_it(tabs: Tabs) -> None:
    event = tabs.join(tabs.alice).json()["event_id"]
    tabs.join(tabs.bob, "tab2")
    assert tabs.cancel(tabs.bob, event, "tab2").status_code == 403, "an own tab does not help"
    assert tabs.cancel(tabs.bob, event).status_code == 403
    assert tabs.cancel(tabs.alice, event).json() == {"session_hash": "tab1", "fn_index": 0, "event_id": event}


@pytest.mark.parametrize("event_id", ["unknown", None, 7, "", ["e1"]])
def test_an_event_nobody_started_cancels_nothing(tabs: Tabs, event_id: Any) -> None:
    tabs.join(tabs.alice)
    assert tabs.cancel(tabs.alice, event_id).status_code == 403


def test_a_join_cannot_name_anothers_event(tabs: Tabs) -> None:
    event = tabs.join(tabs.alice).json()["event_id"]
    assert tabs.join(tabs.bob, "tab2", event_id=event).status_code == 403
    assert tabs.join(tabs.alice, event_id=event).status_code == 200


def test_the_body_arrives_as_it_was_sent(tabs: Tabs) -> None:
    body = {
        "session_hash": "tab1",
        "data": ["é \U0001f3b5 \u2028", None, 1.5, {"a": [True]}],
        "fn_index": 3,
        "trigger_id": 7,
    }
    headers = {**tabs.alice, "accept-encoding": "gzip, br"}
    assert ask(tabs.guard, "POST", JOIN, headers=headers, json=body).status_code == 200
    assert tabs.heard == [body]

    async def chunks() -> Any:
        for piece in (b'{"session_hash": "tab1", ', b'"data": [1]}'):
            yield piece

    assert ask(tabs.guard, "POST", JOIN, headers=tabs.alice, content=chunks()).status_code == 200
    assert tabs.heard[1] == {"session_hash": "tab1", "data": [1]}


def test_a_key_given_twice_reads_the_same_inside(tabs: Tabs) -> None:
    tabs.join(tabs.alice)
    body = b'{"session_hash": "tab1", "data": [], "session_hash": "tab2"}'
    assert ask(tabs.guard, "POST", JOIN, headers=tabs.bob, content=body).status_code == 200
    assert tabs.heard[-1]["session_hash"] == "tab2"
    body = b'{"session_hash": "tab2", "data": [], "session_hash": "tab1"}'
    assert ask(tabs.guard, "POST", JOIN, headers=tabs.bob, content=body).status_code == 403


def test_a_query_with_two_hashes_is_refused_and_the_rest_is_dropped(tabs: Tabs) -> None:
    tabs.join(tabs.alice)
    tabs.join(tabs.bob, "tab2")
    for query in ("session_hash=tab2&session_hash=tab1", "session_hash=tab1&session_hash=tab2", "", "session_hash="):
        assert tabs.data(tabs.bob, query).status_code == 400
    assert tabs.data(tabs.bob, "x=1&session_hash=tab2").json() == {"query": "session_hash=tab2"}


@pytest.mark.parametrize("session_hash", [None, 7, "", "a/b", "x" * 65, "é", ["tab1"]])
def test_a_hash_no_browser_makes_is_refused(tabs: Tabs, session_hash: Any) -> None:
    assert tabs.join(tabs.alice, session_hash).status_code == 400


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b"[" * 100_000, b"\xff"])
def test_what_is_no_json_object_is_refused(tabs: Tabs, body: bytes) -> None:
    assert ask(tabs.guard, "POST", JOIN, headers=tabs.alice, content=body).status_code == 400
    assert not tabs.heard


def test_too_much_text_is_refused(tabs: Tabs) -> None:
    assert tabs.join(tabs.alice, data=["x" * 2_000_001]).status_code == 413
    assert tabs.join(tabs.alice, data=["x" * 1_900_000]).status_code == 200


@pytest.mark.parametrize("path", ["/tmp/gradio/alice.pdf", "/etc/passwd", "http://127.0.0.1:9/"])
def test_a_file_named_by_reference_is_refused_however_deep(tabs: Tabs, path: str) -> None:
    file = {"path": path, "meta": {"_type": "gradio.FileData"}}
    for data in ([file], [[{"role": "user", "content": {"file": file}}]], [{"text": "hi", "files": [file]}]):
        refusal = tabs.join(tabs.alice, data=data)
        assert (refusal.status_code, refusal.json()["error"]) == (403, "file_by_reference")
    assert tabs.join(tabs.alice, data=["gradio.FileData", {"meta": None, "path": "x"}]).status_code == 200


def test_a_failed_join_binds_no_event(tabs: Tabs) -> None:
    assert tabs.join(tabs.alice, fn_index=99).status_code == 500
    assert tabs.cancel(tabs.alice, "e1").status_code == 403


# The map


class Seconds:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_binding_ends_a_week_after_its_last_use() -> None:
    clock = Seconds()
    bindings = Bindings(clock)
    assert bindings.claim("tab", "alice")
    clock.now = KEEP_SECONDS
    assert bindings.claim("tab", "alice")
    clock.now = 2 * KEEP_SECONDS
    assert not bindings.claim("tab", "bob")
    clock.now += 1
    assert not bindings.owns("tab", "alice")
    assert bindings.claim("tab", "bob")
    assert not bindings.owns("tab", "alice")


def test_one_users_flood_displaces_only_their_own() -> None:
    bindings = Bindings()
    bindings.claim("alice's tab", "alice")
    for number in range(3 * KEYS_PER_USER):
        bindings.claim(f"tab {number}", "bob")
    assert bindings.owns("alice's tab", "alice")
    assert not bindings.owns("tab 0", "bob")
    assert len(bindings._owners) == KEYS_PER_USER + 1
    assert json.dumps(sorted(bindings._used)) == '["alice", "bob"]'
