"""GET /api/analytics: one's own figures; everybody's for admins alone. The counting itself: tests/services/test_analytics.py."""

from __future__ import annotations

import httpx

from tests.api.conftest import assert_error


def test_what_one_asked_and_added_today(user: httpx.Client, stranger: httpx.Client) -> None:
    user.post("/api/messages", json={"text": "Hello, how are you?"})
    user.post("/api/documents/notes", json={"title": "Set list", "text": "Begin with the slow one."})
    figures = user.get("/api/analytics").json()
    assert set(figures) == {"days", "documents_ready", "questions_week", "answers_week", "sourced_week"}
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
