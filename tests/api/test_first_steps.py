"""A newcomer's first steps, and the sample documents, over REST."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.api.conftest import Api, upload, wait_ready


def done(client: httpx.Client) -> list[str]:
    told = client.get("/api/account/steps").json()
    names = [step["name"] for step in told["steps"] if step["done"]]
    assert told["done"] == len(names)
    return names


def test_steps_are_done_when_they_are_done(user: httpx.Client, contract: Path) -> None:
    assert done(user) == []
    user.put("/api/profile", json={"genres": "dub techno"})
    assert done(user) == ["profile"]
    document = wait_ready(user, upload(user, contract).json()["id"])["id"]
    assert done(user) == ["profile", "document"]
    talk = user.post("/api/messages", json={"text": "What does my manager receive under my contract?"}).json()
    assert any(one["kb"] == "personal" for one in talk["citations"])
    assert done(user) == ["profile", "document", "question", "cited"]
    user.delete(f"/api/documents/{document}")
    assert "document" not in done(user), "what is gone has still to be done"
    user.put("/api/profile", json={})
    assert "profile" not in done(user)


def test_another_users_steps_are_their_own(user: httpx.Client, stranger: httpx.Client) -> None:
    user.put("/api/profile", json={"bio": "Drums."})
    user.put("/api/account/steps", json={"hidden": True})
    assert done(stranger) == []
    assert stranger.get("/api/account/steps").json()["hidden"] is False


def test_the_list_is_put_away_and_brought_back(user: httpx.Client) -> None:
    assert user.put("/api/account/steps", json={"hidden": True}).json()["hidden"] is True
    assert user.get("/api/account/steps").json()["hidden"] is True
    assert user.put("/api/account/steps", json={"hidden": False}).json()["hidden"] is False


def test_samples_are_added_once_say_what_they_are_and_go_in_one_call(user: httpx.Client, contract: Path) -> None:
    mine = upload(user, contract, title="Sample: mine").json()["id"]
    added = user.post("/api/account/samples")
    assert added.status_code == 202
    items = added.json()["items"]
    assert len(items) == added.json()["available"] == 4
    assert {one["kb"] for one in items} == {"personal"}
    assert all(one["title"].startswith("Sample: ") for one in items)
    again = user.post("/api/account/samples").json()["items"]
    assert [one["id"] for one in again] == [one["id"] for one in items]
    assert len(user.get("/api/documents?kb=personal").json()["items"]) == 5
    assert user.delete("/api/account/samples").status_code == 204
    assert user.get("/api/account/samples").json()["items"] == []
    assert [one["id"] for one in user.get("/api/documents?kb=personal").json()["items"]] == [mine], "one's own stays"


def test_a_sample_answers_the_question_that_is_proposed(api: Api, user: httpx.Client) -> None:
    for one in user.post("/api/account/samples").json()["items"]:
        assert wait_ready(user, one["id"])["status"] == "ready"
    for question in user.get("/api/account/samples").json()["questions"]:
        answer = user.post("/api/messages", json={"text": question}).json()
        assert "Sample: " in answer["citations"][0]["title"], question


def test_nobody_reaches_another_users_samples(user: httpx.Client, stranger: httpx.Client) -> None:
    held = user.post("/api/account/samples").json()["items"]
    assert stranger.get("/api/account/samples").json()["items"] == []
    stranger.delete("/api/account/samples")
    assert [one["id"] for one in user.get("/api/account/samples").json()["items"]] == [one["id"] for one in held]
