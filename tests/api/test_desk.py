"""The writing desk by REST: the kinds, a draft from first to last, refusals in one sentence."""

from __future__ import annotations

import httpx
import pytest

from tests.api.conftest import Api, assert_error

PITCH = {"kind": "pitch_playlist", "inputs": {"song": "Salt and Smoke", "release": "3 May 2027"}}


def test_a_draft_from_first_to_last(api: Api, user: httpx.Client) -> None:
    api.llm.script("“Salt and Smoke” comes out on 3 May 2027 on Rough Trade [P3].")
    kinds = user.get("/api/desk/kinds").json()
    assert (len(kinds["items"]), kinds["model"], kinds["notice"]) == (10, True, None)
    made = user.post("/api/drafts", json=PITCH)
    assert made.status_code == 201
    draft = made.json()
    assert draft["text"] == "“Salt and Smoke” comes out on 3 May 2027 on [to confirm]."
    assert draft["marks"] == [{"was": "Rough Trade", "what": "name", "label": ""}]
    assert (draft["open"], draft["state"], draft["title"]) == (1, "written", "Playlist pitch: Salt and Smoke")
    path = f"/api/drafts/{draft['id']}"
    assert made.headers["location"] == path
    assert user.get(path).json() == draft
    text = draft["text"].replace("[to confirm]", "our own label")
    changed = user.patch(path, json={"text": text}).json()
    assert (changed["text"], changed["open"], changed["edited"]) == (text, 0, True)
    again = user.post(f"{path}/again")
    assert again.status_code == 201
    assert [row["id"] for row in user.get("/api/drafts").json()["items"]] == [again.json()["id"], draft["id"]]
    assert "text" not in user.get("/api/drafts").json()["items"][0]
    assert user.delete(path).status_code == 204
    assert_error(user.get(path), 404, "not_found")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "invalid_request"), ({"kind": "novel"}, "kind"), ({"kind": "pitch_playlist"}, "field"),
        ({"kind": "bio_short", "inputs": {"Place": "x"}}, "invalid_request"), ({"kind": "bio_short", "inputs": {"no": "x"}}, "field"),
        ({"kind": "bio_short", "inputs": {"place": "a\x00b"}}, "invalid_request"),
        ({"kind": "bio_short", "inputs": {"place": 7}}, "invalid_request"),
    ],
)  # fmt: skip
def test_what_cannot_be_written(user: httpx.Client, body: dict[str, object], code: str) -> None:
    assert_error(user.post("/api/drafts", json=body), 422, code)


def test_a_change_says_what_is_wrong_with_it(user: httpx.Client) -> None:
    draft = user.post("/api/drafts", json={"kind": "bio_short"}).json()
    path = f"/api/drafts/{draft['id']}"
    assert_error(user.patch(path, json={"title": "  "}), 422, "invalid_request")
    assert_error(user.patch(path, json={"text": "x" * 60_001}), 422, "invalid_request")
    assert user.patch(path, json={"text": ""}).json()["text"] == ""


def test_drafts_are_in_the_export_and_go_with_the_account(api: Api) -> None:
    client, _ = api.register()
    with client:
        client.post("/api/drafts", json=PITCH)
        archive = client.get("/api/account/export").content
        assert b"drafts.json" in archive
        assert client.delete("/api/account?confirm=true").is_success
