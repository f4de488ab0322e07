"""GET /api/analytics: one's own figures; everybody's for admins alone. The counting itself: tests/services/test_analytics.py."""

from __future__ import annotations

import httpx

from tests.api.conftest import assert_error


def test_what_one_asked_and_added_today(user: httpx.Client, stranger: httpx.Client) -> None:
    user.post("/api/messages", json={"text": "Hello, how are you?"})
    user.post("/api/documents/notes", json={"title": "Set list", "text": "Begin with the slow one."})
    figures = user.get("/api/analytics").json()
    assert set(figures) == {
        "days", "documents_ready", "questions_week", "answers_week", "sourced_week", "intents", "answer_times",
        "documents_used", "plans", "upcoming",
    }  # fmt: skip
    assert figures["answer_times"]["answers"] == 1, "every answer is timed, from its question to its last word"
    assert 0 < figures["answer_times"]["p50_ms"] < 30_000
    assert len(figures["days"]) == 30
    assert {name: figures["days"][-1][name] for name in ("questions", "documents")} == {"questions": 1, "documents": 1}
    assert figures["questions_week"] == 1
    assert stranger.get("/api/analytics").json()["questions_week"] == 0


def test_everybodys_are_for_admins(user: httpx.Client, admin: httpx.Client) -> None:
    user.post("/api/messages", json={"text": "Hello, how are you?"})
    assert_error(user.get("/api/analytics?all=true"), 403, "forbidden")
    row = user.get("/api/audit").json()["items"][0]
    assert (row["action"], row["outcome"]) == ("analytics.read", "refused")
    assert admin.get("/api/analytics").json()["questions_week"] == 0
    assert admin.get("/api/analytics?all=true").json()["questions_week"] >= 1


def test_tables_come_as_files(user: httpx.Client) -> None:
    answer = user.get("/api/analytics.csv", params={"table": "intents"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"].startswith('attachment; filename="intents-20')
    assert answer.text.splitlines()[0] == "intent,questions"
    assert_error(user.get("/api/analytics.csv", params={"table": "users"}), 422, "invalid_request")


def test_the_goals_are_for_admins(user: httpx.Client, admin: httpx.Client) -> None:
    for path in ("/api/admin/metrics", "/api/admin/metrics.csv"):
        assert_error(user.get(path), 403, "forbidden")
    found = admin.get("/api/admin/metrics").json()
    assert [one["name"] for one in found["metrics"]][:2] == ["weekly_active", "asking"]
    assert len(found["active"]) == 12
    assert admin.get("/api/admin/metrics.csv", params={"table": "failures"}).text.startswith("what,reason,count,last")
