"""B2 to B5 and B7: every listener that Gradio's own /config names, tabs and events of others, files by reference."""

from __future__ import annotations

import json
import re
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import httpx
import pytest

from tests.security.town import CANARY, Person, Town, digest

Q = "/app/gradio_api"
SLOW = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"

# handler(inputs) of each listener -> what becomes of another's id in it. A new listener has its row here first.
# own: it reads and writes what is the caller's. page: changes the page alone. browser: runs no code of ours on the server.
# admin: refused to everybody else.
LISTENERS = {
    "unnamed()": "browser",
    "ask(textbox,textbox)": "own", "shown(textbox)": "own", "listed(textbox)": "own", "uploaded()": "own",
    "figures()": "own", "admitted()": "own", "accounts()": "admin", "system()": "admin", "checked()": "admin",
    "grown()": "own", "metrics()": "admin", "newest()": "admin", "audited()": "admin",
}  # fmt: skip
KINDS = ("conversation", "document", "message", "artist", "user")
# What of the page's own words may name one of each.
NAMING: dict[str, tuple[str, ...]] = {
    "conversation": ("conversation",), "document": ("documents",), "message": ("replaces",), "artist": ("artist",), "user": (),
}  # fmt: skip


def dependencies(client: httpx.Client) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get("/app/config").json()["dependencies"]
    return found


def names(town: Town) -> dict[int, str]:
    config = town.bob.client.get("/app/config").json()
    types = {component["id"]: component["type"] for component in config["components"]}
    return {
        one["id"]: f"{re.sub(r'_[0-9]+$', '', one['api_name'])}({','.join(types[i] for i in one['inputs'])})"
        for one in config["dependencies"]
    }


def said(identifier: str, *names: str) -> str:
    """What the chat page's script says of the page, with an id in all that names something, or in `names` alone."""
    everything = {"conversation": identifier, "artist": identifier, "documents": [identifier], "replaces": identifier}
    return json.dumps({name: value for name, value in everything.items() if not names or name in names})


def join(who: httpx.Client, tab: str, index: int, data: list[Any], **more: Any) -> httpx.Response:
    return who.post(f"{Q}/queue/join", json={"session_hash": tab, "fn_index": index, "data": data, **more})


def heard(who: httpx.Client, tab: str) -> list[dict[str, Any]]:
    """The messages of a tab's stream, up to its end."""
    found = []
    with who.stream("GET", f"{Q}/queue/data", params={"session_hash": tab}) as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                found.append(json.loads(line.removeprefix("data: ")))
                if found[-1]["msg"] == "close_stream":
                    break
    return found


def attack(town: Town, who: Person, tab: str, one: dict[str, Any], data: list[Any], identifier: str) -> str:
    """One listener called with an id of Alice's in every input and in the event itself; what came back."""
    target = one["targets"][0][0] if one["targets"] else None
    event = {"action": "delete", "id": identifier, "value": identifier, "index": 0}
    if join(who.client, tab, one["id"], data, event_data=event, trigger_id=target).status_code != 200:
        return ""
    return json.dumps(heard(who.client, tab))


def test_every_listener_has_its_verdict(town: Town) -> None:
    assert set(names(town).values()) == set(LISTENERS)
    assert all(one["api_visibility"] == "private" for one in dependencies(town.bob.client))


@pytest.mark.parametrize("handler", LISTENERS)
def test_a_listener_with_anothers_ids_shows_and_changes_nothing_of_theirs(town: Town, handler: str) -> None:
    """In one tab, so that what one call could have put into its state is there for the next."""
    before, tab = digest(town.services, but_of=town.bob.id), uuid.uuid4().hex[:12]
    everything = dependencies(town.bob.client)
    called = names(town)
    mine = next(one for one in everything if called[one["id"]] == handler)
    opened = next(one for one in everything if called[one["id"]] == "shown(textbox)")
    for kind in KINDS:
        identifier = town.alice.ids[kind]
        pages = [identifier, said(identifier), *(said(identifier, name) for name in NAMING[kind])]
        tried = [[identifier] * (len(mine["inputs"]) - 1) + [page] for page in pages] if mine["inputs"] else [[]]
        for one, data in ((opened, [said(identifier)]), *((mine, data) for data in tried)):
            answer = attack(town, town.bob, tab, one, data, identifier)
            assert CANARY not in answer.lower(), (handler, kind)
            assert town.alice.email not in answer
            if LISTENERS[handler] == "admin" and one is mine:
                assert '"success": false' in answer
    assert digest(town.services, but_of=town.bob.id) == before


def test_the_attack_works_on_what_is_ones_own(town: Town) -> None:
    """Else the sweep above would show nothing: the same calls by the owner open and delete."""
    carol = town.person()
    conversation = carol.post("/conversations", json={"title": "Mine and opened"})["id"]
    artist = carol.client.get("/api/artists").json()["items"][0]["id"]
    called = {name: one for one in dependencies(carol.client) for name in [names(town)[one["id"]]]}
    with closing(carol.client):
        page = json.dumps({"conversation": conversation, "artist": artist})
        assert "Mine and opened" in attack(town, carol, "carolstab", called["shown(textbox)"], [page], conversation)
        attack(town, carol, "carolstab", called["ask(textbox,textbox)"], ["Hello there", page], conversation)
        assert carol.client.get(f"/api/conversations/{conversation}").json()["artist_id"] == artist
        kept = carol.client.get(f"/api/conversations/{conversation}/messages").json()["items"]
        assert [one["role"] for one in kept] == ["user", "assistant"]


def test_no_listener_is_called_by_its_name(town: Town) -> None:
    """B3: the ways around the queue are shut, for admins too."""
    before, everything = digest(town.services), dependencies(town.bob.client)
    called = {str(name): one for one in everything for name in (one["api_name"], one["id"])}
    for name, one in {**called, "predict": everything[0]}.items():
        body = {
            "data": [town.alice.ids["conversation"]] * len(one["inputs"]),
            "session_hash": "bobsname",
            "fn_index": one["id"],
        }
        for way in ("run", "api", "call", "call/v2"):
            assert town.bob.client.post(f"{Q}/{way}/{name}", json=body).status_code == 404, (way, name)
        assert town.admin.client.post(f"{Q}/run/{name}", json=body).status_code == 404
    assert digest(town.services) == before


def test_anothers_tab_and_event_are_shut_while_they_run(town: Town) -> None:
    """B4, B5: Alice's answer comes whole, whatever Bob and nobody do with her tab's hash and event id meanwhile."""
    town.api.llm.script(SLOW, token_seconds=0.12)
    asking = next(one for one in dependencies(town.alice.client) if names(town)[one["id"]] == "ask(textbox,textbox)")
    tab, came = "alicetab" + uuid.uuid4().hex[:6], list[dict[str, Any]]()
    question = f"What commission does my manager of {CANARY} take?"
    event = join(town.alice.client, tab, asking["id"], [question, ""]).json()["event_id"]
    listening = threading.Thread(target=lambda: came.extend(heard(town.alice.client, tab)))
    listening.start()
    try:
        deadline = time.monotonic() + 20
        while not came and listening.is_alive() and time.monotonic() < deadline:
            for status, (method, path, body) in _reaching(tab, event, asking["id"]):
                bob = town.bob.client.request(method, path, json=body)
                assert bob.status_code == status, (method, path, bob.text)
                assert CANARY not in bob.text.lower()
                nobody = town.anon.request(method, path, json=body)
                assert nobody.status_code == (404 if status == 404 else 401), (method, path)
            time.sleep(0.2)
    finally:
        listening.join(30)
        town.api.llm.script()
    done = [one for one in came if one["msg"] == "process_completed"]
    assert [one["success"] for one in done] == [True]
    assert "sixteen" in json.dumps(came)


def _reaching(tab: str, event: str, index: int) -> list[tuple[int, tuple[str, str, Any]]]:
    own = {"session_hash": "bobsown", "fn_index": index}
    return [
        (403, ("POST", f"{Q}/queue/join", {"session_hash": tab, "fn_index": index, "data": ["hello", ""]})),
        (403, ("POST", f"{Q}/queue/join", {**own, "data": ["hello", ""], "event_id": event})),
        (403, ("GET", f"{Q}/queue/data?session_hash={tab}", None)),
        (403, ("GET", f"{Q}/heartbeat/{tab}", None)),
        (403, ("POST", f"{Q}/cancel", {"session_hash": tab, "fn_index": index, "event_id": event})),
        (403, ("POST", f"{Q}/cancel", {**own, "event_id": event})),
        (404, ("POST", f"{Q}/run/ask", {"session_hash": tab, "data": ["hello", ""]})),
        (404, ("GET", f"{Q}/call/ask/{event}", None)),
        (404, ("GET", f"{Q}/call/v2/ask/{event}", None)),
        (404, ("GET", f"{Q}/stream/{tab}/0/0/playlist.m3u8", None)),
        (404, ("POST", f"{Q}/stream/{event}", None)),
        (404, ("POST", f"{Q}/stream/{event}/close", None)),
        (
            404,
            ("POST", f"{Q}/component_server", {"session_hash": tab, "component_id": 1, "fn_name": "x", "data": None}),
        ),
        (404, ("POST", f"{Q}/reset", {"session_hash": tab, "event_id": event, "fn_index": index})),
        (404, ("GET", f"{Q}/queue/status", None)),
    ]


# Files by reference (B7)


@pytest.fixture
def listener() -> Iterator[tuple[int, list[str]]]:
    """A port, and what anybody asked of it."""
    hits: list[str] = []

    class Counting(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hits.append(self.path)
            self.send_response(200)
            self.end_headers()

        do_POST = do_HEAD = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Counting)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server.server_port, hits
    server.shutdown()
    server.server_close()
    thread.join(5)


def test_no_file_is_taken_by_its_path_or_address(town: Town, listener: tuple[int, list[str]]) -> None:
    port, hits = listener
    before, count = digest(town.services, but_of=town.bob.id), len(dependencies(town.bob.client))
    upload, index = str(town.folder / "uploads" / town.alice.ids["document"]), 0
    for path in (upload, "/etc/passwd", f"http://127.0.0.1:{port}/x", str(town.folder / "ai_manager.db")):
        file = {"path": path, "url": path, "orig_name": "deal.txt", "meta": {"_type": "gradio.FileData"}}
        for data in ([file], [[file]], [{"files": [file], "text": "hi"}], [file, file, file]):
            index = (index + 7) % count
            assert join(town.bob.client, "bobsfile", index, data).status_code == 403
            for way in (
                "run/ask",
                "api/ask",
                "call/ask",
                "call/v2/ask",
                "upload",
                "component_server",
                "process_recording",
            ):
                answer = town.bob.client.post(
                    f"{Q}/{way}", json={"data": data, "session_hash": "bobsfile", "fn_index": 3}
                )
                assert answer.status_code == 404, way
    # Not marked as a file of Gradio's: nothing of ours reads it.
    bare = {"path": upload, "url": f"http://127.0.0.1:{port}/bare"}
    for index in range(count):
        join(town.bob.client, "bobsbare", index, [bare] * 3, event_data={"action": "delete", "id": bare, "file": bare})
    told = json.dumps(heard(town.bob.client, "bobsbare"))
    assert CANARY not in told.lower()
    assert "root:x:0" not in told
    assert digest(town.services, but_of=town.bob.id) == before
    assert hits == []
