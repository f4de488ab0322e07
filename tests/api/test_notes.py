"""What is remembered, over REST: proposed by a question, confirmed, changed, forgotten; and what fits one's role."""

from __future__ import annotations

import httpx

from tests.api.conftest import Api


def test_the_life_of_a_note(user: httpx.Client, api: Api) -> None:
    answer = user.post("/api/messages", json={"text": "I play the cello and sing. How do I register a song?"})
    assert answer.status_code == 200, answer.text
    place = f"/api/profile/notes?conversation={answer.json()['conversation']}"
    [note] = user.get(f"{place}&status=proposed").json()["items"]
    assert (note["text"], note["status"]) == ("I play the cello and sing.", "proposed")
    one = f"/api/profile/notes/{note['id']}"
    assert user.patch(one, json={"status": "confirmed"}).json()["status"] == "confirmed"
    assert user.get(f"{place}&status=proposed").json()["items"] == []
    assert user.patch(one, json={"text": "I play the viola."}).json()["text"] == "I play the viola."
    api.llm.script("Noted.")
    user.post("/api/messages", json={"text": "Hello"})
    prompts = [body["content"] for request in api.llm.chats for body in request.body["messages"]]
    assert any("- I play the viola." in text for text in prompts)
    assert user.delete(one).status_code == 204
    assert user.delete(one).status_code == 404
    assert user.get("/api/profile/notes").json() == {"items": [], "next": None}


def test_the_persona_of_the_role_enters_the_prompt(user: httpx.Client, api: Api) -> None:
    for role, words in (
        ("producer", "of a music producer"),
        ("manager", "of a music manager"),
        ("", "the user's personal"),
    ):
        user.put("/api/profile", json={"role": role})
        api.llm.script("Hello.")
        before = len(api.llm.chats)
        assert user.post("/api/messages", json={"text": "Hello"}).json()["state"] == "direct"
        [asked] = api.llm.chats[before:]
        assert words in asked.body["messages"][0]["content"]


def test_a_note_of_ones_own(user: httpx.Client) -> None:
    mine = user.get("/api/artists").json()["items"][0]["id"]
    made = user.post("/api/profile/notes", json={"text": "I never tour in winter.", "artist_id": mine})
    assert made.status_code == 201
    assert (made.json()["status"], made.json()["artist_id"]) == ("confirmed", mine)
    one = f"/api/profile/notes/{made.json()['id']}"
    assert user.patch(one, json={"artist_id": None}).json()["artist_id"] is None
    assert user.patch(one, json={"text": "Never."}).json()["artist_id"] is None
    for text in ("", " ", "x" * 501, "\x00"):
        assert user.post("/api/profile/notes", json={"text": text}).status_code == 422
    assert user.patch(one, json={"status": "proposed"}).status_code == 422
    assert user.patch(one, json={"status": "declined"}).json()["text"] == ""
    assert user.patch(one, json={"text": "Again."}).status_code == 409


def test_pages_of_notes(user: httpx.Client) -> None:
    for number in range(3):
        user.post("/api/profile/notes", json={"text": f"Fact number {number}"})
    first = user.get("/api/profile/notes?limit=2").json()
    assert [note["text"] for note in first["items"]] == ["Fact number 2", "Fact number 1"]
    rest = user.get(f"/api/profile/notes?limit=2&after={first['next']}").json()
    assert ([note["text"] for note in rest["items"]], rest["next"]) == (["Fact number 0"], None)


def test_what_fits_ones_role(user: httpx.Client) -> None:
    assert user.get("/api/profile/role").json()["name"] == ""
    user.put("/api/profile", json={"role": "songwriter"})
    role = user.get("/api/profile/role").json()
    assert role["title"] == "Songwriter"
    assert "What publishers should I approach?" in role["starters"]
    assert not any(document["there"] for document in role["documents"])
    assert "persona" not in role
