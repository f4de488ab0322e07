"""/api/plans: made, looked at, worked on; what is due; nobody else's."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import httpx

TARGET = date.today() + timedelta(days=150)


def make(user: httpx.Client, **fields: Any) -> dict[str, Any]:
    body = {
        "template": "release_single",
        "goal": "Release our next single",
        "target_date": TARGET.isoformat(),
        **fields,
    }
    answer = user.post("/api/plans", json=body)
    assert answer.status_code == 201, answer.text
    plan: dict[str, Any] = answer.json()
    return plan


def test_a_plan_has_the_shape_that_others_rely_on(user: httpx.Client) -> None:
    plan = make(user)
    assert {
        "id",
        "title",
        "template",
        "goal",
        "target_date",
        "artist_id",
        "status",
        "progress",
        "late",
        "conflicts",
    } <= set(plan)
    assert plan["progress"] == 0
    assert plan["late"] == []
    assert plan["status"] == "open"
    days = {step["key"]: (date.fromisoformat(step["due"]) - TARGET).days for step in plan["steps"]}
    assert days["release"] == 0
    assert days["deliver"] == -42
    assert [step["due"] for step in plan["steps"]] == sorted(step["due"] for step in plan["steps"])
    assert user.get(f"/api/plans/{plan['id']}").json() == plan
    [row] = user.get("/api/plans").json()["items"]
    assert row["id"] == plan["id"]
    assert row["total"] == len(plan["steps"])
    assert "steps" not in row


def test_moving_the_target_moves_what_is_open_and_nothing_else(user: httpx.Client) -> None:
    plan = make(user)
    steps = {step["key"]: step for step in plan["steps"]}
    path = f"/api/plans/{plan['id']}"
    user.patch(f"{path}/steps/{steps['aim']['id']}", json={"status": "done"})
    mine = (TARGET - timedelta(days=40)).isoformat()
    user.patch(f"{path}/steps/{steps['press']['id']}", json={"due": mine})
    later = (TARGET + timedelta(days=9)).isoformat()
    preview = user.get(f"{path}/preview", params={"target_date": later}).json()
    moved = user.patch(path, json={"target_date": later}).json()
    for step in moved["steps"]:
        before = steps[step["key"]]["due"] if step["key"] != "press" else mine
        days = (date.fromisoformat(step["due"]) - date.fromisoformat(before)).days
        assert days == (0 if step["key"] in ("aim", "press") else 9), step["key"]
    assert {one["step_id"]: one["after"] for one in preview["moves"] + preview["stays"]} == {
        step["id"]: step["due"] for step in moved["steps"]
    }
    assert {one["step_id"] for one in preview["stays"]} == {steps["aim"]["id"], steps["press"]["id"]}
    assert moved["progress"] > 0
    assert user.get("/api/plans").json()["items"][0]["done"] == 1


def test_a_day_too_near_says_what_is_late(user: httpx.Client) -> None:
    plan = make(user, target_date=(date.today() + timedelta(days=30)).isoformat())
    assert "deliver" in {one["key"] for one in plan["late"]}
    assert all(one["days"] > 0 for one in plan["late"])
    due = user.get("/api/deadlines").json()
    assert due["overdue"] == len(plan["late"])
    assert due["next"]["days_left"] >= 0
    assert [one["day"] for one in due["items"]] == sorted(one["day"] for one in due["items"])


def test_steps_are_added_snoozed_commented_and_deleted(user: httpx.Client) -> None:
    plan = make(user)
    path = f"/api/plans/{plan['id']}"
    added = user.post(f"{path}/steps", json={"title": "Rehearse", "due": "2027-01-08", "owner": "band"}).json()
    [step] = [one for one in added["steps"] if one["title"] == "Rehearse"]
    assert step["by"] == "hand"
    assert set(step["edited"]) == {"title", "due", "owner"}
    assert step["lead"] is None
    until = (date.today() + timedelta(days=5)).isoformat()
    put_off = user.patch(f"{path}/steps/{step['id']}", json={"snoozed_until": until}).json()
    assert [one["status"] for one in put_off["steps"] if one["id"] == step["id"]] == ["snoozed"]
    said = user.post(f"{path}/steps/{step['id']}/comments", json={"text": "Only Tuesdays."})
    assert said.status_code == 201
    [comments] = [one["comments"] for one in said.json()["steps"] if one["id"] == step["id"]]
    assert [one["text"] for one in comments] == ["Only Tuesdays."]
    assert user.delete(f"{path}/steps/{step['id']}").status_code == 204
    deliver = next(one for one in plan["steps"] if one["key"] == "deliver")
    user.delete(f"{path}/steps/{deliver['id']}")
    left = user.get(path).json()["steps"]
    assert all("deliver" not in one["depends_on"] for one in left)
    assert "master" in next(one for one in left if one["key"] == "pitch")["depends_on"]
    assert user.delete(path).status_code == 204
    assert user.get(path).status_code == 404


def test_nobody_else_sees_or_touches_a_plan(user: httpx.Client, stranger: httpx.Client) -> None:
    plan = make(user)
    path, step = f"/api/plans/{plan['id']}", plan["steps"][0]["id"]
    other = make(stranger)
    assert stranger.get(path).status_code == 404
    assert stranger.patch(path, json={"title": "Mine"}).status_code == 404
    assert stranger.delete(path).status_code == 404
    assert stranger.patch(f"{path}/steps/{step}", json={"status": "done"}).status_code == 404
    assert stranger.patch(f"/api/plans/{other['id']}/steps/{step}", json={"status": "done"}).status_code == 404
    assert stranger.get("/api/plans", params={"after": plan["id"]}).status_code == 404
    assert user.get(path).json()["title"] == plan["title"]


def test_an_unknown_template_names_those_there_are(user: httpx.Client) -> None:
    body = {"template": "world_tour", "goal": "", "target_date": TARGET.isoformat()}
    answer = user.post("/api/plans", json=body)
    assert answer.status_code == 404
    assert "release_single" in answer.json()["detail"]
