"""The profile and the roster of artists."""

from __future__ import annotations

import httpx
import pytest

from tests.api.conftest import assert_error


def test_a_profile_is_empty_until_it_is_put(user: httpx.Client, stranger: httpx.Client) -> None:
    assert set(user.get("/api/profile").json().values()) == {""}
    said = {"role": "manager", "artist_name": "Night Ferry", "genres": "folk, electronica"}
    assert user.put("/api/profile", json=said).status_code == 200
    assert said.items() <= user.get("/api/profile").json().items()
    assert stranger.get("/api/profile").json()["artist_name"] == ""


def test_a_bio_has_a_longest_length(user: httpx.Client) -> None:
    answer = user.put("/api/profile", json={"bio": "a" * 4001})
    assert assert_error(answer, 422, "invalid_request") == "The field 'bio' may have at most 4000 characters."


def test_a_manager_keeps_a_roster(user: httpx.Client, stranger: httpx.Client) -> None:
    own = user.get("/api/artists").json()["items"]
    assert len(own) == 1  # oneself
    made = user.post("/api/artists", json={"name": "  Night Ferry "})
    assert made.status_code == 201
    assert set(made.json()) == {"id", "name", "created", "documents"}
    assert made.json()["name"] == "Night Ferry"
    page = user.get("/api/artists?limit=1").json()
    rest = user.get("/api/artists", params={"limit": 1, "after": page["next"]}).json()
    assert [one["id"] for one in page["items"] + rest["items"]] == [own[0]["id"], made.json()["id"]]
    assert made.json()["id"] not in {one["id"] for one in stranger.get("/api/artists").json()["items"]}
    assert_error(stranger.get("/api/artists", params={"after": made.json()["id"]}), 404, "not_found")


@pytest.mark.parametrize("name", ["", "   ", "a" * 201])
def test_an_artist_needs_a_name(user: httpx.Client, name: str) -> None:
    assert user.post("/api/artists", json={"name": name}).status_code == 422


def test_documents_of_a_foreign_artist_are_refused(user: httpx.Client, stranger: httpx.Client) -> None:
    artist = user.get("/api/artists").json()["items"][0]["id"]
    body = {"title": "Note", "text": "Text", "artist_id": artist}
    assert_error(stranger.post("/api/documents/notes", json=body), 404, "not_found")
    assert user.post("/api/documents/notes", json=body).json()["artist_id"] == artist
