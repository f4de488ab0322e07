"""Conversations: made, listed, renamed, read, deleted, by their owner alone; ids as strings and as integers."""

from __future__ import annotations

import httpx
import pytest

from tests.api.conftest import assert_error


@pytest.fixture
def conversation(user: httpx.Client) -> str:
    identifier: str = user.post("/api/conversations", json={"title": "Tour"}).json()["id"]
    return identifier


def test_a_conversation_needs_nothing_to_begin(user: httpx.Client) -> None:
    made = user.post("/api/conversations")
    assert made.status_code == 201
    assert set(made.json()) == {"id", "title", "artist_id", "created", "updated"}
    assert user.get(f"/api/conversations/{made.json()['id']}").json() == made.json()


def test_conversations_are_listed_newest_first_in_pages(user: httpx.Client) -> None:
    made = [user.post("/api/conversations", json={"title": str(number)}).json()["id"] for number in range(3)]
    first = user.get("/api/conversations?limit=2").json()
    rest = user.get("/api/conversations", params={"limit": 2, "after": first["next"]}).json()
    assert [one["id"] for one in first["items"] + rest["items"]] == made[::-1]
    assert rest["next"] is None


def test_a_conversation_is_renamed_and_deleted(user: httpx.Client, conversation: str) -> None:
    renamed = user.patch(f"/api/conversations/{conversation}", json={"title": "Autumn tour"})
    assert renamed.json()["title"] == "Autumn tour"
    assert user.delete(f"/api/conversations/{conversation}").status_code == 204
    assert_error(user.get(f"/api/conversations/{conversation}"), 404, "not_found")


@pytest.mark.parametrize("as_integer", [False, True])
def test_a_question_goes_into_the_conversation_it_names(
    user: httpx.Client, conversation: str, as_integer: bool
) -> None:
    named = int(conversation) if as_integer else conversation
    message = user.post("/api/messages", json={"conversation": named, "text": "Hello, how are you?"}).json()
    assert (message["conversation"], message["state"]) == (conversation, "direct")
    texts = [one["text"] for one in user.get(f"/api/conversations/{conversation}/messages").json()["items"]]
    assert texts[0] == "Hello, how are you?"
    rated = user.post(f"/api/messages/{int(message['id'])}/feedback", json={"rating": -1})
    assert (rated.status_code, rated.json()["rating"]) == (200, -1)


def test_messages_come_in_pages(user: httpx.Client, conversation: str) -> None:
    user.post("/api/messages", json={"conversation": conversation, "text": "Thank you!"})
    path = f"/api/conversations/{conversation}/messages"
    first = user.get(path, params={"limit": 1}).json()
    rest = user.get(path, params={"limit": 1, "after": first["next"]}).json()
    assert [one["role"] for one in first["items"] + rest["items"]] == ["user", "assistant"]


@pytest.mark.parametrize("rating", [0, 2, "1", None])
def test_a_rating_is_one_or_minus_one(user: httpx.Client, conversation: str, rating: object) -> None:
    message = user.post("/api/messages", json={"conversation": conversation, "text": "Thanks"}).json()
    answer = user.post(f"/api/messages/{message['id']}/feedback", json={"rating": rating})
    assert assert_error(answer, 422, "invalid_request") == "The field 'rating' must be 1 or -1."


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/conversations/{}", None),
        ("PATCH", "/api/conversations/{}", {"title": "mine"}),
        ("DELETE", "/api/conversations/{}", None),
        ("GET", "/api/conversations/{}/messages", None),
        ("POST", "/api/messages", {"conversation": "{}", "text": "Hello"}),
        ("POST", "/api/messages", {"conversation": "{}", "text": "Hello", "stream": True}),
    ],
)
def test_a_foreign_conversation_and_an_unknown_one_are_the_same(
    user: httpx.Client, stranger: httpx.Client, conversation: str, method: str, path: str, body: dict[str, str] | None
) -> None:
    def ask(identifier: str) -> httpx.Response:
        filled = {key: identifier if value == "{}" else value for key, value in body.items()} if body else None
        return stranger.request(method, path.format(identifier), json=filled)

    foreign = assert_error(ask(conversation), 404, "not_found")
    assert (
        foreign == assert_error(ask("987654321"), 404, "not_found") == assert_error(ask("no-number"), 404, "not_found")
    )
    assert user.get(f"/api/conversations/{conversation}").json()["title"] == "Tour"


def test_a_foreign_message_and_an_unknown_one_are_the_same(user: httpx.Client, stranger: httpx.Client) -> None:
    message = user.post("/api/messages", json={"text": "Hello!"}).json()
    for identifier in (message["id"], "987654321", "no-number"):
        assert_error(stranger.get(f"/api/messages/{identifier}/trace"), 404, "not_found")
        rated = stranger.post(f"/api/messages/{identifier}/feedback", json={"rating": 1})
        assert assert_error(rated, 404, "not_found") == "There is no such message."


def test_conversations_are_searched_and_their_artist_changes(user: httpx.Client, stranger: httpx.Client) -> None:
    artist = user.post("/api/artists", json={"name": "Paper Kite"}).json()["id"]
    tour, other = (user.post("/api/conversations", json={"title": title}).json()["id"] for title in ("Tour", "Money"))
    assert [one["id"] for one in user.get("/api/conversations?q=tOUR").json()["items"]] == [tour]
    changed = user.patch(f"/api/conversations/{other}", json={"artist_id": artist}).json()
    assert (changed["title"], changed["artist_id"]) == ("Money", artist)
    assert user.patch(f"/api/conversations/{other}", json={"title": "Fees"}).json()["artist_id"] == artist
    assert user.patch(f"/api/conversations/{other}", json={"artist_id": None}).json()["artist_id"] is None
    mine = stranger.post("/api/conversations").json()["id"]
    assert_error(stranger.patch(f"/api/conversations/{mine}", json={"artist_id": artist}), 404, "not_found")


def test_a_question_is_asked_again_in_place_of_the_first_one(user: httpx.Client, stranger: httpx.Client) -> None:
    first = user.post("/api/messages", json={"text": "Hello, how are you?"}).json()
    again = user.post("/api/messages", json={"text": "Good morning!", "replaces": first["id"]}).json()
    assert again["conversation"] == first["conversation"]
    said = user.get(f"/api/conversations/{first['conversation']}/messages").json()["items"]
    assert [(one["role"], one["earlier"]) for one in said] == [("user", True), ("assistant", False)]
    earlier = user.get(f"/api/messages/{again['id']}/earlier").json()
    assert [one["text"] for one in earlier["items"]][0] == "Hello, how are you?"
    assert len(user.get(f"/api/messages/{again['id']}/earlier?limit=1").json()["items"]) == 1
    assert_error(user.post("/api/messages", json={"text": "Late", "replaces": first["id"]}), 409, "replaced")
    assert_error(stranger.post("/api/messages", json={"text": "Mine", "replaces": again["id"]}), 404, "not_found")
