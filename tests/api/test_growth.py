"""Growth over REST: the doors alone. Keeping and reading figures: tests/services/test_growth.py."""

from __future__ import annotations

import httpx

from tests.api.conftest import assert_error

FIGURE = {"day": "2026-03-01", "metric": "income", "value": 12.5, "currency": "EUR", "platform": "Shop"}


def test_a_figure_from_its_entry_to_its_end(user: httpx.Client, stranger: httpx.Client) -> None:
    made = user.post("/api/growth", json=FIGURE)
    assert made.status_code == 201
    assert made.json()["value"] == "12.50"
    assert "12.50 is kept already" in assert_error(user.post("/api/growth", json=FIGURE), 409, "already_there")
    path = f"/api/growth/{made.json()['id']}"
    assert user.patch(path, json={"value": "13"}).json()["value"] == "13.00"
    assert [one["id"] for one in user.get("/api/growth", params={"metric": "income"}).json()["items"]] == [
        made.json()["id"]
    ]
    for refused in (stranger.patch(path, json={"value": 1}), stranger.delete(path)):
        assert_error(refused, 404, "not_found")
    assert user.get("/api/growth.csv").text.splitlines()[1] == "2026-03-01,income,Shop,13.00,EUR,"
    assert user.delete(path).status_code == 204
    assert user.get("/api/growth").json() == {"items": [], "next": None}


def test_what_is_wrong_is_said_in_a_sentence(user: httpx.Client) -> None:
    for change, words in (
        ({"currency": "euros"}, "three letters"),
        ({"currency": ""}, "needs a currency"),
        ({"value": "much"}, "'value'"),
        ({"metric": "likes"}, "'metric'"),
        ({"day": "yesterday"}, "'day'"),
    ):
        answer = user.post("/api/growth", json={**FIGURE, **change})
        assert answer.status_code == 422
        assert words in answer.json()["detail"], answer.text


def test_a_table_is_looked_at_and_then_kept(user: httpx.Client) -> None:
    body = {"csv": "date,listeners\n2026-03-01,1840\n2026-03-02,n/a\n", "platform": "Spotify"}
    shown = user.post("/api/growth/import", json={**body, "preview": True}).json()
    assert (shown["added"], shown["refused"], shown["troubles"][0]["row"]) == (1, 1, 3)
    assert user.get("/api/growth").json()["items"] == []
    assert user.post("/api/growth/import", json=body).json()["added"] == 1
    assert user.post("/api/growth/import", json=body).json()["unchanged"] == 1
    assert_error(user.post("/api/growth/import", json={"csv": "nothing here"}), 422, "table")
